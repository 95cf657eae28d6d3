"""`classify`: tags by a model or by rules alone, and personal data that is found and taken out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from command import blossom, user, values, write_lines
from loopback import Loopback, LoopbackRequest

pytestmark = pytest.mark.slow

CANARY = "ann.lee@site-of-ann.org"
REPLY = '{"category": "math", "steps": 3, "constraints": 0}'


def classify(folder: Path, *more: object, **how: Any) -> Any:
    return blossom("classify", "in.jsonl", "-o", "out", "--json", *more, cwd=folder, **how)


def asked(folder: Path, server: Loopback, *more: object) -> Any:
    return classify(folder, "--base-url", server.base_url, "--model", "m", "--structured", "off", *more)


def tags(folder: Path) -> list[list[str]]:
    return [row["tags"] for row in values(folder / "out")]


@pytest.mark.parametrize(
    ("reply", "told"),
    [
        (REPLY, ["category:math", "difficulty:medium", "constraints:0"]),
        ('{"category": "code", "steps": 2, "constraints": 1}', ["category:code", "difficulty:easy", "constraints:1"]),
        ('{"category": "code", "steps": 0, "constraints": 4}', ["category:code", "difficulty:hard", "constraints:4"]),
        (
            '{"category": "open_qa", "steps": 9, "constraints": 0}',
            ["category:open_qa", "difficulty:hard", "constraints:0"],
        ),
    ],
)
def test_what_the_model_says_becomes_tags(tmp_path: Path, reply: str, told: list[str]) -> None:
    write_lines(tmp_path / "in.jsonl", [user("Do it.", tags=["mine", "category:old"])])
    with Loopback(respond=lambda request: reply) as server:
        done = asked(tmp_path, server)
        assert (done.code, server.paid) == (0, 1)
        document = json.loads(server.requests[-1].body["messages"][-1]["content"])
    assert tags(tmp_path) == [["mine", *told]]
    assert (len(document["categories"]), document["request"]) == (13, "Do it.")


@pytest.mark.parametrize(
    "reply", ["math", '{"category": "sums", "steps": 1, "constraints": 0}', REPLY.replace("3", "30")]
)
def test_a_reply_that_is_none_of_it_is_asked_for_again(tmp_path: Path, reply: str) -> None:
    write_lines(tmp_path / "in.jsonl", [user("One."), user("Two.")])

    def respond(request: LoopbackRequest) -> str:
        return REPLY if "Two." in request.text else reply

    with Loopback(respond=respond) as server:
        done = asked(tmp_path, server)
        assert (done.json["kept"], done.json["rejected"], server.paid) == (1, {"classify/unreadable": 1}, 4)


def test_categories_of_the_users_own(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(
        '[legal]\nmeaning = "about the law"\nasks = "contract"\n[other]\nmeaning = "else"\n'
    )
    write_lines(tmp_path / "in.jsonl", [user("Is this contract valid?"), user("Hello!")])
    assert classify(tmp_path, "--rules", "--categories", "mine.toml").code == 0
    assert tags(tmp_path) == [["category:legal"], []]
    (tmp_path / "mine.toml").write_text('[legal]\nmeaning = "x"\nasks = "("\n')
    refused = classify(tmp_path, "--rules", "--categories", "mine.toml")
    assert (refused.code, "mine.toml line 3: [legal]: asks" in refused.json["error"]["message"]) == (2, True)


def test_rules_alone_ask_nobody(tmp_path: Path) -> None:
    requests = {
        "Write a Python function that adds two numbers.": "category:code",
        "Summarize the text below.": "category:summarization",
        "把下面的句子翻译成英文：你好": "category:translation",
        "写一首关于猫的诗。": "category:generation",
        "Rewrite this politely: go away": "category:rewrite",
        "计算 3 + 4 × 2": "category:math",
        "What is the capital of France?": "category:open_qa",
    }
    write_lines(tmp_path / "in.jsonl", map(user, requests))
    assert classify(tmp_path, "--rules").code == 0
    assert [next(tag for tag in found if tag.startswith("category:")) for found in tags(tmp_path)] == [
        *requests.values()
    ]


def test_nothing_of_a_person_leaves_with_scrub(tmp_path: Path) -> None:
    turns = [
        {"role": "user", "content": f"Write to {CANARY} or Bob@site.io, not to {CANARY.upper()}."},
        {"role": "assistant", "content": f"I wrote to {CANARY}."},
    ]
    write_lines(tmp_path / "in.jsonl", [{"messages": turns}, user(f"Call 138 1234 5678 or mail {CANARY}.", lang="en")])
    with (tmp_path / "in.jsonl").open("a") as file:
        file.write(f'{{"messages": 7, "note": "{CANARY}"}}\n')
    with Loopback(respond=lambda request: "no" if "Call" in request.text else REPLY) as server:
        done = asked(tmp_path, server, "--scrub", "--max-bad", "50%")
        assert (done.code, done.json["kept"]) == (0, 1)
        assert all(CANARY not in json.dumps(request.body).lower() for request in server.requests)
    (kept,) = values(tmp_path / "out")
    assert kept["messages"][0]["content"] == "Write to <email_1> or <email_2>, not to <email_1>."
    assert kept["messages"][1]["content"] == "I wrote to <email_1>."
    assert kept["tags"][0] == "pii:email"
    rejects = values(tmp_path / "out/rejects")
    assert len(rejects) == 2
    assert CANARY not in json.dumps([kept, *rejects]).lower()
    assert "<phone_1>" in json.dumps(rejects)
    for file in (*tmp_path.glob(".blossom/*"), *tmp_path.glob("out/**/*")):
        assert file.is_dir() or CANARY.encode() not in file.read_bytes().lower()


def test_without_scrub_texts_stay_and_are_tagged(tmp_path: Path) -> None:
    write_lines(tmp_path / "in.jsonl", [user(f"Mail {CANARY} from 8.8.8.8."), user("Nothing here.")])
    assert classify(tmp_path, "--rules").code == 0
    assert tags(tmp_path) == [["pii:email", "pii:ip"], []]
    assert CANARY in values(tmp_path / "out")[0]["messages"][0]["content"]
    assert classify(tmp_path, "--rules", "--scrub").code == 0
    assert CANARY not in values(tmp_path / "out")[0]["messages"][0]["content"]


def test_what_is_written_to_a_tool_is_scrubbed_and_stays_json(tmp_path: Path) -> None:
    arguments = {"to": [CANARY], "phone": 13812345678, "count": 3, "sure": True}
    call = {"id": "c1", "function": {"name": "mail", "arguments": arguments}}
    tools = [{"name": "mail", "description": f"Mails, as {CANARY} does."}]
    turns = [
        {"role": "user", "content": "Mail them."},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "content": f"sent to {CANARY}", "tool_call_id": "c1"},
        {"role": "assistant", "content": "Done.", "train": False},
    ]
    write_lines(tmp_path / "in.jsonl", [{"messages": turns, "tools": tools, "lang": "zh"}])
    assert classify(tmp_path, "--rules", "--scrub").code == 0
    (kept,) = values(tmp_path / "out")
    assert CANARY not in json.dumps(kept).lower()
    (made,) = kept["messages"][1]["tool_calls"]
    assert json.loads(made["function"]["arguments"]) == {**arguments, "to": ["<email_1>"], "phone": "<phone_1>"}
    assert [turn.get("train") for turn in kept["messages"]] == [None, None, None, False]
    assert kept["messages"][2] == {"role": "tool", "content": "sent to <email_1>", "tool_call_id": "c1"}
    assert json.loads(kept["tools"])[0]["function"]["description"] == "Mails, as <email_1> does."
