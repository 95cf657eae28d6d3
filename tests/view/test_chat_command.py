"""`blossom-data chat` with an endpoint and with the model that comes along; what it prints, saves and refuses."""

from __future__ import annotations

import json
from pathlib import Path

import orjson
import pytest
from command import blossom, values
from loopback import Fault, Loopback, LoopbackRequest, answer, refused


def events(*deltas: dict[str, str], end: bytes = b"data: [DONE]\n\n") -> Fault:
    """A reply in pieces."""
    body = b"".join(b"data: " + orjson.dumps({"choices": [{"delta": delta}]}) + b"\n\n" for delta in deltas)
    return Fault(headers={"Content-Type": "text/event-stream"}, body=body + end)


def test_a_reply_in_pieces_is_told_and_saved_as_a_record(tmp_path: Path) -> None:
    sent: list[dict[str, object]] = []

    def respond(request: LoopbackRequest) -> Fault:
        sent.append(request.body)
        return events(
            {"role": "assistant"}, {"reasoning_content": "hm"}, {"content": "四"}, {"content": "十二。\x1b[31m"}
        )

    with Loopback(respond) as server:
        done = blossom(
            "chat", "m", "--base-url", server.base_url, "--prompt", "六乘七？", "--system", "Be brief.",
            "--save", "a.jsonl", "--temperature", 0.5, cwd=tmp_path,
        )  # fmt: skip
    assert done.code == 0, done
    assert done.out == "四十二。\\x1b[31m\n"
    assert sent[0]["stream"] is True
    assert (sent[0]["model"], sent[0]["temperature"]) == ("m", 0.5)
    (record,) = values(tmp_path / "a.jsonl")
    assert [turn["role"] for turn in record["messages"]] == ["system", "user", "assistant"]
    assert record["messages"][2]["reasoning_content"] == "hm"
    assert (record["source"], record["lang"], record["lineage"][0]["model"]) == ("chat", "zh", "m")


@pytest.mark.parametrize("name", ["chat", "train chat"])
def test_an_endpoint_that_does_not_stream_answers_in_one_piece(tmp_path: Path, name: str) -> None:
    with Loopback(lambda request: answer("42")) as server:
        done = blossom(*name.split(), "m", "--base-url", server.base_url, "--json", stdin=b"6 x 7?", cwd=tmp_path)
    assert done.json == {"reply": "42"}


def test_what_a_model_does_not_take_is_left_out(tmp_path: Path) -> None:
    def respond(request: LoopbackRequest) -> Fault:
        if "temperature" in request.body:
            return refused(400, "Unsupported value: 'temperature' does not support 0.7 with this model.")
        return events({"content": "ok"})

    with Loopback(respond) as server:
        done = blossom("chat", "m", "--base-url", server.base_url, "--prompt", "x", cwd=tmp_path)
    assert (done.code, done.out) == (0, "ok\n")


@pytest.mark.parametrize(
    ("reply", "code", "told"),
    [
        (refused(401, "Incorrect API key provided: sk-canary", code="invalid_api_key"), 4, "key"),
        (refused(500, "overloaded"), 4, "overloaded"),
        (Fault(headers={"Content-Type": "text/event-stream"}, body=b"data: {broken\n\n"), 4, "no JSON"),
        (events({"content": "half"}, end=b'data: {"error": {"message": "gone away"}}\n\n'), 4, "gone away"),
        (Fault(delivery="reset"), 4, "connection"),
    ],
)
def test_a_failure_is_one_line_without_the_key(tmp_path: Path, reply: Fault, code: int, told: str) -> None:
    with Loopback(lambda request: reply) as server:
        done = blossom(
            "chat", "m", "--base-url", server.base_url, "--prompt", "x",
            cwd=tmp_path, env={"OPENAI_API_KEY": "sk-canary"},
        )  # fmt: skip
    assert done.code == code
    assert told in done.err
    assert "sk-canary" not in done.out + done.err
    assert "Traceback" not in done.err


def test_a_key_goes_to_the_endpoint_of_the_environment_alone(tmp_path: Path) -> None:
    keys: list[str] = []

    def respond(request: LoopbackRequest) -> str:
        keys.append(request.headers.get("authorization", ""))
        return "ok"

    with Loopback(respond) as server, Loopback(respond) as other:
        env = {"OPENAI_API_KEY": "sk-canary", "OPENAI_BASE_URL": server.base_url}
        for name in ("m", f"{server.base_url}#m", f"{other.base_url}#m"):
            assert blossom("chat", name, "--prompt", "x", cwd=tmp_path, env=env).code == 0
    assert keys == ["Bearer sk-canary", "Bearer sk-canary", ""]


def test_the_model_that_comes_along_answers_through_the_embedded_engine(tmp_path: Path) -> None:
    pytest.importorskip("xllamacpp")
    done = blossom("chat", "tiny", "--prompt", "hello", "--max-tokens", 8, "--json", cwd=tmp_path)
    assert done.code == 0, done
    assert "reply" in done.json
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["nowhere/model", "--prompt", "x"], "no endpoint is named"),
        (["m", "--prompt", "x"], "no endpoint is named"),
        (["nowhere.gguf", "--prompt", "x"], "nowhere.gguf"),
        (["m", "--base-url", "http://127.0.0.1:1/v1", "--prompt", ""], "nothing is asked"),
    ],
)
def test_what_cannot_answer_is_one_line(tmp_path: Path, arguments: list[str], told: str) -> None:
    done = blossom("chat", *arguments, cwd=tmp_path)
    assert done.code == 2
    assert told in done.err


def test_a_saved_chat_grows_line_by_line(tmp_path: Path) -> None:
    with Loopback(lambda request: "ok") as server:
        for asked in ("one", "two"):
            blossom("chat", "m", "--base-url", server.base_url, "--prompt", asked, "--save", "a.jsonl", cwd=tmp_path)
    lines = [json.loads(line) for line in (tmp_path / "a.jsonl").read_text().splitlines()]
    assert [line["messages"][0]["content"] for line in lines] == ["one", "two"]
