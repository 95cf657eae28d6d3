"""What the engine costs and keeps to, as ratios measured in one run; the real command against a server of its own.

    python benchmarks/engine.py [--only cpu,rate] [--rounds 3] [--full]

    cpu 5,000 rows         0.21 s of CPU per 1,000 calls, bare aiohttp loop 0.25: ratio 0.84 (0.80 0.84 0.91)

The server is mockllm, compiled from ../shared where that folder and a compiler are, else tests/loopback.py (parts that
need its counters are left out, and said so). With two cores or more the server has one and the client another. CPU is
user and system time of the whole command, start and end included. Walls are those of the server's log, first request
to last answer; beside them stands the share of the time for which the client was ready and another process ran.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import math
import os
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from chance import measure_chance, measure_mix
from harness import CORES, SLOTS, Server, annotate, bare, binary, kept_off, say, span_s, write_rows

MEDIAN_S, SIGMA = 0.2, 0.5
MEAN_S = MEDIAN_S * math.exp(SIGMA**2 / 2)


def measure_cpu(folder: Path, rounds: int) -> None:
    for count in (5_000, 20_000):
        rows, ratios, ours_s, bare_s = write_rows(folder, count), [], [], []
        for _ in range(rounds):
            with Server(folder) as server:
                bare_s.append(bare(rows, server).cpu_s / count * 1000)
            with Server(folder) as server:
                ours_s.append(annotate(folder, rows, server).cpu_s / count * 1000)
            ratios.append(ours_s[-1] / bare_s[-1])
        each = " ".join(f"{ratio:.2f}" for ratio in ratios)
        say(
            f"cpu {count:,} rows",
            f"{statistics.median(ours_s):.3f} s of CPU per 1,000 calls, bare aiohttp loop "
            f"{statistics.median(bare_s):.3f}: ratio {statistics.median(ratios):.2f} ({each})"
            f"{'; bar 1.8' if count == 20_000 else ''}",
        )


def measure_saturation(folder: Path, rounds: int) -> None:
    rows = write_rows(folder, 10_000)
    for name, work in (("bare loop", bare), ("annotate", lambda rows, server: annotate(folder, rows, server))):
        with Server(folder, latency="100") as server:
            cost, stats = work(rows, server), server.stats()
            share = 10_000 / span_s(server) / (SLOTS / 0.1)
        say(
            "100 ms, 256 at once",
            f"{name}: {share:.0%} of slots/latency; at most {stats['max_in_flight']} in flight, "
            f"{stats['connections']} connections; {kept_off(cost)}; bar 90%",
        )
    faults = "--err-500 .02 --err-502 .01 --err-reset .01 --err-trunc .01"
    for name, options, bar in (("no faults", "", 1.05), ("5% faults", faults, 1.15)):
        rows = write_rows(folder, 20_000)
        with Server(folder, "--slots", str(SLOTS), *options.split(), latency="ln:200:0.5") as server:
            cost = annotate(folder, rows, server)
            stats, ratio = server.stats(), span_s(server) / (20_000 * MEAN_S / SLOTS)
        resets = stats["injected"]["reset"] + stats["injected"]["trunc"]
        say(
            "log-normal 200 ms",
            f"{name}: span / (rows x mean latency / 256) {ratio:.3f}, bar {bar}; {stats['requests']:,} requests for "
            f"20,000 rows, {stats['connections']} connections ({resets} were cut); {kept_off(cost)}",
        )


def measure_rate(folder: Path, rounds: int) -> None:
    with Server(folder, "--rps", "50", "--retry-after", "2", latency="20") as server:
        annotate(folder, write_rows(folder, 400), server, slots=64)
        stats, ratio = server.stats(), span_s(server) / (400 / 50)
    say("429: 50/s, 400 rows", f"{stats['requests']} requests, bar 420; span / ideal {ratio:.2f}, bar 1.25")


def measure_poison(folder: Path, rounds: int) -> None:
    rows = write_rows(folder, 200)
    for seed in range(100):
        with Server(folder, "--poison", "0.005", "--seed", str(seed), latency="5") as server:
            cost, stats = annotate(folder, rows, server), server.stats()
        if stats["injected"]["400"]:
            break
    manifest = json.loads((folder / "out" / "manifest.json").read_text())
    say(
        "poison, 200 rows",
        f"{manifest['kept']} results, {stats['injected']['400']} calls refused for {sum(manifest['failed'].values())} "
        f"record, {stats['requests']} requests in all; exit code {cost.code}",
    )


def measure_start(folder: Path, rounds: int) -> None:
    rows, times = write_rows(folder, 5_000), []
    for _ in range(max(5, rounds)):
        with Server(folder) as server:
            began_s = time.monotonic()
            annotate(folder, rows, server, until=lambda server=server: server.stats()["requests"] > 0)
            times.append(server.stats()["first_request_mono"] - began_s)
    say("first request", f"{statistics.median(times):.2f} s after start (best {min(times):.2f}), bar 0.7")


def measure_ledger(folder: Path, rounds: int) -> None:
    from blossom_data.asks import Ask, Reply, Usage
    from blossom_data.ledger.sqlite import SqliteLedger
    from blossom_data.records import Message

    count, path = 50_000, folder / "bench.sqlite"
    ask = Ask(stage="annotate", version=1, messages=(Message("user", "x"),))
    replies = [
        Reply(text=" ".join(f"word{(row * 7 + word) % 997}" for word in range(300)), model="m", usage=Usage())
        for row in range(64)
    ]
    keys = [row.to_bytes(16, "big") for row in range(count)]

    async def put_all(ledger: SqliteLedger) -> None:
        numbers = iter(range(count))

        async def work() -> None:
            for number in numbers:
                await ledger.put(keys[number], ask, replies[number % 64])

        await asyncio.gather(*(work() for _ in range(2 * SLOTS)))

    ledger = SqliteLedger(path)
    began_s = time.monotonic()
    asyncio.run(put_all(ledger))
    put_s, began_s = time.monotonic() - began_s, time.monotonic()
    for key in keys:
        ledger.get(key)
    get_s = time.monotonic() - began_s
    ledger.close()
    say("ledger", f"{count / put_s:,.0f} durable replies/s, bar 10,000; {count / get_s:,.0f} read/s; 300-word replies")


def measure_resume(folder: Path, rounds: int, *, rows: int = 50_000) -> None:
    import replay

    replay.measure_resume(folder, rows)


def measure_replay(folder: Path, rounds: int, *, rows: int = 20_000) -> None:
    import replay

    replay.measure_replay(folder, rows)


def measure_memory(folder: Path, rounds: int, *, sizes: tuple[int, int] = (20_000, 100_000)) -> None:
    found = []
    for count in sizes:
        with Server(folder) as server:
            found.append(annotate(folder, write_rows(folder, count), server).rss_mb)
    say(
        "memory",
        f"{found[0]:.0f} MB at {sizes[0]:,} records, {found[1]:.0f} MB at {sizes[1]:,}: {found[1] / found[0]:.2f}; "
        "bar 300 MB and 1.10 (at 100,000 and 1,000,000: --full)",
    )


PARTS: dict[str, Callable[[Path, int], None]] = {
    "cpu": measure_cpu,
    "saturation": measure_saturation,
    "rate": measure_rate,
    "chance": measure_chance,
    "mix": measure_mix,
    "poison": measure_poison,
    "start": measure_start,
    "ledger": measure_ledger,
    "resume": measure_resume,
    "replay": measure_replay,
    "memory": measure_memory,
}
WITHOUT_COUNTERS = {"cpu", "ledger", "replay", "memory"}


@contextlib.contextmanager
def workplace() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="engine-bench-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def main() -> None:
    flags = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    flags.add_argument("--only", default="", help=f"parts, by comma: {', '.join(PARTS)}")
    flags.add_argument("--rounds", type=int, default=3)
    flags.add_argument("--full", action="store_true", help="resume, replay, memory with 1,000,000 records (hours)")
    given = flags.parse_args()
    os.sched_setaffinity(0, CORES[:1])
    wanted = given.only.split(",") if given.only else list(PARTS)
    kind = "mockllm" if binary() else "tests/loopback.py (no mockllm source or no compiler)"
    load = "/".join(f"{part:.1f}" for part in os.getloadavg())
    say("conditions", f"{os.cpu_count()} cores, load {load}, Python {sys.version.split()[0]}, server {kind}")
    for name in wanted:
        if not binary() and name not in WITHOUT_COUNTERS:
            say(name, "left out: it needs mockllm's counters")
            continue
        with workplace() as folder:
            if given.full and name in ("resume", "replay"):
                {"resume": measure_resume, "replay": measure_replay}[name](folder, given.rounds, rows=1_000_000)
            elif given.full and name == "memory":
                measure_memory(folder, given.rounds, sizes=(100_000, 1_000_000))
            else:
                PARTS[name](folder, given.rounds)


if __name__ == "__main__":
    main()
