"""The engine against a real endpoint on loopback: order, resume, twins, stopping, faults."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from loopback import Fault, Loopback, LoopbackRequest, Response, refused

from blossom_data.asks import Ask, Stage, Steps
from blossom_data.config import Endpoint
from blossom_data.counters import Counters
from blossom_data.engine import Engine, Outcome
from blossom_data.errors import AuthError, BlossomError, Interrupted
from blossom_data.ledger.sqlite import SqliteLedger
from blossom_data.llm.pool import Pool
from blossom_data.records import Message, Record, Reject
from blossom_data.rows import BadRow


def record(text: str, name: str = "") -> Record:
    return Record(id=name or text, source="test", lang="en", messages=(Message("user", text),))


class Echo:
    """Asks once and appends the answer."""

    name, version = "echo", 1

    def run(self, record: Record) -> Steps:
        reply = yield Ask(stage=self.name, version=self.version, messages=record.messages)
        return replace(record, messages=(*record.messages, Message("assistant", reply.text)))


class Picky:
    """Rejects texts that hold `no`, splits texts that hold `two`, breaks on `bug`; asks nothing."""

    name, version = "picky", 1

    def run(self, record: Record) -> Steps:
        yield from ()
        text = record.messages[0].content
        if "bug" in text:
            raise ZeroDivisionError("oops")
        if "no" in text:
            raise Reject("refused_word", "it says no")
        return (record, replace(record, id=record.id + "-2")) if "two" in text else record


class Side:
    """Asks three questions side by side."""

    name, version = "side", 1

    def run(self, record: Record) -> Steps:
        asks = [Ask(stage="side", version=1, messages=record.messages, attempt=number) for number in range(3)]
        replies = yield asks
        return replace(record, messages=tuple(Message("assistant", reply.text) for reply in replies))


def drive(
    folder: Path,
    server: Loopback,
    items: Iterable[Record | BadRow],
    stages: list[Stage],
    *,
    in_flight: int = 8,
    before: Any = None,
) -> tuple[list[Outcome], Counters]:
    """Runs `items` through `stages`; gives the outcomes in the order they were handed on."""
    outcomes: list[Outcome] = []
    counters = Counters()

    def sink(index: int, outcome: Outcome) -> None:
        assert index == len(outcomes), "outcomes come in input order"
        outcomes.append(outcome)

    async def go() -> None:
        endpoint = Endpoint(base_url=server.base_url, model="m", max_in_flight=in_flight, timeout_s=5)
        async with Pool([endpoint], counters=counters) as pool:
            engine = Engine(ledger=ledger, asker=pool, counters=counters, workers=2 * in_flight)
            if before:
                before(engine)
            await engine.run(((item, stages) for item in items), sink)

    ledger = SqliteLedger(folder / "ledger.sqlite")
    try:
        asyncio.run(go())
    finally:
        ledger.close()
    return outcomes, counters


def texts(outcomes: list[Outcome]) -> list[str]:
    return [turn.content for outcome in outcomes for kept in outcome.kept for turn in kept.messages[1:]]


def echoed(request: LoopbackRequest) -> str:
    return f"re: {request.text}"


def uneven(request: LoopbackRequest) -> float:
    return random.Random(request.text).random() * 0.02


@pytest.mark.parametrize("in_flight", [1, 32])
def test_the_result_is_the_same_at_any_concurrency(tmp_path: Path, in_flight: int) -> None:
    with Loopback(respond=echoed, latency_s=uneven) as server:
        outcomes, _ = drive(tmp_path, server, [record(f"q{n}") for n in range(60)], [Echo()], in_flight=in_flight)
    assert texts(outcomes) == [f"re: q{n}" for n in range(60)]


def test_the_same_run_again_asks_nothing_and_a_new_row_one_call(tmp_path: Path) -> None:
    items = [record(f"q{n}") for n in range(20)]
    with Loopback(respond=echoed, latency_s=uneven) as server:
        first, _ = drive(tmp_path, server, items, [Echo()])
        again, counters = drive(tmp_path, server, items, [Echo()])
        assert (server.paid, counters.replayed) == (20, 20)
        assert texts(again) == texts(first)
        drive(tmp_path, server, [record("new"), *reversed(items)], [Echo()])
        assert server.paid == 21


def test_equal_questions_are_bought_once(tmp_path: Path) -> None:
    with Loopback(respond=echoed, latency_s=0.05) as server:
        outcomes, _ = drive(tmp_path, server, [record("same", f"id{n}") for n in range(30)], [Echo()])
        assert server.paid == 1
    assert texts(outcomes) == ["re: same"] * 30


def test_asks_side_by_side_are_answered_in_their_order(tmp_path: Path) -> None:
    with Loopback(respond=lambda request: str(request.try_number)) as server:
        outcomes, _ = drive(tmp_path, server, [record("q")], [Side()])
    assert [turn.content for turn in outcomes[0].kept[0].messages] == ["0", "1", "2"]


def test_replies_beside_one_that_is_refused_are_stored(tmp_path: Path) -> None:
    def respond(request: LoopbackRequest) -> Response:
        return refused(422, "no") if request.try_number == 0 else "bought"

    def latency_s(request: LoopbackRequest) -> float:
        return 0.3 * request.try_number

    with Loopback(respond=respond, latency_s=latency_s) as server:
        for _ in range(2):
            outcomes, _ = drive(tmp_path, server, [record("a")], [Side()])
            assert [rejected.name for rejected in outcomes[0].rejected] == ["side/refused_422"]
        assert (server.paid, server.bought_twice, server.aborted) == (2, 0, 0)


def test_every_record_is_kept_rejected_or_failed(tmp_path: Path) -> None:
    poison = Fault(status=400, body=b'{"error": {"message": "too long"}}')
    with Loopback(respond=lambda request: poison if "poison" in request.text else "fine") as server:
        items: list[Record | BadRow] = [record("a"), record("no"), record("two"), record("poison")]
        items.append(BadRow("f.jsonl", 7, "bad_json", "what is this", b"{"))
        outcomes, _ = drive(tmp_path, server, items, [Picky(), Echo()])
        assert sum(request.text == "poison" for request in server.requests) == 1
    assert [len(outcome.kept) for outcome in outcomes] == [1, 0, 2, 0, 0]
    told = [(why.stage, why.code, why.is_failure) for outcome in outcomes for why in outcome.rejected]
    assert told == [
        ("picky", "refused_word", False),
        ("echo", "refused_400", True),
        ("read", "bad_json", False),
    ]
    assert "too long" in outcomes[3].rejected[0].reply


def test_a_bug_in_a_stage_names_stage_and_record(tmp_path: Path) -> None:
    with (
        Loopback(respond=echoed, latency_s=uneven) as server,
        pytest.raises(BlossomError, match="stage picky at record bug") as caught,
    ):
        drive(tmp_path, server, [record("bug")], [Picky()])
    assert caught.value.exit_code == 1


def test_a_refused_key_ends_the_run_with_one_call(tmp_path: Path) -> None:
    with Loopback(respond=lambda _: Fault(status=401, body=b'{"error": {"message": "bad key"}}')) as server:
        with pytest.raises(AuthError):
            drive(tmp_path, server, [record(f"q{n}") for n in range(50)], [Echo()], in_flight=1)
        assert len(server.requests) == 1


def test_a_stop_buys_nothing_more_and_wastes_nothing(tmp_path: Path) -> None:
    items = [record(f"q{n}") for n in range(200)]

    def stop_soon(engine: Engine) -> None:
        why = Interrupted("stopped", signal_number=15)
        asyncio.get_running_loop().call_later(0.3, engine.stop, why)

    with Loopback(respond=echoed, latency_s=0.1) as server:
        with pytest.raises(Interrupted):
            drive(tmp_path, server, items, [Echo()], before=stop_soon)
        bought = server.paid
        assert 0 < bought < 200
        assert len(server.requests) == bought
        outcomes, _ = drive(tmp_path, server, items, [Echo()], in_flight=64)
        assert server.paid == 200
    assert texts(outcomes) == [f"re: q{n}" for n in range(200)]


def test_a_slow_record_does_not_hold_up_the_others(tmp_path: Path) -> None:
    begun: list[int] = []

    def respond(request: LoopbackRequest) -> str:
        if request.text == "q5":
            begun.append(len(server.requests))
        return request.text

    slow = {"q5": 1.5}
    with Loopback(respond=respond, latency_s=lambda request: slow.get(request.text, 0.0)) as server:
        outcomes, _ = drive(tmp_path, server, [record(f"q{n}") for n in range(100)], [Echo()], in_flight=2)
    assert begun == [100]
    assert texts(outcomes) == [f"q{n}" for n in range(100)]
