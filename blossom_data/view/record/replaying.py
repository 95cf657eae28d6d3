"""Drives a stage once more with the replies of the ledger, which shows every request, reply and verdict; asks nobody.

    replay(Annotate(...), record, stored, models=("qwen2.5-72b",))
    ->  Replayed(rounds=[Round(asks=[...], replies=[...], because="refusal"), ...], result=Record(...))

A reply is found by the hash of all that decided it: what is shown as its request is what was sent. Where settings were
others than the ones assumed, the first request has another hash, nothing is found, and nothing is shown.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from blossom_data.asks import Ask, Note, Reply, Stage
from blossom_data.records import Record, Reject

if TYPE_CHECKING:
    from blossom_data.ledger.opening import Snapshot

_MOST_ROUNDS = 64


@dataclass(frozen=True, slots=True)
class Round:
    """Requests that were sent side by side, their replies and keys, and the code for which there was a next round."""

    asks: list[Ask]
    replies: list[Reply]
    keys: list[bytes]
    because: str = ""


@dataclass(frozen=True, slots=True)
class Replayed:
    """What a stage did with a record; `result` is None where the ledger does not hold all of it."""

    rounds: list[Round] = field(default_factory=list)
    result: Record | Reject | None = None


def replay(
    stage: Stage,
    record: Record,
    stored: Snapshot,
    *,
    models: Iterable[str],
    further: Mapping[str, Any] | None = None,
) -> Replayed:
    """What `stage` asked about `record` and heard, with the first of `models` under which the ledger knows it."""
    best = Replayed()
    for model in dict.fromkeys(models):
        found = _driven(stage, record, stored, model, further or {})
        if found.result is not None:
            return found
        if len(found.rounds) > len(best.rounds):
            best = found
    return best


def _driven(stage: Stage, record: Record, stored: Snapshot, model: str, further: Mapping[str, Any]) -> Replayed:
    rounds: list[Round] = []
    steps = stage.run(record)
    answer: Any = None
    try:
        while len(rounds) < _MOST_ROUNDS:
            question = steps.send(answer)
            if isinstance(question, Note):
                answer = None
                continue
            asks = [replace(ask, further=further) for ask in ([question] if isinstance(question, Ask) else question)]
            if rounds and (because := next((ask.because for ask in asks if ask.because), "")):
                rounds[-1] = replace(rounds[-1], because=because)
            keys = [ask.key(model) for ask in asks]
            replies = [reply for key in keys if (reply := stored.get(key)) is not None]
            if len(replies) < len(asks):
                return Replayed(rounds)
            rounds.append(Round(asks, replies, keys))
            answer = replies[0] if isinstance(question, Ask) else replies
    except StopIteration as done:
        made = done.value if isinstance(done.value, tuple) else (done.value,)
        return Replayed(rounds, made[-1] if made else None)
    except Reject as why:
        return Replayed(rounds, why)
    return Replayed(rounds)
