"""Several endpoints: shares, roles, failover."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import replace

import pytest
from calls import FAST, ask_all, endpoint, question
from loopback import Loopback, LoopbackRequest, Response, answer, refused

from blossom_data.asks import Reply
from blossom_data.config import Endpoint
from blossom_data.counters import Counters
from blossom_data.errors import AuthError, ConfigError, EndpointError
from blossom_data.llm.pool import Pool


def texts(server: Loopback) -> set[str]:
    return {request.text for request in server.requests}


def test_the_share_of_an_endpoint_follows_its_weight_and_is_reproducible() -> None:
    asks = [question(n) for n in range(200)]
    seen = []
    for seed in (7, 7, 8):
        with Loopback() as first, Loopback() as second:
            pair = [endpoint(first, weight=3.0), endpoint(second, weight=1.0)]
            outcomes, _ = ask_all(pair, asks, seed=seed)
            assert all(isinstance(outcome, Reply) for outcome in outcomes)
            assert first.paid + second.paid == 200
            assert 25 <= second.paid <= 80
            seen.append(texts(second))
    assert seen[0] == seen[1] != seen[2]


@pytest.mark.parametrize("fault", [refused(401, "bad key"), refused(500, "broken"), refused(404, "no model")])
def test_an_endpoint_that_is_down_is_passed_over(fault: Response) -> None:
    with Loopback(respond=lambda request: fault) as broken, Loopback() as sound:
        pair = [endpoint(broken, max_tries=50, name="broken"), endpoint(sound)]
        outcomes, counters = ask_all(pair, [question(n) for n in range(60)])
    assert all(isinstance(outcome, Reply) for outcome in outcomes)
    assert sound.paid == 60
    assert any("broken" in note for note in counters.notes)


def test_when_all_are_down_the_run_stops() -> None:
    with Loopback(respond=lambda request: refused(401)) as one, Loopback(respond=lambda request: refused(401)) as two:
        outcomes, _ = ask_all([endpoint(one), endpoint(two)], [question(n) for n in range(20)])
    assert {type(outcome) for outcome in outcomes} == {AuthError}
    assert len(one.requests) == len(two.requests) == 1


def test_an_endpoint_that_recovers_is_used_again() -> None:
    def respond(request: LoopbackRequest) -> Response:
        return refused(500) if len(flaky.requests) <= 20 else "sound"

    with Loopback(respond=respond) as flaky, Loopback(latency_s=0.01) as sound:
        pair = [endpoint(flaky, max_in_flight=4, max_tries=50), endpoint(sound, max_in_flight=4)]
        outcomes, _ = ask_all(pair, [question(n) for n in range(400)], patience=replace(FAST, revive_s=0.1))
    assert all(isinstance(outcome, Reply) for outcome in outcomes)
    assert flaky.paid > 0


def test_roles_choose_the_endpoint() -> None:
    with Loopback() as author, Loopback() as judge:
        pair = [endpoint(author, model="writer"), endpoint(judge, model="critic", roles=("judge",))]
        asks = [question(1, stage="judge"), question(2, stage="translate"), question(3, stage="annotate")]
        outcomes, _ = ask_all(pair, asks)
        assert all(isinstance(outcome, Reply) for outcome in outcomes)
        assert texts(judge) == {"question 1"}
        assert texts(author) == {"question 2", "question 3"}
        pool = Pool(pair, counters=Counters())
        assert (pool.model_for("judge"), pool.model_for("translate")) == ("critic", "writer")


def test_models_that_differ_within_a_role_are_refused_before_any_call() -> None:
    pair = [Endpoint(base_url="http://127.0.0.1:1/v1", model=model) for model in ("a", "b")]
    with pytest.raises(ConfigError, match="a, b"):
        Pool(pair, counters=Counters())
    with pytest.raises(ConfigError, match="no endpoint"):
        Pool([], counters=Counters())
    only_judge = Endpoint(base_url="http://127.0.0.1:1/v1", model="a", roles=("judge",))
    with pytest.raises(ConfigError, match="translate"):
        Pool([only_judge], counters=Counters()).model_for("translate")


def test_tokens_are_counted_and_estimates_marked() -> None:
    def respond(request: LoopbackRequest) -> Response:
        body = answer("four words of text")
        if request.text == "question 1":
            del body["usage"]
        return body

    with Loopback(respond=respond) as server:
        _, counters = ask_all([endpoint(server)], [question(0), question(1)])
    assert counters.calls == 2
    assert counters.tokens_in > 10
    assert 0 < counters.tokens_estimated < counters.tokens_in + counters.tokens_out


def test_nothing_is_left_open_when_calls_are_cancelled() -> None:
    async def run(server: Loopback) -> Counters:
        counters = Counters()
        async with Pool([endpoint(server, max_in_flight=4)], counters=counters) as pool:
            tasks = [asyncio.create_task(pool.complete(question(n))) for n in range(20)]
            while not counters.calls:
                await asyncio.sleep(0.01)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        return counters

    with Loopback(latency_s=0.05) as server:
        counters = asyncio.run(run(server))
        assert (counters.in_flight, counters.waiting) == (0, 0)
    assert Counter(request.text for request in server.requests).most_common(1)[0][1] == 1


def test_stop_ends_the_waits_and_lets_the_calls_under_way_finish() -> None:
    def respond(request: LoopbackRequest) -> Response:
        return refused(500) if request.text == "question 0" else "sound"

    async def run(server: Loopback) -> list[Reply | BaseException]:
        slow = replace(FAST, first_s=600.0, most_s=600.0)
        async with Pool([endpoint(server, max_in_flight=2)], counters=Counters(), patience=slow) as pool:
            failing = asyncio.create_task(pool.complete(question(0)))
            while not server.requests:
                await asyncio.sleep(0.01)
            await asyncio.sleep(0.2)
            others = [asyncio.create_task(pool.complete(question(n))) for n in range(1, 10)]
            while server.in_flight < 2:
                await asyncio.sleep(0.01)
            pool.stop()
            return await asyncio.wait_for(asyncio.gather(failing, *others, return_exceptions=True), 30.0)

    with Loopback(respond=respond, latency_s=0.1) as server:
        outcomes = asyncio.run(run(server))
    assert sum(isinstance(outcome, Reply) for outcome in outcomes) == server.paid == 2
    assert sum(isinstance(outcome, EndpointError) for outcome in outcomes) == 8
    assert len(server.requests) == 3


def test_a_stop_is_no_failure_of_an_endpoint() -> None:
    async def run(*servers: Loopback) -> Counters:
        counters = Counters()
        async with Pool([endpoint(server, max_in_flight=1) for server in servers], counters=counters) as pool:
            calls = [asyncio.create_task(pool.complete(question(n))) for n in range(10)]
            while not all(server.in_flight for server in servers):
                await asyncio.sleep(0.01)
            pool.stop()
            await asyncio.gather(*calls, return_exceptions=True)
        return counters

    with Loopback(latency_s=0.2) as one, Loopback(latency_s=0.2) as two:
        assert not asyncio.run(run(one, two)).notes


def test_a_refused_key_is_not_called_an_outage() -> None:
    with Loopback(respond=lambda request: refused(401, "bad key")) as broken, Loopback() as sound:
        _, counters = ask_all([endpoint(broken), endpoint(sound)], [question(n) for n in range(20)])
    assert [note for note in counters.notes if "refused the key" in note]
    assert not [note for note in counters.notes if "was down" in note]
