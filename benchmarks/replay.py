"""What it costs to run again: replies from the ledger, shards that are taken over, and a run that was killed.

    python benchmarks/engine.py --only replay,resume

    replay 20,000          bought 0.51 ms of CPU a record, from the ledger 0.21, taken over 0.05: ratios 0.41 and 0.10

Called by engine.py, whose server, commands and clock it uses. "Bought" and "from the ledger" read, judge and write each
record as well; what of that asks for nothing is measured by `verify-math` over the same rows, and taken off for the
cost of the reply itself.
"""

from __future__ import annotations

import shutil
import sys
import time
from pathlib import Path
from typing import Any

SHARD = 1_000
WHOLE, WHOLE_SHARD, NEW = 1_000_000, 10_000, 100


def measure_replay(bench: Any, folder: Path, rows: int) -> None:
    """Costs of a reply and of a record, by where they come from; then of a little that is new."""
    few, source = bench.write_rows(folder, 10), bench.write_rows(folder, rows)
    command = Commands(bench, folder)
    with bench.Server(folder) as server:
        start_s = command.annotate(few, server).cpu_s
        bought_s = command.annotate(source, server, is_fresh=True).cpu_s - start_s
        shutil.rmtree(folder / "out")
        replayed_s = command.annotate(source, server).cpu_s - start_s
        taken_s = command.annotate(source, server).cpu_s - start_s
        bare_s = command.verify(source).cpu_s - command.verify(few).cpu_s
        each = [seconds / rows * 1000 for seconds in (bought_s, replayed_s, taken_s)]
        bench.say(
            f"replay {rows:,}",
            f"bought {each[0]:.3f} ms of CPU a record, from the ledger {each[1]:.3f}, taken over {each[2]:.3f}: "
            f"ratios {each[1] / each[0]:.2f} and {each[2] / each[0]:.2f}, bar 0.25",
        )
        bench.say(
            "  the reply alone",
            f"bought {(bought_s - bare_s) / rows * 1000:.3f} ms, from the ledger "
            f"{(replayed_s - bare_s) / rows * 1000:.3f}: ratio {(replayed_s - bare_s) / (bought_s - bare_s):.2f}, "
            f"bar 0.25; a record that asks nothing {bare_s / rows * 1000:.3f}",
        )
        changes = {f"{NEW} rows more": _longer(source, rows), "one row edited": _edited(source)}
        for name, changed in changes.items():
            cost = command.annotate(changed, server)
            same = "the bytes of a full run" if command.is_same_as_full(changed, server) else "NOT A FULL RUN'S BYTES"
            new_s = NEW * each[0] / 1000 if changed.name.startswith("longer") else 0.0
            whole_s = start_s + WHOLE * each[2] / 1000 + WHOLE_SHARD * each[1] / 1000 + new_s
            bench.say(f"  {name}", f"{cost.cpu_s:.1f} s of CPU; {whole_s:.0f} s for {WHOLE:,} records, bar 60; {same}")


class Commands:
    """The commands that are measured, each over the data set of the one before."""

    def __init__(self, bench: Any, folder: Path) -> None:
        self._bench, self._folder = bench, folder

    def annotate(self, source: Path, server: Any, *, out: str = "out", is_fresh: bool = False) -> Any:
        if is_fresh:
            shutil.rmtree(self._folder / out, ignore_errors=True)
            for old in self._folder.glob("ledger.sqlite*"):
                old.unlink()
        flags = ["--ledger", str(self._folder / "ledger.sqlite"), "--base-url", server.base_url, "--model", "m"]
        return self._run("annotate", source, out, [*flags, "--max-in-flight", str(self._bench.SLOTS)])

    def verify(self, source: Path) -> Any:
        shutil.rmtree(self._folder / "verified", ignore_errors=True)
        return self._run("verify-math", source, "verified", ["--resample", "0"])

    def is_same_as_full(self, source: Path, server: Any) -> bool:
        """Whether the data set is, byte for byte, what a run that takes nothing over makes of `source`."""
        self.annotate(source, server, out="full/out")
        found = [
            {file.relative_to(out): file.read_bytes() for file in sorted(out.rglob("*")) if file.is_file()}
            for out in (self._folder / "out", self._folder / "full/out")
        ]
        shutil.rmtree(self._folder / "full")
        return found[0] == found[1]

    def _run(self, name: str, source: Path, out: str, flags: list[str]) -> Any:
        argv = [sys.executable, "-m", "blossom_data", name, str(source), "-o", str(self._folder / out), *flags, "-q"]
        cost = self._bench.run([*argv, "--shard-records", str(SHARD)])
        if cost.code != 0:
            raise SystemExit(f"{name} failed with exit code {cost.code}: {' '.join(argv)}")
        return cost


def _longer(source: Path, rows: int) -> Path:
    """`source` with NEW rows more at its end; under the same name in another folder, for rejects name their file."""
    text = source.read_text()
    first = text.splitlines(keepends=True)[:NEW]
    path = source.with_name(f"longer-{source.name}")
    path.write_text(text + "".join(line.replace("[id:", f"[id:{rows}-") for line in first))
    return path


def _edited(source: Path) -> Path:
    """`source` with another word in the row in its middle."""
    lines = source.read_text().splitlines(keepends=True)
    lines[len(lines) // 2] = lines[len(lines) // 2].replace(" word", " edited", 1)
    path = source.with_name(f"edited-{source.name}")
    path.write_text("".join(lines))
    return path


def measure_resume(bench: Any, folder: Path, rows: int) -> None:
    """How long a run that was killed takes to its next call."""
    source = bench.write_rows(folder, rows)
    with bench.Server(folder) as server:
        bench.annotate(folder, source, server, until=lambda: server.stats()["answered_keys"] >= rows - 5_000)
        settled = 10_000 * len(list((folder / "out" / ".building").glob("block-*.json")))
    with bench.Server(folder) as server:
        began_s = time.monotonic()
        cost = bench.annotate(folder, source, server, fresh=False)
        took_s = server.stats()["first_request_mono"] - began_s
    bench.say(
        f"resume {settled:,}",
        f"first new call {took_s:.1f} s after start: {took_s / settled * 1e6:.0f} s for 1,000,000, bar 60; "
        f"{bench.kept_off(cost)}",
    )
