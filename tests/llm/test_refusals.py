"""Refusals that would meet every record: told as what they are, learnt once, or found out after twenty."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import orjson
import pytest
from calls import FAST, ask_all, endpoint, question
from loopback import Fault, Loopback, LoopbackRequest, Response, refused

from blossom_data.asks import Ask, Reply
from blossom_data.counters import Counters
from blossom_data.errors import AuthError, EndpointError, EndpointMismatch, RecordRefused
from blossom_data.llm.pool import Pool
from blossom_data.records import Message


def json_fault(status: int, **body: Any) -> Fault:
    return Fault(status=status, headers={"Content-Type": "application/json"}, body=orjson.dumps(body))


def asked(server: Loopback) -> list[LoopbackRequest]:
    """The chat completions; what looks for a list of models costs nothing."""
    return [request for request in server.requests if request.method == "POST"]


MONEY = [
    refused(400, "Access denied, please make sure your account is in good standing.", code="Arrearage"),
    json_fault(400, code="Arrearage", message="Access denied", request_id="9"),
    json_fault(
        429,
        error={
            "type": "exceeded_current_quota_error",
            "message": "Your account org-1 is suspended due to insufficient balance, please recharge your account",
        },
    ),
    refused(429, "You exceeded your current quota: suspended due to insufficient balance"),
    refused(429, "您的账户余额不足，请充值后再试"),
    refused(403, "Sorry, your account balance is insufficient"),
    refused(403, "账户已欠费，服务已停用"),
    refused(400, "Your credit balance is too low to access the API. Please go to Plans & Billing."),
    refused(402, "Insufficient Balance"),
    refused(403, "The free tier of the model has been exhausted.", code="AllocationQuota.FreeTierOnly"),
    refused(403, "Key limit exceeded: out of credits"),
    json_fault(200, code=402, message="no credits left", success=False),
    json_fault(200, base_resp={"status_code": 1008, "status_msg": "insufficient balance"}),
    json_fault(200, Response={"Error": {"Code": "ChargeResourceExhaust", "Message": "账号已没有免费资源，请充值"}}),
    json_fault(200, errors=["insufficient credits"]),
    refused(429, "You have used up your trial quota. Upgrade your plan to continue."),
    refused(400, "帳戶餘額不足，請儲值"),
    refused(429, "残高が不足しています。チャージしてください。"),
    refused(403, "크레딧이 부족합니다. 충전해 주세요."),
]
KEY = [
    json_fault(200, code=401, message="invalid token", success=False),
    json_fault(200, error={"code": "invalid_api_key", "message": "Incorrect API key provided"}),
    json_fault(200, error="Unauthorized"),
    json_fault(200, error_code=110, error_msg="Access token invalid or no longer valid"),
    json_fault(200, base_resp={"status_code": 1004, "status_msg": "login fail: please carry the API secret key"}),
    json_fault(200, code=1000, msg="身份鉴权失败"),
    refused(401, "bad key"),
    json_fault(200, code="439", msg="Your API Token has expired.", body=None),
    json_fault(200, code=11200, message="AppIdNoAuthError: 该appId没有相关功能的授权"),
    json_fault(200, code=40101, message="token无效", data=None),
    json_fault(200, success=False, errors=[{"code": 10000, "message": "Authentication error"}]),
    refused(400, "This API key has been disabled"),
]
BLOCKED = [
    refused(403, "Country, region, or territory not supported", code="unsupported_country_region_territory"),
    refused(403, "Your IP 198.51.100.7 is not in the allowlist"),
    Fault(status=403, headers={"Content-Type": "text/plain"}, body=b"error code: 1010"),
    Fault(status=403, headers={"Content-Type": "text/html"}, body=b"<html><title>Just a moment...</title></html>"),
    Fault(status=403, headers={"Content-Type": "text/html"}, body=b"<!DOCTYPE html><h1>403 Forbidden</h1>nginx"),
]


@pytest.mark.parametrize(
    ("fault", "told"),
    [(fault, "money or quota") for fault in MONEY]
    + [(fault, "refused the key") for fault in KEY]
    + [(fault, "in front of endpoint") for fault in BLOCKED],
)
def test_no_access_costs_one_call_and_is_told_as_what_it_is(fault: Fault, told: str) -> None:
    with Loopback(respond=lambda request: fault, latency_s=0.5) as server:
        outcomes, _ = ask_all([endpoint(server)], [question(n) for n in range(30)])
    assert {type(outcome) for outcome in outcomes} == {AuthError}
    assert told in str(outcomes[0])
    assert outcomes[0].exit_code == 2  # type: ignore[union-attr]
    assert len(server.requests) == 1, "the first call of a run goes alone, however long it takes"


@pytest.mark.parametrize(
    "message",
    [
        "Rate limit reached for gpt-4o on requests per min (RPM): Limit 3. Please try again in 20s. You can increase "
        "your rate limit by adding a payment method to your account",
        "You exceeded your current quota, please check your plan and billing details. Quota: requests per minute",
        "请求过于频繁，请稍后再试，充值可提升额度",
        "Too many requests",
    ],
)
def test_a_rate_limit_that_speaks_of_money_is_waited_for(message: str) -> None:
    def respond(request: LoopbackRequest) -> Response:
        return refused(429, message, retry_after_ms="10") if request.count == 1 else "sound"

    with Loopback(respond=respond) as server:
        outcomes, _ = ask_all([endpoint(server)], [question(n) for n in range(5)])
    assert all(isinstance(outcome, Reply) for outcome in outcomes)


@pytest.mark.parametrize("body", [{"code": 429, "message": "slow down"}, {"error": "Rate limit exceeded"}])
def test_an_error_in_a_200_is_judged_by_its_code_or_sentence(body: dict[str, Any]) -> None:
    with Loopback(respond=lambda request: json_fault(200, **body) if request.count < 3 else "sound") as server:
        outcomes, counters = ask_all([endpoint(server)], [question()])
    assert isinstance(outcomes[0], Reply)
    assert counters.retries == {"429": 2}


def test_access_that_ends_in_the_middle_lets_the_calls_in_flight_end() -> None:
    def respond(request: LoopbackRequest) -> Response:
        return MONEY[0] if request.text == "question 30" else "sound"

    with Loopback(respond=respond, latency_s=lambda request: 0.2 if request.text == "question 29" else 0.02) as server:
        outcomes, _ = ask_all([endpoint(server, max_in_flight=4)], [question(n) for n in range(100)])
    assert isinstance(outcomes[29], Reply)
    assert isinstance(outcomes[30], AuthError)
    assert len(server.requests) <= 36


def test_a_wrong_model_is_told_with_those_that_are_served() -> None:
    wrong = refused(404, "The model `test` does not exist.", code="model_not_found")
    for fault in (wrong, refused(400, "Model does not exist. Please check it carefully."), refused(404, "not found")):
        with Loopback(respond=lambda request, fault=fault: fault) as server:
            outcomes, _ = ask_all([endpoint(server)], [question(n) for n in range(30)])
        assert {type(outcome) for outcome in outcomes} == {EndpointMismatch}
        assert outcomes[0].exit_code == 2  # type: ignore[union-attr]
        assert "it serves loopback" in outcomes[0].hint  # type: ignore[union-attr]
        assert len(asked(server)) == 1


@pytest.mark.parametrize("wrong", ["", "/v1/chat/completions", "/v1/v1"])
def test_a_wrong_address_is_told_with_the_one_that_works(wrong: str) -> None:
    class OneRoute(Loopback):
        def _route(self, request: LoopbackRequest) -> Response:
            if request.path in ("/v1/models", "/v1/chat/completions"):
                return super()._route(request)
            return refused(404, "Not Found")

    with OneRoute() as server:
        root = server.base_url.removesuffix("/v1")
        outcomes, _ = ask_all([endpoint(server, base_url=root + wrong)], [question(n) for n in range(30)])
        assert isinstance(outcomes[0], EndpointMismatch)
        assert f"--base-url {server.base_url}" in outcomes[0].hint
        assert len(asked(server)) == 1


def unsupported(name: str, more: str = "") -> Fault:
    return refused(400, f"Unsupported parameter: '{name}' is not supported with this model.{more}")


def picky(*rules: tuple[Callable[[dict[str, Any]], bool], Fault]) -> Callable[[LoopbackRequest], Response]:
    """Refuses each body for the first of the `rules` that it breaks."""
    return lambda request: next((fault for is_broken, fault in rules if is_broken(request.body)), "sound")


def has_system(body: dict[str, Any]) -> bool:
    return any(turn["role"] == "system" for turn in body["messages"])


USE_OTHER = unsupported("max_tokens", " Use 'max_completion_tokens' instead.")
EXTRA = json_fault(
    422, detail=[{"type": "extra_forbidden", "loc": ["body", "max_tokens"], "msg": "Extra inputs are not permitted"}]
)
NO_TEMPERATURE = refused(400, "Unsupported value: 'temperature' does not support 0.3 with this model.")


@pytest.mark.parametrize(
    "rules",
    [
        [(lambda body: "max_tokens" in body, USE_OTHER)],
        [(lambda body: "max_tokens" in body, EXTRA)],
        [(lambda body: "temperature" in body, NO_TEMPERATURE)],
        [(lambda body: "temperature" in body, json_fault(200, error={"message": "temperature: unknown field"}))],
        [(lambda body: "top_p" in body, unsupported("top_p"))],
        [(has_system, refused(400, "System role not supported"))],
        [(has_system, refused(500, "Jinja Exception: System role not supported"))],
        [(has_system, refused(400, "Conversation roles must alternate user/assistant/user/assistant/..."))],
        [(has_system, refused(400, "messages[0].role does not support 'system' with this model"))],
        [
            (lambda body: "max_tokens" in body, USE_OTHER),
            (lambda body: "temperature" in body, NO_TEMPERATURE),
            (lambda body: "top_p" in body, unsupported("top_p")),
        ],
    ],
)
def test_what_a_model_does_not_take_is_learnt_once(rules: list[Any]) -> None:
    settings = {"max_tokens": 50, "temperature": 0.3, "top_p": 0.9}
    asks = [
        question(n, messages=(Message("system", "Be brief."), Message("user", f"question {n}")), **settings)
        for n in range(40)
    ]
    memory = Remembered()
    with Loopback(respond=picky(*rules)) as server:
        outcomes = [ask_with(memory, server, part) for part in (asks[:20], asks[20:])]
    assert all(isinstance(outcome, Reply) for outcomes_of_run in outcomes for outcome in outcomes_of_run)
    assert len(server.requests) == 40 + len(rules)
    last = server.requests[-1].body
    assert last.get("max_tokens", last.get("max_completion_tokens")) == 50
    assert "Be brief." in str(last["messages"])


class Remembered(dict[str, str]):
    """A memory in place of the ledger's."""

    def recall(self, name: str) -> str | None:
        return self.get(name)

    def remember(self, name: str, value: str) -> None:
        self[name] = value


def ask_with(memory: Remembered, server: Loopback, asks: list[Ask]) -> list[Reply | BaseException]:
    async def run() -> list[Reply | BaseException]:
        async with Pool([endpoint(server)], counters=Counters(), patience=FAST, memory=memory) as pool:
            return await asyncio.gather(*(pool.complete(ask) for ask in asks), return_exceptions=True)

    return asyncio.run(run())


def test_a_refusal_that_only_quotes_a_setting_teaches_nothing() -> None:
    def respond(request: LoopbackRequest) -> Response:
        if request.text == "question 3":
            return refused(400, "refused: 'what is the temperature of the sun'")
        return "sound" if "temperature" in request.body else refused(400, "temperature was lost")

    with Loopback(respond=respond) as server:
        outcomes, counters = ask_all(
            [endpoint(server, max_in_flight=1)], [question(n, temperature=0.5) for n in range(9)]
        )
    assert isinstance(outcomes[3], RecordRefused)
    assert sum(isinstance(outcome, Reply) for outcome in outcomes) == 8
    assert not counters.notes


def test_a_cap_that_is_too_large_is_no_unknown_parameter() -> None:
    large = refused(400, "max_tokens is too large: 9999. This model supports at most 4096 completion tokens")
    with Loopback(respond=lambda request: large) as server:
        outcomes, _ = ask_all([endpoint(server)], [question(max_tokens=9999)])
    assert isinstance(outcomes[0], RecordRefused)
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "fault",
    [
        lambda n: refused(400, f"Value {n} is above the limit (request req_{n}f)"),
        lambda n: refused(422, f"logprobs: not taken, you sent 'text {n}'"),
        lambda n: refused(413, "body too large"),
        lambda n: json_fault(200, error={"message": f"illegal field stop_{n}"}),
        lambda n: json_fault(200, code=1210, msg="参数有误"),
    ],
)
def test_one_refusal_for_twenty_questions_ends_the_run(fault: Callable[[int], Fault]) -> None:
    with Loopback(respond=lambda request: fault(int(request.text.split()[1]))) as server:
        outcomes, _ = ask_all([endpoint(server)], [question(n) for n in range(200)])
    ended = [outcome for outcome in outcomes if isinstance(outcome, EndpointError)]
    assert {type(outcome) for outcome in ended} == {EndpointMismatch}
    assert ended[0].exit_code == 2
    assert "the same refusal" in str(ended[0])
    assert len(server.requests) == 20


def test_refusals_between_answers_and_different_ones_end_nothing() -> None:
    def respond(request: LoopbackRequest) -> Response:
        number = int(request.text.split()[1])
        return refused(400, "the prompt was refused") if number % 10 else "sound"

    with Loopback(respond=respond, latency_s=0.001) as server:
        outcomes, _ = ask_all([endpoint(server, max_in_flight=1)], [question(n) for n in range(100)])
    assert sum(isinstance(outcome, RecordRefused) for outcome in outcomes) == 90
    with Loopback(respond=lambda request: refused(500, "broken") if request.count < 2 else "sound") as server:
        outcomes, _ = ask_all([endpoint(server, max_in_flight=1)], [question(n) for n in range(30)])
    assert all(isinstance(outcome, Reply) for outcome in outcomes)
