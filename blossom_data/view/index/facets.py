"""What of a row is counted and filtered by: a few values, each out of a small number.

{"source": "gsm8k", "lang": "zh", "tags": ["category:math", "judge:9", "code"], "lineage": [...], ...}
->  Facets(("kept", "gsm8k", "zh", "math", "9", "", "recorded", "100"), ("code",))
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from typing import Any, NamedTuple

FACETS = ("kind", "source", "lang", "category", "score", "code", "model", "length")
"""Those with one value for each row, in the order in which they are stored; `tag` may have several."""
TAG = "tag"
LENGTHS = (0, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000)
"""Characters of all texts of a record, at least; the value of `length` is one of these."""
KEPT, REJECTED, FAILED, UNREADABLE = "kept", "rejected", "failed", "unreadable"
PAIR = ("chosen", "rejected")
"""The replies of a row that holds two, one of them preferred."""
_FIELDS = ("system", "instruction", "input", "prompt", "question", "output", "completion", "response", "answer", *PAIR)
_CATEGORY, _SCORE = "category:", "judge:"
_MOST_CHARS = 120
"""Of a value: names are short, and what claims to be one may be a whole text."""


class Facets(NamedTuple):
    """The values of a row, in the order of FACETS, and its tags."""

    values: tuple[str, ...]
    tags: tuple[str, ...]


def facets_of(row: dict[str, Any], kind: str) -> Facets:
    """The facets of a row of a data set; of a reject, those of the record that it holds, and its code."""
    record = row
    code = ""
    if kind != KEPT:
        code = f"{row.get('stage', '')}/{row.get('code', '')}"
        record = row.get("record") or {}
    category = score = ""
    tags = []
    for tag in _list(record.get("tags")):
        if tag.startswith(_CATEGORY):
            category = tag[len(_CATEGORY) :]
        elif tag.startswith(_SCORE):
            score = tag[len(_SCORE) :]
        else:
            tags.append(tag[:_MOST_CHARS])
    lang, source = record.get("lang", ""), record.get("source", "")
    length = sum(map(len, texts_of(record)))
    values = (kind, source, lang, category, score, code, _model(record), _bucket(length))
    return Facets(tuple(str(value)[:_MOST_CHARS] for value in values), tuple(sorted(set(tags))))


def texts_of(row: dict[str, Any]) -> Iterator[str]:
    """The texts of a record, whatever the layout that a trainer wants it in."""
    names: tuple[str, ...] = _FIELDS
    turns = row.get("messages") or row.get("conversations")
    if isinstance(turns, list):
        yield from _texts_of_turns(turns)
        names = PAIR
    for name in names:
        if isinstance(given := row.get(name), str):
            yield given
        elif given:
            yield from _texts_of_turns(given if isinstance(given, list) else [given])


def _texts_of_turns(turns: list[Any]) -> Iterator[str]:
    for turn in turns:
        if isinstance(turn, dict):
            for name in ("content", "reasoning_content", "value"):
                if isinstance(text := turn.get(name), str):
                    yield text


def _bucket(length: int) -> str:
    return str(LENGTHS[bisect_right(LENGTHS, length) - 1])


def _model(record: dict[str, Any]) -> str:
    """The model that wrote last."""
    for step in reversed(record.get("lineage") or ()):
        if isinstance(step, dict) and (model := step.get("model")):
            return str(model)
    return ""


def _list(value: Any) -> list[str]:
    return [each for each in value if isinstance(each, str)] if isinstance(value, list) else []
