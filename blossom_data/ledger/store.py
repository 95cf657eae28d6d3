"""What the engine needs of a ledger, whichever database keeps it."""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Protocol

from blossom_data.asks import Ask, Reply, Usage


@dataclass(frozen=True, slots=True)
class StageTotals:
    """What the ledger holds of one stage and model: replies and their tokens."""

    stage: str
    model: str
    replies: int
    tokens_in: int
    tokens_out: int
    tokens_cached: int


class Ledger(Protocol):
    """Replies by Ask key. A reply is served only after it is durable; a failure is noted, never served."""

    def get(self, key: bytes) -> Reply | Awaitable[Reply | None] | None:
        """The stored reply of `key`, or None; to be awaited where the ledger is on another machine."""
        ...

    def put(self, key: bytes, ask: Ask, reply: Reply) -> Awaitable[Reply | None]:
        """Stores `reply`; what is awaited ends when it is durable, with the one to use where another came before it.

        Raises:
            LedgerError: it could not be made durable.
        """
        ...

    def note_failure(self, key: bytes, stage: str, status: int, cause: str, detail: str) -> None:
        """Notes a call that brought no reply, for people to look up."""
        ...

    def book(self, stage: str, model: str, usage: Usage) -> None:
        """Adds to the totals what was billed without an answer that could be kept."""
        ...

    def recall(self, name: str) -> str | None:
        """What `remember` was told under `name`, by this run or an earlier one."""
        ...

    def remember(self, name: str, value: str) -> None:
        """Keeps a small fact about an endpoint for the next run."""
        ...

    def totals(self, job: str | None = None) -> list[StageTotals]:
        """What was bought so far, by stage and model; of one job alone where one is named."""
        ...

    def close(self) -> None:
        """Writes what is queued and closes the database."""
        ...


class NothingIsBought:
    """The part of a Ledger that is for calls, of one for a run that makes none."""

    def note_failure(self, key: bytes, stage: str, status: int, cause: str, detail: str) -> None:
        """No call is ever made."""

    def book(self, stage: str, model: str, usage: Usage) -> None:
        """No call is ever made."""

    def recall(self, name: str) -> str | None:
        """No endpoint is ever met."""
        return None

    def remember(self, name: str, value: str) -> None:
        """No endpoint is ever met."""
