"""What makes an annotated answer unfit for training: pure checks on one reply.

    find_fault(reply, clean_reply(reply, ...), "中国的首都是哪里？", record) -> None, or ("refusal", "抱歉，我无法…")

Each check errs on the side of keeping: an answer *about* language models, or one that has to say no to part of a
question, is fine. It does not judge whether an answer is right.
"""

from __future__ import annotations

import re

from blossom_data.asks import Reply
from blossom_data.llm.reply.message_parts import finish_kind
from blossom_data.records import Record
from blossom_data.stages.annotate.clean import Cleaned
from blossom_data.stages.annotate.in_language import MAKERS, another_language, find_talk

_HAN = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]+")
_NOT_LATIN = bytes(sorted(set(range(256)) - set(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")))
_CODE_SIGNS = ("`", "$", "://")
_CODE = re.compile(r"```[\s\S]*?(?:```|\Z)|`[^`\n]*`|\$\$[\s\S]*?\$\$|\$[^$\n]*\$|https?://\S+")
_REFUSAL = re.compile(
    r"\s*(?:(?:非常|很|十分)?(?:抱歉|对不起|遗憾)[，,。！!\s]{0,3}(?:但是?|不过)?[，,]?\s*(?:作为.{0,16}[，,])?"
    r"我?(?:目前|现在|暂时)?(?:无法|不能|不可以|没办法|没有办法|不会|拒绝|不便|做不到)"
    r"|(?:作为|身为)(?:一个|一名|一款)?.{0,8}(?:人工智能|AI|语言模型|大模型|助手).{0,20}(?:无法|不能|没有)"
    r"|我(?:无法|不能)(?:回答|提供|协助|帮助|满足|完成|处理)"
    r"|(?:I['’]?m|I am) (?:very |really |so )?sorry,? (?:but )?(?:I|as an)"
    r"|Sorry,? (?:but )?I (?:can|am|do|won)"
    r"|I (?:can ?not|can['’]t|am unable to|['’]m unable to|won['’]t) "
    r"(?:help|assist|provide|fulfil|answer|comply|do that|continue)"
    r"|As an? (?:AI|artificial intelligence|large language|language model).{0,60}"
    r"(?:can ?not|can['’]t|unable|don['’]t))",
    re.IGNORECASE,
)
_MAKER = MAKERS.pattern
_MODEL_ZH = r"(?:人工智能(?:助手|模型|语言模型)|AI ?(?:助手|模型|语言模型)|(?:大型?)?语言模型|大模型)"
_MODEL_EN = r"(?:AI (?:language )?(?:model|assistant)|(?:large )?language model|artificial intelligence)"
_IDENTITY = re.compile(
    rf"(?:我是|我叫|我的名字是|本人是)[^。\n]{{0,20}}(?:{_MAKER}|{_MODEL_ZH})"
    rf"|(?:作为|身为)(?:一个|一名|一款|由)?[^。，,\n]{{0,12}}(?:{_MODEL_ZH}|人工智能|AI ?)[，,我]"
    rf"|我(?:是)?由[^。\n]{{0,12}}{_MAKER}[^。\n]{{0,8}}(?:开发|训练|创建|研发|推出)"
    r"|我的(?:训练数据|知识截止|知识库截止)"
    rf"|\b(?:I['’]?m|I am|my name is)\s+(?:an? )?(?:{_MAKER}\b|{_MODEL_EN})"
    r"|\bas an? (?:AI|artificial intelligence)(?: language)?(?: model| assistant)?\s*,"
    r"|\bas a (?:large )?language model\b"
    rf"|\bI was (?:trained|developed|created|made) by {_MAKER}"
    r"|\bmy (?:training data|knowledge cutoff|knowledge cut-off)\b",
    re.IGNORECASE,
)
_IDENTITY_SIGNS = (
    "我是", "我叫", "名字是", "本人", "作为", "身为", "我由", "我的训练", "我的知识",
    "i'm", "i’m", "i am", "my name", "as a ", "as an ", "i was", "my training", "my knowledge",
)  # fmt: skip
"""One of these stands in every identity claim; looking for them is far cheaper than the pattern."""
_ASKS_WHO = re.compile(
    r"你是谁|你叫什么|你的名字|介绍(?:一下)?你自己|who are you|your name|introduce yourself|are you an? (?:AI|bot)",
    re.I,
)
FAULT_CODES = (
    "content_filter",
    "refusal",
    "truncated",
    "empty",
    "template_token",
    "garbled",
    "identity",
    "loop",
    "wrong_language",
)
_FEW_LATIN = 40
"""Letters that any Chinese answer may hold."""
_HEAD_CHARS = 300
"""A refusal stands at the start of an answer, an identity claim at its start or end."""


def find_fault(reply: Reply, cleaned: Cleaned, question: str, record: Record) -> tuple[str, str] | None:
    """The first fault of an answer as (code, detail), or None when it is fit.

    Args:
        cleaned: what the reply says, which is what is judged.
        question: the user turn that was answered; what it says itself is no fault of the answer.
    """
    # A ledger may hold reasons that were stored as they came.
    finish = finish_kind(reply.finish_reason or "stop")
    if finish == "content_filter":
        return "content_filter", "the endpoint filtered the answer"
    if reply.refusal:
        return "refusal", reply.refusal[:80]
    if finish != "stop":
        return "truncated", f"finish_reason is {reply.finish_reason!r}"
    if cleaned.is_open:
        return "truncated", "the thinking never ends"
    text = cleaned.text.strip()
    if not text:
        return "empty", "nothing but thinking" if cleaned.reasoning else "the answer is empty"
    if cleaned.damage:
        return cleaned.damage
    if refusal := _REFUSAL.match(text[:_HEAD_CHARS]):
        return "refusal", refusal.group(0)[:80]
    if record.lang not in ("en", "zh") and (talk := find_talk(text, question, record.lang)):
        return talk
    ends = text if len(text) <= 2 * _HEAD_CHARS else f"{text[:_HEAD_CHARS]}\n{text[-_HEAD_CHARS:]}"
    lowered = ends.lower()
    is_suspect = any(map(lowered.__contains__, _IDENTITY_SIGNS))
    if (
        is_suspect
        and (claim := _IDENTITY.search(ends))
        and claim.group(0) not in question
        and not _ASKS_WHO.search(question)
    ):
        return "identity", claim.group(0)[:80]
    if (loop := find_loop(text)) and loop not in question:
        return "loop", f"{loop[:40]!r} again and again"
    if fault := _wrong_language(text, question, record):
        return "wrong_language", fault
    return None


def find_loop(text: str, *, size: int = 24, times: int = 6) -> str:
    """A piece of `size` characters that stands `times` times in the last 4,000 characters of `text`, or "".

    Pieces are looked for at four places only: a model that loops does so to the end, or for most of its answer.
    """
    tail = text[-4_000:]
    if len(tail) < size * times:
        return ""
    last = len(tail) - size
    for start in (last, last * 3 // 4, last // 2, last // 4):
        piece = tail[start : start + size]
        if tail.count(piece) >= times and any(letter.isalpha() for letter in piece):
            return piece
    return ""


def _wrong_language(text: str, question: str, record: Record) -> str:
    """Says what is wrong with the language of an answer, "" when nothing is; code and formulas do not count."""
    if "lang_task" in record.tags:
        return ""
    prose = text[:20_000]
    if any(map(prose.__contains__, _CODE_SIGNS)):
        prose = _CODE.sub(" ", prose)
    if record.lang not in ("en", "zh"):
        return another_language(prose, question, record.lang)
    latin = len(prose.encode("utf-8", "replace").translate(None, _NOT_LATIN))
    if prose.isascii():
        han = 0
    elif record.lang == "zh" and latin < _FEW_LATIN:
        return ""
    else:
        han = sum(map(len, _HAN.findall(prose)))
    if record.lang == "zh" and han == 0 and latin >= _FEW_LATIN:
        return "no Chinese in the answer to a Chinese question"
    if record.lang == "zh" and latin > 200 and han * 12 < latin:
        return "hardly any Chinese in the answer to a Chinese question"
    if record.lang == "en" and han > 20 and han > latin:
        return "a Chinese answer to an English question"
    return ""
