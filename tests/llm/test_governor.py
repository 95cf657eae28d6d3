"""Limits, pauses and the breaker, seen from the server's log; the windows on a clock of their own."""

from __future__ import annotations

import asyncio
import itertools
import random
import statistics
import time

import pytest
from calls import FAST, ask_all, endpoint, question
from hypothesis import given
from hypothesis import strategies as st
from loopback import CUT, RESET, Fault, Loopback, LoopbackRequest, Response, refused

from blossom_data.asks import Reply
from blossom_data.config import Endpoint
from blossom_data.errors import EndpointError, RecordRefused
from blossom_data.llm.policy import Patience
from blossom_data.llm.rate_limits.governor import Governor
from blossom_data.llm.rate_limits.pacing import Bucket, Pace

pytestmark = pytest.mark.slow


def governor(clock: list[float] | None = None, patience: Patience = FAST, **settings: int) -> Governor:
    """A governor of its own, on the test's clock if one is given."""
    base = Endpoint(**{"base_url": "http://127.0.0.1:1/v1", "model": "m", "max_in_flight": 8, **settings})
    ticks = (lambda: clock[0]) if clock else time.monotonic
    return Governor(base, patience=patience, draw=random.Random(0), clock=ticks)


def test_never_more_in_flight_than_set_and_no_connection_more() -> None:
    with Loopback(latency_s=0.02) as server:
        outcomes, counters = ask_all([endpoint(server, max_in_flight=7)], [question(n) for n in range(100)])
    assert all(isinstance(outcome, Reply) for outcome in outcomes)
    assert server.max_in_flight == 7
    assert server.connections <= 7
    assert server.paid == counters.calls == 100


def test_faults_lose_no_record_and_buy_none_twice() -> None:
    faults: list[Response] = [refused(500), RESET, CUT, refused(429, retry_after_ms="20"), {"choices": []}]

    def respond(request: LoopbackRequest) -> Response:
        number = int(request.text.split()[1])
        is_faulty = number % 11 == 0 and request.count == 1
        return faults[number // 11 % len(faults)] if is_faulty else "sound"

    with Loopback(respond=respond, latency_s=0.005) as server:
        outcomes, counters = ask_all([endpoint(server, max_in_flight=16)], [question(n) for n in range(300)])
    injected = len(range(0, 300, 11))
    assert all(isinstance(outcome, Reply) for outcome in outcomes)
    assert len(server.requests) == 300 + injected
    assert server.bought_twice == 0
    assert server.max_in_flight <= 16
    assert server.connections <= 16 + injected
    # A reset of a connection that was used before may have closed an idle one: it goes out again and costs no try.
    resets = sum(1 for number in range(injected) if faults[number % len(faults)] is RESET)
    assert counters.retries.total() - counters.retries["reset"] == injected - resets
    assert counters.retries["reset"] <= resets


def test_retry_after_stops_all_calls_when_many_meet_it() -> None:
    def respond(request: LoopbackRequest) -> Response:
        is_limited = 20 <= int(request.text.split()[1]) < 32 and request.count == 1
        return refused(429, retry_after="1") if is_limited else "sound"

    with Loopback(respond=respond, latency_s=0.01) as server:
        outcomes, _ = ask_all([endpoint(server, max_in_flight=4)], [question(n) for n in range(80)])
    assert all(isinstance(outcome, Reply) for outcome in outcomes)
    limited_at = next(request.at_s for request in server.requests if request.text == "question 23")
    later = [request.at_s - limited_at for request in server.requests if request.at_s - limited_at > 0.4]
    assert min(later) > 0.9
    assert len(server.requests) == 92


@pytest.mark.parametrize("status", [429, 503])
def test_one_429_among_many_answers_stops_nobody_else(status: int) -> None:
    def respond(request: LoopbackRequest) -> Response:
        is_first = request.text == "question 20" and request.count == 1
        return refused(status, retry_after="1") if is_first else "sound"

    with Loopback(respond=respond, latency_s=0.002) as server:
        outcomes, _ = ask_all([endpoint(server, max_in_flight=8)], [question(n) for n in range(200)])
    assert all(isinstance(outcome, Reply) for outcome in outcomes)
    assert [request.text for request in server.requests[-1:]] == ["question 20"], "the others did not wait for it"
    assert len(server.requests) == 201


@pytest.mark.parametrize("share", [0.05, 0.1, 0.2])
def test_chance_429s_cost_their_own_calls_a_wait_and_nobody_a_pace(share: float) -> None:
    def respond(request: LoopbackRequest) -> Response:
        is_met = random.Random(f"{request.text} {request.count}").random() < share
        return refused(429, retry_after_ms="200") if is_met else "sound"

    with Loopback(respond=respond, latency_s=0.005) as server:
        outcomes, counters = ask_all([endpoint(server, max_in_flight=32)], [question(n) for n in range(1500)])
    assert all(isinstance(outcome, Reply) for outcome in outcomes)
    assert len(server.requests) == 1500 + counters.retries["429"]
    halfway = server.requests[len(server.requests) // 2 :]
    gaps = [late.at_s - soon.at_s for soon, late in itertools.pairwise(halfway[:-100])]
    assert statistics.median(gaps) < 0.005, "an endpoint that could take 6,400 a second is not held to 200"


def test_a_limit_on_calls_at_once_is_kept_to() -> None:
    def respond(request: LoopbackRequest) -> Response:
        return refused(429, retry_after_ms="50") if server.in_flight > 8 else "sound"

    with Loopback(respond=respond, latency_s=0.01) as server:
        outcomes, _ = ask_all([endpoint(server, max_in_flight=64)], [question(n) for n in range(400)])
    assert all(isinstance(outcome, Reply) for outcome in outcomes)
    assert len(server.requests) < 700


@pytest.mark.parametrize(
    "message", ["Loading model", "Model org/m is currently loading", "The model is warming up", "模型正在加载，请稍候"]
)
def test_a_model_that_is_loading_is_waited_for_one_call_at_a_time(message: str) -> None:
    def respond(request: LoopbackRequest) -> Response:
        return refused(503, message) if len(server.requests) <= 40 else "sound"

    with Loopback(respond=respond) as server:
        outcomes, counters = ask_all([endpoint(server, max_in_flight=8)], [question(n) for n in range(20)])
    assert all(isinstance(outcome, Reply) for outcome in outcomes)
    assert counters.retries == {"loading": 40}
    assert len(server.requests) == 60


def test_a_rate_limit_is_learned_and_kept() -> None:
    tokens, at_s = 20.0, 0.0
    refused_at: list[float] = []

    def respond(request: LoopbackRequest) -> Response:
        nonlocal tokens, at_s
        tokens, at_s = min(20.0, tokens + 20.0 * (request.at_s - at_s)), request.at_s
        if tokens < 1.0:
            refused_at.append(request.at_s)
            return refused(429, retry_after="1")
        tokens -= 1.0
        return "sound"

    with Loopback(respond=respond) as server:
        outcomes, _ = ask_all([endpoint(server, max_in_flight=32)], [question(n) for n in range(60)])
    assert all(isinstance(outcome, Reply) for outcome in outcomes)
    assert len([at for at in refused_at if at > refused_at[0] + 0.9]) <= 2
    assert server.requests[-1].at_s - server.requests[0].at_s < 8.0


def test_a_dead_endpoint_ends_the_run_after_failures_in_a_row() -> None:
    with Loopback(respond=lambda request: refused(500, "broken")) as server:
        outcomes, _ = ask_all([endpoint(server, max_in_flight=8)], [question(n) for n in range(100)])
    down = [outcome for outcome in outcomes if isinstance(outcome, EndpointError)]
    assert len(down) >= 95
    assert all(isinstance(outcome, EndpointError | RecordRefused) for outcome in outcomes)
    assert "20 tries" in str(down[0])
    assert "broken" in str(down[0])
    assert down[0].exit_code == 4
    assert len(server.requests) < 8 * 6 + 20


def test_a_restart_that_cuts_all_calls_at_once_is_survived() -> None:
    def respond(request: LoopbackRequest) -> Response:
        return RESET if request.count == 1 else "sound"

    with Loopback(respond=respond, latency_s=0.05) as server:
        outcomes, counters = ask_all([endpoint(server, max_in_flight=64)], [question(n) for n in range(64)])
    assert all(isinstance(outcome, Reply) for outcome in outcomes)
    assert counters.retries == {"reset": 64}
    assert len(server.requests) == 128


def test_an_overloaded_endpoint_gets_fewer_calls_at_once() -> None:
    def respond(request: LoopbackRequest) -> Response:
        return Fault(status=503, body=b"busy") if server.in_flight > 6 else "sound"

    with Loopback(respond=respond, latency_s=0.01) as server:
        outcomes, _ = ask_all([endpoint(server, max_in_flight=64, max_tries=50)], [question(n) for n in range(300)])
    assert all(isinstance(outcome, Reply) for outcome in outcomes)
    assert server.max_in_flight <= 64
    assert len(server.requests) < 1200


def test_a_cancelled_call_gives_its_slot_back() -> None:
    async def run() -> None:
        calm = governor(max_in_flight=1)
        await calm.acquire()
        waiting = asyncio.create_task(calm.acquire())
        await asyncio.sleep(0)
        waiting.cancel()
        calm.succeeded(0.0)
        assert calm.in_flight == 0
        granted = asyncio.create_task(calm.acquire())
        await calm.acquire()
        await asyncio.sleep(0)
        calm.succeeded(0.0)
        granted.cancel()
        await asyncio.gather(granted, return_exceptions=True)
        assert calm.in_flight == 0

    asyncio.run(run())


@given(st.lists(st.sampled_from(["ok", "429", "503", "reset", "refused", "tick"]), max_size=200))
def test_no_sequence_of_answers_breaks_the_cap_or_loses_a_slot(events: list[str]) -> None:
    async def run() -> None:
        now = [100.0]
        busy = governor(now, max_in_flight=8)
        sent: list[float] = []
        for event in events:
            now[0] += 0.01 if event != "tick" else 200.0
            if busy.down_error is not None:
                return
            while busy.delay_s(now[0], 0.0) == 0.0 and len(sent) < 20:
                sent.append(await busy.acquire())
            assert busy.in_flight == len(sent) <= 8
            assert 1.0 <= busy.limit <= 8.0
            if not sent or event == "tick":
                continue
            first = sent.pop(0)
            match event:
                case "ok":
                    busy.succeeded(first)
                case "429":
                    busy.limited(first, 3.0)
                case "503" | "reset":
                    busy.failed(first, is_unreachable=False, is_overload=event == "503", detail=event)
                case _:
                    busy.answered()

    asyncio.run(run())


@pytest.mark.parametrize("most", [1, 2, 30, 600, 100_000])
def test_a_window_lets_no_minute_hold_more(most: int) -> None:
    window, now_s, taken = Bucket.per_minute(most), 1000.0, 0
    while now_s < 1060.0 and taken <= most:
        delay_s = window.delay_s(now_s)
        now_s += delay_s
        if delay_s == 0.0:
            window.take(now_s)
            taken += 1
    assert most / 2 <= taken <= most


def test_tokens_per_minute_hold_back_calls() -> None:
    async def run() -> None:
        now = [0.0]
        tight = governor(now, tokens_per_minute=6000)
        for _ in range(2):
            await tight.acquire()
            tight.succeeded(now[0])
        now[0] += 1.0
        await tight.acquire(1000.0)
        assert 8.0 < tight.delay_s(now[0], 100.0) < 30.0
        tight.succeeded(now[0], tokens_over=1000.0)
        assert tight.delay_s(now[0], 100.0) == 0.0

    asyncio.run(run())


def test_the_pace_follows_what_was_accepted() -> None:
    pace, now_s = Pace(), 50.0
    for _ in range(64):
        pace.sent(now_s)
    for nth in range(14):
        pace.limited(now_s, is_new_wave=nth == 0)
    now_s += 2.0
    sent = []
    while now_s < 58.0:
        delay_s = pace.delay_s(now_s)
        now_s += delay_s
        if delay_s == 0.0:
            pace.sent(now_s)
            sent.append(now_s)
    assert 0.9 * 6 * 50 <= len(sent) <= 1.02 * 6 * 50
    assert pace.delay_s(now_s + 3600.0) == 0.0


def test_patience_is_kept_when_the_endpoint_asks_for_more_each_time() -> None:
    now = [0.0]

    async def run() -> list[float]:
        waits = []
        tried = governor(now, Patience(first_s=1.0, most_s=60.0))
        for _ in range(12):
            sent_s = await tried.acquire()
            tried.limited(sent_s, 0.001)
            wait_s = tried.delay_s(now[0], 0.0)
            waits.append(wait_s)
            now[0] += wait_s
        return waits

    waits = asyncio.run(run())
    assert waits[0] == pytest.approx(0.001)
    assert max(waits) > 5.0
