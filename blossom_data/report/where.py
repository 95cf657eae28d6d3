"""What is looked for in a data set, as people write it: `lang=zh category=code,math tokens>200 text~"prime number"`.

    where = parse_where("lang=zh code=speech_act")
    where.is_of_rejects        True: `code` is known of rejects alone
    where.holds(row)           whether all of it is true of a row

Terms stand apart by blanks, and all of them must hold: a key, one of = != ~ > >= < <=, a value. Values with a comma
between them are alternatives, quotes keep blanks and commas together. `=` is equal (of a language zh is zh-Hant too),
`~` is "holds this, in upper or lower case"; > and < compare numbers.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from blossom_data.errors import ConfigError, near_hint
from blossom_data.stages.translate.segments import estimate_tokens

_TERM = re.compile(r"""\s*([\w-]+)\s*(!=|>=|<=|=|~|>|<)\s*((?:"[^"]*"|[^\s"])+)(?=\s|\Z)""")
_VALUE = re.compile(r'"([^"]*)"|([^,"]+)')
_EXAMPLE = "write KEY=VALUE, such as: --where 'lang=zh category=code,math'"
Row = Mapping[str, Any]


def _turns(row: Row, *roles: str) -> list[Row]:
    turns = row.get("messages")
    found = [turn for turn in turns if isinstance(turn, dict)] if isinstance(turns, list) else []
    return [turn for turn in found if not roles or turn.get("role") in roles]


def _contents(row: Row, *roles: str) -> list[str]:
    return ["\n".join(str(turn.get("content") or "") for turn in _turns(row, *roles))]


def _steps(row: Row, key: str) -> list[str]:
    steps = row.get("lineage")
    return [str(step.get(key, "")) for step in steps if isinstance(step, dict)] if isinstance(steps, list) else []


def _tags(row: Row, family: str = "") -> list[str]:
    tags = row.get("tags")
    named = [str(tag) for tag in tags] if isinstance(tags, list) else []
    return [tag.removeprefix(family) for tag in named if tag.startswith(family)]


def _plain(key: str) -> Callable[[Row], list[str]]:
    return lambda row: [str(row.get(key) or "")]


_OF_RECORDS: dict[str, Callable[[Row], list[str]]] = {
    "id": _plain("id"),
    "source": _plain("source"),
    "source_id": _plain("source_id"),
    "lang": _plain("lang"),
    "gold": _plain("gold"),
    "tag": _tags,
    "category": lambda row: _tags(row, "category:"),
    "difficulty": lambda row: _tags(row, "difficulty:"),
    "score": lambda row: _tags(row, "score:"),
    "model": lambda row: _steps(row, "model"),
    "prompt": lambda row: _steps(row, "prompt"),
    "stage": lambda row: _steps(row, "stage"),
    "text": lambda row: _contents(row),
    "request": lambda row: _contents(row, "user"),
    "answer": lambda row: _contents(row, "assistant"),
    "turns": lambda row: [str(len(_turns(row)))],
    "tokens": lambda row: [str(sum(map(estimate_tokens, _contents(row))))],
}
_OF_REJECTS: dict[str, Callable[[Row], list[str]]] = {
    "code": _plain("code"),
    "detail": _plain("detail"),
    "reply": _plain("reply"),
    "file": _plain("file"),
    "failed": lambda row: ["yes" if row.get("failed") else "no"],
}
KEYS = (*_OF_RECORDS, *_OF_REJECTS)
_NUMBERS = ("turns", "tokens", "score", "gold")
_OWN = {"stage": _plain("stage"), "id": _plain("id")}
"""Of a reject itself, not of its record."""


@dataclass(frozen=True, slots=True)
class _Term:
    key: str
    sign: str
    values: tuple[str, ...]

    def holds(self, row: Row, *, is_reject: bool) -> bool:
        record = row.get("record")
        whole = (record if isinstance(record, dict) else {}) if is_reject else row
        if self.key in _OF_REJECTS or (is_reject and self.key in _OWN):
            found = (_OF_REJECTS.get(self.key) or _OWN[self.key])(row)
        else:
            found = _OF_RECORDS[self.key](whole)
        if self.sign == "!=":
            return not any(self._equals(each) for each in found)
        if self.sign == "=":
            return any(self._equals(each) for each in found)
        if self.sign == "~":
            return any(value.casefold() in each.casefold() for each in found for value in self.values)
        return any(_compared(each, self.sign, float(self.values[0])) for each in found)

    def _equals(self, found: str) -> bool:
        return found in self.values or (self.key == "lang" and found.split("-")[0] in self.values)


@dataclass(frozen=True, slots=True)
class Where:
    """Terms that must all hold; without one everything does."""

    terms: tuple[_Term, ...] = ()

    @property
    def is_of_rejects(self) -> bool:
        """Whether it asks for what only rejects have."""
        return any(term.key in _OF_REJECTS for term in self.terms)

    def holds(self, row: Row, *, is_reject: bool = False) -> bool:
        """Whether all terms hold for a record, or for a reject and its record."""
        return all(term.holds(row, is_reject=is_reject) for term in self.terms)

    def values_of(self, key: str) -> list[str]:
        """What is wanted of `key`."""
        return [value for term in self.terms if term.key == key and term.sign == "=" for value in term.values]


def parse_where(text: str) -> Where:
    """The terms that `text` writes.

    Raises:
        ConfigError: it cannot be read, a key is not known, or what is compared is no number.
    """
    terms, place = [], 0
    while text[place:].strip():
        found = _TERM.match(text, place)
        if found is None:
            raise ConfigError(f"--where: cannot read {text[place:].strip()!r}", hint=_EXAMPLE)
        terms.append(_term(*found.groups()))
        place = found.end()
    return Where(tuple(terms))


def _term(key: str, sign: str, text: str) -> _Term:
    if key not in KEYS:
        raise ConfigError(f"--where: there is no key {key!r}", hint=near_hint(key, KEYS))
    values = tuple(quoted or plain for quoted, plain in _VALUE.findall(text))
    if not values:
        raise ConfigError(f"--where: {key}{sign} names no value", hint=_EXAMPLE)
    if sign in (">", ">=", "<", "<="):
        if key not in _NUMBERS:
            raise ConfigError(f"--where: {key} is no number", hint=f"{sign} compares {', '.join(_NUMBERS)}")
        if len(values) > 1 or _number(values[0]) is None:
            raise ConfigError(f"--where: {key}{sign}{text} compares with no number", hint=f"such as {key}{sign}100")
    return _Term(key, sign, values)


def _number(text: str) -> float | None:
    try:
        return float(text.replace(",", ""))
    except ValueError:
        return None


def _compared(found: str, sign: str, wanted: float) -> bool:
    number = _number(found)
    if number is None:
        return False
    return {">": number > wanted, ">=": number >= wanted, "<": number < wanted, "<=": number <= wanted}[sign]


def nearest(wanted: Iterable[str], known: Iterable[str]) -> str:
    """What of `known` was most likely meant by the first of `wanted` that is none of it; "" where all are."""
    names = sorted({*known})
    unknown = next((name for name in wanted if name not in names), None)
    return near_hint(unknown, names, "there are:") if unknown is not None and names else ""
