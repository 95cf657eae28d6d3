"""How a run goes through a provider's batch endpoint: the frozen settings, light enough for every command to import.

BatchSettings(lines=10_000, poll_s=60.0)     two batches of 10,000 lines out at once, looked at once a minute
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from blossom_data.errors import ConfigError
from blossom_data.llm.policy import Patience

MOST_LINES = 50_000
"""Lines that a provider takes in one batch."""
MOST_BYTES = 200_000_000
"""Bytes that a provider takes in one batch file, and in one request."""
DEFAULT_LINES = 10_000
PRICE_SHARE = 0.5
"""What a batch costs of the list price."""


def say_nothing(line: str) -> None:
    """Tells nobody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchSettings:
    """Limits and manners of a run with --batch."""

    lines: int = DEFAULT_LINES
    """Most lines in one batch, 1 to MOST_LINES."""
    most_bytes: int = MOST_BYTES
    """Most bytes of one batch file, where a provider takes more than most do."""
    most_single_bytes: int = MOST_BYTES
    """A longer file is uploaded in parts."""
    poll_s: float = 60.0
    """Longest pause between two looks at a batch; the first ones come sooner."""
    tries: int = 2
    """Batches that a line may go through without an answer before it is asked online, or given up for this run."""
    is_topped_up: bool = False
    """Ask lines online that no batch answered; else their records fail, and the next run asks again."""
    is_detached: bool = False
    """Leave as soon as everything that can be asked now is at the provider."""
    patience: Patience = field(default_factory=Patience)
    """How failures of the batch routes themselves are borne."""
    tell: Callable[[str], None] = say_nothing
    """Gets one line per batch submitted, found again and ended."""

    def __post_init__(self) -> None:
        if not 1 <= self.lines <= MOST_LINES:
            raise ConfigError(f"a batch holds 1 to {MOST_LINES:,} lines, not {self.lines:,}", hint="such as 10000")
        for limit in ("most_bytes", "most_single_bytes", "poll_s", "tries"):
            if not getattr(self, limit) > 0:
                raise ConfigError(
                    f"{limit} must be greater than 0, is {getattr(self, limit)}", hint=f"such as {limit} = 8"
                )

    @property
    def workers(self) -> int:
        """Records worked on at once: while one batch is out, the next one fills."""
        return 2 * self.lines

    @property
    def quiet_s(self) -> float:
        """Time without a new ask or record after which what is pending is submitted."""
        return min(1.0, self.poll_s)
