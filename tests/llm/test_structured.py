"""How JSON is asked for: negotiated once, seen on the wire."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import orjson
import pytest
from calls import FAST, ask_all, endpoint, question
from loopback import Fault, Loopback, LoopbackRequest, Response, answer, refused

from blossom_data.asks import Ask, Reply
from blossom_data.counters import Counters
from blossom_data.errors import EndpointMismatch, RecordRefused
from blossom_data.llm.pool import Pool

SCHEMA = {"type": "object", "properties": {"result": {"type": "string"}}, "required": ["result"]}


def wanted(request: LoopbackRequest) -> str:
    """The kind of response_format of a request, "" without one."""
    return str(request.body.get("response_format", {}).get("type", ""))


def serving(*, honours: tuple[str, ...] = (), refuses: tuple[str, ...] = ()) -> Callable[[LoopbackRequest], Response]:
    """An endpoint that honours some formats, refuses some, and ignores the rest."""

    def respond(request: LoopbackRequest) -> Response:
        kind = wanted(request)
        if kind in refuses:
            return refused(400, f"This response_format type {kind} is unavailable now")
        if kind in honours:
            return '{"blossom_canary": 5}'
        return "Hello"

    return respond


def ask_with_schema(respond: Callable[[LoopbackRequest], Response], **settings: Any) -> tuple[Loopback, list[Any], Any]:
    """Ten asks with a schema; the server afterwards, the outcomes and the counters."""
    with Loopback(respond=respond) as server:
        asks = [question(n, response_schema=SCHEMA) for n in range(10)]
        outcomes, counters = ask_all([endpoint(server, **settings)], asks)
    return server, outcomes, counters


@pytest.mark.parametrize(
    ("respond", "canaries", "mode"),
    [
        (serving(honours=("json_object", "json_schema")), 1, "json_object"),
        (serving(refuses=("json_object",), honours=("json_schema",)), 2, "json_schema"),
        (serving(refuses=("json_object", "json_schema")), 2, ""),
        (serving(refuses=("json_object",)), 2, ""),
        (serving(), 1, ""),
    ],
)
def test_auto_finds_the_mode_with_a_canary(
    respond: Callable[[LoopbackRequest], Response], canaries: int, mode: str
) -> None:
    server, outcomes, counters = ask_with_schema(respond)
    assert all(isinstance(outcome, Reply) for outcome in outcomes)
    assert len(server.requests) == 10 + canaries
    assert {wanted(request) for request in server.requests[canaries:]} == {mode}
    assert len(counters.notes) == 1


def test_a_format_that_is_accepted_and_ignored_is_named() -> None:
    _, _, counters = ask_with_schema(serving())
    assert "accepted and ignored" in next(iter(counters.notes))


def test_an_explicit_mode_makes_no_canary() -> None:
    for mode in ("json_schema", "json_object", "off"):
        server, outcomes, _ = ask_with_schema(serving(), structured=mode)
        assert all(isinstance(outcome, Reply) for outcome in outcomes)
        assert len(server.requests) == 10
        assert {wanted(request) for request in server.requests} == {mode.replace("off", "")}


def test_an_explicit_mode_that_is_refused_ends_the_run_at_once() -> None:
    server, outcomes, _ = ask_with_schema(serving(refuses=("json_schema",)), structured="json_schema")
    assert {type(outcome) for outcome in outcomes} == {EndpointMismatch}
    assert "auto" in outcomes[0].hint
    assert len(server.requests) == 1


def test_a_format_that_is_refused_later_is_given_up() -> None:
    def respond(request: LoopbackRequest) -> Response:
        if wanted(request) and request.text.startswith("question"):
            return refused(
                400, "'messages' must contain the word 'json' to use 'response_format' of type 'json_object'"
            )
        return "{}"

    server, outcomes, counters = ask_with_schema(respond)
    assert all(isinstance(outcome, Reply) for outcome in outcomes)
    assert len(counters.notes) == 2
    last = {request.text: wanted(request) for request in server.requests if request.text.startswith("question")}
    assert set(last.values()) == {""}


def test_another_refusal_is_no_reason_to_downgrade() -> None:
    def respond(request: LoopbackRequest) -> Response:
        return refused(400, "max_tokens is not supported") if "max_tokens" in request.body else "{}"

    server, outcomes, _ = ask_with_schema(respond)
    assert all(isinstance(outcome, Reply) for outcome in outcomes)
    assert {wanted(request) for request in server.requests} == {"json_object"}


def test_a_record_that_is_refused_for_its_content_stays_one_record() -> None:
    def respond(request: LoopbackRequest) -> Response:
        return refused(422, "content filter") if request.text == "question 4" else "{}"

    _, outcomes, _ = ask_with_schema(respond)
    assert [n for n, outcome in enumerate(outcomes) if isinstance(outcome, RecordRefused)] == [4]


def test_without_a_schema_nothing_is_negotiated() -> None:
    with Loopback() as server:
        ask_all([endpoint(server)], [question()])
    assert [wanted(request) for request in server.requests] == [""]


@pytest.mark.parametrize("said", ['<think>JSON, hm.</think>{"word": "hello"}', 'So {this}.</think>\n{"word": "hello"}'])
def test_the_canary_has_room_to_think_and_its_answer_counts(said: str) -> None:
    def respond(request: LoopbackRequest) -> Response:
        return said if request.body.get("max_tokens", 1000) >= 500 else answer("<think>JSON", finish_reason="length")

    server, _, counters = ask_with_schema(respond)
    assert {wanted(request) for request in server.requests} == {"json_object"}
    assert any("json_object honoured" in note for note in counters.notes)


def test_a_canary_that_was_cut_off_proves_nothing_and_is_not_remembered() -> None:
    remembered: dict[str, str] = {}

    class Facts:
        def recall(self, name: str) -> str | None:
            return remembered.get(name)

        def remember(self, name: str, value: str) -> None:
            remembered[name] = value

    asks = [question(n, response_schema=SCHEMA) for n in range(3)]
    for respond, kept in ((lambda _: answer("<think>Well", finish_reason="length"), []), (serving(), ["off"])):
        with Loopback(respond=respond) as server:
            ask_all([endpoint(server)], asks, memory=Facts())
        assert list(remembered.values()) == kept


def test_two_keys_of_one_address_share_what_was_found() -> None:
    with Loopback(respond=serving(honours=("json_object",))) as server:
        pair = [endpoint(server, name="one"), endpoint(server, name="two")]
        asks: list[Ask] = [question(n, response_schema=SCHEMA) for n in range(30)]
        ask_all(pair, asks)
    assert len(server.requests) == 31


def test_a_canary_that_thinks_has_room_and_proves_nothing_when_cut() -> None:
    kept: dict[str, str] = {}

    class Memory:
        def recall(self, name: str) -> str | None:
            return kept.get(name)

        def remember(self, name: str, value: str) -> None:
            kept[name] = value

    def respond(request: LoopbackRequest) -> Response:
        is_canary = request.text.startswith("Say hello")
        return answer("", finish_reason="length", reasoning_content="hm") if is_canary else "{}"

    async def run(server: Loopback) -> Any:
        async with Pool([endpoint(server)], counters=Counters(), patience=FAST, memory=Memory()) as pool:
            return await pool.complete(question(1, response_schema=SCHEMA))

    with Loopback(respond=respond) as server:
        assert isinstance(asyncio.run(run(server)), Reply)
        assert isinstance(asyncio.run(run(server)), Reply)
    assert [wanted(request) for request in server.requests] == ["json_object"] * 4
    assert server.requests[0].body["max_tokens"] >= 1000
    assert not [name for name in kept if name.startswith("structured")]


@pytest.mark.parametrize("generated", ['{"result": ', "Of course!", ""])
def test_a_sample_that_broke_the_json_mode_is_a_sample(generated: str) -> None:
    body = {
        "error": {
            "message": "Failed to generate JSON. Please adjust your prompt. See 'failed_generation' for more details.",
            "code": "json_validate_failed",
            "failed_generation": generated,
        }
    }

    def respond(request: LoopbackRequest) -> Response:
        is_broken = request.text == "question 4"
        return Fault(status=400, body=orjson.dumps(body)) if is_broken else "{}"

    server, outcomes, _ = ask_with_schema(respond)
    assert all(isinstance(outcome, Reply) for outcome in outcomes)
    assert outcomes[4].text == generated
    assert {wanted(request) for request in server.requests} == {"json_object"}
