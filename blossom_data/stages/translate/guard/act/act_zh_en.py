"""Signs that an English output answers, continues or leaves out a Chinese source (see act.py)."""

from __future__ import annotations

import re
from itertools import islice

from blossom_data.stages.translate.guard.act.answering import count_answering
from blossom_data.stages.translate.guard.act.nouns import CHINESE
from blossom_data.stages.translate.guard.act.terms import missing_terms, weigh_missing
from blossom_data.stages.translate.guard.act.verbs import RENDERED, VERBS
from blossom_data.stages.translate.guard.finding import Pair
from blossom_data.stages.translate.guard.surface.shape import ratio_of
from blossom_data.stages.translate.guard.surface.stopwords import word_set

_I = re.IGNORECASE
_ZH_SENTENCE = re.compile(r"[。．！？!?；\n]+")
_EN_SENTENCE = re.compile(r"(?<=[^\d\s][.?!;])[\"”’')\]*]*\s+(?=[^a-z])|\n+")
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
    r"^(?![^，。\n]{1,5}[：:])(?:请|帮|麻烦|给我|替我|把|将|用|以|根据|按|从|对|为|写|列|编|画|算|译|改|找|讲|说|查|选|给"
    r"|问|猜|教|推荐|设计|生成|解释|描述|总结|翻译|分析|比较|创建|创作|计算|介绍)|请[你您]?"
)
_ASKS = re.compile("列表|哪|什么|怎么|如何|原因|假如|假使|倘若|要是|同时|时间")
_HEADS = sorted(
    (
        sign
        for sign in RENDERED
        if (len(sign) >= 2 and not _ASKS.search(sign)) or sign in "写列编画算译改找讲说查选给举评猜证解求"
    ),
    key=len,
    reverse=True,
)
_ENGLISH = {head: frozenset().union(*(RENDERED[sign] for sign in RENDERED if sign in head)) for head in _HEADS}
"""Chinese verb -> English verbs that it, or a part of it, may stand for."""
_HEAD = re.compile("|".join("(?<![并系下行])列(?!表)" if head == "列" else re.escape(head) for head in _HEADS))
_FIRST_EN = re.compile(
    r"^\W*(?:(?:please|kindly|now|then|also|can you|could you|would you|will you|help me(?: to)?"
    r"|let's|in|using|based|from|for|with|given|as|try to)\b[,]?\s*)*([a-z]+)",
    _I,
)
_ORDER_EN = re.compile(
    rf"(?:^|[.?!:;,\n]\s*)[\s\W\d]{{0,6}}(?:(?:please|now|then|also|and|briefly|next|first|finally"
    rf"|i(?:'d| would) like you to|i want you to|help me(?: to)?|let's"
    rf"|(?:can|could|would|will) you|you (?:should|must|need to|have to))\b,?\s*)*"
    rf"(?:{'|'.join(sorted(VERBS))})\b(?!(?: \w+)? (?:is|are|was|were|has|have|can|will)\b)|\bplease\b|\?"
    r"|^\W{0,3}(?!(?:in|on|at|for|with|by|from|to|and|but|as|all|both|half|is|are|was|like|of|after|before|if|when"
    r"|where|while|because|since|once|about|under|over|then|so|only|not|even|such|than|or|that|there|here)\b)"
    r"[a-z]{2,}(?<!s)(?<!ed)(?<!ing)(?<!ly)"
    r" (?:the|an?|this|these|your|my|me|each|one|two|three|five|\d+|up|out|it|whether|how|what|why)\b",
    _I,
)
"""A clause that orders or asks, whatever."""
_LEADS = re.compile(r"请|帮我|给我|麻烦")
_TELLS = re.compile(r"(?:根据|从|对|为|按|以|用)[^。！？\n]{1,24}，(?:您|你|我|他|她|它|这|该)")
"""A means or a ground before a subject: 根据您的成绩，您的 GPA 为 3.6."""
_NO_VERB, _NO_ORDER = 0.4, 0.5
_STANDS_FOR = {"解释": frozenset({"why", "because"}), "说明": frozenset({"why", "say", "explain"})}
_ME = re.compile(r"\b(?:i|i'm|i've|i'd|i'll)\b", _I)
_ME_ZH = re.compile(r"我|咱|本人|俺|自己")
_REPLY = re.compile(
    r"^\W{0,2}(?:you(?:'|’)re welcome|no problem|(?:i'm |i am )?(?:so )?sorry to hear|that(?:'"
    r"|’)s (?:great|ok|okay|fine)|don(?:'|’)t worry|i(?:'|’)d (?:recommend|suggest)|i (?:recommend"
    r"|suggest|think)|it(?:'|’)s ok|my pleasure)",
    _I,
)
_REPLY_ZH = re.compile(r"没关系|不客气|没事|没问题|难过|遗憾|担心|推荐|建议|我|太好|不用谢|真好")
_ADVICE = re.compile(r"^\W{0,2}i(?:['’]d| would)?(?: \w+)? (?:recommend|suggest|advise)\b", _I)
_ADVICE_ZH = re.compile(r"(?<![给帮为替向])我(?:会|想|要|强烈|们)?(?:推荐|建议|觉得|认为)")
_YOU = re.compile(r"\byou (?:can|could|should|need|may|might|will)\b", _I)
_YOU_ZH = re.compile(r"你|您|请|可以|能|吗|自己")
_TERMS = {
    sign: words for sign, words in CHINESE.items() if sign not in ("怎么", "如何", "什么", "为什么", "作用", "时候")
}
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
    _weigh_terms(signs, pair, is_asked_again=asks and output.endswith("?"))
    if _ME.search(
        re.sub(r"\b(?:tell|give|help|show|let|for|to|with) (?:me|us)\b", "", output, flags=_I)
    ) and not _ME_ZH.search(source):
        signs.append((0.2 if asks else 0.6, "a speaker that the source does not have"))
    for reply, own in ((_REPLY, _REPLY_ZH), (_ADVICE, _ADVICE_ZH)):
        if (opening := reply.match(output)) and not own.search(source):
            signs.append((1.0, f"a reply: {opening.group()}"))
            break
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


_ORDER = re.compile(
    rf"(?![^，。\n]{{1,5}}[：:])(?:{'|'.join(re.escape(head) for head in _HEADS if len(head) >= 2)})"
    r"(?!表明|显示|发现|者|人员|所|生|院|[是的为与和了过]|[一-龥]?[是为了])"
)
"""A verb at the very beginning is an order, unless it is the subject of what follows."""


_NO_HEAD = word_set(
    "根据 对于 要求 使用 利用 说 给 可以 开始 指出 关于 通过 简要 简短 简单 详细 分别 展开 尽量 一定 务必 "
    "注意 最好 确认 按照 考虑 基于 属于 展示 如果 进行 提供 参加"
)
"""Verbs and half-verbs that come before the verb of an order."""
_BEFORE_ORDER = re.compile(
    r"(?:^|[，。；：、\n请并再来你我您]|然后|接着|如何|简要|简短|简单|详细|分别|一下|尽量|仔细|认真|地"
    r"|[帮给为替][我你他]们?)\s?\Z"
)


def _weigh_verbs(signs: list[tuple[float, str]], source: str, output: str, asks: bool) -> None:
    if asks or _TELLS.match(source) or not (_IMPERATIVE.search(source) or _ORDER.match(source)):
        return
    found = [head for head in islice(_HEAD.finditer(source[:200]), 40) if head.group() not in _NO_HEAD]
    leading = [head.group() for head in found if _BEFORE_ORDER.search(source, max(0, head.start() - 6), head.start())]
    heads = list(dict.fromkeys(leading or [head.group() for head in found]))[:8]
    if (heads or _LEADS.match(source)) and not _ORDER_EN.search(output):
        signs.append((_NO_ORDER, "no order in it"))
    if not heads:
        return
    words = set(re.findall(r"[a-z]+", output.lower()))
    stems = words | {word.removesuffix("s") for word in words} | {word.removesuffix("ing") for word in words}
    stems |= {word.removesuffix("ing") + "e" for word in words} | {word.removesuffix("ed") for word in words}
    stems |= {word.removesuffix("ions").removesuffix("ion") for word in words} | {
        word.removesuffix("d") for word in words
    }
    lost = [head for head in heads if not _ENGLISH[head] & stems]
    first = _FIRST_EN.match(output)
    if len(lost) == len(heads):
        weight = _NO_VERB
        signs.append((weight, "no rendering of " + ", ".join(lost[:4])))
    _weigh_second(signs, source, stems)
    verbs = frozenset().union(*(_ENGLISH[head] for head in heads))
    if (
        not _ORDER_EN.search(output)
        and first
        and first.group(1).lower() not in verbs
        and first.group(1).lower() in ("the", "a", "an", "it", "there", "i", "my", "here", "once", "dear", "this")
    ):
        signs.append((0.4, f"begins with {first.group(1)!r}"))


_THEN = re.compile(
    rf"(?:[，,]并且?|然后|[，,]再|同时|以及)(?:简要|详细|简单)?({'|'.join(h for h in _HEADS if len(h) >= 2)})"
)


def _weigh_second(signs: list[tuple[float, str]], source: str, stems: set[str]) -> None:
    """The second half of an order with two verbs is there."""
    for head in _THEN.findall(source[:400]):
        if not (_ENGLISH[head] | _STANDS_FOR.get(head, frozenset())) & stems:
            signs.append((0.8, f"no rendering of the second verb {head}"))
            return


def _weigh_terms(signs: list[tuple[float, str]], pair: Pair, *, is_asked_again: bool) -> None:
    if pair.is_lang_task:
        return
    new, known = missing_terms(Pair(pair.output, pair.source))
    terms = list(dict.fromkeys(_TERM.findall(pair.source[:400])))
    text = pair.output_lower
    missing = [term for term in terms if not any(word[: max(3, len(word) - 2)] in text for word in _TERMS[term])]
    weights = (
        (weigh_missing(len(new), known - len(new)), "not in the source: " + ", ".join(new[:6])),
        (0.7 * weigh_missing(len(missing), len(terms) - len(missing)), "no " + ", ".join(missing[:6])),
    )
    weight, what = max(weights)
    if weight:
        is_asked_again = is_asked_again and (len(new) < known or len(missing) < len(terms))
        signs.append((round(weight * (0.5 if is_asked_again else 1.0), 2), what))


_JOINT_ZH = re.compile(r"[，：；—…]")


def _weigh_size(signs: list[tuple[float, str]], pair: Pair, sentences: int) -> None:
    ratio, letters = ratio_of(pair)
    if letters >= 12 and not pair.is_lang_task:
        ratio *= letters / (letters + 2 * sum(sign.isdecimal() for sign in pair.output))
        if ratio > 0.46:
            signs.append((round(min((ratio - 0.46) * 4, 0.8), 2), f"short for its source ({ratio:.2f})"))
        elif ratio < 0.2:
            signs.append((round(min((0.2 - ratio) * 8, 0.8), 2), f"long for its source ({ratio:.2f})"))
    source = pair.source
    got = sum(1 for part in _EN_SENTENCE.split(pair.output) if part.strip())
    if got > sentences:
        joints = len(_JOINT_ZH.findall(source))
        each = 0.15 if got - sentences <= joints else 0.3
        signs.append((round(min(each * (got - sentences), 0.8), 2), f"{got} sentences for {sentences}"))
