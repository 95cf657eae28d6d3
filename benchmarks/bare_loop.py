"""The yardstick of benchmarks/engine.py: workers that read, post and write; nothing is checked, kept or limited.

    python benchmarks/bare_loop.py BASE_URL ROWS SLOTS [--retry]

With --retry each call that fails goes on by itself, as a loop that somebody writes in an afternoon does: after what
Retry-After says, else after up to a second, which doubles. A call that waits holds no slot.
"""

from __future__ import annotations

import asyncio
import random
import sys
from pathlib import Path

import aiohttp
import orjson


async def ask(session: aiohttp.ClientSession, url: str, body: bytes, slots: asyncio.Semaphore, retries: bool) -> bytes:
    """The answer's body; without `retries` whatever comes first."""
    tries = 0
    while True:
        wait_s = random.uniform(0.0, min(60.0, 2.0**tries))
        try:
            async with slots, session.post(url, data=body) as response:
                raw = await response.read()
                if response.status == 200 or not retries:
                    return raw
                wait_s = float(response.headers.get("retry-after-ms", 1000.0 * wait_s)) / 1000.0
        except aiohttp.ClientError:
            if not retries:
                raise
        tries += 1
        await asyncio.sleep(wait_s)


async def main(base_url: str, rows: str, slots: int, retries: bool) -> None:
    with Path(rows).open("rb") as file, Path(rows + ".out").open("wb") as out:
        lines = iter(file.readlines())
        free = asyncio.Semaphore(slots)
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:

            async def work() -> None:
                for line in lines:
                    messages = orjson.loads(line)["messages"]
                    body = orjson.dumps({"model": "m", "messages": messages, "temperature": 0.7})
                    found = orjson.loads(await ask(session, base_url + "/chat/completions", body, free, retries))
                    out.write(orjson.dumps({"messages": [*messages, found["choices"][0]["message"]]}) + b"\n")

            await asyncio.gather(*(work() for _ in range(slots * (8 if retries else 1))))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3]), "--retry" in sys.argv))
