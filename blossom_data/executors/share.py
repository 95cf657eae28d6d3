"""One of several processes, on any machines, that buy the replies of one run between them; the run itself then writes.

    share = parse_share("3/8")                  # the third of eight
    buy_share(job, share)                       # asks for every eighth block of the input, beginning with the third

A share writes nothing but replies into the ledger that all share, so it may die, be started again or never come: the
run that writes buys what is missing. Limits of the endpoint and of the budget are divided by the number of shares; one
that was started anew has a share of what was left just then, so each looks now and then at what all have spent.
"""

from __future__ import annotations

import asyncio
import itertools
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from blossom_data.engine import Outcome, Work
from blossom_data.errors import ConfigError, StoppedEarly
from blossom_data.executors.accounting import show_outcome
from blossom_data.executors.job import Job
from blossom_data.executors.local import describe_run, drive, fastest_loop, open_ledger, rare_collections, spent_so_far
from blossom_data.executors.open_files import allow_open_files
from blossom_data.ledger.store import Ledger

MOST_SHARES = 10_000
_LOOK_S = 1.0
"""Seconds between two looks at what the other shares have spent."""
_SHARE = re.compile(r"(\d{1,5})/(\d{1,5})")


@dataclass(frozen=True, slots=True)
class Share:
    """The `number`-th of `of` shares, from 1."""

    number: int
    of: int

    def __str__(self) -> str:
        return f"{self.number}/{self.of}"


def parse_share(text: str) -> Share:
    """A share such as 3/8; raises ConfigError for what is none."""
    found = _SHARE.fullmatch(text.strip())
    share = Share(*map(int, found.groups())) if found else Share(0, 0)
    if not 1 <= share.number <= share.of <= MOST_SHARES:
        raise ConfigError(f"share is {text!r}", hint="give NUMBER/OF from 1/OF to OF/OF, such as --share 3/8")
    return share


def buy_share(job: Job, share: Share) -> dict[str, Any]:
    """Buys the replies of one share of `job`, and tells what it took; no data set is read or written.

    Raises:
        ConfigError: the ledger is a file, the job uses batches, or a limit is too small to be divided.
        EndpointError, StoppedEarly, Interrupted, LedgerError: it stopped; the same share again goes on.
    """
    if isinstance(job.ledger, Path) or job.ledger is None:
        raise ConfigError("shares need one ledger for all", hint="give --ledger postgresql://HOST/DATABASE")
    if job.batch is not None:
        raise ConfigError("a share asks call by call", hint="leave out --batch")
    job = replace(job, shares=share.of)
    job.counters.is_asking, job.counters.records_total = bool(job.endpoints), 0
    allow_open_files(job.endpoints)
    with open_ledger(job) as ledger:

        def count(index: int, outcome: Outcome) -> None:
            show_outcome(outcome, job.counters)

        with asyncio.Runner(loop_factory=fastest_loop()) as runner, rare_collections():
            runner.run(drive(job, ledger, _within_budget(job, ledger, _work_of(job, share)), count))
    counters = job.counters
    return {
        "stage": job.label,
        "share": str(share),
        "read": counters.read,
        "kept": counters.kept,
        "rejected": dict(sorted(counters.rejected.items())),
        "failed": dict(sorted(counters.failed.items())),
        "out": str(job.out),
        "run": describe_run(counters),
    }


def _work_of(job: Job, share: Share) -> Iterator[Work]:
    """The items of the share's blocks; all of the input is read, for a block is found by counting."""
    work, counters = iter(job.work), job.counters
    for block in itertools.count():
        is_ours = block % share.of == share.number - 1
        read = 0
        for item in itertools.islice(work, job.shard_records):
            read += 1
            if is_ours:
                counters.read += 1
                yield item
        if read < job.shard_records:
            return


def _within_budget(job: Job, ledger: Ledger, work: Iterator[Work]) -> Iterator[Work]:
    """`work`; raises StoppedEarly where this share buys and all together have spent the budget."""
    most_usd, most_tokens = job.spending.budget_usd, job.spending.budget_tokens
    is_limited = most_usd is not None or most_tokens is not None
    looked_s, calls = time.monotonic(), 0
    for item in work:
        if is_limited and job.counters.calls > calls and time.monotonic() - looked_s > _LOOK_S:
            usd, tokens = spent_so_far(job, ledger)
            looked_s, calls = time.monotonic(), job.counters.calls
            if (most_usd is not None and usd >= most_usd) or (most_tokens is not None and tokens >= most_tokens):
                raise StoppedEarly(
                    f"all shares together have spent the budget: ${usd:,.4f}, {tokens:,} tokens",
                    hint="raise --budget-usd or --budget-tokens: nothing paid for is lost",
                )
        yield item
