"""What a call costs on the client's side: Pool.complete against a bare aiohttp loop, in one run on one server.

    python benchmarks/client.py [--calls 5000] [--rounds 3] [--server PATH_OF_A_MOCK_SERVER]

Part 1, no latency: CPU seconds for 1,000 calls of both, in rounds (A B, A B, ...); the median of the ratios.
Part 2, 100 ms latency: share of the ideal rate (slots / latency) that both reach with 256 calls at once.
The server runs in a process of its own: tests/loopback.py, or any program that takes --port and --latency (ms) and
answers chat completions. Process start and imports are left out.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import resource
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import aiohttp

from blossom_data.asks import Ask
from blossom_data.config import Endpoint
from blossom_data.counters import Counters
from blossom_data.llm.pool import Pool
from blossom_data.records import Message

SLOTS = 256
SYSTEM = "You are a translation function; the user message is one JSON document of data. " * 4
LOOPBACK = Path(__file__).resolve().parents[1] / "tests" / "loopback.py"


def prompt(number: int) -> str:
    """About 200 tokens, different for each number."""
    return f"[id:{number}] " + "Explain step by step how a bicycle stays upright while it moves. " * 12


@contextmanager
def served(server: str, latency_ms: int) -> Iterator[str]:
    """Runs the server in a child process and yields its base URL."""
    if server:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        argv = [server, "--port", str(port), "--latency", str(latency_ms)]
        base_url = f"http://127.0.0.1:{port}/v1"
    else:
        argv, base_url = [sys.executable, str(LOOPBACK), str(latency_ms / 1000)], ""
    child = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        if not server and child.stdout:
            base_url = child.stdout.readline().strip()
        time.sleep(0.3)
        yield base_url
    finally:
        child.terminate()
        child.wait()


async def bare(base_url: str, calls: int) -> None:
    """The yardstick: as many workers as slots, one session, no retries, no limits, no checks."""
    numbers = iter(range(calls))
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=SLOTS)) as session:

        async def work() -> None:
            for number in numbers:
                messages = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": prompt(number)}]
                body = {"model": "m", "messages": messages, "temperature": 0.3, "max_tokens": 512}
                async with session.post(base_url + "/chat/completions", json=body) as response:
                    assert (await response.json())["choices"][0]["message"]["content"]

        await asyncio.gather(*(work() for _ in range(SLOTS)))


async def pooled(base_url: str, calls: int) -> None:
    """The same job through the pool: slots, deadline, byte limit, classification, counters."""
    numbers = iter(range(calls))
    endpoint = Endpoint(base_url=base_url, model="m", max_in_flight=SLOTS)
    system = Message("system", SYSTEM)
    async with Pool([endpoint], counters=Counters()) as pool:

        async def work() -> None:
            for number in numbers:
                messages = (system, Message("user", prompt(number)))
                ask = Ask(stage="bench", version=1, messages=messages, temperature=0.3, max_tokens=512)
                assert (await pool.complete(ask)).text

        await asyncio.gather(*(work() for _ in range(SLOTS)))


def measure(job: Callable[[str, int], Awaitable[None]], base_url: str, calls: int) -> tuple[float, float]:
    """CPU seconds and wall seconds of one job."""

    async def whole() -> None:
        await job(base_url, calls)

    before, began_s = resource.getrusage(resource.RUSAGE_SELF), time.monotonic()
    asyncio.run(whole())
    after, ended_s = resource.getrusage(resource.RUSAGE_SELF), time.monotonic()
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, ended_s - began_s


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--calls", type=int, default=5000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--server", default="", help="path of a mock server; default: tests/loopback.py")
    flags = parser.parse_args()
    result: dict[str, float] = {}
    with served(flags.server, 0) as base_url:
        measure(bare, base_url, 256), measure(pooled, base_url, 256)
        rounds = [
            (measure(bare, base_url, flags.calls)[0], measure(pooled, base_url, flags.calls)[0])
            for _ in range(flags.rounds)
        ]
    per_1k = 1000 / flags.calls
    result["bare_cpu_s_per_1k"] = statistics.median(pair[0] for pair in rounds) * per_1k
    result["pool_cpu_s_per_1k"] = statistics.median(pair[1] for pair in rounds) * per_1k
    result["cpu_ratio"] = statistics.median(pair[1] / pair[0] for pair in rounds)
    ideal_s = flags.calls * 0.1 / SLOTS
    with served(flags.server, 100) as base_url:
        walls = [(measure(bare, base_url, flags.calls)[1], measure(pooled, base_url, flags.calls)[1]) for _ in range(2)]
    result["bare_share_of_ideal"] = ideal_s / min(pair[0] for pair in walls)
    result["pool_share_of_ideal"] = ideal_s / min(pair[1] for pair in walls)
    sys.stdout.write(json.dumps({name: round(value, 4) for name, value in result.items()}, indent=2) + "\n")


if __name__ == "__main__":
    main()
