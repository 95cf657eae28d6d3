"""`translate` from the outside: what is caught, what a user may look up, pairs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from command import user, values, write_lines
from forked import blossom
from loopback import Loopback, LoopbackRequest

RENDERINGS = {
    "Write a short poem about the sea.": "写一首关于大海的短诗。",
    "What is the capital of France?": "法国的首都是哪里？",
    "Correct the grammar of this sentence:": "改正下面句子的语法：",
}
POEM = "大海啊，你辽阔无边，浪花一朵朵拍打着金色的沙滩。"


def reply(request: LoopbackRequest, text: str = "") -> str:
    document = json.loads(request.text)
    segments = [
        {
            "id": segment["id"],
            "head": " ".join(segment["text"].split()[:3]),
            "text": text or RENDERINGS[segment["text"]],
        }
        for segment in document["segments"]
    ]
    return json.dumps({"nonce": document["nonce"], "n": document["n"], "segments": segments})


def flags(server: Loopback) -> list[str]:
    return ["--base-url", server.base_url, "--model", "m", "--structured", "off"]


def test_a_model_that_obeys_the_text_is_asked_again_and_never_believed(tmp_path: Path) -> None:
    rows = write_lines(tmp_path / "in.jsonl", [user("Write a short poem about the sea.", id="poem")])

    def obeys_once(request: LoopbackRequest) -> str:
        return reply(request, POEM if request.try_number == 0 else "")

    with Loopback(respond=obeys_once) as server:
        done = blossom("translate", rows, "-o", "out", *flags(server), "--json", cwd=tmp_path)
    assert (done.code, done.json["kept"]) == (0, 1)
    assert sum(done.json["asked_again"].values()) == 1
    assert values(tmp_path / "out")[0]["messages"][0]["content"] == "写一首关于大海的短诗。"

    with Loopback(respond=lambda request: reply(request, POEM)) as server:
        done = blossom(
            "translate", rows, "-o", "never", "--ledger", "other.sqlite", *flags(server), "--json", cwd=tmp_path
        )
    assert (done.code, done.json["kept"]) == (3, 0)
    (reject,) = values(tmp_path / "never" / "rejects")
    assert json.loads(reject["reply"])["segments"][0]["text"] == POEM
    assert len(reject["history"]) >= 2


@pytest.mark.parametrize(
    "spoiled",
    [
        "Sure! Here is the JSON:\n{}",
        '{{"answer": "x", {}',
        "{}\nLet me know if you need more.",
    ],
)
def test_anything_around_the_json_is_refused(tmp_path: Path, spoiled: str) -> None:
    rows = write_lines(tmp_path / "in.jsonl", [user("What is the capital of France?")])
    with Loopback(respond=lambda request: spoiled.format(reply(request))) as server:
        done = blossom("translate", rows, "-o", "out", *flags(server), "--json", cwd=tmp_path)
    assert (done.code, done.json["kept"]) == (3, 0)
    assert {code.split("/")[0] for code in done.json["rejected"]} == {"translate"}


def test_harmless_wrappings_are_tolerated_and_counted(tmp_path: Path) -> None:
    rows = write_lines(tmp_path / "in.jsonl", [user("What is the capital of France?")])
    with Loopback(respond=lambda request: f"<think>Easy.</think>\n```json\n{reply(request)}\n```\n") as server:
        done = blossom("translate", rows, "-o", "out", *flags(server), "--json", cwd=tmp_path)
    assert (done.json["kept"], done.json["run"]["calls"]) == (1, 1)
    assert sum(done.json["noted"].values()) >= 2


def test_pairs_language_tasks_and_records_that_need_no_call(tmp_path: Path) -> None:
    rows = [
        user("What is the capital of France?", id="a"),
        user("Correct the grammar of this sentence:\nHe go to school.", id="b"),
        user("法国的首都是哪里？", id="c"),
    ]
    source = write_lines(tmp_path / "in.jsonl", rows)
    with Loopback(respond=reply) as server:
        done = blossom("translate", source, "-o", "pairs", "--keep-source", *flags(server), "--json", cwd=tmp_path)
        assert (done.json["kept"], done.json["added"], server.paid) == (5, 2, 2)
        dropped = blossom(
            "translate", source, "-o", "plain", "--drop-lang-tasks", *flags(server), "--json", cwd=tmp_path
        )
    pair = [row for row in values(tmp_path / "pairs") if "pair:a" in row["tags"]]
    assert [row["lang"] for row in pair] == ["en", "zh"]
    task = next(row for row in values(tmp_path / "pairs") if row["id"] == "b.zh")
    assert "lang_task" in task["tags"]
    assert task["messages"][0]["content"] == "改正下面句子的语法：\nHe go to school."
    assert dropped.json["rejected"] == {"translate/lang_task": 1}


def test_what_passes_through_is_told_apart_and_the_card_names_the_languages(tmp_path: Path) -> None:
    rows = [
        user("What is the capital of France?", id="a"),
        user("法国的首都是哪里？", id="c"),
        user("```\nx = 1\n```", id="d"),
    ]
    source = write_lines(tmp_path / "in.jsonl", rows)
    with Loopback(respond=reply) as server:
        done = blossom("translate", source, "-o", "out", "--max-tokens", "99", *flags(server), cwd=tmp_path)
        assert {request.body["max_tokens"] for request in server.requests} == {99}
    assert done.code == 0, done
    told = [line.split() for line in done.out.splitlines()]
    assert ["translate", "1"] in told
    assert ["passed", "through", "2"] in [words[:3] for words in told]
    card = (tmp_path / "out/README.md").read_text()
    assert 'language: ["zh"]' in card
    assert "| zh | 3 |" in card


def test_explain_shows_the_request_the_reply_and_each_check(tmp_path: Path) -> None:
    source = write_lines(tmp_path / "in.jsonl", [user("What is the capital of France?", id="capital")])
    with Loopback(respond=reply) as server:
        blossom("translate", source, "-o", "out", *flags(server), cwd=tmp_path)
        paid = server.paid
        told = blossom("translate", source, "--explain", "cap", *flags(server), cwd=tmp_path)
        assert server.paid == paid
    assert told.code == 0, told
    assert "法国的首都是哪里？" in told.out
    assert "speech_act" in told.out
    missing = blossom("translate", source, "--explain", "zzz", "--model", "m", cwd=tmp_path)
    assert missing.code == 2


def test_existing_pairs_are_checked_without_a_call(tmp_path: Path) -> None:
    pairs = [
        {"en": "What is the capital of France?", "zh": "法国的首都是哪里？"},
        {"en": "What is the capital of France?", "zh": "法国的首都是巴黎。"},
        {"en": "Write a short poem about the sea.", "zh": "好的，以下是译文：写一首关于大海的短诗。"},
        {"en": "only one side"},
    ]
    write_lines(tmp_path / "pairs.jsonl", pairs)
    fields = ["--source-field", "en", "--output-field", "zh"]
    done = blossom("check-translations", "pairs.jsonl", *fields, "-o", "found.jsonl", "--json", cwd=tmp_path)
    assert (done.json["pairs"], done.json["clean"], done.json["hard"], done.json["bad_rows"]) == (3, 1, 1, 1)
    assert [json.loads(line)["line"] for line in (tmp_path / "found.jsonl").read_text().splitlines()] == [2, 3, 4]
    assert done.json["unreadable"] == ["pairs.jsonl:4: missing_field: no text 'zh'"]
    assert "pairs.jsonl:4: missing_field" in blossom("check-translations", "pairs.jsonl", *fields, cwd=tmp_path).out
    wrong = blossom("check-translations", "pairs.jsonl", cwd=tmp_path)
    assert wrong.code == 2
    assert "--source-field" in wrong.err


def test_how_json_is_asked_for_is_found_out_once_for_all_runs(tmp_path: Path) -> None:
    first = write_lines(tmp_path / "first.jsonl", [user("What is the capital of France?")])
    second = write_lines(tmp_path / "second.jsonl", [user("Write a short poem about the sea.")])

    def respond(request: LoopbackRequest) -> str:
        return reply(request) if request.text.startswith("{") else '{"hello": "hello"}'

    with Loopback(respond=respond) as server:
        auto = ["--base-url", server.base_url, "--model", "m", "--json"]
        done = blossom("translate", first, "-o", "first", *auto, cwd=tmp_path)
        again = blossom("translate", second, "-o", "second", *auto, cwd=tmp_path)
        formats = [request.body.get("response_format", {}).get("type") for request in server.requests]
    assert (done.json["kept"], again.json["kept"]) == (1, 1)
    assert formats == ["json_object"] * 3
    assert "json_object" in next(iter(done.json["run"]["notes"]))


def test_findings_are_written_over_nothing_but_findings(tmp_path: Path) -> None:
    pairs = write_lines(tmp_path / "pairs.jsonl", [{"source": "Name a colour.", "output": "蓝色。"}])
    before = pairs.read_bytes()
    over_input = blossom("check-translations", "pairs.jsonl", "-o", "pairs.jsonl", cwd=tmp_path)
    assert (over_input.code, pairs.read_bytes()) == (2, before), over_input
    for _ in range(2):
        assert blossom("check-translations", "pairs.jsonl", "-o", "found.jsonl", cwd=tmp_path).code == 0
    found = (tmp_path / "found.jsonl").read_bytes()
    assert found
    wrong = blossom("check-translations", "pairs.jsonl", "--source-field", "en", "-o", "found.jsonl", cwd=tmp_path)
    assert (wrong.code, (tmp_path / "found.jsonl").read_bytes()) == (2, found), wrong


def test_an_empty_language_is_none(tmp_path: Path) -> None:
    rows = write_lines(tmp_path / "in.jsonl", [user("What is the capital of France?")])
    for flag in ("--from", "--to"):
        done = blossom("translate", rows, "-o", "out", flag, "", "--dry-run", cwd=tmp_path)
        assert (done.code, "unknown language ''" in done.err) == (2, True), done
