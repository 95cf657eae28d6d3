"""Models whose API or template refuses what others take work with `translate` and `annotate` out of the box."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from command import user, values, write_lines
from forked import blossom
from loopback import Fault, Loopback, LoopbackRequest, Response, answer, refused

ROWS = 6
ASKED, SAID = "Which city is the capital of country number {}?", "第{}个国家的首都是哪座城市？"
Rule: TypeAlias = "tuple[Callable[[dict[str, Any]], bool], Fault]"


def has(name: str) -> Callable[[dict[str, Any]], bool]:
    return lambda body: name in body


def speaks_as(*roles: str) -> Callable[[dict[str, Any]], bool]:
    return lambda body: any(turn["role"] in roles for turn in body["messages"])


def unsupported(name: str, more: str = "") -> Fault:
    told = f"Unsupported parameter: '{name}' is not supported with this model.{more}"
    return refused(400, told, code="unsupported_parameter")


def invalid(name: str, told: str) -> Fault:
    body = {"detail": [{"type": "extra_forbidden", "loc": ["body", name], "msg": told, "input": 4096}]}
    return Fault(status=422, headers={"Content-Type": "application/json"}, body=json.dumps(body).encode())


OTHER_CAP = unsupported("max_tokens", " Use 'max_completion_tokens' instead.")
ONE_TEMPERATURE = refused(
    400,
    "Unsupported value: 'temperature' does not support 0.7 with this model. Only the default (1) value is supported.",
    code="unsupported_value",
)
MODELS: dict[str, list[Rule]] = {
    "gpt-5": [
        (has("max_tokens"), OTHER_CAP),
        (lambda body: body.get("temperature", 1) != 1, ONE_TEMPERATURE),
        (has("top_p"), unsupported("top_p")),
    ],
    "o1-mini": [
        (
            speaks_as("system", "developer"),
            refused(400, "'messages[0].role' does not support 'system' with this model"),
        ),
        (has("max_tokens"), OTHER_CAP),
        (has("temperature"), unsupported("temperature")),
        (has("response_format"), unsupported("response_format")),
    ],
    "gemma template": [(speaks_as("system"), refused(500, "Jinja Exception: System role not supported"))],
    "mistral template": [
        (
            speaks_as("system"),
            refused(400, "After the optional system message, conversation roles must alternate user/assistant"),
        )
    ],
    "strict fields": [
        (has("max_tokens"), invalid("max_tokens", "Extra inputs are not permitted")),
        (has("temperature"), invalid("temperature", "Extra inputs are not permitted")),
    ],
    "Qwen3": [],
    "parser": [],
    "Chinese gateway": [
        (has("temperature"), refused(400, "该模型不支持参数 temperature")),
        (speaks_as("system"), refused(400, "该模型不支持系统消息")),
    ],
}


THOUGHT_TOKENS = 3_000
THINKERS: dict[str, Callable[[dict[str, Any], bool], dict[str, Any]]] = {
    "gpt-5": lambda body, is_cut: body,
    "o1-mini": lambda body, is_cut: body,
    "Qwen3": lambda body, is_cut: with_text(
        body, lambda told: "<think>Which" if is_cut else f"<think>Hm.</think>{told}"
    ),
    "parser": lambda body, is_cut: with_text(body, lambda told: told, reasoning_content="Which city?"),
}


def with_text(body: dict[str, Any], change: Callable[[str], str], **more: str) -> dict[str, Any]:
    message = body["choices"][0]["message"]
    message.update(more, content=change(message["content"]))
    return body


def cap_of(body: dict[str, Any]) -> int:
    return int(body.get("max_completion_tokens") or body.get("max_tokens") or 1_000_000)


def respond(request: LoopbackRequest, name: str) -> Response:
    """What a model answers once nothing it refuses is sent; the OpenAI ones think first, within their cap."""
    for is_broken, fault in MODELS[name]:
        if is_broken(request.body):
            return fault
    is_json = "response_format" in request.body
    at = request.text.rfind('{"task": "translate"')
    told = "It is Paris."
    if at >= 0:
        asked = json.loads(request.text[at:])
        segments = [
            {
                "id": each["id"],
                "head": " ".join(each["text"].split()[:3]),
                "text": SAID.format(*re.findall(r"\d+", each["text"])),
            }
            for each in asked["segments"]
        ]
        told = json.dumps({"nonce": asked["nonce"], "n": asked["n"], "segments": segments})
    elif "Say hello" in request.text:
        told = '{"hello": 1}' if is_json else "hello"
    if name not in THINKERS:
        return told
    is_cut = cap_of(request.body) < THOUGHT_TOKENS
    body = answer("" if is_cut else told, finish_reason="length" if is_cut else "stop")
    spent = min(cap_of(request.body), THOUGHT_TOKENS + 50)
    body["usage"] = {"prompt_tokens": 100, "completion_tokens": spent}
    return THINKERS[name](body, is_cut)


@pytest.mark.parametrize("name", MODELS)
def test_translate_and_annotate_work_out_of_the_box(tmp_path: Path, name: str) -> None:
    rows = [user(ASKED.format(number), id=str(number), lang="en") for number in range(ROWS)]
    source = write_lines(tmp_path / "in.jsonl", rows)
    with Loopback(respond=lambda request: respond(request, name)) as server:
        at = (
            "--base-url",
            server.base_url,
            "--model",
            "m",
            "--json",
            "--budget-tokens",
            1_000_000,
            "--max-in-flight",
            2,
        )
        for command in ("translate", "annotate"):
            done = blossom(command, source, "-o", command, *at, cwd=tmp_path)
            assert (done.code, done.json["kept"]) == (0, ROWS), done
        spent = server.paid
        asked = len(server.requests)
        (tmp_path / "annotate" / ".blocks.json").unlink()
        again = blossom("annotate", source, "-o", "annotate", *at, "--temperature", 0.5, cwd=tmp_path)
    assert {row["messages"][0]["content"] for row in values(tmp_path / "translate")} == {
        SAID.format(number) for number in range(ROWS)
    }
    assert {row["messages"][-1]["content"] for row in values(tmp_path / "annotate")} == {"It is Paris."}
    # Each rule costs a refusal or two, the next run none.
    assert asked - spent <= 3 * len(MODELS[name])
    assert (again.code, len(server.requests) - asked, server.paid - spent) == (0, ROWS, ROWS), again
    # Room to think is found with the first calls.
    assert spent <= 2 * ROWS + 6
