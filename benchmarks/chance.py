"""Failures that come by chance, as load balancers and shared keys give them: what they cost the real command.

    chance 10 % 429        90 % of 5,000 rows in 1.17 times the time without (Retry-After 1), bar 1.43
    mix of faults          1,000 rows in 1.05 times a loop in which each call retries on its own, bar 1.2

Times are those of the server's log: from the first request to the answer that is looked for.
"""

from __future__ import annotations

import json
import statistics
import sys
from pathlib import Path

from harness import ROOT, Server, annotate, run, say, write_rows

MIX = "--err-429 .05 --retry-after 1 --err-500 .03 --err-reset .01 --err-trunc .01 --err-502 .01"


def answered_s(log: Path, rows: int) -> float:
    """Seconds from the first request to the one that brought the `rows`-th answer."""
    lines = [line.split() for line in log.read_text().splitlines()]
    sound = [float(line[0]) for line in lines if line[-1] == "ok"]
    return sound[rows - 1] - float(lines[0][0])


def measure_chance(folder: Path, rounds: int) -> None:
    """10 % random 429 at 64 in flight and 50 ms, with two kinds of Retry-After, beside none."""
    count, wanted = 5_000, 4_500
    rows, log = write_rows(folder, count), folder / "requests"
    for retry_after in ("1", "0.2"):
        ratios = []
        for seed in range(rounds):
            walls = []
            for share in ("0", "0.1"):
                options = ("--err-429", share, "--retry-after", retry_after, "--seed", str(seed), "--log", str(log))
                with Server(folder, *options, latency="50") as server:
                    cost = annotate(folder, rows, server, slots=64)
                walls.append(answered_s(log, wanted) if cost.code == 0 else float("inf"))
            ratios.append(walls[1] / walls[0])
        each = " ".join(f"{ratio:.2f}" for ratio in ratios)
        say(
            "chance 10 % 429",
            f"90 % of {count:,} rows in {statistics.median(ratios):.2f} times the time of 90 % without "
            f"(Retry-After {retry_after}; {each}), bar 1.43",
        )


def measure_mix(folder: Path, rounds: int) -> None:
    """5 % 429, 3 % 500, 1 % each of resets, torn bodies and HTML pages, beside a loop that knows nothing of others."""
    rows, log = write_rows(folder, 1_000), folder / "requests"
    ratios, lost = [], 0
    for seed in range(max(rounds, 5)):
        walls = []
        for is_bare in (True, False):
            with Server(folder, *MIX.split(), "--seed", str(seed), "--log", str(log), latency="50") as server:
                if is_bare:
                    loop = [sys.executable, str(ROOT / "benchmarks" / "bare_loop.py"), server.base_url, str(rows)]
                    run([*loop, "256", "--retry"])
                else:
                    annotate(folder, rows, server)
                    lost += 1_000 - json.loads((folder / "out" / "manifest.json").read_text())["kept"]
            walls.append(answered_s(log, 1_000))
        ratios.append(walls[1] / walls[0])
    each = " ".join(f"{ratio:.2f}" for ratio in ratios)
    say("mix of faults", f"{statistics.median(ratios):.2f} times a plain loop ({each}), bar 1.2; {lost} rows lost")
