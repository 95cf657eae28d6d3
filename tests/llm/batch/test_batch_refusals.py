"""Lines that a model refuses: what can be learnt is learnt, what meets every line ends the run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest
from batch_runs import go
from command import values
from loopback_batch import Answer, BatchServer, Line

from blossom_data.errors import EndpointMismatch
from blossom_data.stages.build import build_stage

QUESTIONS = [f"What is {n}?" for n in range(25)]


class Picky(BatchServer):
    """Refuses what GPT-5 and templates without a system turn do not take, a thing at a time."""

    def refusal_of(self, body: dict[str, Any]) -> Line | None:
        told = ""
        if "max_tokens" in body:
            told = "Unsupported parameter: 'max_tokens' is not supported. Use 'max_completion_tokens' instead."
        elif body.get("temperature", 1) != 1:
            told = "Unsupported value: 'temperature' does not support 0.7 with this model."
        elif any(turn["role"] == "system" for turn in body["messages"]):
            told = "System role not supported"
        return Line(400, told, "unsupported") if told else None


def test_what_a_model_does_not_take_is_learnt_once_and_costs_no_try(tmp_path: Path) -> None:
    with Picky() as server:
        stage = build_stage("annotate", {"max_tokens": 50})
        summary = go(tmp_path, server, QUESTIONS[:5], stage=stage, lines=5, tries=1)
        assert (summary["kept"], summary["failed"]) == (5, {})
        # A batch for each thing that is refused; then one with all that is left.
        assert [len(batch.lines) for batch in server.batches.values()] == [5, 5, 5, 5]
        go(tmp_path, server, QUESTIONS[5:10], out="more", stage=stage, lines=5, tries=1)
        assert (len(server.batches), server.lines_paid) == (5, 10)
        body = list(server.batches.values())[-1].lines[0]["body"]
    assert (body["max_completion_tokens"], "temperature" in body, len(body["messages"])) == (50, False, 1)
    assert len(values(tmp_path / "more")) == 5


def test_one_refusal_for_twenty_lines_ends_the_run_and_poisonous_lines_do_not(tmp_path: Path) -> None:
    def refuses(text: str, _: int | None) -> Answer:
        return Line(400, f"Value {len(text)} of logit_bias is not taken (request req_{hash(text)}f)", "bad_value")

    with BatchServer(refuses) as server:
        with pytest.raises(EndpointMismatch, match="the same refusal to every annotate request") as caught:
            go(tmp_path, server, QUESTIONS, lines=30)
        assert (caught.value.exit_code, len(server.batches)) == (2, 1)
    with BatchServer(lambda text, before: "fine" if text == QUESTIONS[7] else refuses(text, before)) as server:
        summary = go(tmp_path, server, QUESTIONS, ledger="other", lines=30)
    assert (summary["kept"], summary["failed"]) == (1, {"annotate/refused_400": 24})


def test_an_error_that_is_nested_without_end_fails_its_line_alone(tmp_path: Path) -> None:
    def mangle(body: bytes) -> bytes:
        first, *others = (orjson.loads(line) for line in body.splitlines())
        name = first["custom_id"].encode()
        odd = b'{"custom_id":"%b","response":{"status_code":400,"body":{"error":' % name
        odd += b'{"a":' * 300 + b"1" + b"}" * 300 + b"}}}"
        return b"\n".join([odd, *map(orjson.dumps, others)])

    with BatchServer() as server:
        server.mangle = mangle
        summary = go(tmp_path, server, QUESTIONS[:4])
    assert (summary["kept"], sum(summary["failed"].values())) == (3, 1)
