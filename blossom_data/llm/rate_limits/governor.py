"""Decides when a call may go to one endpoint: slots, rate windows, one pause for all, and the breaker.

    sent_s = await governor.acquire()      a slot, at once or when its turn comes
    governor.succeeded(sent_s)             or limited(), loading(), failed(), released(): each gives the slot back

Additive increase, multiplicative decrease: the number of calls at once starts at the hard cap, is halved when a fifth
of the recent answers say that the endpoint is overloaded, and grows by a 64th of the cap, at least one, for each full
round of successes. A 429 that is chance (chance.py) makes only its own call wait. When many meet one, every call waits,
and the number starts at a quarter of the halved value and doubles each round up to it. Nothing polls: a waiting call is
woken by a slot, the end of a pause or a refilled window. It sends nothing.
"""

from __future__ import annotations

import asyncio
import math
import random
import time
from collections import deque
from collections.abc import Callable
from itertools import islice
from typing import TYPE_CHECKING

from blossom_data.config import Endpoint
from blossom_data.errors import EndpointError, NetworkError
from blossom_data.llm.policy import Patience, backoff_s
from blossom_data.llm.rate_limits.chance import Chance, Finding
from blossom_data.llm.rate_limits.pacing import Bucket, Pace

if TYPE_CHECKING:
    from blossom_data.ledger.postgres.rate_leases import Demand, Grant
    from blossom_data.llm.rate_limits.shared_window import SharedWindow

_STREAK_THAT_PAUSES = 5
_STREAK_NEVER_REACHED = 6
_ENDPOINT_PAUSE_MOST_S = 5.0
_OVERLOAD_SHARE = 0.2
_OVERLOAD_MEMORY = 0.05
_SETTLE_S = 0.02
_ROUNDS_TO_CAP = 64.0


class Governor:
    """The traffic of one endpoint; everything happens on one event loop."""

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        patience: Patience,
        draw: random.Random,
        clock: Callable[[], float] = time.monotonic,
        window: SharedWindow | None = None,
    ) -> None:
        """`draw` decides the back-off, `clock` gives monotonic seconds; `window` holds limits shared by processes."""
        self._cap = endpoint.max_in_flight
        self._label = endpoint.label
        self._patience, self._draw, self._clock = patience, draw, clock
        self.window = window
        self._calls = window.requests if window else _bucket(endpoint.requests_per_minute)
        self._tokens = window.tokens if window else _bucket(endpoint.tokens_per_minute)
        self._pace = Pace()
        self._waiters: deque[tuple[asyncio.Future[float], float]] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self.in_flight = 0
        self.limit = float(self._cap)
        """Calls at once just now, a fraction of a slot included; never above the cap."""
        self._threshold = float(self._cap)
        self._paused_until_s = -math.inf
        self._is_proven = False
        """Whether a call was answered, and not with a refusal: until then one goes at a time."""
        self._has_succeeded = False
        self._is_settled = False
        self._waits = 0
        self._chance = Chance()
        self._limit_before_test = 0.0
        self._wave_sent_s: float | None = None
        """When the first call of a wave of 429s was sent that is not judged yet."""
        self._streak = 0
        self._overload = 0.0
        self._streak_counted_s = self._decreased_s = self._limited_s = -math.inf
        self._down: EndpointError | None = None
        self._revive_s = math.inf

    @property
    def failures_in_a_row(self) -> int:
        """Failures since the last success; a wave of calls that failed together is one."""
        return self._streak

    @property
    def has_answered(self) -> bool:
        """Whether any call was answered by now."""
        return self._has_succeeded

    @property
    def counts_tokens(self) -> bool:
        """Whether `acquire` needs to know the tokens of a call."""
        return self._tokens is not None

    @property
    def is_down(self) -> bool:
        """Whether calls are refused just now."""
        return self._down is not None and self._clock() < self._revive_s

    @property
    def down_error(self) -> EndpointError | None:
        """The error that calls are refused with just now."""
        return _again(self._down) if self._down is not None and self.is_down else None

    async def acquire(self, tokens: float = 0.0, *, first: bool = False) -> float:
        """Waits for a slot and returns the time at which it was given; `first` goes ahead of those that wait.

        Raises:
            EndpointError: the endpoint is down, or goes down while the call waits.
        """
        if (sent_s := self.take(tokens)) is not None:
            return sent_s
        turn: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        (self._waiters.appendleft if first else self._waiters.append)((turn, tokens))
        self._pump()
        try:
            return await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled() and turn.exception() is None:
                self.released()
            else:
                turn.cancel()
                self._pump()
            raise

    def take(self, tokens: float = 0.0) -> float | None:
        """A slot at once: the time at which it was given, or None when the call has to wait (`acquire`).

        Raises:
            EndpointError: the endpoint is down.
        """
        now_s = self._clock()
        if self._down is not None:
            self._refuse_or_revive(now_s)
        if self._waiters or self.delay_s(now_s, tokens) > 0.0:
            return None
        return self._grant(now_s, tokens)

    def succeeded(self, sent_s: float, tokens_over: float = 0.0) -> None:
        """Gives the slot back after an answer; `tokens_over` is how many tokens fewer it took than was estimated."""
        if self._has_succeeded and not self._is_settled:
            # When the first burst meets a rate limit, its 429s come right behind its answers: see them before going on.
            self._is_settled = True
            self._pause(self._clock() + _SETTLE_S)
        self._has_succeeded = True
        self._streak = self._waits = 0
        self._overload *= 1.0 - _OVERLOAD_MEMORY
        self._weigh(sent_s, is_429=False)
        self._grow()
        if self._tokens is not None and tokens_over:
            self._tokens.give_back(tokens_over)
        self._proven()

    def limited(self, sent_s: float, retry_after_s: float | None, *, nth: int = 1) -> float:
        """Gives the slot back after a 429 or a busy 503; gives the seconds that this call alone has to wait.

        Where it is no chance, all calls wait, and start slowly: the first time as long as the endpoint asked for, when
        the next calls meet the same, at least the back-off.

        Args:
            nth: how often this call has been told to wait, from 1.
        """
        now_s = self._clock()
        if self._wave_sent_s is None and not self._weigh(sent_s, is_429=True):
            self._proven()
            return max(retry_after_s or 0.0, backoff_s(nth, self._draw, self._patience))
        is_new_wave = sent_s >= self._limited_s
        self._pace.limited(now_s, is_new_wave=is_new_wave)
        if is_new_wave:
            self._waits += 1
            self._limited_s = now_s
            self._wave_sent_s = sent_s
        pause_s = retry_after_s or 0.0
        if is_new_wave and (self._waits > 1 or pause_s <= 0.0):
            pause_s = max(pause_s, backoff_s(max(1, self._waits - 1), self._draw, self._patience))
        self._pause(now_s + pause_s)
        self._proven()
        return 0.0

    def loading(self) -> None:
        """Gives the slot back when the endpoint is there, but loads its model: one call at a time asks again."""
        self._waits += 1
        pause_s = backoff_s(self._waits, self._draw, self._patience)
        self._pause(self._clock() + min(pause_s, _ENDPOINT_PAUSE_MOST_S))
        self._threshold, self.limit = max(self._threshold, self.limit), 1.0
        self.released()

    def failed(
        self,
        sent_s: float,
        *,
        is_unreachable: bool,
        is_overload: bool,
        detail: str,
        hint: str = "",
        is_setting: bool = False,
    ) -> None:
        """Gives the slot back after a failure that may pass, and opens the breaker when there were too many.

        One that `is_setting` is the fault of one, if nothing was ever answered; `hint` says of which, or what to do.

        A call that was sent before the last counted failure came adds nothing: when a restart cuts all calls in
        flight, that is one failure, not 256.
        """
        now_s = self._clock()
        if is_overload:
            # One 503 among many answers is bad luck, and giving up half of the slots for it would cost more.
            self._overload += _OVERLOAD_MEMORY * (1.0 - self._overload)
            if self._overload > _OVERLOAD_SHARE:
                self._decrease(sent_s, now_s)
        if sent_s >= self._streak_counted_s:
            self._streak += 1
            self._streak_counted_s = now_s
            most = self._patience.failures_in_a_row
            if is_unreachable and not self._has_succeeded:
                most = min(most, _STREAK_NEVER_REACHED)
            if self._streak >= most:
                self.shut(self._describe(detail, hint, is_setting), for_s=self._patience.revive_s)
            elif is_unreachable or self._streak >= _STREAK_THAT_PAUSES:
                nth = self._streak if is_unreachable else self._streak - _STREAK_THAT_PAUSES + 1
                pause_s = backoff_s(nth, self._draw, self._patience)
                self._pause(now_s + min(pause_s, _ENDPOINT_PAUSE_MOST_S))
            if self._streak >= _STREAK_THAT_PAUSES:
                # One call at a time finds out whether it is back: more would use up the tries of their records.
                self._threshold, self.limit = max(self._threshold, self.limit), 1.0
        self._proven()

    def released(self) -> None:
        """Gives the slot back when the call says nothing about the endpoint (cancelled, or refused for its content)."""
        self.in_flight -= 1
        self._pump()

    def answered(self) -> None:
        """Gives the slot back after a refusal of one request: the endpoint is alive."""
        self._streak = self._waits = 0
        self.released()

    def shut(self, error: EndpointError, *, for_s: float = math.inf) -> None:
        """Refuses all calls with `error`, the waiting ones too, for a time or for good."""
        if self._down is None or self._revive_s < math.inf:
            self._down, self._revive_s = error, self._clock() + for_s
            if self.window is not None and for_s < math.inf:
                self.window.tell_pause(self._clock(), self._revive_s)
        while self._waiters:
            turn, _ = self._waiters.popleft()
            if not turn.done():
                turn.set_exception(_again(error))

    def demand(self, window: SharedWindow) -> Demand:
        """What this process wants of the limits that are shared."""
        now_s = self._clock()
        return window.demand(
            now_s,
            in_flight=self.in_flight,
            limit=int(self.limit),
            waiting=[tokens for turn, tokens in islice(self._waiters, self._cap) if not turn.done()],
            is_paused=now_s < self._paused_until_s,
        )

    def grant(self, window: SharedWindow, grant: Grant, asked_s: float) -> None:
        """Takes what was granted to a demand made at `asked_s`, and the pause that another process met."""
        now_s = self._clock()
        window.grant(grant, asked_s=asked_s, now_s=now_s)
        if grant.pause_s > 0.0:
            self._paused_until_s = max(self._paused_until_s, now_s + grant.pause_s)
        self._pump()

    def _describe(self, detail: str, hint: str, is_setting: bool) -> EndpointError:
        what = f"{self._streak} failures in a row" if self._has_succeeded else f"no answer in {self._streak} tries"
        if is_setting and not self._has_succeeded:
            return NetworkError(f"endpoint {self._label} cannot be reached: {detail} ({what})", hint=hint)
        return EndpointError(
            f"endpoint {self._label} is down: {what}, the last: {detail}",
            hint=f"{hint or 'check the endpoint'}, then run the same command again: it goes on where it stopped",
        )

    def _refuse_or_revive(self, now_s: float) -> None:
        assert self._down is not None
        if now_s < self._revive_s:
            raise _again(self._down)
        self._down, self.limit = None, 1.0
        self._streak = self._patience.failures_in_a_row - 1

    def _proven(self) -> None:
        self._is_proven = True
        self.released()

    def _decrease(self, sent_s: float, now_s: float) -> None:
        """Halves the limit, once for all calls that were under way together."""
        if sent_s >= self._decreased_s:
            self._decreased_s = now_s
            self._threshold = max(1.0, self.limit / 2.0)
            self.limit = self._threshold

    def _grow(self) -> None:
        """A success: one more at once up to the threshold; beyond it a share of one, and none during a test."""
        if self.limit < self._threshold:
            self.limit = min(float(self._cap), self.limit + 1.0)
        elif self.limit < self._cap and not self._chance.is_testing:
            self.limit = min(float(self._cap), self.limit + max(1.0, self._cap / _ROUNDS_TO_CAP) / self.limit)

    def _weigh(self, sent_s: float, *, is_429: bool) -> bool:
        """Tells chance from a limit by one more outcome, and acts on what is found; True: it is a wave."""
        finding = self._chance.note(sent_s, is_429=is_429, in_flight=self.in_flight)
        now_s = self._clock()
        match finding:
            case Finding.SUSPECT:
                self._limit_before_test = max(self._limit_before_test, self.limit)
                self._pace.halve(now_s, self.in_flight)
                self._threshold = self.limit = max(1.0, self.limit / 2.0)
                self._chance.begin_test(now_s, is_halved=True)
            case Finding.LIMIT:
                self._pace.keep(now_s)
                self._limit_before_test = 0.0
            case Finding.CHANCE:
                self._pace.forget()
                self._threshold = self.limit = max(self.limit, self._limit_before_test)
                self._limit_before_test = 0.0
        if is_429 and finding is not Finding.WAVE:
            self._pace.refused()
        return finding is Finding.WAVE

    def _end_wave(self, sent_s: float, now_s: float) -> None:
        """Judges a wave of 429s when its pause is over, for only then it is known how many calls met it."""
        self._wave_sent_s = None
        before = self.limit
        if self._pace.judge(now_s):
            self._decrease(sent_s, now_s)
            self._limit_before_test = before
            self.limit = max(1.0, self._threshold / 4.0)
            self._chance.begin_test(now_s, is_halved=False)

    def _pause(self, until_s: float) -> None:
        self._paused_until_s = max(self._paused_until_s, until_s)
        if self.window is not None:
            self.window.tell_pause(self._clock(), until_s)

    def delay_s(self, now_s: float, tokens: float) -> float:
        """Seconds until a call may go, 0 for now, infinity when only a returned slot can tell."""
        if self._wave_sent_s is not None and now_s >= self._paused_until_s:
            self._end_wave(self._wave_sent_s, now_s)
        if self.in_flight >= int(max(1.0, self.limit - min(self._chance.undecided, self.limit / 2.0))):
            return math.inf
        if now_s < self._paused_until_s:
            return self._paused_until_s - now_s
        if not self._is_proven and self.in_flight:
            return math.inf
        if self.window is not None and self.in_flight >= self.window.slots(now_s):
            self.window.ask()
            return math.inf
        delay_s = self._pace.delay_s(now_s)
        if self._calls is not None:
            delay_s = max(delay_s, self._calls.delay_s(now_s))
        if self._tokens is not None:
            delay_s = max(delay_s, self._tokens.delay_s(now_s, tokens))
        if delay_s == math.inf and self.window is not None:
            self.window.ask()
        return delay_s

    def _grant(self, now_s: float, tokens: float) -> float:
        self.in_flight += 1
        self._pace.sent(now_s)
        if self._calls is not None:
            self._calls.take(now_s)
        if self._tokens is not None:
            self._tokens.take(now_s, tokens)
        return now_s

    def _pump(self) -> None:
        """Gives slots to those who wait, in order, and sets the timer for the next one if time is what it needs."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        while self._waiters:
            turn, tokens = self._waiters[0]
            if turn.done():
                self._waiters.popleft()
                continue
            now_s = self._clock()
            delay_s = self.delay_s(now_s, tokens)
            if delay_s > 0.0:
                if delay_s < math.inf:
                    self._timer = asyncio.get_running_loop().call_later(delay_s, self._pump)
                return
            self._waiters.popleft()
            turn.set_result(self._grant(now_s, tokens))


def _bucket(per_minute: int | None) -> Bucket | None:
    return Bucket.per_minute(per_minute) if per_minute else None


def _again(error: EndpointError) -> EndpointError:
    """A fresh copy: one exception object raised in many tasks would collect all their tracebacks."""
    return type(error)(str(error), hint=error.hint)
