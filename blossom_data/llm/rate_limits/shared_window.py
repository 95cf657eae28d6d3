"""The part of an endpoint's limits that this process holds just now, leased from what all processes share.

    window = SharedWindow(endpoint, "https://api.example.com/v1 m")
    window.slots(now_s)                     calls that it may have in flight; 0 once the lease is over
    window.requests.delay_s(now_s)          as a Bucket (pacing.py); infinite where a new slice has to come first

Pure state: governor.py asks it, sharing.py renews it. Times are those of a monotonic clock.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from blossom_data.config import Endpoint
from blossom_data.ledger.postgres.rate_leases import LEASE_S, SLICE_S, Demand, Grant, Granted, Rate, Wanted
from blossom_data.redaction.urls import shown_url

_PAUSE_TOLD_S = 0.1
"""Shorter pauses are this process's own affair."""


class LeasedBucket:
    """A Bucket that is filled by slices, each good for a short time; what is left of one then goes back."""

    def __init__(self, per_minute: float) -> None:
        self.rate = Rate.of(per_minute)
        self._level = self._over = self._used = 0.0
        self._from_s = self._until_s = -math.inf

    def delay_s(self, now_s: float, amount: float = 1.0) -> float:
        """Seconds until `amount` can be taken; infinite where no slice is there for it."""
        self._expire(now_s)
        return max(0.0, self._from_s - now_s) if self._level + 1e-6 >= amount else math.inf

    def take(self, now_s: float, amount: float = 1.0) -> None:
        self._level -= amount
        self._used += amount

    def give_back(self, amount: float) -> None:
        """Corrects an estimate: what was taken too much (or, negative, too little)."""
        self._level += amount
        self._used -= amount

    def want(self, now_s: float, waiting: Sequence[float]) -> Wanted:
        """What to ask for, where calls wait that take `waiting`; what is not needed leaves the bucket."""
        self._expire(now_s)
        first = waiting[0] if waiting else 0.0
        useful = max(first, min(sum(waiting) + max(0.0, self._used), self.rate.per_s * SLICE_S))
        surplus = max(0.0, self._level - useful)
        back, self._over, self._used = self._over + surplus, 0.0, 0.0
        self._level -= surplus
        return Wanted(self.rate, back=back, most=max(0.0, useful - self._level), least=max(0.0, first - self._level))

    def grant(self, now_s: float, granted: Granted) -> None:
        if granted.amount > 0.0:
            self._level += granted.amount
            self._from_s = now_s + granted.wait_s
            self._until_s = self._from_s + SLICE_S

    def give_up(self) -> Wanted:
        """All that is left goes back."""
        back, self._level, self._over = self._over + max(0.0, self._level), min(self._level, 0.0), 0.0
        return Wanted(self.rate, back=back)

    def _expire(self, now_s: float) -> None:
        if now_s > self._until_s and self._level > 0.0:
            self._over += self._level
            self._level = 0.0


class SharedWindow:
    """What this process holds of one endpoint's limits."""

    def __init__(self, endpoint: Endpoint, name: str) -> None:
        """`name`: by what all processes know the endpoint."""
        self.name, self.most = name, endpoint.max_in_flight
        self.requests = LeasedBucket(endpoint.requests_per_minute) if endpoint.requests_per_minute else None
        self.tokens = LeasedBucket(endpoint.tokens_per_minute) if endpoint.tokens_per_minute else None
        self._slots, self._until_s = 0, -math.inf
        self._told_until_s = -math.inf
        self.ask: Callable[[], None] = lambda: None
        """Called when calls wait for a slice."""

    def slots(self, now_s: float) -> int:
        """Calls that this process may have in flight."""
        return self._slots if now_s < self._until_s else 0

    def tell_pause(self, now_s: float, until_s: float) -> None:
        """Has the others pause, too."""
        if until_s - now_s > _PAUSE_TOLD_S:
            self._told_until_s = max(self._told_until_s, until_s)
            self.ask()

    def demand(self, now_s: float, *, in_flight: int, limit: int, waiting: Sequence[float], is_paused: bool) -> Demand:
        """What to ask for.

        Args:
            limit: calls at once that the endpoint bears by what this process knows.
            waiting: tokens of the calls that wait for their turn, in order.
            is_paused: nothing is sent just now.
        """
        at_work = in_flight + len(waiting)
        due = [] if is_paused else waiting
        return Demand(
            name=self.name,
            most=self.most,
            # Twice what is used: a call that comes meanwhile need not wait for the next renewal.
            wants=min(2 * at_work, max(1, limit)) if at_work else 0,
            holds=max(in_flight, self.slots(now_s)),
            requests=self.requests.want(now_s, [1.0] * len(due)) if self.requests else Wanted(),
            tokens=self.tokens.want(now_s, due) if self.tokens else Wanted(),
            pause_s=max(0.0, self._told_until_s - now_s),
        )

    def grant(self, grant: Grant, *, asked_s: float, now_s: float) -> None:
        """Takes what was granted: slots count from when they were asked for, slices from now, never too long."""
        self._slots, self._until_s = grant.slots, asked_s + LEASE_S
        for bucket, granted in ((self.requests, grant.requests), (self.tokens, grant.tokens)):
            if bucket is not None:
                bucket.grant(now_s, granted)

    def give_up(self) -> Demand:
        """All that is held goes back."""
        self._slots = 0
        requests = self.requests.give_up() if self.requests else Wanted()
        tokens = self.tokens.give_up() if self.tokens else Wanted()
        return Demand(name=self.name, most=self.most, requests=requests, tokens=tokens)


def windows_of(endpoints: Sequence[Endpoint]) -> list[SharedWindow]:
    """The windows of a pool's endpoints; two of the same address, model and name are two, in their order."""
    names = [
        " ".join(filter(None, (shown_url(endpoint.base_url), endpoint.model, endpoint.name))) for endpoint in endpoints
    ]
    nth = [names[: place + 1].count(name) for place, name in enumerate(names)]
    return [
        SharedWindow(endpoint, name if number == 1 else f"{name} #{number}")
        for endpoint, name, number in zip(endpoints, names, nth, strict=True)
    ]
