"""What was not kept: how often for which reason, from which source, and a few of each to look at."""

from __future__ import annotations

import heapq
import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from blossom_data.report.dataset.counts import NameCounts

SAMPLES = 3
_MOST_CODES, _MOST_SETS = 120, 60
_MOST_CHARACTERS, _MOST_TRIES, _MOST_DOCUMENT = 1_200, 6, 200_000


@dataclass(frozen=True, slots=True)
class Sample:
    """One reject: what was asked, what came back, and what was wrong with it."""

    id: str
    source: str
    place: str
    """File and line of a row that could not be read, else ""."""
    detail: str
    history: tuple[str, ...]
    original: str
    reply: str


@dataclass(slots=True)
class Rejects:
    """Counts and samples by reason."""

    codes: NameCounts[tuple[str, str]] = field(default_factory=lambda: NameCounts(_MOST_CODES))
    """Of each (stage, code)."""
    failed: set[tuple[str, str]] = field(default_factory=set)
    """Those of them that the endpoint would not answer."""
    leaks: NameCounts[str] = field(default_factory=lambda: NameCounts(_MOST_SETS))
    """By the test set that a record was found in."""
    drawn: dict[tuple[str, str], list[tuple[float, int, Sample]]] = field(default_factory=dict)

    def samples(self, reason: tuple[str, str]) -> list[Sample]:
        """The rejects that were drawn of a reason, in the order of the set."""
        return [sample for _, _, sample in sorted(self.drawn.get(reason, ()), key=lambda entry: entry[1])]


def read_rejects(rows: Iterable[Mapping[str, Any] | None], seed: int = 0) -> Rejects:
    """Counts `rows`, which are rejects as a run stores them, and draws some of each reason."""
    found, dice = Rejects(), random.Random(seed)
    for place, row in enumerate(rows):
        if row is None:
            continue
        reason = (_text(row.get("stage"), 80), _text(row.get("code"), 80))
        if not found.codes.add(reason):
            continue
        if row.get("failed"):
            found.failed.add(reason)
        if reason == ("decontaminate", "leak"):
            found.leaks.add(_text(row.get("detail"), 200).split(" ", 1)[0])
        heap, ticket = found.drawn.setdefault(reason, []), -dice.random()
        if len(heap) < SAMPLES:
            heapq.heappush(heap, (ticket, place, _sample(row)))
        elif ticket > heap[0][0]:
            heapq.heapreplace(heap, (ticket, place, _sample(row)))
    return found


def _sample(row: Mapping[str, Any]) -> Sample:
    record = row.get("record")
    record = record if isinstance(record, dict) else {}
    turns = record.get("messages")
    turns = [turn for turn in turns if isinstance(turn, dict)] if isinstance(turns, list) else []
    said = [f"{_text(turn.get('role'), 20)}: {_text(turn.get('content'), _MOST_CHARACTERS)}" for turn in turns[:6]]
    original = said[0].split(": ", 1)[1] if len(said) == 1 else "\n\n".join(said)
    if record.get("gold"):
        original += f"\n\ngold: {_text(record['gold'], 200)}"
    history = row.get("history")
    tries = history[:_MOST_TRIES] if isinstance(history, list) else []
    return Sample(
        id=_text(row.get("id"), 120),
        source=_text(record.get("source"), 120),
        place=f"{_text(row.get('file'), 200)}:{row.get('line')}" if row.get("file") else "",
        detail=_text(row.get("detail"), 400),
        history=tuple(_text(line, 300) for line in tries),
        original=_cut(original),
        reply=_cut(_readable(row.get("reply"))),
    )


def _text(value: object, most: int) -> str:
    return ("" if value is None else str(value))[:most]


def _readable(reply: object) -> str:
    """A reply as text; of the document that a translation comes in, its segments one under the other."""
    text = _text(reply, _MOST_DOCUMENT)
    try:
        segments = orjson.loads(text)["segments"]
        return "\n".join(str(segment["text"]) for segment in segments) or text
    except (ValueError, TypeError, KeyError):
        return text


def _cut(text: str) -> str:
    return text if len(text) <= _MOST_CHARACTERS else text[:_MOST_CHARACTERS] + " …"
