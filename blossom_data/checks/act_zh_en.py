"""Signs that an English output answers, continues or leaves out a Chinese source (see act.py)."""

from __future__ import annotations

import re

from blossom_data.checks.answering import count_answering
from blossom_data.checks.finding import Pair
from blossom_data.checks.nouns import WORDS
from blossom_data.checks.shape import ratio_of
from blossom_data.checks.verbs import RENDERED

_I = re.IGNORECASE
_ZH_SENTENCE = re.compile(r"[。！？!?；\n]+")
_EN_SENTENCE = re.compile(r"(?<=[^\d\s][.?!;])[\"”’')\]*]*\s+|\n+")
_ASKING_ZH = re.compile(r"[？?]|什么|哪[里儿些个位种]|谁|多少|如何|怎么|怎样|为何|是否|能否|吗[。？]?$")
_QUESTION_WORDS = (
    (re.compile(r"为什么|为何|为啥|何以"), re.compile(r"why|reason|how come|what", _I)),
    (
        re.compile(r"多少|几[个位天年月次岁点只本种条件人块]"),
        re.compile(r"how|what|number|many|much|which|few|several|some|couple", _I),
    ),
    (re.compile(r"如何|怎么|怎样|咋"), re.compile(r"how|what|way|why|method", _I)),
    (re.compile(r"谁"), re.compile(r"\bwho|which|whose|one\b", _I)),
    (re.compile(r"哪里|哪儿|何处|什么地方"), re.compile(r"where|which|what|place", _I)),
    (re.compile(r"何时|什么时候|哪年|哪一年|几点"), re.compile(r"when|what|which|how long", _I)),
    (re.compile(r"哪"), re.compile(r"which|what|where|who|how|any", _I)),
    (re.compile(r"什么|啥|何为"), re.compile(r"what|which|how|why|any|something|anything|who|where|when", _I)),
)
_ASKING_EN = re.compile(
    r"\?|\b(?:what|why|how|who|where|when|which|whether|could you|can you|would you)\b|^(?:is|are"
    r"|do|does|did|can|could|will|would|should|has|have)\b",
    _I,
)
_IMPERATIVE = re.compile(
    r"^(?:请|帮|麻烦|给我|替我|把|将|用|以|根据|按|从|对|为|写|列|编|画|算|译|改|找|讲|说|查|选|给"
    r"|问|猜|教|推荐|设计|生成|解释|描述|总结|翻译|分析|比较|创建|创作|计算|介绍)|请[你您]?"
)
_HEADS = sorted(
    (sign for sign in RENDERED if len(sign) >= 2 or sign in "写列编画算译改找讲说查选给举评猜证解求"),
    key=len,
    reverse=True,
)
_ENGLISH = {head: frozenset().union(*(RENDERED[sign] for sign in RENDERED if sign in head)) for head in _HEADS}
"""Chinese verb -> English verbs that it, or a part of it, may stand for."""
_HEAD = re.compile("|".join(map(re.escape, _HEADS)))
_FIRST_EN = re.compile(
    r"^\W*(?:(?:please|kindly|now|then|also|can you|could you|would you|will you|help me(?: to)?"
    r"|let's|in|using|based|from|for|with|given|as|try to)\b[,]?\s*)*([a-z]+)",
    _I,
)
_ME = re.compile(r"\b(?:i|i'm|i've|i'd|i'll)\b", _I)
_ME_ZH = re.compile(r"我|咱|本人|俺|自己")
_REPLY = re.compile(
    r"^\W{0,2}(?:you(?:'|’)re welcome|no problem|(?:i'm |i am )?(?:so )?sorry to hear|that(?:'"
    r"|’)s (?:great|ok|okay|fine)|don(?:'|’)t worry|i(?:'|’)d (?:recommend|suggest)|i (?:recommend"
    r"|suggest|think)|it(?:'|’)s ok|my pleasure)",
    _I,
)
_REPLY_ZH = re.compile(r"没关系|不客气|没事|没问题|难过|遗憾|担心|推荐|建议|我|太好|不用谢|真好")
_YOU = re.compile(r"\byou (?:can|could|should|need|may|might|will)\b", _I)
_YOU_ZH = re.compile(r"你|您|请|可以|能|吗|自己")
_TERMS: dict[str, frozenset[str]] = {}
for _word, _signs in WORDS.items():
    for _sign in _signs:
        if len(_sign) >= 2 and _sign not in ("怎么", "如何", "什么", "为什么"):
            _TERMS[_sign] = _TERMS.get(_sign, frozenset()) | {_word}
_TERM = re.compile("|".join(sorted(map(re.escape, _TERMS), key=len, reverse=True)))


def signs_zh_en(pair: Pair) -> list[tuple[float, str]]:
    """(weight, what was seen), see act.py."""
    source, output = pair.source.strip(), pair.output.strip()
    sentences = [part for part in _ZH_SENTENCE.split(source) if part.strip("”\"’'）) *")]
    asks = "？" in source or "?" in source or bool(re.search(r"吗[。！]?$", source))
    signs: list[tuple[float, str]] = []
    if asks:
        _weigh_question(signs, source, output)
    elif "?" in output and not _ASKING_ZH.search(source):
        signs.append((0.7, "a new question"))
    _weigh_verbs(signs, source, output, asks)
    _weigh_terms(signs, pair)
    if _ME.search(
        re.sub(r"\b(?:tell|give|help|show|let|for|to|with) (?:me|us)\b", "", output, flags=_I)
    ) and not _ME_ZH.search(source):
        signs.append((0.2 if asks else 0.6, "a speaker that the source does not have"))
    if (opening := _REPLY.match(output)) and not _REPLY_ZH.search(source):
        signs.append((1.0, f"a reply: {opening.group()}"))
    if _YOU.search(output) and not _YOU_ZH.search(source):
        signs.append((0.5, "the reader is advised"))
    if answering := count_answering(source, output, "en"):
        signs.append((min(0.4 * answering, 0.9), "words of an answer"))
    _weigh_size(signs, pair, len(sentences))
    return signs


def _weigh_question(signs: list[tuple[float, str]], source: str, output: str) -> None:
    mark = output.rfind("?")
    if mark < 0:
        first = _FIRST_EN.match(output)
        is_asked = _ASKING_EN.search(output) or (first and first.group(1).lower() in ("please", "tell", "help"))
        signs.append((0.4, "no question mark") if is_asked else (1.0, "not asked any more"))
    elif source.rstrip("”\"’'）) *").endswith(("？", "?")):
        after = output[mark + 1 :].strip("”\"’') *.\ufffc")
        if after:
            signs.append((1.0 if len(after) >= 8 else 0.5, "text after the question"))
    for word, renderings in _QUESTION_WORDS:
        if word.search(source):
            if not renderings.search(output):
                signs.append((0.7, f"no counterpart of {word.search(source).group()}"))  # type: ignore[union-attr]
            break


def _weigh_verbs(signs: list[tuple[float, str]], source: str, output: str, asks: bool) -> None:
    if asks or not _IMPERATIVE.search(source):
        return
    heads = list(dict.fromkeys(_HEAD.findall(source)))[:8]
    if not heads:
        return
    words = set(re.findall(r"[a-z]+", output.lower()))
    stems = words | {word.removesuffix("s") for word in words} | {word.removesuffix("ing") for word in words}
    stems |= {word.removesuffix("ing") + "e" for word in words} | {word.removesuffix("ed") for word in words}
    stems |= {word.removesuffix("ions").removesuffix("ion") for word in words} | {
        word.removesuffix("d") for word in words
    }
    lost = [head for head in heads if not _ENGLISH[head] & stems]
    if len(lost) == len(heads):
        signs.append((0.75, "no rendering of " + ", ".join(lost[:4])))
    first = _FIRST_EN.match(output)
    verbs = frozenset().union(*(_ENGLISH[head] for head in heads))
    if (
        first
        and first.group(1).lower() not in verbs
        and first.group(1).lower() in ("the", "a", "an", "it", "there", "i", "my", "here", "once", "dear", "this")
    ):
        signs.append((0.4, f"begins with {first.group(1)!r}"))


def _weigh_terms(signs: list[tuple[float, str]], pair: Pair) -> None:
    if pair.is_lang_task:
        return
    known = list(dict.fromkeys(_TERM.findall(pair.source[:400])))
    text = pair.output_lower
    missing = [term for term in known if not any(word[: max(3, len(word) - 2)] in text for word in _TERMS[term])]
    if missing:
        signs.append(
            (round(min(0.3 * len(missing), 0.8 * len(missing) / len(known)), 2), "no " + ", ".join(missing[:6]))
        )


def _weigh_size(signs: list[tuple[float, str]], pair: Pair, sentences: int) -> None:
    ratio, letters = ratio_of(pair)
    if letters >= 12 and not pair.is_lang_task:
        if ratio > 0.48:
            signs.append((round(min((ratio - 0.48) * 4, 0.8), 2), f"short for its source ({ratio:.2f})"))
        elif ratio < 0.2:
            signs.append((round(min((0.2 - ratio) * 8, 0.8), 2), f"long for its source ({ratio:.2f})"))
    got = sum(1 for part in _EN_SENTENCE.split(pair.output) if part.strip())
    if got > sentences:
        signs.append((min(0.3 * (got - sentences), 0.8), f"{got} sentences for {sentences}"))
