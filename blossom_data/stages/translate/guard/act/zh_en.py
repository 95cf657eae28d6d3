"""Signs that an English output answers, continues or leaves out a Chinese source (see speech_act.py)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from itertools import islice

from blossom_data.stages.translate.guard.act.rendering import weigh_words
from blossom_data.stages.translate.guard.act.sign import Sign
from blossom_data.stages.translate.guard.finding import Pair
from blossom_data.stages.translate.guard.shape import ratio_of
from blossom_data.stages.translate.guard.terms import lost_question_word
from blossom_data.stages.translate.guard.vocabulary import verbs, verbs_of
from blossom_data.stages.translate.lexicon import Lexicon

_LEXICON = Lexicon("act_zh_en")

_I = re.IGNORECASE
_ZH_SENTENCE = re.compile(r"[。．！？!?；\n]+")
_EN_SENTENCE = re.compile(r"(?<=[^\d\s][.?!;])[\"”’')\]*]*\s+(?=[^a-z])|\n+")
_ASKING_ZH = _LEXICON.pattern("{asking}")
_ASKING_EN = _LEXICON.pattern(r"\?|\b{asking_words}\b|^{asking_verbs}\b", _I)
_IMPERATIVE = _LEXICON.pattern(r"^(?![^，。\n]{1,5}[：:]){order_openings}|请[你您]?")
_ASKS = _LEXICON.pattern("{asks}")


@cache
def english_heads() -> dict[str, frozenset[str]]:
    """Chinese verb that an order may have -> English verbs that it, or a part of it, may stand for; longest first."""
    english = verbs_of()
    short = _LEXICON.words("heads_of_one_character")
    heads = [sign for sign in english if (len(sign) >= 2 and not _ASKS.search(sign)) or sign in short]
    return {
        head: frozenset().union(*(english.get(part, frozenset()) for part in _parts(head)))
        for head in sorted(heads, key=len, reverse=True)
    }


def _parts(sign: str) -> Iterator[str]:
    return (sign[start:end] for start in range(len(sign)) for end in range(start + 1, len(sign) + 1))


def _long_heads() -> list[str]:
    return [re.escape(head) for head in english_heads() if len(head) >= 2]


_HEAD = _LEXICON.pattern(
    r"{heads}",
    heads=lambda: ("(?<![并系下行])列(?!表)" if head == "列" else re.escape(head) for head in english_heads()),
)
_FIRST_EN = _LEXICON.pattern(r"^\W*(?:{before_the_first_word}\b[,]?\s*)*([a-z]+)", _I)
_ORDER_EN = _LEXICON.pattern(
    r"(?:^|[.?!:;,\n]\s*)[\s\W\d]{0,6}(?:{before_an_english_order}\b,?\s*)*{verbs}\b(?!(?: \w+)? {after_a_subject}\b)"
    r"|\bplease\b|\?"
    r"|^\W{0,3}(?!{no_verbs}\b)[a-z]{2,}(?<!s)(?<!ed)(?<!ing)(?<!ly) {after_a_verb}\b",
    _I,
    verbs=lambda: sorted(verbs()),
)
"""A clause that orders or asks, whatever."""
_LEADS = _LEXICON.pattern("{leads}")
_TELLS = _LEXICON.pattern(r"{grounds}[^。！？\n]{1,24}，{subjects}")
"""A means or a ground before a subject: 根据您的成绩，您的 GPA 为 3.6."""
_ME = _LEXICON.pattern(r"\b{speaker_en}\b", _I)
_TO_ME = _LEXICON.pattern(r"\b{before_me} (?:me|us)\b", _I)
_ME_ZH = _LEXICON.pattern("{speaker}")
_YOU = _LEXICON.pattern(r"\byou {after_you}\b", _I)
_YOU_ZH = _LEXICON.pattern("{reader}")


def signs_zh_en(pair: Pair) -> list[Sign]:
    """See speech_act.py."""
    source, output = pair.source.strip(), pair.output.strip()
    sentences = [part for part in _ZH_SENTENCE.split(source) if part.strip("”\"’'）) *")]
    asks = "？" in source or "?" in source or bool(re.search(r"吗[。！]?$", source))
    signs: list[Sign] = []
    if asks:
        _weigh_question(signs, source, output)
    elif "?" in output and not _ASKING_ZH.search(source):
        signs.append(Sign("new_question", 1.0, "a new question"))
    _weigh_verbs(signs, source, output, asks)
    is_kept = output.endswith("?") if asks else bool(_ORDER_EN.search(output))
    signs += [] if pair.is_lang_task else weigh_words(pair, is_kept=is_kept)
    if _ME.search(_TO_ME.sub("", output)) and not _ME_ZH.search(source):
        signs.append(Sign("speaker", 0.6 if asks else 1.0, "a speaker that the source does not have"))
    if opening := next(_LEXICON.unpaired("openings", output, source), None):
        signs.append(Sign("reply_opening", 1.0, f"a reply: {opening.group()}"))
    if _YOU.search(output) and not _YOU_ZH.search(source):
        signs.append(Sign("advised", 1.0, "the reader is advised"))
    _weigh_size(signs, pair, len(sentences))
    return signs


def _weigh_question(signs: list[Sign], source: str, output: str) -> None:
    mark = output.rfind("?")
    if mark < 0:
        first = _FIRST_EN.match(output)
        is_asked = _ASKING_EN.search(output) or (first and first.group(1).lower() in _LEXICON.words("asks_first"))
        signs.append(
            Sign("no_mark", 1.0, "no question mark") if is_asked else Sign("not_asked", 1.0, "not asked any more")
        )
    elif source.rstrip("”\"’'）) *").endswith(("？", "?")):
        after = output[mark + 1 :].strip("”\"’') *.\ufffc")
        if after:
            signs.append(Sign("after", 1.0 if len(after) >= 8 else 0.5, "text after the question"))
    if lost := lost_question_word(_LEXICON.rules("question_words"), source, output):
        signs.append(Sign("question_word_lost", 1.0, f"no counterpart of {lost}"))


_ORDER = _LEXICON.pattern(r"(?![^，。\n]{1,5}[：:]){heads}(?!{after_a_subject_verb})", heads=_long_heads)
"""A verb at the very beginning is an order, unless it is the subject of what follows."""


_BEFORE_ORDER = _LEXICON.pattern(r"{before_an_order}\s?\Z")


_STEMS = (("", ""), ("s", ""), ("ing", ""), ("ing", "e"), ("ed", ""), ("d", ""), ("ion", ""), ("ions", ""))
"""What is taken from a word, and put in its place, to find the verb in it: creating -> create."""


def _weigh_verbs(signs: list[Sign], source: str, output: str, asks: bool) -> None:
    if asks or _TELLS.match(source) or not (_IMPERATIVE.search(source) or _ORDER.match(source)):
        return
    no_heads = _LEXICON.words("no_heads")
    found = [head for head in islice(_HEAD.finditer(source[:200]), 40) if head.group() not in no_heads]
    leading = [head.group() for head in found if _BEFORE_ORDER.search(source, max(0, head.start() - 6), head.start())]
    heads = list(dict.fromkeys(leading or [head.group() for head in found]))[:8]
    if (heads or _LEADS.match(source)) and not _ORDER_EN.search(output):
        signs.append(Sign("no_order", 1.0, "no order in it"))
    if not heads:
        return
    words = set(re.findall(r"[a-z]+", output.lower()))
    stems = {word.removesuffix(suffix) + ending for word in words for suffix, ending in _STEMS}
    lost = [head for head in heads if not english_heads()[head] & stems]
    if len(lost) == len(heads):
        signs.append(Sign("verb_lost", 1.0, "no rendering of " + ", ".join(lost[:4])))
    _weigh_second(signs, source, stems)


_THEN = _LEXICON.pattern(r"{then}(?:简要|详细|简单)?({heads})", heads=_long_heads)


def _weigh_second(signs: list[Sign], source: str, stems: set[str]) -> None:
    """The second half of an order with two verbs is there."""
    for head in _THEN.findall(source[:400]):
        if not (english_heads()[head] | set(_LEXICON.table("stands_for").get(head, "").split())) & stems:
            signs.append(Sign("second_verb_lost", 1.0, f"no rendering of the second verb {head}"))
            return


_JOINT_ZH = re.compile(r"[，：；—…]")


def _weigh_size(signs: list[Sign], pair: Pair, sentences: int) -> None:
    ratio, letters = ratio_of(pair)
    if letters >= 12 and not pair.is_lang_task:
        ratio *= letters / (letters + 2 * sum(sign.isdecimal() for sign in pair.output))
        if ratio > 0.46:
            signs.append(Sign("short", round(min((ratio - 0.46) * 4, 0.8), 2), f"short for its source ({ratio:.2f})"))
        elif ratio < 0.2:
            signs.append(Sign("long", round(min((0.2 - ratio) * 8, 0.8), 2), f"long for its source ({ratio:.2f})"))
    source = pair.source
    got = sum(1 for part in _EN_SENTENCE.split(pair.output) if part.strip())
    if got > sentences:
        joints = len(_JOINT_ZH.findall(source))
        each = 0.15 if got - sentences <= joints else 0.3
        signs.append(
            Sign("more_sentences", round(min(each * (got - sentences), 0.8), 2), f"{got} sentences for {sentences}")
        )
