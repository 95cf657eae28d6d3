"""Asks that stand where no language is expected: in code, in material, among words of the target language.

    'get_weather(city="Paris") -> {...}. Describe the weather.'   code up to `}`, then an ask
    "Summarise the abstract: Transformer 模型依赖自注意力机制"          an English ask over Chinese material

What a protected span holds is never read by a check, so no span may hold an ask: it would stay as it is, unseen.
Strings and comments of code are no asks, whatever they say.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from itertools import islice

from blossom_data.stages.translate.lexicon import Lexicon, renderings
from blossom_data.stages.translate.script import is_in

_LEXICON = Lexicon("prose")

_QUIET = re.compile(
    r'"(?:[^"\\\n]|\\.){0,600}"|(?<![A-Za-z])\'(?:[^\'\\\n]|\\.){0,300}\'|`[^`\n]{0,300}`'
    r"|(?:(?<!\S)#|//|(?<!\S)--[ ])[^\n]*|/\*[\s\S]{0,2000}?\*/|<!--[\s\S]{0,2000}?-->"
)
_RUN = re.compile(
    r"(?<![\w.$@/-])[A-Za-z][a-z'’]*(?:,? (?:[A-Za-z][a-z'’]*(?:-[a-z]+)*|\d{1,4}))+(?![\w(=\[{@$/]|\.\w)"
)
_HAN_RUN = re.compile(r"[\u3400-\u9fff][\u3400-\u9fff，、。；：！？]{3,}")
_LEAD = _LEXICON.pattern(r"(?:{leads},? )*", re.IGNORECASE)
_FEWEST, _FEWEST_OF_PROSE, _FEWEST_PLAIN = 3, 6, 3
_CODE = re.compile(r"[(){}\[\]<>=;_`\"'\d\\]")
_PART_ENDS = " \t\n.,;:。，；：!?！？"
_MOST_RUNS = 200


@cache
def _verbs() -> frozenset[str]:
    return frozenset(renderings("verbs")) - _LEXICON.words("keywords")


def asks_in_code(text: str, start: int, end: int) -> list[tuple[int, int]]:
    """Start and end of each ask, and of each sentence of prose, within the code `text[start:end]`."""
    bare = _QUIET.sub(lambda match: "\0" * len(match.group()), text[start:end])
    found = [run.span() for run in islice(_RUN.finditer(bare), _MOST_RUNS) if _is_prose(run.group(), bare, run.end())]
    if not bare.isascii():
        found += [run.span() for run in islice(_HAN_RUN.finditer(bare), _MOST_RUNS)]
    return [(start + first, start + last) for first, last in sorted(found)]


def opens_with_ask(text: str, start: int, end: int) -> bool:
    """Whether a line of what is fenced or quoted in `text[start:end]` opens as an ask does."""
    bare = _QUIET.sub(lambda match: "\0" * len(match.group()), text[start:end])
    runs = (run for line in bare.split("\n") if (run := _RUN.match(line.strip(" >*-"))))
    return any(_is_prose(run.group(), run.string, run.end(), is_ask=True) for run in runs)


def holds_ask(text: str, start: int, end: int) -> bool:
    """Whether words in the markup `text[start:end]`, such as `\\textbf{Write a poem about rain.}`, order or ask."""
    inner = text[start:end].strip("$")
    return any(
        _is_prose(run.group(), inner, run.end(), is_ask=True) for run in islice(_RUN.finditer(inner), _MOST_RUNS)
    )


def without_asks(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """The parts of the code `text[start:end]` that stand around its asks; itself where it has none."""
    asks = asks_in_code(text, start, end)
    if not asks:
        yield start, end
        return
    for first, last in zip([start, *(ask[1] for ask in asks)], [*(ask[0] for ask in asks), end], strict=True):
        part = text[first:last]
        kept = part.strip(_PART_ENDS)
        if _CODE.search(kept):
            begin = first + part.index(kept)
            is_ended = text[begin + len(kept) : begin + len(kept) + 1] == ";"
            yield begin, begin + len(kept) + is_ended


def _is_prose(run: str, text: str, end: int, *, is_ask: bool = False) -> bool:
    """Whether words that stand in code order or ask something, or are a sentence of six and more."""
    words = run.replace(",", "").split()
    lead = _LEAD.match(run)
    rest = run[lead.end() :].replace(",", "").split() if lead else words
    if len(words) < _FEWEST or not rest or (rest[0].isupper() and len(rest[0]) > 1):
        return False
    lower = [word.lower() for word in words]
    plain = sum(word in _LEXICON.words("plain") for word in lower)
    if rest[0].lower() in _verbs():
        return plain >= 1
    if rest[0].lower() in _LEXICON.words("question_words") and text[end : end + 1] == "?":
        return True
    return not is_ask and len(words) >= _FEWEST_OF_PROSE and plain >= _FEWEST_PLAIN


_QUOTED = re.compile(r"“[^”\n]{0,400}”|「[^」\n]{0,400}」|\"[^\"\n]{0,400}\"|《[^》\n]{0,400}》|（[^）\n]{0,400}）")
_WORDS = re.compile(r"[A-Za-z][A-Za-z'’-]*(?:[ ,]+(?:[A-Za-z][A-Za-z'’-]*|\d{1,4}))*")
_HAN = re.compile(r"[\u3400-\u9fff]")
_STRETCH = re.compile(r"[^\n]+")


def material_of_asks(text: str) -> list[tuple[int, int]]:
    """Start and end of the Chinese material in each line of `text` that is an English ask over it."""
    if text.isascii():
        return []
    found = []
    for line in islice(_STRETCH.finditer(text), _MOST_RUNS):
        span = _material(line.group())
        if span:
            found.append((line.start() + span[0], line.start() + span[1]))
    return found


def _material(line: str) -> tuple[int, int] | None:
    """Where the Chinese part of a line stands that an English ask opens or ends; None where it has no such ask."""
    first = _HAN.search(line)
    if first is None or not is_in(line, "zh"):
        return None
    last = max(match.end() for match in _HAN.finditer(line))
    end = last + len(line[last:]) - len(line[last:].lstrip(_HAN_ENDS))
    bare = _QUOTED.sub(lambda match: "\0" * len(match.group()), line)
    begin = max(bare.rfind(sign, 0, first.start()) for sign in ":：.") + 1
    if begin and is_ask(bare[: begin - 1]):
        return begin + len(line[begin:]) - len(line[begin:].lstrip()), end
    return (0, end) if is_ask(bare[end:].lstrip()) else None


_HAN_ENDS = "。！？!?…”」』》）)\"'"


def is_ask(text: str) -> bool:
    """Whether an English text orders or asks: it opens with a verb or a question word, or it is a sentence."""
    run = _WORDS.search(text)
    if run is None or _HAN.search(text):
        return False
    words = [word.lower() for word in run.group().replace(",", " ").split()]
    lead = _LEAD.match(run.group())
    rest = run.group()[lead.end() if lead else 0 :].replace(",", " ").split()
    first = rest[0].lower() if rest else ""
    plain = sum(word in _LEXICON.words("plain") for word in words)
    opens = first in _verbs() or first in _LEXICON.words("question_words")
    return (opens and (plain > 0 or len(words) <= 2)) or (len(words) >= _FEWEST_OF_PROSE and plain >= _FEWEST_PLAIN)
