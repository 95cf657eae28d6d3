"""An evaluation that is killed while it is judged goes on: what is bought again was in flight."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from kill_runs import IN_FLIGHT, cli, finish, kill, start, wait_for
from loopback import Loopback, LoopbackRequest

pytestmark = pytest.mark.slow


def respond(request: LoopbackRequest) -> str:
    return (
        f"Rating: [[{len(request.text) % 10 + 1}]]" if request.body["model"] == "judge-1" else f"It is {request.text}"
    )


def command(server: Loopback, out: str) -> list[str]:
    who = ["--base-url", server.base_url, "--model", "qwen-1", "--judge-model", "judge-1", "--structured", "off"]
    return cli("evaluate", "mt-bench:40", "-o", out, *who, "--max-in-flight", IN_FLIGHT, "--ledger", f"{out}.sqlite")


def test_a_killed_evaluation_buys_again_only_what_was_in_flight(tmp_path: Path) -> None:
    with Loopback(respond=respond, latency_s=0.02) as server:
        child = start(command(server, "out"), tmp_path)
        wait_for(lambda: sum(one.body["model"] == "judge-1" for one in server.requests) > 20, child)
        assert kill(child)
        assert not (tmp_path / "out/scores.json").exists()
        assert finish(command(server, "out"), tmp_path).code == 0
        assert server.bought_twice <= 2 * IN_FLIGHT  # of the model, and of the judge
        paid = server.paid
        assert finish(command(server, "out"), tmp_path).code == 0
        assert server.paid == paid
        assert finish(command(server, "whole"), tmp_path).code == 0
    told, whole = (json.loads((tmp_path / out / "scores.json").read_bytes()) for out in ("out", "whole"))
    assert told["suites"] == whole["suites"]
