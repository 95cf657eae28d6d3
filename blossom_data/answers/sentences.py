"""Find the sentence that states the result in an answer without a marker.

    "16 - 7 = 9.\\nSo she makes $18 a day.\\n\\nI hope this helps!"   -> "So she makes $18 a day"
    "...因此，小明还剩 3 个苹果。\\n验算：3 + 5 = 8"                 -> "因此，小明还剩 3 个苹果"

Checks, notes, closing remarks and questions are passed over. A text that ends in the middle of a sentence, and a
list or table of several results, have no such sentence.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from blossom_data.answers.patterns import has_any, pattern

MAX_SENTENCE = 400
MAX_BACK = 3000
"""Characters from the end in which the sentence has to stand."""


class Sentence(NamedTuple):
    """The sentence and the text before it, or the problem that stands in its way."""

    text: str
    before: str = ""
    problem: str = ""
    is_conditional: bool = False
    """Opens with "if" or 设: a result only when it repeats what was worked out."""


_END = pattern(
    r"[。！？]|\?(?=[*\"')\]]*(?:\s|$))|(?<![0-9)])!|\.(?=[*\"')\]]*(?:[ \t]+[^\s0-9a-z]|\s*$))"
    r"|\.(?=[ \t]+[$0-9(])(?<=[a-z]{2}\.)(?<!\b[Nn]o\.)(?<!\bRs\.)(?<!\bvs\.)(?<!\bca\.)(?<!prox\.)(?<!\bavg\.)"
    r"(?<!\b[Ff]ig\.)(?<!\b[Ee]q\.)"
)
_NUMBER = pattern(
    r"[0-9½¼¾]|[零一二两三四五六七八九十百]|\b(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|thir|fourteen"
    r"|fif|sixteen|seventeen|eighteen|nineteen|twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety|hundred|thousand|zero"
    r"|dozen|half)",
    re.IGNORECASE,
)
_UNFINISHED_WORDS = frozenset({
    "and", "or", "the", "of", "is", "are", "to", "with", "for", "per", "by", "a", "an", "that", "which", "from",
    "in", "at", "than", "plus", "minus", "times", "because", "since", "if", "so", "we", "then",
})  # fmt: skip
_UNFINISHED_ENDS = (
    ",", "，", "、", ":", "：", "(", "（", "+", "×", "*", "/", "÷", "=", "≈", "&", "-", "的", "和", "与", "是", "为",
    "等于", "乘", "乘以", "除以", "加", "加上", "减", "减去", "因为", "所以", "因此", "因而", "于是", "然后",
    "接着", "以及", "还有", "那么", "就",
)  # fmt: skip
_SKIPPED = pattern(
    r"[\s*_#>(（\[【✓✅-]*(?:(?:let(?:'s| us|’s)? |now |to |we can |i "
    r"|double[- ]?|quick |sanity )*(?:check|verif|confirm)"
    r"|note\b|notes\b|proof\b|remember|i hope|hope this|let me know|feel free"
    r"|if you|is there|would you|do you|please|thank"
    r"|this solution|great|happy|good luck|keep|explanation|reason|source|confidence|tip\b|hint"
    r"|置信|验算|检验|验证|检查|核对|注意?[:：]|注意|备注|说明|提示|点评|希望|如果您?你?(?:还|有)|请|祝|思路|分析|考点|代入)",
    re.IGNORECASE,
)
_BRACKETED = pattern(r"[*_]*[(（][A-Za-z一-鿿][^()（）=]*[)）]?[*_]*")
_CHECKING = ("check", "verif", "验", "检", "核")
_CONDITION = pattern(
    r"[\s*_#>-]*(?:if|suppose|assume|assuming|let|imagine|given that|假设|如果|假如|设)(?![a-z])", re.IGNORECASE
)
_PLAN = pattern(
    r"[\s*_#>-]*(?:(?:now|next|then),? (?:we|let|i|multiply|add|subtract|divide)"
    r"|let's|let us|let me (?!know)|we (?:need|have) to"
    r"|接下来|下一步|现在(?:我们)?(?:来|需要))",
    re.IGNORECASE,
)
_LIST_NUMBER = pattern(
    r"\s*>+ ?|[\s*]*(?:[0-9]{1,2}[.)]\s+(?=\S)|[0-9]{1,2}、\s+(?=[^\s0-9])|[0-9]{1,2}[.、)](?=[^\s0-9]))"
)
SUMMARY = pattern(
    r"total|sum|altogether|answer|result|therefore|so\b|thus|hence|remaining|left|final|profit|they|both|=|总|共|合计|答|剩|因此|所以|最|们|的和",
    re.IGNORECASE,
)
_TABLE_TOTAL = pattern(r"\|[\s*]*(?:grand )?(?:total|sum|answer|result|总计|合计|总和|总数|共计|一共)", re.IGNORECASE)


def sentence_end(text: str, start: int, end: int) -> int:
    """Return where the sentence that starts at `start` ends, at most `end`."""
    match = _END.search(text, start, end)
    return match.start() if match else end


def find_last_sentence(text: str, is_check_counted: bool = False) -> Sentence:
    """Return the last sentence of `text` that states a value, be it in a check with `is_check_counted`."""
    body = text[-MAX_BACK:].rstrip()
    ending = body.rstrip("*_`$ \n")
    if ending.endswith(_UNFINISHED_ENDS) or ending[-24:].rpartition(" ")[2].lower() in _UNFINISHED_WORDS:
        return Sentence(ending[-80:], problem="truncated")
    lines = body.split("\n")
    last = _split(lines[-1])
    if not ending or _is_cut(lines[-1], last, ending[-1]):
        return Sentence(lines[-1][:MAX_SENTENCE], problem="truncated" if ending else "no_answer")
    found = _last_stated(lines, last, is_check_counted)
    if found is None:
        return Sentence("", problem="no_answer")
    index, sentence = found
    if len(sentence) > MAX_SENTENCE:
        return Sentence(sentence[:MAX_SENTENCE], problem="ambiguous")
    if _is_table_row(lines[index]):
        return Sentence(sentence, problem="ambiguous")
    before = body[: max(0, body.rfind(sentence))]
    return Sentence(sentence, before, is_conditional=_CONDITION.match(sentence) is not None)


def _is_cut(line: str, sentences: list[str], last: str) -> bool:
    """Tell whether the last line announces a next step, or breaks off before it states anything."""
    if not sentences or _NUMBER.search(sentences[-1]) or _SKIPPED.match(sentences[-1]):
        return False
    if _PLAN.match(sentences[-1]):
        return True
    is_sentence = len(sentences) > 1 and line.rstrip("*_`$ ").endswith(sentences[-1].rstrip("*_`$ "))
    return is_sentence and last.isalnum()


def _last_stated(lines: list[str], last: list[str], is_check_counted: bool = False) -> tuple[int, str] | None:
    """Return line number and text of the last sentence with a number that is no aside; `last` is the last line."""
    for index in range(len(lines) - 1, -1, -1):
        line = lines[index]
        for sentence in reversed(last if index == len(lines) - 1 else _split(line)):
            skipped = _SKIPPED.match(sentence)
            if skipped and is_check_counted and has_any(skipped[0].lower(), _CHECKING):
                skipped = None
            is_aside = skipped or sentence[-1:] in "?？" or _BRACKETED.fullmatch(sentence)
            if not is_aside and _NUMBER.search(sentence):
                return index, sentence.rstrip("?？")
    return None


def _split(line: str) -> list[str]:
    """Cut a line into sentences without its list number; a question keeps its mark."""
    sentences: list[str] = []
    item = _LIST_NUMBER.match(line)
    start = item.end() if item else 0
    for match in _END.finditer(line, start):
        sentence = line[start : match.start()].strip()
        if sentence.strip(" *_)\"'"):
            sentences.append(sentence + (match[0] if match[0] in "?？" else ""))
        start = match.end()
    rest = line[start:].strip()
    if rest.strip(" *_)\"'”"):
        sentences.append(rest)
    return sentences


def _is_table_row(line: str) -> bool:
    """Tell whether the line is a row of a table of results, and not its total."""
    line = line.strip()
    return line[:1] == line[-1:] == "|" and _TABLE_TOTAL.match(line) is None
