"""A budget at endpoints that bill in ten ways: what was billed stays near it, and what is booked is what was billed."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest
from command import user, write_lines
from forked import blossom
from loopback import HANG, Fault, Loopback, LoopbackRequest, Response, answer, refused

from blossom_data.ledger.sqlite import SqliteLedger

pytestmark = pytest.mark.slow

ROWS = 600
WORST_OUT = 4_096
Billing = Callable[[LoopbackRequest, int, random.Random], tuple[Response, int, int]]
"""Of (request, its input tokens, draws): the response, and the input and output tokens that are billed for it."""


def said(tokens_in: int, tokens_out: int, text: str = "Fine.", **how: Any) -> tuple[Response, int, int]:
    body = answer(text, **how)
    body["usage"] = {"prompt_tokens": tokens_in, "completion_tokens": tokens_out}
    return body, tokens_in, tokens_out


def cap_of(request: LoopbackRequest) -> int:
    return int(request.body["max_tokens"])


def long_winded(request: LoopbackRequest, tokens_in: int, draw: random.Random) -> tuple[Response, int, int]:
    wanted = draw.randint(3_000, 9_000)
    if wanted <= cap_of(request):
        return said(tokens_in, wanted)
    return said(tokens_in, cap_of(request), "Fine, but", finish_reason="length")


def malformed(request: LoopbackRequest, tokens_in: int, draw: random.Random) -> tuple[Response, int, int]:
    kind = draw.randrange(4)
    if kind == 0:
        return {"choices": [], "usage": {"prompt_tokens": tokens_in, "completion_tokens": 900}}, tokens_in, 900
    if kind == 1:
        text = '{"choices": [{"message": {"content": "Half \\ud83d"}, "finish_reason": "stop"}], "usage": '
        usage = orjson.dumps({"prompt_tokens": tokens_in, "completion_tokens": 800}).decode()
        return Fault(body=(text + usage + "}").encode()), tokens_in, 800
    if kind == 2:
        body = answer(None)
        body["usage"] = {"prompt_tokens": tokens_in, "completion_tokens": 0}
        return body | {"object": "chat.completion"}, tokens_in, 0
    return said(tokens_in, 700)


def with_usage(usage: Any) -> Billing:
    def respond(request: LoopbackRequest, tokens_in: int, draw: random.Random) -> tuple[Response, int, int]:
        body = answer("word " * 500)
        body["usage"] = usage
        return body, tokens_in, 625

    return respond


ENDPOINTS: dict[str, tuple[Billing, float, bool]] = {
    "honest": (lambda request, tokens_in, draw: said(tokens_in, draw.randint(500, 4_000)), 1.0, True),
    "thinking": (
        lambda request, tokens_in, draw: said(tokens_in, draw.randint(2_000, 4_000), reasoning_content="hm " * 50),
        1.0,
        True,
    ),
    "answers longer than the cap": (long_winded, 1.0, True),
    "bills five times the cap": (lambda request, tokens_in, draw: said(tokens_in, 5 * cap_of(request)), 1.3, True),
    "bills up to five times the cap": (
        lambda request, tokens_in, draw: said(tokens_in, int(draw.uniform(0.2, 5.0) * cap_of(request))),
        1.3,
        True,
    ),
    "bills twenty times the input": (lambda request, tokens_in, draw: said(20 * tokens_in, 1_000), 1.3, True),
    "malformed": (malformed, 1.0, True),
    "no usage": (with_usage(None), 1.3, False),
    "usage of zeros": (with_usage({"prompt_tokens": 0, "completion_tokens": 0}), 1.3, False),
    "absurd usage": (with_usage({"prompt_tokens": 10**8, "completion_tokens": 10**8}), 1.3, False),
    "times out": (
        lambda request, tokens_in, draw: (HANG, tokens_in, 3_000) if draw.random() < 0.1 else said(tokens_in, 3_000),
        1.0,
        False,
    ),
}


@pytest.mark.parametrize("name", ENDPOINTS)
def test_what_is_billed_stays_near_the_budget_and_is_booked(name: str, tmp_path: Path) -> None:
    billing, most, is_told = ENDPOINTS[name]
    draw, billed = random.Random(name), [0]

    def respond(request: LoopbackRequest) -> Response:
        tokens_in = sum(len(turn["content"]) // 4 + 4 for turn in request.body["messages"])
        response, used_in, used_out = billing(request, tokens_in, draw)
        billed[0] += used_in + used_out
        return response

    rows = write_lines(tmp_path / "in.jsonl", (user(f"Question {n}: " + "tell me more. " * 120) for n in range(ROWS)))
    budget = 100 * (WORST_OUT + 450)
    place = ["annotate", str(rows), "-o", "out", "--model", "m", "--max-in-flight", "32", "--json"]
    with Loopback(respond=respond, latency_s=0.005) as server:
        ends = ["--base-url", server.base_url, "--budget-tokens", str(budget), "--timeout-s", "1"]
        done = blossom(*place, *ends, cwd=tmp_path)
        sent = len(server.requests)
        again = blossom(*place, *ends, cwd=tmp_path)
        assert again.code == done.code
        assert len(server.requests) <= sent + 3, "the next run counts what this one was billed"
    assert done.code in (0, 4), done
    assert billed[0] <= most * budget
    assert all(request.body["max_tokens"] >= WORST_OUT for request in server.requests)
    ledger = SqliteLedger(tmp_path / ".blossom" / "ledger.sqlite")
    booked = sum(row.tokens_in + row.tokens_out for row in ledger.totals())
    ledger.close()
    assert booked == billed[0] if is_told else booked <= 1.01 * budget
    assert booked > 0.9 * budget or done.code == 0


def limited(largest: int, wanted: int) -> Callable[[LoopbackRequest], Response]:
    """An endpoint whose context holds `largest` output tokens, with answers of `wanted`."""

    def respond(request: LoopbackRequest) -> Response:
        cap = request.body.get("max_tokens", largest)
        if cap > largest:
            return refused(400, f"'max_tokens' is too large: {cap}. This model's context holds {largest} more tokens")
        is_cut = wanted > cap
        return said(50, min(wanted, cap), "Fine", finish_reason="length" if is_cut else "stop")[0]

    return respond


def annotate(folder: Path, server: Loopback, *further: str) -> Any:
    rows = write_lines(folder / "in.jsonl", (user(f"Question {n}: tell me more.") for n in range(8)))
    place = ["annotate", str(rows), "-o", "out", "--model", "m", "--tries", "1", "--json"]
    return blossom(*place, "--base-url", server.base_url, *further, cwd=folder)


def test_a_cap_of_the_budget_is_no_cap_of_the_answer_and_is_in_no_key(tmp_path: Path) -> None:
    with Loopback(respond=limited(100_000, 10_000)) as server:
        done = annotate(tmp_path, server, "--budget-tokens", "1000000")
        assert (done.code, done.json["kept"]) == (0, 8)
        assert done.json["run"]["retries"]["cap"] <= 4
        caps = [request.body["max_tokens"] for request in server.requests]
        assert caps[0] == 4096 and set(caps) == {4096, 8192, 16384, 10_000}
        paid = server.paid
        again = annotate(tmp_path, server, "-o", "other")
        assert (again.code, again.json["kept"], server.paid) == (0, 8, paid), "all of it came from the ledger"


def test_a_cap_that_the_user_set_truncates(tmp_path: Path) -> None:
    with Loopback(respond=limited(100_000, 10_000)) as server:
        done = annotate(tmp_path, server, "--budget-tokens", "1000000", "--max-tokens", "300")
        assert done.json["rejected"] == {"annotate/truncated": 8}
        assert {request.body["max_tokens"] for request in server.requests} == {300}


@pytest.mark.parametrize(("wanted", "kept"), [(500, 8), (10_000, 0)])
def test_an_endpoint_with_less_room_than_the_cap_is_asked_for_less(tmp_path: Path, wanted: int, kept: int) -> None:
    with Loopback(respond=limited(1_500, wanted)) as server:
        done = annotate(tmp_path, server, "--budget-tokens", "1000000")
        assert done.json["kept"] == kept
        assert done.json["failed"] == {}
        assert server.paid == 8, "none is bought again, for no larger cap is allowed"
        assert [request.body["max_tokens"] for request in server.requests[:3]] == [4096, 2048, 1024]
    ledger = SqliteLedger(tmp_path / ".blossom" / "ledger.sqlite")
    assert sum(row.tokens_out for row in ledger.totals()) == 8 * min(wanted, 1024)
    ledger.close()


def test_the_canary_counts_as_well(tmp_path: Path) -> None:
    with Loopback(respond=lambda request: said(70, 30, '{"translation": "x"}')[0]) as server:
        rows = write_lines(tmp_path / "in.jsonl", [user("Question: tell me more.")])
        place = ["translate", str(rows), "-o", "out", "--model", "m", "--tries", "1", "--json"]
        done = blossom(*place, "--base-url", server.base_url, "--stop-when-kept-below", "0", cwd=tmp_path)
        assert done.json["run"]["tokens_in"] == 70 * len(server.requests)
    ledger = SqliteLedger(tmp_path / ".blossom" / "ledger.sqlite")
    assert {row.stage: row.tokens_in for row in ledger.totals()}["canary"] == 70
    ledger.close()
