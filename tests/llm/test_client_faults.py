"""One call against a server that misbehaves: what is retried, what ends the record, what ends the run."""

from __future__ import annotations

import resource
import time
from collections.abc import Callable

import pytest
from calls import CANARY_KEY, FAST, ask_all, ask_one, endpoint, question
from loopback import (
    CUT,
    DRIP,
    ENDLESS,
    HANG,
    HANG_BODY,
    HTML_200,
    HTML_502,
    RESET,
    Fault,
    Loopback,
    LoopbackRequest,
    Response,
    answer,
    gzip_bomb,
    refused,
)

from blossom_data.asks import Reply
from blossom_data.config import Endpoint, Secret
from blossom_data.errors import AuthError, ConfigError, EndpointError, EndpointMismatch, RecordRefused
from blossom_data.llm.policy import Patience
from blossom_data.records import Message


def once(fault: Response) -> Callable[[LoopbackRequest], Response]:
    """Misbehaves the first time that a question comes, then answers."""
    return lambda request: fault if request.count == 1 else "sound"


@pytest.mark.parametrize(
    ("fault", "cause"),
    [
        (refused(408), "408"),
        (refused(409), "409"),
        (refused(425), "425"),
        (refused(429), "429"),
        (refused(429, retry_after="0.05"), "429"),
        (refused(429, retry_after_ms="50"), "429"),
        (refused(500), "5xx"),
        (refused(503), "5xx"),
        (refused(503, retry_after="0.05"), "5xx"),
        (refused(529), "5xx"),
        (HTML_502, "5xx"),
        (RESET, "reset"),
        (CUT, "body"),
        (HTML_200, "body"),
        (Fault(body=b'{"choices": [{"mess'), "body"),
        (Fault(body=b""), "body"),
        (Fault(headers={"Content-Encoding": "gzip"}, body=b"not gzip"), "body"),
        (Fault(headers={"Content-Encoding": "br"}, body=b"{}"), "body"),
        (Fault(headers={"Content-Encoding": "zstd"}, body=b"not zstd"), "body"),
        (Fault(headers={"X-Long": "x" * 200_000}), "body"),
        ({"choices": []}, "body"),
        ({"error": {"message": "upstream"}}, "body"),
        (answer(None), "body"),
    ],
)
def test_what_may_pass_is_sent_again(fault: Response, cause: str) -> None:
    with Loopback(respond=once(fault)) as server:
        reply, counters = ask_one(server)
    assert isinstance(reply, Reply), reply
    assert reply.text == "sound"
    assert len(server.requests) == 2
    assert counters.retries == {cause: 1}
    assert (counters.calls, counters.in_flight, counters.waiting) == (1, 0, 0)


@pytest.mark.parametrize("fault", [HANG, HANG_BODY, DRIP])
def test_the_deadline_is_wall_clock(fault: Fault) -> None:
    with Loopback(respond=once(fault)) as server:
        began = time.monotonic()
        reply, counters = ask_one(server, timeout_s=0.4)
        took_s = time.monotonic() - began
    assert isinstance(reply, Reply), reply
    assert counters.retries == {"timeout": 1}
    assert took_s < 4.0
    assert server.aborted == 1


@pytest.mark.parametrize("fault", [ENDLESS, Fault(body=b"x" * 2_000_000), gzip_bomb(64)])
def test_a_body_over_the_limit_costs_one_call(fault: Fault) -> None:
    with Loopback(respond=lambda request: fault) as server:
        outcome, _ = ask_one(server, max_body_bytes=1_000_000)
    assert isinstance(outcome, RecordRefused), outcome
    assert "1000000 bytes" in str(outcome)
    assert len(server.requests) == 1


def test_a_gzip_bomb_takes_no_memory() -> None:
    bomb = gzip_bomb(300)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with Loopback(respond=lambda request: bomb) as server:
        outcome, _ = ask_one(server, max_body_bytes=1_000_000)
    assert isinstance(outcome, RecordRefused)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100 << 10


@pytest.mark.parametrize("status", [400, 413, 422, 451])
def test_a_poisoned_record_costs_one_call_and_keeps_its_reason(status: int) -> None:
    def respond(request: LoopbackRequest) -> Response:
        return refused(status, "the prompt was refused") if request.text == "question 7" else "sound"

    with Loopback(respond=respond) as server:
        outcomes, _ = ask_all([endpoint(server)], [question(n) for n in range(20)])
    bad = outcomes[7]
    assert isinstance(bad, RecordRefused)
    assert bad.status == status
    assert "the prompt was refused" in str(bad)
    assert "the prompt was refused" in bad.body
    assert sum(isinstance(outcome, Reply) for outcome in outcomes) == 19
    assert len(server.requests) == 20


def test_a_call_that_keeps_failing_gives_up_after_max_tries_and_costs_one_record() -> None:
    def respond(request: LoopbackRequest) -> Response:
        return refused(500, "always") if request.text == "question 3" else "sound"

    with Loopback(respond=respond) as server:
        outcomes, counters = ask_all([endpoint(server, max_tries=4)], [question(n) for n in range(10)])
    bad = outcomes[3]
    assert isinstance(bad, RecordRefused)
    assert bad.status == 500
    assert len(server.requests) == 9 + 4
    assert counters.retries == {"5xx": 3}


def test_being_told_to_wait_costs_no_try() -> None:
    def respond(request: LoopbackRequest) -> Response:
        return refused(429, retry_after_ms="10") if request.count <= 5 else "sound"

    with Loopback(respond=respond) as server:
        reply, counters = ask_one(server, max_tries=1)
    assert isinstance(reply, Reply), reply
    assert counters.retries == {"429": 5}


def test_waiting_has_an_end() -> None:
    with Loopback(respond=lambda request: refused(429, retry_after_ms="20")) as server:
        patience = Patience(first_s=0.01, most_s=0.05, total_s=0.3)
        outcomes, _ = ask_all([endpoint(server)], [question()], patience=patience)
    assert isinstance(outcomes[0], EndpointError)
    assert outcomes[0].exit_code == 4


@pytest.mark.parametrize(
    ("fault", "error", "exit_code"),
    [
        (refused(401, "bad key"), AuthError, 2),
        (refused(403, "no access"), AuthError, 2),
        (refused(402, "pay first"), AuthError, 2),
        (refused(429, "quota", code="insufficient_quota"), AuthError, 2),
        (refused(404, "no such model", code="model_not_found"), EndpointMismatch, 2),
        (Fault(status=405, body=b"no"), EndpointMismatch, 2),
    ],
)
def test_what_no_call_can_survive_costs_one_call_in_total(
    fault: Fault, error: type[EndpointError], exit_code: int
) -> None:
    with Loopback(respond=lambda request: fault) as server:
        outcomes, _ = ask_all([endpoint(server)], [question(n) for n in range(50)])
    assert {type(outcome) for outcome in outcomes} == {error}
    assert isinstance(outcomes[0], EndpointError)
    assert outcomes[0].exit_code == exit_code
    assert outcomes[0].hint
    assert len([request for request in server.requests if request.method == "POST"]) == 1


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_named_and_not_followed(status: int) -> None:
    with Loopback() as target:
        elsewhere = f"{target.base_url}/chat/completions?key={CANARY_KEY}"
        with Loopback(respond=lambda request: Fault(status=status, headers={"Location": elsewhere})) as server:
            outcome, _ = ask_one(server)
    assert isinstance(outcome, EndpointError)
    assert target.base_url in str(outcome)
    assert CANARY_KEY not in str(outcome)
    assert target.connections == 0
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "fault",
    [
        refused(400, f"you sent {CANARY_KEY}"),
        refused(401, f"Incorrect API key provided: {CANARY_KEY}"),
        refused(500, "x" * 290 + CANARY_KEY),
        Fault(body=f"log in with {CANARY_KEY}".encode()),
        {"error": {"message": f"key {CANARY_KEY}"}},
        Fault(headers={f"X-{CANARY_KEY}": "x" * 200_000}),
        Fault(headers={"Transfer-Encoding": "chunked"}, body=f"{CANARY_KEY}\r\n".encode()),
        CUT,
        HANG,
    ],
)
def test_the_key_is_in_the_header_and_nowhere_else(
    fault: Response, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    with Loopback(respond=lambda request: fault) as server:
        outcome, counters = ask_one(server, max_tries=2, timeout_s=0.3)
    assert isinstance(outcome, EndpointError | RecordRefused)
    assert server.requests[0].headers["authorization"] == f"Bearer {CANARY_KEY}"
    shown = [str(outcome), repr(outcome.args), getattr(outcome, "body", ""), outcome.hint, repr(counters), caplog.text]
    error: BaseException | None = outcome
    while error := error.__cause__ or error.__context__:
        shown += [str(error), repr(error)]
    out, err = capfd.readouterr()
    assert not [text for text in [*shown, out, err] if CANARY_KEY[:12] in text]


def test_a_reply_that_echoes_the_key_is_scrubbed() -> None:
    with Loopback(respond=lambda request: f"your key is {CANARY_KEY}") as server:
        reply, _ = ask_one(server)
    assert isinstance(reply, Reply)
    assert reply.text == "your key is ****"


def test_a_key_that_cannot_stand_in_a_header_is_refused_without_showing_it() -> None:
    bad = Endpoint(base_url="http://127.0.0.1:1/v1", model="m", api_key=Secret("sk-CANARY\n", origin="OPENAI_API_KEY"))
    with pytest.raises(ConfigError, match="OPENAI_API_KEY") as caught:
        ask_all([bad], [question()])
    assert "CANARY" not in str(caught.value)


def test_an_endpoint_that_is_not_there() -> None:
    with Loopback() as server:
        gone = endpoint(server)
    outcomes, counters = ask_all([gone], [question(n) for n in range(30)])
    assert {type(outcome) for outcome in outcomes} == {EndpointError}
    assert "is down" in str(outcomes[0])
    assert counters.calls == 0


def test_a_proxy_in_the_environment_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    with Loopback() as proxy, Loopback() as server:
        monkeypatch.setenv("HTTP_PROXY", proxy.base_url)
        monkeypatch.setenv("http_proxy", proxy.base_url)
        monkeypatch.delenv("NO_PROXY", raising=False)
        monkeypatch.delenv("no_proxy", raising=False)
        reply, _ = ask_one(server)
    assert isinstance(reply, Reply)
    assert proxy.connections == 0


def test_text_that_cannot_be_sent_fails_its_record_only() -> None:
    torn = question(messages=(Message("user", "\ud800"),))
    with Loopback() as server:
        outcomes, _ = ask_all([endpoint(server)], [torn, question(1)], patience=FAST)
    assert isinstance(outcomes[0], RecordRefused)
    assert isinstance(outcomes[1], Reply)


def test_the_request_on_the_wire() -> None:
    with Loopback() as server:
        ask_one(server, question(5, attempt=3, temperature=0.3, top_p=0.9, max_tokens=77, model="other"))
    request = server.requests[0]
    assert request.path == "/v1/chat/completions"
    assert request.body == {
        "model": "other",
        "messages": [{"role": "user", "content": "question 5"}],
        "temperature": 0.3,
        "top_p": 0.9,
        "max_tokens": 77,
    }
    assert request.try_number == 3
    assert request.headers["user-agent"].startswith("blossom-data/")
    assert CANARY_KEY not in str(request.body)
