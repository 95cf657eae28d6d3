"""What it costs to run again: replies from the ledger, shards that are taken over, and a run that was killed.

    python benchmarks/engine.py --only replay,resume

    replay 20,000          bought 0.51 ms of CPU a record, from the ledger 0.21, taken over 0.05: ratios 0.41 and 0.10

Called by engine.py. "Bought" and "from the ledger" read, judge and write each
record as well; what of that asks for nothing is measured by `verify-math` over the same rows, and taken off for the
cost of the reply itself.
"""

from __future__ import annotations

import shutil
import sys
import time
from pathlib import Path

from harness import SLOTS, Cost, Server, annotate, kept_off, run, say, write_rows

SHARD = 1_000
WHOLE, WHOLE_SHARD, NEW = 1_000_000, 10_000, 100


def measure_replay(folder: Path, rows: int) -> None:
    """Costs of a reply and of a record, by where they come from; then of a little that is new."""
    few, source = write_rows(folder, 10), write_rows(folder, rows)
    command = Commands(folder)
    with Server(folder) as server:
        start_s = command.annotate(few, server).cpu_s
        bought_s = command.annotate(source, server, is_fresh=True).cpu_s - start_s
        shutil.rmtree(folder / "out")
        replayed_s = command.annotate(source, server).cpu_s - start_s
        taken_s = command.annotate(source, server).cpu_s - start_s
        bare_s = command.verify(source).cpu_s - command.verify(few).cpu_s
        each = [seconds / rows * 1000 for seconds in (bought_s, replayed_s, taken_s)]
        say(
            f"replay {rows:,}",
            f"bought {each[0]:.3f} ms of CPU a record, from the ledger {each[1]:.3f}, taken over {each[2]:.3f}: "
            f"ratios {each[1] / each[0]:.2f} and {each[2] / each[0]:.2f}, bar 0.25",
        )
        say(
            "  the reply alone",
            f"bought {(bought_s - bare_s) / rows * 1000:.3f} ms, from the ledger "
            f"{(replayed_s - bare_s) / rows * 1000:.3f}: ratio {(replayed_s - bare_s) / (bought_s - bare_s):.2f}, "
            f"bar 0.25; a record that asks nothing {bare_s / rows * 1000:.3f}",
        )
        for name, change, new in ((f"{NEW} rows more", _lengthen, NEW), ("one row edited", _edit, 1)):
            change(source)
            cost = command.annotate(source, server)
            same = "the bytes of a full run" if command.is_same_as_full(source, server) else "NOT A FULL RUN'S BYTES"
            whole_s = start_s + (WHOLE * each[2] + WHOLE_SHARD * each[1] + new * each[0]) / 1000
            say(f"  {name}", f"{cost.cpu_s:.1f} s of CPU; {whole_s:.0f} s for {WHOLE:,} records, bar 60; {same}")


class Commands:
    """The commands that are measured, each over the data set of the one before."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def annotate(self, source: Path, server: Server, *, out: str = "out", is_fresh: bool = False) -> Cost:
        if is_fresh:
            shutil.rmtree(self._folder / out, ignore_errors=True)
            for old in self._folder.glob("ledger.sqlite*"):
                old.unlink()
        flags = ["--ledger", str(self._folder / "ledger.sqlite"), "--base-url", server.base_url, "--model", "m"]
        return self._run("annotate", source, out, [*flags, "--max-in-flight", str(SLOTS)])

    def verify(self, source: Path) -> Cost:
        shutil.rmtree(self._folder / "verified", ignore_errors=True)
        return self._run("verify-math", source, "verified", ["--resample", "0"])

    def is_same_as_full(self, source: Path, server: Server) -> bool:
        """Whether the data set is, byte for byte, what a run that takes nothing over makes of `source`."""
        out, taken = self._folder / "out", self._folder / "taken"
        out.rename(taken)
        self.annotate(source, server)
        found = [
            {file.relative_to(made): file.read_bytes() for file in sorted(made.rglob("*")) if file.is_file()}
            for made in (out, taken)
        ]
        shutil.rmtree(taken)
        return found[0] == found[1]

    def _run(self, name: str, source: Path, out: str, flags: list[str]) -> Cost:
        argv = [sys.executable, "-m", "blossom_data", name, str(source), "-o", str(self._folder / out), *flags, "-q"]
        cost = run([*argv, "--shard-records", str(SHARD)])
        if cost.code != 0:
            raise SystemExit(f"{name} failed with exit code {cost.code}: {' '.join(argv)}")
        return cost


def _lengthen(source: Path) -> None:
    """Adds NEW rows to the end of `source`."""
    with source.open("r+") as file:
        first = [file.readline() for _ in range(NEW)]
        file.seek(0, 2)
        file.writelines(line.replace("[id:", "[id:new-") for line in first)


def _edit(source: Path) -> None:
    """Puts another word into the row in the middle of `source`."""
    lines = source.read_text().splitlines(keepends=True)
    lines[len(lines) // 2] = lines[len(lines) // 2].replace(" word", " edited", 1)
    source.write_text("".join(lines))


def measure_resume(folder: Path, rows: int) -> None:
    """How long a run that was killed takes to its next call."""
    source = write_rows(folder, rows)
    with Server(folder) as server:
        annotate(folder, source, server, until=lambda: server.stats()["answered_keys"] >= rows - 5_000)
        settled = 10_000 * len(list((folder / "out" / ".building").glob("block-*.json")))
    with Server(folder) as server:
        began_s = time.monotonic()
        cost = annotate(folder, source, server, fresh=False)
        took_s = server.stats()["first_request_mono"] - began_s
    say(
        f"resume {settled:,}",
        f"first new call {took_s:.1f} s after start: {took_s / settled * 1e6:.0f} s for 1,000,000, bar 60; "
        f"{kept_off(cost)}",
    )
