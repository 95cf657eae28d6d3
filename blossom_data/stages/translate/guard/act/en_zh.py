"""Signs that a Chinese output answers, continues or leaves out an English source (see speech_act.py)."""

from __future__ import annotations

import re

from blossom_data.stages.translate.guard.act.answering import weigh_reply
from blossom_data.stages.translate.guard.act.omissions import (
    find_filled_list,
    find_reordered,
    weigh_fewer_clauses,
    weigh_second,
)
from blossom_data.stages.translate.guard.act.orders import has_order, is_ordered
from blossom_data.stages.translate.guard.act.rendering import weigh_words
from blossom_data.stages.translate.guard.act.sign import Sign
from blossom_data.stages.translate.guard.finding import Pair
from blossom_data.stages.translate.guard.shape import ratio_of
from blossom_data.stages.translate.guard.terms import lost_question_word
from blossom_data.stages.translate.guard.vocabulary import verbs
from blossom_data.stages.translate.lexicon import Lexicon

_LEXICON = Lexicon("act_en_zh")

_LISTED = re.compile(r"(?:[-*•–·]|\(?[A-Za-z\d]{1,2}[.)])[ \t]")
_OPTION_WORDS = 5
"""So short an item of a list is as often an option to choose as something to do."""
_I = re.IGNORECASE
_SENTENCE = re.compile(r"(?<=[.?!…])[\"”’')\]*]*\s+|\n+|(?<=[a-z][.?!])(?=[A-Z])")
_INNER_END = re.compile(r"[。！？!?](?=[”」』][和与或、，的这])")
"""The end of a sentence that is only quoted."""
_ZH_PART = re.compile(r"[^。！？!?；\n]+[。！？!?；]?")
_REQUEST = _LEXICON.pattern("{requests}", _I)
_ASKING = _LEXICON.pattern("{asking}")
_POLITE = _LEXICON.pattern(r"^(?:[\s\"'“‘(*#>-]|\d{1,2}[.)]\s|[a-z]\)\s|{polite_openings}\b[,:.]?)+\s*", _I)
_FIRST = re.compile(r"[A-Za-z][A-Za-z-]*")
_CLAUSE = re.compile(r"[,:;–—]\s+(?=\S)")
_NOUN_AFTER = _LEXICON.pattern(r"\s?{after_a_noun}", _I)

_ME = _LEXICON.pattern("{speaker}")
_ME_ASKED = _LEXICON.pattern(r"{before_me}(?:一下)?我|我{after_me}|自我|我国")
_ME_OBJECT = re.compile(r"(?<=[一-龥])我(?![的们])")
"""Not the one who speaks: 带我走完."""
_YOU = _LEXICON.pattern(r"(?:你|您){after_you}|建议(?:您|你)")
_CONDITION = _LEXICON.pattern(r"^{conditions}\b", _I)


def head_verbs(sentences: list[str]) -> list[tuple[int, str]]:
    """(place of the sentence, base form) of each verb of verbs() that heads an instruction."""
    found: list[tuple[int, str]] = []
    for place, sentence in enumerate(sentences[:12]):
        start = _POLITE.match(sentence)
        rest = sentence[start.end() if start else 0 :]
        candidates = [rest]
        if _CONDITION.match(rest):
            candidates += [rest[comma.end() :] for comma in list(_CLAUSE.finditer(rest))[:2]]
        for candidate in candidates:
            again = _POLITE.match(candidate)
            candidate = candidate[again.end() :] if again else candidate
            word = _FIRST.match(candidate)
            if word and word.group().lower() in verbs() and not _NOUN_AFTER.match(candidate, word.end()):
                found.append((place, word.group().lower()))
                break
    return found


def signs_en_zh(pair: Pair) -> list[Sign]:
    """See speech_act.py."""
    source, whole = pair.source.strip(), pair.output.strip()
    output = _TAIL.sub("", whole)
    sentences = [part for part in _SENTENCE.split(source) if part.strip()]
    asked = [part for part in sentences if part.rstrip("\"”'’) *_").endswith("?")]
    signs: list[Sign] = []
    if asked:
        _weigh_question(signs, source, output, asked, sentences)
    heads = head_verbs(sentences)
    marks = output.count("？") + output.count("?")
    if heads and not asked:
        output = _ORDER_AFTER.sub("", output)
    is_asked_again = bool(asked) and (output.endswith(("？", "?")) or marks == source.count("?"))
    is_ordered_again = has_order(whole) or bool(_ASKED_INSTEAD.search(whole)) if heads and not asked else is_asked_again
    is_kept = is_ordered_again and len(_parts(output)) >= len(sentences)
    _weigh_verbs(signs, whole, heads, is_kept=bool(asked) or is_ordered_again)
    if heads or not asked:
        signs += weigh_second(source, whole, {verb for _, verb in heads})
    if any(verb != "thank" for _, verb in heads) and not (
        asked
        or is_ordered_again
        or pair.source_lower.startswith("you ")
        or (_LISTED.match(source) and len(pair.source_words) <= _OPTION_WORDS)
    ):
        signs.append(Sign("no_order", 1.0, "no order in it"))
    signs += weigh_words(pair, is_kept=is_kept)
    missing = [word.text for word in pair.alignment.english if not word.is_rendered]
    if len(pair.source_words) <= 8 and not _LEXICON.words("courtesies").isdisjoint(missing):
        signs.append(Sign("courtesy_lost", 1.0, "a courtesy is gone"))
    if (
        not asked
        and _TAIL.sub("", whole) == whole
        and "？" in output.replace("?", "？")
        and not _ASKS_IN_WORDS.search(source)
    ):
        signs.append(Sign("new_question", 0.5 if _TELL.search(source) or is_ordered_again else 1.0, "a new question"))
    if open_list := find_filled_list(source, output):
        signs.append(Sign("filled_list", 1.0, open_list))
    if reordered := find_reordered(source, output):
        signs.append(Sign("reordered", 1.0, reordered))
    signs += weigh_reply(source, output)
    _weigh_person(signs, pair, output)
    _weigh_size(signs, pair, output, len(sentences))
    return signs


_ORDER_AFTER = re.compile(r"(?<=[？?])\s?[^，。！？\n]{1,8}[。！]?$")
"""The order itself, after the question that it came with: 怎么撤销？演示一下。"""
_ASKS_IN_WORDS = _LEXICON.pattern(r"\?|\b{asks_in_words}\b", _I)
_TAIL = _LEXICON.pattern(
    r"(?<=[？?])\s?{added_orders}[^，。！？\n]{1,7}[。！]?$"
    r"|(?<=[？?])\s?请?(?:你|您)?(?:帮我)?(?:详细|简要|简单|具体)?{added_requests}[^。！？\n]{0,4}[。！]?$"
)
"""What a translator adds to a question that was put as an order: 请告诉我。"""
_ASKED_INSTEAD = _LEXICON.pattern("{asked_instead}")
"""A question in place of an order: 下面哪一个不属于同类."""
_ORDERED = _LEXICON.pattern(r"^\W{0,2}{before_an_order}?[你您]?{asking_orders}")
"""An order that asks."""
_TELL = _LEXICON.pattern(r"\b{telling_orders}\b", _I)
"""Orders that a question may stand for."""


def _weigh_question(signs: list[Sign], source: str, output: str, asked: list[str], sentences: list[str]) -> None:
    last_mark = max(output.rfind("？"), output.rfind("?"))
    is_request = bool(_REQUEST.search(asked[-1]))
    if last_mark < 0:
        if not _ASKING.search(output) and not _ORDERED.match(output):
            signs.append(Sign("request_not_made" if is_request else "not_asked", 1.0, "not asked any more"))
        elif not is_request:
            signs.append(Sign("no_mark", 1.0, "no question mark"))
    elif source.rstrip("\"”'’) *_").endswith("?"):
        after = output[last_mark + 1 :].strip("”\"’'）) *_。\ufffc")
        if after:
            is_split = "," in asked[-1] and len(after) < 0.3 * len(source)
            signs.append(Sign("after", 0.5 if is_split or len(after) < 2 else 1.0, "text after the question"))
    is_ordered_instead = last_mark < 0 and _ORDERED.match(output)
    for question in asked[:4]:
        lost = lost_question_word(_LEXICON.rules("question_words"), question, output)
        if lost and not is_ordered_instead:
            signs.append(Sign("question_word_lost", 1.0, f"no counterpart of {lost.lower()!r}"))


_LIGHT_VERB = 0.5


def _weigh_verbs(
    signs: list[Sign],
    output: str,
    heads: list[tuple[int, str]],
    *,
    is_kept: bool,
) -> None:
    """Weighs the head verbs without rendering."""
    lost = [
        verb for _, verb in heads if not any(sign in output for sign in verbs()[verb]) and not is_ordered(verb, output)
    ]
    if lost:
        share = sum(_LIGHT_VERB if verb in _LEXICON.words("light_verbs") else 1.0 for verb in lost) / len(heads)
        name = "verb_lost_kept" if is_kept else "verb_lost"
        signs.append(Sign(name, 0.4 + 0.6 * share, "no rendering of " + ", ".join(lost[:4])))


_ROLE = _LEXICON.pattern("{roles}")
_ROLE_KEPT = _LEXICON.pattern("{roles_kept}")


def _weigh_person(signs: list[Sign], pair: Pair, output: str) -> None:
    if not pair.source_word_set & _LEXICON.words("first_person"):
        strength = 0.6 if pair.source_word_set & _LEXICON.words("to_me") else 1.0
        spoken = _ME_OBJECT.sub("", output) if "me" in pair.source_word_set else output
        if _ME.search(spoken) and _ME.search(_ME_ASKED.sub("", spoken)):
            signs.append(Sign("speaker", strength, "a speaker that the source does not have"))
    if _YOU.search(output) and not pair.source_word_set & _LEXICON.words("reader"):
        signs.append(Sign("advised", 1.0, "the reader is advised"))
    if _ROLE.search(pair.source_lower) and not _ROLE_KEPT.search(output):
        signs.append(Sign("role_lost", 1.0, "the role is gone"))


def _parts(output: str) -> list[str]:
    """The sentences of a Chinese text, each with its end."""
    return [part for part in _ZH_PART.findall(_INNER_END.sub("", output)) if part.strip("”\"’'）) *。！；")]


def _weigh_size(signs: list[Sign], pair: Pair, output: str, sentences: int) -> None:
    ratio, letters = ratio_of(pair)
    if letters < 60 and ratio > 0.5:  # digits and their units are read aloud, so to say
        ratio *= letters / (letters + sum(sign.isdecimal() for sign in pair.source))
    most = 0.55 if letters < 25 else 0.48 if letters < 60 else 0.42
    least, most_short = (0.22, 0.4) if letters < 40 else (0.24, 0.6) if letters < 100 else (0.25, 0.8)
    if letters >= 12 and not pair.is_lang_task:
        if ratio > most:
            signs.append(Sign("long", round(min((ratio - most) * 4, 0.9), 2), f"long for its source ({ratio:.2f})"))
        elif ratio < least:
            strength = round(min((least - ratio) * 10, most_short), 2)
            signs.append(Sign("short", strength, f"short for its source ({ratio:.2f})"))
    parts = _parts(output)
    got = len(parts)
    if sentences < got and "?" not in pair.source:
        split_off = sum(part.endswith(("？", "?")) for part in parts[:6]) if has_order(pair.output) else 0
        got = max(sentences, got - split_off)
    signs += weigh_fewer_clauses(pair)
    if got > sentences:
        joints = len(_JOINT.findall(pair.source))
        strength = min(0.3 * (got - sentences), 0.8) if got - sentences <= joints else 1.0 if not joints else 0.7
        signs.append(Sign("more_sentences", strength, f"{got} sentences for {sentences}"))


_JOINT = _LEXICON.pattern(r"[,;:()–—]| - |(?<=[a-z,;\d] ){joints}\b", _I)
