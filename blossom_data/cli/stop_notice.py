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
from blossom_data.cli.progress import Progress
from blossom_data.cli.quantities import short_time, usd
from blossom_data.counters import Counters
from blossom_data.errors import EndpointError, Interrupted, LedgerError, StoppedEarly
from blossom_data.ledger.address import LedgerAddress
from blossom_data.redaction.commands import shown_command

_STOPS = (Interrupted, StoppedEarly, EndpointError, LedgerError)
_CODES = 3


@contextmanager
def telling_stops(label: str, counters: Counters, ledger: LedgerAddress | None, *, is_told: bool) -> Iterator[None]:
    """Tells of a stop on stderr, if it `is_told`; the error itself goes on to whoever prints it."""
    began_s = time.monotonic()
    try:
        yield
    except _STOPS:
        if is_told and counters.read:
            took_s, command = time.monotonic() - began_s, shown_command(shlex.join(["blossom-data", *sys.argv[1:]]))
            lines = _notice(Progress(label, counters).view(), counters, took_s)
            safe = [f"  safe      every reply that was paid for is in {ledger}; none is bought again"] if ledger else []
            output.say("\n".join([*lines, *safe, f"  go on     {command}"]))
        raise


def _notice(now: Mapping[str, Any], counters: Counters, took_s: float) -> list[str]:
    """What was done and what was spent."""
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
        spent = "price unknown"
        if now["spent_usd"] is not None:
            spent = f"{usd(counters.cost_usd)} in this run"
            spent += f", {usd(now['spent_usd'])} over all runs of this job" if counters.spent_before_usd else ""
        lines.append(f"  spent     {spent}; {now['calls']:,} calls")
    return lines
