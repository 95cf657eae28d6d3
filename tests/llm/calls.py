"""Sends asks to a loopback server through the pool, with short waits; shared by the tests of the LLM layer."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from loopback import Loopback

from blossom_data.asks import Ask, Reply
from blossom_data.config import Endpoint, Secret
from blossom_data.counters import Counters
from blossom_data.llm.policy import Patience
from blossom_data.llm.pool import Pool
from blossom_data.llm.structured import Memory
from blossom_data.records import Message

CANARY_KEY = "sk-CANARY-5f1e9d0c7b3a"
FAST = Patience(first_s=0.01, most_s=0.05, total_s=20.0)


def question(number: int = 0, **settings: Any) -> Ask:
    """An ask that differs by its number."""
    settings.setdefault("messages", (Message("user", f"question {number}"),))
    return Ask(**{"stage": "translate", "version": 1, **settings})


def endpoint(server: Loopback, **settings: Any) -> Endpoint:
    """The server as an endpoint with a key whose leak the tests look for."""
    key = Secret(CANARY_KEY, origin="OPENAI_API_KEY")
    return Endpoint(**{"base_url": server.base_url, "model": "test", "api_key": key, "timeout_s": 10.0, **settings})


def ask_all(
    endpoints: Sequence[Endpoint],
    asks: Sequence[Ask],
    *,
    patience: Patience = FAST,
    seed: int = 0,
    memory: Memory | None = None,
) -> tuple[list[Reply | BaseException], Counters]:
    """What each ask came to, sent side by side, and the counters afterwards."""
    counters = Counters()

    async def run() -> list[Reply | BaseException]:
        async with Pool(endpoints, counters=counters, seed=seed, patience=patience, memory=memory) as pool:
            return await asyncio.gather(*(pool.complete(ask) for ask in asks), return_exceptions=True)

    return asyncio.run(run()), counters


def ask_one(server: Loopback, ask: Ask | None = None, **settings: Any) -> tuple[Reply | BaseException, Counters]:
    """The outcome of a single ask."""
    outcomes, counters = ask_all([endpoint(server, **settings)], [ask or question()])
    return outcomes[0], counters
