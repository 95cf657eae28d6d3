"""Several endpoints as one: roles, weights, failover.

    async with Pool([Endpoint(base_url="http://127.0.0.1:8000/v1", model="qwen2.5-7b-instruct")], counters=c) as pool:
        reply = await pool.complete(ask)

Which endpoint gets an ask depends on the seed and the ask alone, so that a second run asks the same one (and finds its
prefix cache warm). An endpoint that is down is passed over; when none is left, the run stops. It keeps no replies:
the engine does.
"""

from __future__ import annotations

import hashlib
import math
import random
from collections.abc import Coroutine, Sequence
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

from blossom_data.asks import Ask, Reply
from blossom_data.config import Endpoint, has_role
from blossom_data.counters import Counters
from blossom_data.errors import AuthError, ConfigError, EndpointError, EndpointMismatch, NetworkError
from blossom_data.llm.channel import Channel
from blossom_data.llm.money.account import Account
from blossom_data.llm.policy import Patience
from blossom_data.llm.rate_limits.governor import Governor
from blossom_data.llm.structured import Memory, Negotiation

if TYPE_CHECKING:
    from blossom_data.llm.rate_limits.shared_window import SharedWindow

_PASSED: dict[type[EndpointError], str] = {
    AuthError: "it refused the key, or its quota is used up",
    EndpointMismatch: "it does not take these requests",
    NetworkError: "it is not reached in the way that is set",
}


class Pool:
    """The endpoints of a run; open it with `async with` on the loop that uses it."""

    def __init__(
        self,
        endpoints: Sequence[Endpoint],
        *,
        counters: Counters,
        seed: int = 0,
        patience: Patience | None = None,
        memory: Memory | None = None,
        account: Account | None = None,
        is_shared: bool = False,
    ) -> None:
        """`memory` keeps what was found out about endpoints, from run to run; `account` pays for each try.

        Args:
            is_shared: limits are shared with other processes: nothing is sent before they are leased (sharing.py).

        Raises:
            ConfigError: no endpoint at all, or endpoints of one role with different models.
        """
        if not endpoints:
            raise ConfigError("no endpoint is configured", hint="give --base-url and --model")
        negotiations: dict[tuple[str, str], Negotiation] = {}
        windows: Sequence[SharedWindow | None] = [None] * len(endpoints)
        if is_shared:
            from blossom_data.llm.rate_limits.shared_window import windows_of

            windows = windows_of(endpoints)
        self._channels = [
            Channel(
                endpoint,
                counters=counters,
                patience=patience or Patience(),
                draw=random.Random(f"{seed}:{number}"),
                negotiations=negotiations,
                memory=memory,
                account=account,
                window=window,
            )
            for number, (endpoint, window) in enumerate(zip(endpoints, windows, strict=True))
        ]
        self._counters, self._seed = counters, seed
        self._is_stopping = False
        self._stack = AsyncExitStack()
        self._by_stage: dict[str, list[Channel]] = {}
        for role in {role for endpoint in endpoints for role in endpoint.roles}:
            self.model_for(role)
        if any(not endpoint.roles for endpoint in endpoints):
            self.model_for("")

    async def __aenter__(self) -> Pool:
        for channel in self._channels:
            await self._stack.enter_async_context(channel.client)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    @property
    def governors(self) -> list[Governor]:
        """Those of the endpoints, in their order."""
        return [channel.governor for channel in self._channels]

    def model_for(self, stage: str) -> str:
        """The model that answers a stage: part of the ledger key.

        Raises:
            ConfigError: no endpoint serves the stage, or its endpoints have different models.
        """
        return self._serving(stage)[0].endpoint.model

    def stop(self) -> None:
        """Sends nothing more; calls that wait for their turn end with an EndpointError, those under way go on."""
        self._is_stopping = True
        for channel in self._channels:
            channel.stop()

    def complete(self, ask: Ask) -> Coroutine[Any, Any, Reply]:
        """The reply to `ask`.

        Raises:
            RecordRefused: this request will not be answered, the run can go on.
            EndpointError: no endpoint of this stage can answer anything.
        """
        channels = self._serving(ask.stage)
        return channels[0].complete(ask) if len(channels) == 1 else self._complete_at_one(channels, ask)

    async def _complete_at_one(self, channels: list[Channel], ask: Ask) -> Reply:
        """The reply of the first of `channels` that is up, in the order that the ask prefers."""
        errors = []
        for channel in self._preferred(channels, ask):
            try:
                return await channel.complete(ask)
            except EndpointError as error:
                if self._is_stopping:
                    raise
                why = _PASSED.get(type(error), "it was down")
                self._counters.notes[f"endpoint {channel.endpoint.label} was passed over: {why}"] += 1
                errors.append(error)
        raise errors[0]

    def _preferred(self, channels: list[Channel], ask: Ask) -> list[Channel]:
        """The channels in the order in which this ask tries them: weighted rendezvous hashing."""
        key = ask.key(channels[0].endpoint.model)

        def score(number: int) -> float:
            digest = hashlib.blake2b(key, digest_size=8, salt=f"{self._seed}:{number}".encode()[-16:]).digest()
            share = (int.from_bytes(digest, "big") + 1) / (2**64 + 1)
            return -channels[number].endpoint.weight / math.log(share)

        return [channels[number] for number in sorted(range(len(channels)), key=score, reverse=True)]

    def _serving(self, stage: str) -> list[Channel]:
        """The endpoints that name the stage as a role, else those without roles."""
        if (known := self._by_stage.get(stage)) is not None:
            return known
        named = [channel for channel in self._channels if has_role(channel.endpoint, stage)]
        found = named or [channel for channel in self._channels if not channel.endpoint.roles]
        if not found:
            raise ConfigError(f"no endpoint serves {stage!r}", hint=f"add {stage!r} to the roles of an endpoint")
        models = sorted({channel.endpoint.model for channel in found})
        if len(models) > 1:
            raise ConfigError(
                f"the endpoints for {stage or 'all stages'!r} have different models: {', '.join(models)}",
                hint="give them roles, so that each stage is answered by one model",
            )
        if any(channel.endpoint.further != found[0].endpoint.further for channel in found):
            raise ConfigError(
                f"the endpoints for {stage or 'all stages'!r} have different extra_body or reasoning_effort",
                hint="these decide the replies: give them the same, or roles",
            )
        self._by_stage[stage] = found
        return found
