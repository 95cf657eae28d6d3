"""Tells 429s that come by chance from those of a limit: does a lower rate make them fewer?

    5 % of the calls met a 429       chance, at once: only the call that met one waits
    10 %                             half the rate for 48 calls: 9 % there -> chance, 0 % -> a limit
    30 %, or 14 of the first 64      a limit: all calls wait (a wave), and then the same test says whether it was one

Load balancers and shared keys answer some calls with 429 whatever the rate is. To slow down for them costs time and
helps nobody; not to slow down for a real limit costs refused calls. It counts outcomes and decides; governor.py acts.
"""

from __future__ import annotations

import enum
import math

_SMALL_SHARE = 1.0 / 16.0
_LARGE_SHARE = 3.0 / 16.0
_MEMORY = 1.0 - 1.0 / 128.0
_SAMPLE = 48
_LONGEST_SAMPLE = 8 * _SAMPLE
_FELL_SHARE = 0.05
_LEAST = 5
"""429s below which nothing is a wave, where several calls are out."""
_ROSE_SHARE = 0.4
_ROSE_IN_A_ROW = 6


class Finding(enum.Enum):
    """What an outcome showed."""

    NOTHING = "nothing"
    WAVE = "wave"
    """So many 429s that all calls have to wait."""
    SUSPECT = "suspect"
    """More 429s than usual: go at half the rate, and see."""
    LIMIT = "limit"
    """Fewer 429s at the lower rate: keep it."""
    CHANCE = "chance"
    """As many at half the rate: it was not the rate, go on as before."""


class Chance:
    """The outcomes of one endpoint's calls of late."""

    def __init__(self) -> None:
        self._seen = self._met = 0.0
        self._most = _LARGE_SHARE
        """Largest share that is no wave; more once chance was proved."""
        self._small = _SMALL_SHARE
        self._sample = _SAMPLE
        self._since_s = math.inf
        self._tested = self._tested_met = self._met_in_a_row = 0
        self._is_halved = False

    @property
    def is_testing(self) -> bool:
        """Whether the rate is held down, to see what becomes of the share."""
        return self._since_s < math.inf

    @property
    def undecided(self) -> float:
        """429s of which too little is known yet: until then nobody else takes their slots."""
        return self._met if self._seen - self._met < _SAMPLE else 0.0

    def begin_test(self, now_s: float, *, is_halved: bool) -> None:
        """Counts anew what is sent from now on; `is_halved`: at half the rate, which then is proof either way."""
        self._since_s, self._is_halved = now_s, is_halved
        self._tested = self._tested_met = self._met_in_a_row = 0

    def note(self, sent_s: float, *, is_429: bool, in_flight: int) -> Finding:
        """Counts an outcome; `in_flight` calls, this one too, are still out, and most of them will be answered."""
        self._seen = self._seen * _MEMORY + 1.0
        self._met = self._met * _MEMORY + is_429
        if sent_s >= self._since_s:
            return self._judge(is_429, in_flight)
        if not is_429:
            return Finding.NOTHING
        whole = self._seen + in_flight
        if self._met >= max(self._most * whole, min(in_flight, _LEAST) * _MEMORY**_LEAST):
            self._forget()
            return Finding.WAVE
        is_suspect = self._met >= self._small * whole and self._seen >= _SAMPLE and not self.is_testing
        return Finding.SUSPECT if is_suspect else Finding.NOTHING

    def _judge(self, is_429: bool, in_flight: int) -> Finding:
        """Counts an outcome of the test, and ends it where it shows enough."""
        self._tested += 1
        self._tested_met += is_429
        self._met_in_a_row = self._met_in_a_row + 1 if is_429 else 0
        share = self._tested_met / self._tested
        is_over = self._tested >= self._sample
        # The first one behind a pause, while nothing else is out: waiting as long as that was not enough.
        is_too_soon = self._tested == self._tested_met and in_flight <= 1
        if is_too_soon or self._met_in_a_row >= _ROSE_IN_A_ROW or (is_over and is_429 and share >= _ROSE_SHARE):
            self._forget()
            return Finding.WAVE
        if not is_over or share >= _ROSE_SHARE:
            return Finding.NOTHING
        self._since_s = math.inf
        if share >= _FELL_SHARE and not self._is_halved:
            return Finding.SUSPECT
        self._seen = self._met = 0.0
        if share < _FELL_SHARE:
            return Finding.LIMIT
        self._most = self._small = max(_LARGE_SHARE, min(0.5, 1.5 * share + 0.05))
        return Finding.CHANCE

    def _forget(self) -> None:
        """A wave: what was taken for chance was none, so the next proof has to be longer."""
        if self._most > _LARGE_SHARE:
            self._sample = min(_LONGEST_SAMPLE, 2 * self._sample)
        self._most, self._small, self._since_s = _LARGE_SHARE, _SMALL_SHARE, math.inf
        self._seen = self._met = 0.0
