"""What a ledger in PostgreSQL takes, as ratios to the ledger in a file, in one run on one machine.

    python benchmarks/postgres.py [--replies 50000]

    store                  9,800 replies/s in PostgreSQL, 14,200 in SQLite: ratio 0.69; bar 5,000/s
    store, snapshot held   9,600 replies/s: ratio 0.98 to without; bar 0.95

The server is Debian's, as tests/cluster starts it, with its usual settings for durability. `snapshot held` is another
session that keeps a view of the database open all the while.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "cluster"))

from harness import say  # noqa: E402
from postgres_server import PostgresServer, binaries  # noqa: E402

from blossom_data.asks import Ask, Reply, Usage  # noqa: E402
from blossom_data.ledger.address import address_of  # noqa: E402
from blossom_data.ledger.opening import open_ledger  # noqa: E402
from blossom_data.records import Message  # noqa: E402

WORKERS = 512
ASK = Ask(stage="annotate", version=1, messages=(Message("user", "x"),))
REPLIES = [
    Reply(text=" ".join(f"word{(row * 7 + word) % 997}" for word in range(300)), model="m", usage=Usage())
    for row in range(64)
]


async def _spread(keys: list[bytes], do: Any) -> None:
    numbers = iter(enumerate(keys))

    async def work() -> None:
        for number, key in numbers:
            await do(number, key)

    await asyncio.gather(*(work() for _ in range(WORKERS)))


def measure(address: str, keys: list[bytes], job: str) -> tuple[float, float]:
    """Replies a second that are stored, and that are looked up."""
    ledger = open_ledger(address_of(address), job=job, say=print)
    began_s = time.monotonic()

    async def put(number: int, key: bytes) -> None:
        await ledger.put(key, ASK, REPLIES[number % 64])

    async def get(number: int, key: bytes) -> None:
        found = ledger.get(key)
        assert (found if isinstance(found, Reply) else await found) is not None  # type: ignore[misc]

    asyncio.run(_spread(keys, put))
    stored_s, began_s = time.monotonic() - began_s, time.monotonic()
    asyncio.run(_spread(keys, get))
    found_s = time.monotonic() - began_s
    ledger.close()
    return len(keys) / stored_s, len(keys) / found_s


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--replies", type=int, default=50_000)
    count = parser.parse_args().replies
    if binaries() is None:
        say("postgres", "left out: apt-get install postgresql")
        return
    say(
        "conditions",
        f"{len(os.sched_getaffinity(0))} cores, load {'/'.join(f'{load:.1f}' for load in os.getloadavg())}",
    )
    with tempfile.TemporaryDirectory() as folder, PostgresServer() as server:
        os.environ["XDG_STATE_HOME"] = folder
        keys = [number.to_bytes(16, "little") for number in range(3 * count)]
        in_file = measure(f"{folder}/ledger.sqlite", keys[:count], "file")
        in_server = measure(server.url, keys[:count], "server")
        for name, ours, baseline, bar in zip(
            ("store", "look up"), in_server, in_file, ("; bar 5,000/s", ""), strict=True
        ):
            say(
                name,
                f"{ours:,.0f} replies/s in PostgreSQL, {baseline:,.0f} in SQLite: ratio {ours / baseline:.2f}{bar}",
            )
        without = measure(server.url, keys[count : 2 * count], "without")[0]
        import psycopg

        with psycopg.connect(server.url) as reader:
            reader.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            reader.execute("SELECT count(*) FROM blossom_data.replies")
            held = measure(server.url, keys[2 * count :], "held")[0]
        say("store, snapshot held", f"{held:,.0f} replies/s: ratio {held / without:.2f} to without; bar 0.95")


if __name__ == "__main__":
    main()
