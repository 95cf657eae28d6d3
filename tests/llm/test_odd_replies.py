"""Answers as gateways send them: wrapped, streamed unasked, packed without a word, billed in other words."""

from __future__ import annotations

import asyncio
import gzip
import json
from typing import Any

import pytest
from calls import FAST, ask_all, ask_one, endpoint, question
from loopback import Fault, Loopback, LoopbackRequest, Response, answer, refused
from network_servers import RawServer

from blossom_data.asks import Reply, Usage
from blossom_data.config import Endpoint
from blossom_data.counters import Counters
from blossom_data.errors import AuthError, EndpointMismatch, RecordRefused
from blossom_data.llm.pool import Pool

SOUND = answer("one two three")
BODY = json.dumps(SOUND).encode()


def events(*said: Any, last: str = "data: [DONE]") -> bytes:
    return "\n\n".join([*(f"data: {json.dumps(each)}" for each in said), last, ""]).encode()


def delta(content: str | None = None, *, finish: str | None = None, **more: Any) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": {"content": content, **more}, "finish_reason": finish}]}


STREAM = (delta("", role="assistant"), delta("one "), delta("two three"), delta(finish="stop"))
USAGE = {"choices": [], "usage": SOUND["usage"]}
WHOLE = {
    "in data": {"code": 0, "msg": "ok", "data": SOUND},
    "in result": {"result": SOUND, "success": True, "errors": []},
    "a list of one": [SOUND],
    "JSON in JSON": BODY.decode(),
    "a plain completion": {**SOUND, "choices": [{"text": "one two three", "finish_reason": "stop"}]},
    "a delta": {**SOUND, "choices": [{"delta": {"content": "one two three"}, "finish_reason": "stop"}]},
    "a stream": events(*STREAM, USAGE),
    "a stream of one piece": events(SOUND),
    "a stream that is kept awake": b": PROCESSING\n\n: PROCESSING\n\n" + events(*STREAM, USAGE),
    "a stream with the usage at its end": events(*STREAM[:-1], {**delta(finish="stop"), "usage": SOUND["usage"]}),
    "gzip without a word": gzip.compress(BODY),
}


@pytest.mark.parametrize("body", WHOLE.values(), ids=WHOLE)
def test_a_whole_answer_is_read_in_whatever_wrapping(body: Any) -> None:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    with Loopback(respond=lambda request: Fault(body=raw)) as server:
        reply, counters = ask_one(server)
    assert isinstance(reply, Reply), reply
    assert (reply.text, reply.finish_reason) == ("one two three", "stop")
    assert reply.usage == Usage(tokens_in=10, tokens_out=3)
    assert (len(server.requests), counters.calls) == (1, 1)


def test_a_stream_keeps_thinking_apart_and_one_that_breaks_off_is_asked_again() -> None:
    thought = events(delta(reasoning_content="h"), delta(reasoning_content="m"), *STREAM)
    with Loopback(
        respond=lambda request: Fault(body=events(*STREAM[:2], last="") if request.count == 1 else thought)
    ) as server:
        reply, counters = ask_one(server)
    assert isinstance(reply, Reply), reply
    assert (reply.text, reply.reasoning) == ("one two three", "hm")
    assert counters.retries == {"body": 1}


@pytest.mark.parametrize(
    "content",
    [
        {"type": "text", "text": "one two three"},
        ["one two ", "three"],
        [{"text": "one two three"}],
        [{"type": "TEXT", "text": {"value": "one two three"}}],
        [{"type": "input_text", "text": "one two three"}],
    ],
)
def test_parts_are_read_in_other_spellings(content: Any) -> None:
    with Loopback(respond=lambda request: {**SOUND, "choices": [{"message": {"content": content}}]}) as server:
        reply, _ = ask_one(server)
    assert isinstance(reply, Reply), reply
    assert reply.text == "one two three"


BILLED = {
    "other names": {"usage": {"input_tokens": 10, "output_tokens": 3}},
    "digits": {"usage": {"prompt_tokens": "10", "completion_tokens": "3"}},
    "doubles": {"usage": {"prompt_tokens": 10.0, "completion_tokens": 3.0}},
    "a list": {"usage": [{"prompt_tokens": 10, "completion_tokens": 3}]},
    "camel case": {"usage": {"promptTokens": 10, "completionTokens": 3}},
    "metadata": {"usageMetadata": {"promptTokenCount": 10, "candidatesTokenCount": 3}},
    "a field of its own": {"x_groq": {"usage": {"prompt_tokens": 10, "completion_tokens": 3}}},
    "the rest of a total": {"usage": {"prompt_tokens": 10, "total_tokens": 13}},
    "thinking apart": {"usage": {"prompt_tokens": 10, "completion_tokens": 1, "total_tokens": 13}},
}


@pytest.mark.parametrize("fields", BILLED.values(), ids=BILLED)
def test_what_was_billed_is_booked_in_whatever_words(fields: dict[str, Any]) -> None:
    body = {name: value for name, value in SOUND.items() if name != "usage"} | fields
    with Loopback(respond=lambda request: body) as server:
        reply, counters = ask_one(server)
    assert isinstance(reply, Reply), reply
    assert reply.usage == Usage(tokens_in=10, tokens_out=3)
    assert (counters.tokens_in, counters.tokens_out, counters.tokens_estimated) == (10, 3, 0)


@pytest.mark.parametrize(
    ("reason", "kind"),
    [("</s>", "stop"), ("停止", "stop"), ("长度", "length"), ("guardrail_intervened", "content_filter")],
)
def test_further_words_for_the_end(reason: str, kind: str) -> None:
    with Loopback(respond=lambda request: answer("x", finish_reason=reason)) as server:
        reply, _ = ask_one(server)
    assert isinstance(reply, Reply)
    assert reply.finish_reason == kind


@pytest.mark.parametrize(
    "body",
    [
        {"candidates": [{"content": {"parts": [{"text": "hi"}]}}]},
        {"type": "message", "content": [{"type": "text", "text": "hi"}]},
        {"message": {"role": "assistant", "content": "hi"}, "done": True},
        {"object": "response", "output": [{"type": "message"}]},
    ],
)
def test_an_answer_of_another_protocol_ends_the_run_and_names_its_fields(body: dict[str, Any]) -> None:
    with Loopback(respond=lambda request: body) as server:
        outcomes, _ = ask_all([endpoint(server)], [question(n) for n in range(60)])
    assert isinstance(outcomes[-1], EndpointMismatch), outcomes[-1]
    assert "no chat completion" in str(outcomes[-1])
    assert next(iter(body)) in str(outcomes[-1])
    assert len(server.requests) < 60


WORDS = [
    "Guthaben aufgebraucht",
    "Votre solde est épuisé",
    "Saldo agotado",
    "Недостаточно средств",
    "ご利用可能額を超えました",
    "This project has no access to the model",
]


@pytest.mark.parametrize("sentence", WORDS)
def test_a_403_in_any_language_is_told_with_its_sentence_and_not_as_a_wrong_key(sentence: str) -> None:
    with Loopback(respond=lambda request: refused(403, sentence)) as server:
        outcomes, _ = ask_all([endpoint(server)], [question(n) for n in range(30)])
    assert {type(outcome) for outcome in outcomes} == {AuthError}
    assert sentence in str(outcomes[0])
    assert "refused the key" not in str(outcomes[0])
    assert len(server.requests) == 1


def test_behind_answers_such_a_403_is_about_its_record_and_twenty_of_them_end_the_run() -> None:
    def respond(request: LoopbackRequest) -> Response:
        number = int(request.text.split()[1])
        return refused(403, "Anfrage verletzt die Richtlinie") if number == 5 or number >= 100 else "sound"

    with Loopback(respond=respond) as server:
        outcomes, _ = ask_all([endpoint(server, max_in_flight=1)], [question(n) for n in range(200)])
    assert isinstance(outcomes[5], RecordRefused)
    assert all(isinstance(outcome, Reply) for outcome in (*outcomes[:5], *outcomes[6:100]))
    assert isinstance(outcomes[-1], EndpointMismatch)
    assert len(server.requests) == 120


def test_a_key_that_was_taken_before_is_not_told_as_wrong() -> None:
    def respond(request: LoopbackRequest) -> Response:
        return refused(401, "Guthaben aufgebraucht") if request.text == "question 3" else "sound"

    with Loopback(respond=respond) as server:
        outcomes, _ = ask_all([endpoint(server, max_in_flight=1)], [question(n) for n in range(9)])
    assert isinstance(outcomes[3], AuthError)
    assert "gives no access" in str(outcomes[3])
    assert "Guthaben aufgebraucht" in str(outcomes[3])


@pytest.mark.parametrize(
    ("fault", "cause"),
    [
        (refused(403, "User Rate Limit Exceeded", retry_after_ms="10"), "429"),
        (refused(420, "Enhance your calm", retry_after_ms="10"), "420"),
        (refused(421), "421"),
        (refused(449), "449"),
        (refused(499, "The operation was cancelled."), "499"),
    ],
)
def test_a_4xx_that_passes_is_sent_again(fault: Fault, cause: str) -> None:
    with Loopback(respond=lambda request: fault if request.count == 1 else "sound") as server:
        reply, counters = ask_one(server)
    assert isinstance(reply, Reply), reply
    assert counters.retries == {cause: 1}


@pytest.mark.parametrize("status", [406, 418, 423, 424, 426, 431, 444, 451])
def test_any_other_4xx_for_every_record_ends_the_run_after_twenty(status: int) -> None:
    with Loopback(respond=lambda request: refused(status, "nicht verfügbar")) as server:
        outcomes, _ = ask_all([endpoint(server, max_in_flight=1)], [question(n) for n in range(40)])
    assert isinstance(outcomes[-1], EndpointMismatch)
    assert "nicht verfügbar" in str(outcomes[-1])
    assert len(server.requests) == 20


def test_the_sentence_beside_an_error_that_is_a_mere_flag_is_told() -> None:
    with Loopback(respond=lambda request: {"error": True, "message": "the input is odd"}) as server:
        outcome, _ = ask_one(server)
    assert isinstance(outcome, RecordRefused)
    assert "the input is odd" in str(outcome)


def _chunked(extension: bytes) -> bytes:
    pieces = [BODY[at : at + 50] for at in range(0, len(BODY), 50)]
    chunks = b"".join(b"%x%b\r\n%b\r\n" % (len(piece), extension, piece) for piece in pieces)
    return (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks + b"0%b\r\nX-Trailer: 1\r\n\r\n" % extension
    )


FRAMES = {
    "1.0 without a length": b"HTTP/1.0 200 OK\r\n\r\n" + BODY,
    "extensions of chunks": _chunked(b';signature="a;b"'),
    "hints first": b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 200 OK\r\n\r\n" + BODY,
    "no reason": b"HTTP/1.1 200\r\nContent-Length: %d\r\n\r\n%b" % (len(BODY), BODY),
    "bare line feeds": b"HTTP/1.1 200 OK\nContent-Length: %d\n\n%b" % (len(BODY), BODY),
    "blanks before it": b"HTTP/1.1 200 OK\r\n\r\n\n \n" + BODY,
    "900 headers": b"HTTP/1.1 200 OK\r\n" + b"".join(b"X-%d: a\r\n" % n for n in range(900)) + b"\r\n" + BODY,
}


@pytest.mark.parametrize("raw", FRAMES.values(), ids=FRAMES)
def test_odd_framing_is_read(raw: bytes) -> None:
    async def talk(number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
        await reader.readexactly(int(length.partition(b":")[2]))
        writer.write(raw)
        await writer.drain()

    async def ask() -> Reply:
        endpoint = Endpoint(base_url=server.base_url, model="m", timeout_s=10.0, max_tries=1)
        async with Pool([endpoint], counters=Counters(), patience=FAST) as pool:
            return await pool.complete(question())

    with RawServer(talk) as server:
        reply = asyncio.run(ask())
    assert reply.text == "one two three"
