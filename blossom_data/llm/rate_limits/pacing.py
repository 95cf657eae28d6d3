"""Rates in time: a bucket that refills evenly, and a pace learned from the endpoint's own 429s.

    Bucket.per_minute(600)            at most 600 in any minute, 20 of them at once
    Pace: 50 calls were accepted in the first second, the rest got 429  ->  go on at 49 a second, grow slowly

Times are seconds of a monotonic clock, given by the caller; nothing here reads a clock or waits.
"""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(slots=True)
class Bucket:
    """Holds up to `capacity`, refills at `rate_per_s`; a take may overdraw it, later takes wait longer."""

    rate_per_s: float
    capacity: float
    level: float
    at_s: float = -math.inf

    @classmethod
    def per_minute(cls, most: float) -> Bucket:
        """A window of `most` a minute: what can go at once and what refills in a minute add up to `most`."""
        capacity = max(1.0, most / 30.0) if most >= 2.0 else most
        return cls(rate_per_s=max(most - capacity, most / 2.0) / 60.0, capacity=capacity, level=capacity)

    def delay_s(self, now_s: float, amount: float = 1.0) -> float:
        """Seconds until `amount` can be taken; more than the capacity may be taken from a full bucket."""
        self._refill(now_s)
        missing = min(amount, self.capacity) - self.level
        # A rounding error must not cost a wake-up that finds the bucket still a hair short.
        return missing / self.rate_per_s if missing > 1e-6 else 0.0

    def take(self, now_s: float, amount: float = 1.0) -> None:
        self._refill(now_s)
        self.level -= amount

    def give_back(self, amount: float) -> None:
        """Corrects an estimate: what was taken too much (or, negative, too little)."""
        self.level = min(self.capacity, self.level + amount)

    def _refill(self, now_s: float) -> None:
        if now_s > self.at_s:
            if self.at_s > -math.inf:
                self.level = min(self.capacity, self.level + (now_s - self.at_s) * self.rate_per_s)
            self.at_s = now_s


class Pace:
    """The rate at which an endpoint accepts calls, unknown until it answers 429.

    A period runs from one pause to the next 429. What was accepted in it, over its length, bounds the rate from above
    (a full bucket may have stood behind it), over its length and the pause before it from below. A burst shorter than
    the pause that follows it counts as that long, at most a second. The pace then grows
    as exp(t^2 / 4000): 1 % after 6 s, 10 % after 20 s, 2.5 times after a minute without a 429.
    Where hardly a call of a period met a 429, it was chance (a busy node, another user) and says nothing about a rate.
    """

    _EVIDENCE = 5
    """Calls accepted in a period below which it says nothing about a rate."""
    _LOWEST_PER_S = 0.1
    _MARGIN = 0.98
    _CHANCE = 16
    """Accepted calls per 429 from which on the 429s are chance."""

    def __init__(self) -> None:
        self._bucket: Bucket | None = None
        self._base_per_s = 0.0
        self._since_s = self._period_s = -math.inf
        self._pause_s = 0.0
        self._until_s: float | None = None
        self._sent = 0
        self._limited = 0
        self._kept_per_s = 0.0
        """The pace after a test at half of it."""

    def delay_s(self, now_s: float) -> float:
        """Seconds until the next call may go; 0 while no rate is known."""
        self.judge(now_s)
        if self._bucket is None:
            return 0.0
        growth = math.exp(min((now_s - self._since_s) ** 2 / 4000.0, 10.0))
        if growth > 20.0:
            self._bucket = None
            return 0.0
        self._bucket.rate_per_s = self._base_per_s * growth
        return self._bucket.delay_s(now_s)

    def sent(self, now_s: float) -> None:
        if self._sent == 0 and self._since_s == -math.inf:
            self._since_s = self._period_s = now_s
        self._sent += 1
        if self._bucket is not None:
            self._bucket.take(now_s)

    def refused(self) -> None:
        """A 429 came that stops no other call."""
        self._limited += 1

    def halve(self, now_s: float, in_flight: int) -> None:
        """Goes at half of what was accepted of late, as far as anything is known of it; `keep` or `forget` ends it."""
        accepted = self._sent - self._limited - in_flight
        accepted_per_s = math.inf
        if accepted >= self._EVIDENCE:
            accepted_per_s = self._MARGIN * accepted / max(now_s - self._period_s, 1e-3)
        paced_per_s = self._bucket.rate_per_s if self._bucket is not None else math.inf
        self._kept_per_s = min(accepted_per_s, paced_per_s)
        if self._kept_per_s < math.inf:
            self._go_at(self._kept_per_s / 2.0, now_s)
        self._period_s, self._sent, self._limited = now_s, in_flight, 0

    def keep(self, now_s: float) -> None:
        """The lower pace helped: what was accepted before it is the limit."""
        if 0.0 < self._kept_per_s < math.inf:
            self._go_at(self._kept_per_s, now_s)
        self._kept_per_s = 0.0

    def forget(self) -> None:
        """No pace is known any more: a lower one did not help."""
        self._bucket, self._base_per_s, self._kept_per_s = None, 0.0, 0.0

    def limited(self, now_s: float, *, is_new_wave: bool) -> None:
        """A 429 came; a new wave ends the period, and the pace is set anew when the calls go on."""
        self._limited += 1
        if is_new_wave:
            self._until_s = now_s

    def judge(self, now_s: float) -> bool:
        """Ends a wave of 429s, when the calls go on: by now its other answers have come. True: it showed a limit."""
        if self._until_s is None:
            return False
        accepted = max(0, self._sent - self._limited)
        is_limit = accepted < self._CHANCE * self._limited
        if is_limit and accepted:
            self._learn(accepted, self._until_s, now_s)
        self._pause_s = now_s - self._until_s
        self._period_s, self._until_s, self._sent, self._limited = now_s, None, 0, 0
        return is_limit

    def _learn(self, accepted: int, until_s: float, now_s: float) -> None:
        """Sets the pace by the period that ended at `until_s`."""
        length_s = max(min(1.0, now_s - until_s), until_s - self._period_s, 1e-3)
        measured = self._MARGIN * accepted / length_s
        if self._bucket is not None:
            current = self._bucket.rate_per_s
            sustained = accepted / (length_s + self._pause_s)
            self._base_per_s = max(sustained, current / 2.0, min(measured, 0.9 * current))
        elif accepted >= self._EVIDENCE:
            self._base_per_s = measured
        if self._base_per_s > 0.0:
            self._go_at(self._base_per_s, now_s)
        self._since_s = now_s

    def _go_at(self, rate_per_s: float, now_s: float) -> None:
        self._base_per_s = max(rate_per_s, self._LOWEST_PER_S)
        self._bucket = Bucket(rate_per_s=self._base_per_s, capacity=1.0, level=1.0)
        self._since_s = now_s
