"""Renews what this process holds of its endpoints' limits, beside the calls: none of them ever waits for the database.

    async with Sharing(lambda: Leases(address, member=member_name()), pool.governors):
        ...                 every second, and at once where calls wait for a slice

With many processes each renews less often, so that the database sees some fifty renewals a second, not more.
"""

from __future__ import annotations

import asyncio
import os
import socket
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Self

from blossom_data.errors import EndpointError, LedgerError
from blossom_data.ledger.postgres.rate_leases import Demand, Leases
from blossom_data.ledger.postgres.server import AWAY_S
from blossom_data.llm.rate_limits.governor import Governor
from blossom_data.llm.rate_limits.shared_window import SharedWindow

_RENEW_S = 1.0
_LEAST_S, _LEAST_S_EACH = 0.25, 0.02
"""Shortest time between two renewals, and what it is for each process that shares, where that is more."""


def member_name() -> str:
    """By what this run is known to the others."""
    return f"{os.getpid()} {socket.gethostname()} {os.urandom(4).hex()}"


async def ended(task: asyncio.Task[None]) -> None:
    """Ends a task that renews; raises what it failed of before."""
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


class Sharing:
    """The task that renews; open it on the loop of the calls."""

    def __init__(self, connect: Callable[[], Leases], governors: Sequence[Governor]) -> None:
        """`connect` may take a while, and is done in a thread."""
        self._connect = connect
        self._shared: list[tuple[Governor, SharedWindow]] = [
            (governor, governor.window) for governor in governors if governor.window is not None
        ]
        self._asked = asyncio.Event()
        self._members = 1

    async def __aenter__(self) -> Self:
        """
        Raises:
            LedgerError: the server cannot be reached or refuses.
        """
        self._leases = await asyncio.to_thread(self._connect)
        for _, window in self._shared:
            window.ask = self._asked.set
        self._task = asyncio.create_task(self._renew_all())
        return self

    async def __aexit__(self, *_: object) -> None:
        try:
            await ended(self._task)
        finally:
            await asyncio.to_thread(self._leave, [window.give_up() for _, window in self._shared])

    def _leave(self, demands: Sequence[Demand]) -> None:
        # Who is not heard of any more loses it all the same, a little later.
        with suppress(LedgerError):
            self._leases.leave(demands)
        self._leases.close()

    async def _renew_all(self) -> None:
        heard_s = time.monotonic()
        while True:
            self._asked.clear()
            began_s = time.monotonic()
            try:
                for governor, window in self._shared:
                    await self._renew(governor, window)
                heard_s = time.monotonic()
            except LedgerError as why:
                if began_s - heard_s > AWAY_S:
                    for governor, _ in self._shared:
                        governor.shut(EndpointError(str(why), hint=why.hint))
            with suppress(TimeoutError):
                async with asyncio.timeout(_RENEW_S):
                    await self._asked.wait()
            least_s = max(_LEAST_S, _LEAST_S_EACH * self._members)
            await asyncio.sleep(max(0.0, began_s + least_s - time.monotonic()))

    async def _renew(self, governor: Governor, window: SharedWindow) -> None:
        asked_s = time.monotonic()
        grant = await asyncio.to_thread(self._leases.renew, governor.demand(window))
        governor.grant(window, grant, asked_s)
        self._members = grant.members
