"""Damage that can be seen in the output alone: broken characters, traditional script, loops, unbalanced quotes.

"ä½ å¥½"                damage (UTF-8 read as Latin-1)
"請寫一首詩"             traditional
"写诗写诗写诗写诗..."      loop
"他说：“你好"            balance
"""

from __future__ import annotations

import re
import zlib
from collections import Counter

from blossom_data.languages.scripts import traditional_only
from blossom_data.stages.translate.guard.finding import Pair

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\x80-\x9f\ufffd\ue000-\uf8ff\u202a-\u202e\u2066-\u2069]")
_MOJIBAKE = re.compile(
    r"[\u00c2-\u00f4][\u0080-\u00bf\u0152-\u0192\u02c6\u02dc\u2013-\u203a\u20ac\u2122]|锟斤拷|烫烫|屯屯屯"
)
_ESCAPE = re.compile(
    r"\\(?:n|t|r|\"|u[0-9a-fA-F]{4})|&(?:#\d{1,6}|#x[0-9a-fA-F]{1,6}|quot|amp|lt|gt|nbsp|apos);"
    r"|%[Ee][4-9][0-9A-Fa-f]%[0-9A-Fa-f]{2}"
)
_EATEN = re.compile(r"\t(?:imes|ext|heta|an\b|o\b|au\b|frac)|[\x0b\x0c](?:rac|orall)|\r(?:ho|ight)")


_NEVER_FIRST = frozenset("。，、；：？！,;!?)）]】}”’》")


def find_damage(pair: Pair) -> str:
    """Control characters, mojibake, and escapes that stand as text."""
    output, source = pair.output, pair.source
    if found := find_control(pair):
        return found
    broken = _MOJIBAKE.findall(output)
    if len(broken) > len(_MOJIBAKE.findall(source)):
        return f"mojibake {broken[0]!r}"
    if found := find_escape(pair):
        return found
    if output[:1] in _NEVER_FIRST and source[:1] not in _NEVER_FIRST:
        return f"begins with {output[0]!r}"
    return ""


def find_control(pair: Pair) -> str:
    """Control characters, and escapes that were read as such."""
    if (match := _CONTROL.search(pair.output)) and match.group() not in pair.source:
        return f"character U+{ord(match.group()):04X}"
    if match := _EATEN.search(pair.output):
        return f"an escape eaten before {match.group().strip()!r}"
    return ""


def find_escape(pair: Pair) -> str:
    """Escapes that stand as text."""
    new = [escape for escape in set(_ESCAPE.findall(pair.output)) if escape not in pair.source]
    return f"escape {min(new)!r} as text" if new else ""


def find_traditional(pair: Pair) -> str:
    """Two or more traditional characters (one in a very short text) that the source does not hold."""
    if pair.output.isascii():
        return ""
    found = (set(pair.output) & traditional_only()) - set(pair.source)
    if len(found) >= 2 or (found and pair.output_han <= 8):
        return "".join(sorted(found)[:12])
    return ""


_WINDOW = 3000
_RUN = re.compile(r"([^\s\d_.=*#+|~-])\1{7,}|(.{2,12}?)\2{5,}", re.DOTALL)
_CLAUSE = {
    "zh": re.compile(r"[^，。！？；、\n,.!?;:：]{6,80}"),
    "en": re.compile(r"[^，。！？；、\n,.!?;:：]{18,200}"),
}
_GRAM, _TELLING_CLAUSE = {"zh": 8}, {"zh": 8}
_GRAM_ELSE, _TELLING_CLAUSE_ELSE = 24, 24
"""Characters of a stretch, and of a clause, that no text holds many times, or twice: a third as many in Chinese."""


def find_loop(pair: Pair) -> str:
    """The output repeats itself and the source does not; the first and last 3,000 characters are read."""
    output = pair.output if len(pair.output) <= 2 * _WINDOW else pair.output[:_WINDOW] + pair.output[-_WINDOW:]
    if len(output) >= 12 and (match := _RUN.search(output)) and not _RUN.search(pair.source[:_WINDOW]):
        return match.group()[:24]
    size = _GRAM.get(pair.target_lang, _GRAM_ELSE)
    if len(output) >= 4 * size:
        grams = [output[at : at + size] for at in range(len(output) - size + 1)]
        if len(set(grams)) + 3 <= len(grams):
            gram, times = Counter(grams).most_common(1)[0]
            if times >= 4 and len(set(gram)) > 2 and times > 2 * _repeats(pair.source[: 3 * _WINDOW]):
                return f"{gram!r} {times} times"
    if len(output) >= 300 and len(zlib.compress(output.encode())) < 0.12 * len(output.encode()):
        source = pair.source.encode()
        if len(zlib.compress(source)) > 0.2 * len(source):
            return "hardly anything but repetition"
    clauses = _CLAUSE.get(pair.target_lang, _CLAUSE["en"]).findall(output)
    if len(set(clauses)) < len(clauses):
        most = Counter(clauses).most_common(1)[0]
        telling = _TELLING_CLAUSE.get(pair.target_lang, _TELLING_CLAUSE_ELSE)
        if (most[1] > 2 or len(most[0]) >= telling) and not _has_repeats(pair.source[: 3 * _WINDOW], most[1]):
            return f"{most[0][:20]!r} {most[1]} times"
    return ""


def _repeats(text: str) -> int:
    """How often the most frequent 10 characters stand in `text`, at least once."""
    return Counter(text[at : at + 10] for at in range(max(1, len(text) - 9))).most_common(1)[0][1]


def _has_repeats(text: str, times: int) -> bool:
    """Whether a stretch of 6 characters that are not all blank stands in `text` about as often as `times`."""
    grams = Counter(text[at : at + 6] for at in range(max(0, len(text) - 5)))
    return any(count >= max(2, times - 1) and gram.strip() for gram, count in grams.most_common(3))


_BRACKETS = (("（(", "）)"), ("“", "”"), ("《", "》"), ("【", "】"), ("「", "」"))


def find_balance(pair: Pair) -> str:
    """A bracket or quote of the output is not closed, though the source closes all of its own."""
    return find_unbalanced(pair, _BRACKETS)


def find_unbalanced(pair: Pair, brackets: tuple[tuple[str, str], ...]) -> str:
    """A bracket of `brackets` that the output leaves open or closes too often, and the source does not."""
    for opening, closing in brackets:
        if _surplus(pair.output, opening, closing) and not _surplus(pair.source, opening, closing):
            return f"{opening[0]} {closing[0]} do not match"
    return ""


def _surplus(text: str, opening: str, closing: str) -> bool:
    """Whether the text opens more than it closes, or closes more; list marks such as `a)` and smileys are left out."""
    opened = sum(text.count(sign) for sign in opening)
    closed = sum(text.count(sign) for sign in closing)
    if opened != closed and ")" in closing:
        return opened > closed or closed - opened > len(_LIST_MARK.findall(text))
    return opened != closed


_LIST_MARK = re.compile(r"\b(?:\d{1,3}|[A-Za-z]|[ivx]{1,4})[)）]|[:;]-?[)）]|[一二三四五六七八九十甲乙丙丁][)）]")
