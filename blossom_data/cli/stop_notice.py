"""What a run that stopped early says before its error: what was done, what was spent, how to go on.

stopped after 12m: 18,204 of 52,002 records are done
  kept      17,911, rejected 293 (translate/quarantine 120, translate/speech_act 80, others 93), failed 0
  spent     $3.18 in this run, $4.02 over all runs of this job; 18,210 calls
  safe      every reply that was paid for is in math.sqlite; none is bought again
  go on     blossom-data run math.toml --budget-usd 10
"""

from __future__ import annotations

import shlex
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from blossom_data.cli import output
from blossom_data.cli.progress import Progress, short_time, usd
from blossom_data.errors import EndpointError, Interrupted, LedgerError, StoppedEarly
from blossom_data.executors.local import Job

_STOPS = (Interrupted, StoppedEarly, EndpointError, LedgerError)
_CODES = 3


@contextmanager
def telling_stops(job: Job, flags: Mapping[str, Any]) -> Iterator[None]:
    """Tells of a stop of `job` on stderr; the error itself goes on to whoever prints it."""
    began_s = time.monotonic()
    try:
        yield
    except _STOPS:
        if not flags["quiet"] and not flags["is_json"] and job.counters.read:
            output.say("\n".join(_notice(job, time.monotonic() - began_s, shlex.join(["blossom-data", *sys.argv[1:]]))))
        raise


def _notice(job: Job, took_s: float, command: str) -> list[str]:
    now = Progress(job.label, job.counters).view()
    total = f" of {now['total']:,}" if now["total"] else ""
    top = [f"{code} {number:,}" for code, number in now["codes"][:_CODES]]
    if others := sum(number for _, number in now["codes"][_CODES:]):
        top.append(f"others {others:,}")
    codes = f" ({', '.join(top)})" if top else ""
    lines = [
        f"stopped after {short_time(took_s)}: {now['done']:,}{total} records are done",
        f"  kept      {now['kept']:,}, rejected {now['rejected']:,}{codes}, failed {now['failed']:,}",
    ]
    if now["is_asking"]:
        spent, counters = "price unknown", job.counters
        if now["spent_usd"] is not None:
            spent = f"{usd(counters.cost_usd)} in this run"
            spent += f", {usd(now['spent_usd'])} over all runs of this job" if counters.spent_before_usd else ""
        lines.append(f"  spent     {spent}; {now['calls']:,} calls")
        lines.append(f"  safe      every reply that was paid for is in {job.ledger}; none is bought again")
    return [*lines, f"  go on     {command}"]
