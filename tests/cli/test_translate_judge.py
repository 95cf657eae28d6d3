"""`translate --judge` from the outside: what is bought, planned, told, written into lineage, card and manifest."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from command import user, values, write_lines
from forked import blossom
from loopback import Loopback, LoopbackRequest

RENDERINGS = {
    "What is the capital of France?": "法国的首都是哪里？",
    "Thanks, that helps a lot!": "谢谢，帮了大忙！",
    "Good morning, how are you?": "我很好，你呢？",
    "Correct the grammar of this sentence:": "改正下面句子的语法：",
}
ROWS = [
    user("What is the capital of France?", id="plain"),
    user("Thanks, that helps a lot!", id="chat"),
    user("Good morning, how are you?", id="bad"),
    user("Correct the grammar of this sentence:\nHe go to school.", id="task"),
]
YES, NO = '{"same_task": true, "answered": false}', '{"same_task": false, "answered": true}'


def respond(request: LoopbackRequest) -> str:
    """A model that translates, and judges well."""
    document = json.loads(request.text)
    if document["task"] == "judge":
        return NO if document["source"].startswith("Good morning") else YES
    segments = [
        {"id": each["id"], "head": " ".join(each["text"].split()[:3]), "text": RENDERINGS[each["text"]]}
        for each in document["segments"]
    ]
    return json.dumps({"nonce": document["nonce"], "n": document["n"], "segments": segments})


def translate(folder: Path, server: Loopback, *more: str) -> Any:
    flags = ["--base-url", server.base_url, "--model", "m", "--structured", "off"]
    prices = ["--price-in", "1", "--price-out", "2"]
    return blossom("translate", "in.jsonl", "-o", "out", *flags, *prices, *more, cwd=folder)


def verdicts(server: Loopback) -> list[LoopbackRequest]:
    return [request for request in server.requests if json.loads(request.text)["task"] == "judge"]


def test_what_the_judge_said_is_in_lineage_manifest_card_and_summary(tmp_path: Path) -> None:
    write_lines(tmp_path / "in.jsonl", ROWS)
    with Loopback(respond=respond) as server:
        planned = translate(tmp_path, server, "--judge", "soft", "--judge-model", "critic", "--dry-run", "--json")
        assert server.requests == []
        done = translate(tmp_path, server, "--judge", "soft", "--judge-model", "critic", "--json")
        asked = verdicts(server)
        told = translate(tmp_path, server, "--judge", "soft", "--judge-model", "critic")
        known = translate(tmp_path, server, "--judge", "soft", "--judge-model", "critic", "--dry-run", "--json")
        assert server.bought_twice == 0
    assert (done.code, done.json["kept"], done.json["rejected"]) == (0, 3, {"translate/judge": 1})
    assert {request.body["model"] for request in asked} == {"critic"}
    # The greeting is translated in the same wrong way each time: its verdict is bought once.
    assert len(asked) == 2
    report = done.json["judged"]
    assert (report["shown"], report["cleared"], report["unasked"]) == (report["refused"] + 1, 1, 0)
    assert report["kinds"]["chat"]["cleared"] == 1
    assert not any("judge" in note for note in done.json["noted"])
    lineage = {row["id"]: [step["stage"] for step in row["lineage"]] for row in values(tmp_path / "out")}
    assert lineage == {
        "plain": ["translate"],
        "chat": ["translate", "judge-cleared"],
        "task": ["translate"],
    }
    (reject,) = values(tmp_path / "out" / "rejects")
    assert (reject["code"], "answered in place of translated" in reject["detail"]) == ("judge", True)
    assert "judge_translation" in json.loads((tmp_path / "out/manifest.json").read_text())["prompts"]
    assert "Translations shown to a judge" in (tmp_path / "out/README.md").read_text()
    spent = {row["stage"]: row for row in done.json["run"]["spent"]}
    assert spent["judge"]["replies"] == 2 and spent["judge"]["cost_usd"] > 0
    assert "judged" in told.out and "1 cleared: chat 1" in told.out

    rows = {row["stage"]: row for row in planned.json["stages"]}
    assert (rows["judge"]["model"], rows["judge"]["calls"], rows["translate"]["calls"]) == ("critic", 3, 4)
    assert planned.json["cost_usd"][0] > rows["translate"]["cost_usd"][0] > 0
    assert (known.json["calls"], known.json["finished"]) == (0, 4)


def test_verdicts_alone_are_bought_where_the_translations_are_there(tmp_path: Path) -> None:
    write_lines(tmp_path / "in.jsonl", [ROWS[0], ROWS[1], ROWS[3]])
    with Loopback(respond=respond) as server:
        plain = translate(tmp_path, server, "--json")
        assert (plain.json["kept"], verdicts(server)) == (3, [])
        assert "judged" not in plain.json
        planned = translate(tmp_path, server, "--judge", "all", "--dry-run", "--json", "--replace")
        before = server.paid
        judged = translate(tmp_path, server, "--judge", "all", "--json", "--replace")
    rows = {row["stage"]: row for row in planned.json["stages"]}
    assert (rows["translate"]["calls"], rows["judge"]["calls"], rows["judge"]["to_pay"]) == (0, 3, 3)
    assert (server.paid - before, judged.json["judged"]["cleared"], judged.json["kept"]) == (3, 3, 3)


def test_unreadable_verdicts_are_rejects_with_a_code_of_their_own(tmp_path: Path) -> None:
    write_lines(tmp_path / "in.jsonl", ROWS[:2])

    def babbles(request: LoopbackRequest) -> str:
        return "Sure, looks good!" if json.loads(request.text)["task"] == "judge" else respond(request)

    with Loopback(respond=babbles) as server:
        done = translate(tmp_path, server, "--judge", "soft", "--json")
    assert (done.json["kept"], done.json["rejected"]) == (1, {"translate/unreadable": 1})
    assert done.json["asked_again"] == {"judge/envelope": 2}


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (("--judge", "judge_translation"), "--judge soft --judge-prompt judge_translation"),
        (("--judge", "my judge.toml"), "--judge-prompt 'my judge.toml'"),
        (("--judge-prompt", "judge_translation"), "does nothing without a judge"),
        (("--judge-model", "critic"), "does nothing without a judge"),
        (("--judge", "soft", "--judge-prompt", "none.toml"), "cannot read prompt none.toml"),
        (("--judge", "soft", "--judge-prompt", "in.toml"), "takes ['source'], was given ['document']"),
    ],
)
def test_a_judge_that_is_not_set_right_is_one_line(tmp_path: Path, flags: tuple[str, ...], told: str) -> None:
    write_lines(tmp_path / "in.jsonl", ROWS[:1])
    (tmp_path / "in.toml").write_text("version = 1\nplaceholders = ['source']\nuser = '${source}'\n")
    with Loopback(respond=respond) as server:
        done = translate(tmp_path, server, *flags)
        assert server.requests == []
    assert (done.code, told in done.err, "Traceback" in done.err) == (2, True, False)


PIPELINE = """
name = "p"
out = "set"
ledger = "ledger.sqlite"
[endpoint]
base_url = "{url}"
model = "m"
structured = "off"
[[source]]
kind = "messages"
path = "in.jsonl"
stages = ["translate"]
[stage.translate]
{judge}
"""


@pytest.mark.parametrize(
    ("judge", "told"),
    [
        ('judge = "judge_translation"', 'judge = "soft" and judge_prompt = "judge_translation"'),
        ('judge = ""', 'judge = "off"'),
        ("judge = true", "off, soft, all"),
        ('judge_model = "critic"', "does nothing without a judge"),
    ],
)
def test_a_pipeline_with_the_old_spelling_is_told_the_new_one(tmp_path: Path, judge: str, told: str) -> None:
    write_lines(tmp_path / "in.jsonl", ROWS[:1])
    (tmp_path / "p.toml").write_text(PIPELINE.format(url="http://127.0.0.1:9/v1", judge=judge))
    done = blossom("plan", "p.toml", cwd=tmp_path)
    assert (done.code, told in done.err, "p.toml line 1" in done.err) == (2, True, True), done.err


def test_a_pipeline_has_the_same_keys_and_its_prompt_may_lie_beside_it(tmp_path: Path) -> None:
    write_lines(tmp_path / "in.jsonl", ROWS[:2])
    own = "version = 1\nplaceholders = [\"document\"]\nsystem = \"Compare.\"\nuser = '''${document}'''\n"
    (tmp_path / "strict.toml").write_text(own)
    judge = 'judge = "soft"\njudge_prompt = "strict"\njudge_model = "critic"'
    with Loopback(respond=respond) as server:
        (tmp_path / "p.toml").write_text(PIPELINE.format(url=server.base_url, judge=judge))
        done = blossom("run", "p.toml", "--json", cwd=tmp_path)
        (asked,) = verdicts(server)
    assert (done.code, done.json["judged"]["cleared"]) == (0, 1)
    assert (asked.body["model"], asked.body["messages"][0]["content"]) == ("critic", "Compare.")
    assert "strict" in done.json["prompts"]
