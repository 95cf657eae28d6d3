"""`synthesize self-instruct`: seeds in every layout, prompts as in the paper, tasks unlike all others."""

from __future__ import annotations

import json
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from command import user, values, write_lines
from forked import blossom
from loopback import Loopback, LoopbackRequest
from synthetic_endpoint import respond

from blossom_data.synthesize.novelty import Novelty

_TASKS = (
    "Suggest a breakfast without eggs.|What relates the given pairs?|Turn the recipe into a list.|Why do cats purr?|"
    "Tell whether the mail is spam.|Draft a note to a landlord.|Give a synonym of brave.|Count the vowels.|"
    "Which of these is a metal?|Plan a picnic for ten."
)
SEEDS = [
    {"id": f"seed_task_{n}", "instruction": text, "instances": [{"input": "", "output": "x"}]}
    for n, text in enumerate(_TASKS.split("|"))
]


def self_instruct(folder: Path, server: Loopback, *more: object, seeds: str = "seeds.jsonl") -> Any:
    place = ["synthesize", "self-instruct", seeds, "-o", "out", "--base-url", server.base_url, "--model", "m"]
    return blossom(*place, "--structured", "off", *more, cwd=folder)


def asked(server: Loopback, task: str) -> list[dict[str, Any]]:
    documents = [json.loads(request.text) for request in server.requests if request.text.startswith('{"task"')]
    return [document for document in documents if document["task"] == task]


def test_exactly_so_many_tasks_each_unlike_all_others(tmp_path: Path) -> None:
    write_lines(tmp_path / "seeds.jsonl", SEEDS)
    with Loopback(respond=respond) as server:
        done = self_instruct(tmp_path, server, "-n", "120", "--json")
        assert (done.code, done.json["kept"]) == (0, 120), done
        assert done.json["read"] == 120 + sum(done.json["rejected"].values())
        again = self_instruct(tmp_path, server, "-n", "120", "--json")
        assert (again.json["run"]["calls"], server.bought_twice) == (0, 0)
        shown = [[task["instruction"] for task in document["tasks"]] for document in asked(server, "propose")]
    rows = values(tmp_path / "out")
    made = [row["messages"][0]["content"].partition("\n\n")[0] for row in rows]
    novelty = Novelty()
    for text in [row["instruction"].strip() for row in SEEDS] + made:
        assert novelty.nearest(text) is None
        novelty.add(text)
    human = {row["instruction"].strip() for row in SEEDS}
    first, later = [tasks for tasks in shown if set(tasks) <= human], [tasks for tasks in shown if set(tasks) - human]
    assert len(first) == 16 and later
    assert {len(tasks) for tasks in shown} == {8}
    assert {len(set(tasks) - human) for tasks in later} == {2}
    assert any(set(one) != set(other) for one, other in combinations(first, 2))


def test_tasks_carry_their_origin_and_labels_come_before_inputs(tmp_path: Path) -> None:
    write_lines(tmp_path / "seeds.jsonl", SEEDS)
    with Loopback(respond=respond) as server:
        done = self_instruct(tmp_path, server, "-n", "40", "--json")
        kinds = {document["kind"] for document in asked(server, "instance")}
    assert kinds == {"classification", "generation"} == set(done.json["synthesize"]["operators"])
    for row in values(tmp_path / "out"):
        tags = [tag.split(":", 1) for tag in row["tags"]]
        assert tags[0] == ["synthetic", "self-instruct"]
        assert len([1 for name, _ in tags if name == "seed"]) in (6, 8)
        assert {"operator", "round"} <= {name for name, _ in tags}
        assert [step["stage"] for step in row["lineage"]] == ["self-instruct", "instance"]


def test_what_is_no_task_for_a_language_model_is_not_taken(tmp_path: Path) -> None:
    write_lines(tmp_path / "seeds.jsonl", SEEDS)
    wrong = {
        "Go on.": "too_short",
        "word " * 200: "too_long",
        "Describe the following image in two lines.": "beyond_text",
        "Schreibe ein kurzes Gedicht über das Meer im Winter.": "wrong_language",
        "It is and it was of the.": "only_stop_words",
        "#New Instruction#: name a metal that floats.": "copied_words",
        "Suggest a breakfast without any eggs.": "similar",
    }

    def propose(request: LoopbackRequest) -> str:
        if '"propose"' not in request.text:
            return respond(request)
        texts = [*wrong, f"Name the town of number {request.count} whose bridge fell in {len(server.requests)}."]
        return json.dumps({"tasks": [{"instruction": text, "is_classification": False} for text in texts]})

    with Loopback(respond=propose) as server:
        self_instruct(tmp_path, server, "-n", "2")
    found = {row["record"]["messages"][0]["content"]: row["code"] for row in values(tmp_path / "out/rejects")}
    assert {text: found.get(text.strip()) for text in wrong} == wrong


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("seeds.txt", "Suggest a breakfast.\n\nName a metal.\nName a metal.\n"),
        ("seeds.json", json.dumps([{"instruction": "Suggest a breakfast.", "input": "", "output": "tea"}])),
        ("seeds.jsonl", json.dumps(user("Suggest a breakfast.")) + "\n"),
        ("seeds.jsonl", json.dumps({"prompt": "Suggest a breakfast."}) + "\n"),
    ],
)
def test_seeds_are_read_as_people_have_them(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    with Loopback(respond=respond) as server:
        assert self_instruct(tmp_path, server, "-n", "3", "--json", seeds=name).json["kept"] == 3
        shown = {task["instruction"] for document in asked(server, "propose") for task in document["tasks"]}
    assert "Suggest a breakfast." in shown


def test_the_seed_tasks_of_the_field_are_read(shared: Path) -> None:
    from blossom_data.synthesize.seeds import read_seeds

    for name, number, lang in (("self_instruct_seed_tasks", 175, "en"), ("belle_zh_seed_tasks", 175, "zh")):
        seeds, bad = read_seeds(str(shared / f"data/raw/{name}.jsonl"))
        assert (len(bad), max({seed.lang for seed in seeds}, key=[seed.lang for seed in seeds].count)) == (0, lang)
        assert number - 5 <= len(seeds) <= number


def test_another_language_than_that_of_the_seeds(tmp_path: Path) -> None:
    write_lines(tmp_path / "seeds.jsonl", SEEDS)

    def chinese(request: LoopbackRequest) -> str:
        document = json.loads(request.text)
        assert document["language"] == "Simplified Chinese (zh)"
        if document["task"] == "propose":
            number = len(server.requests)
            texts = ["请" + "".join(chr(0x5000 + number * 331 + k * 97 + n * 7) for n in range(9)) for k in range(3)]
            return json.dumps({"tasks": [{"instruction": text, "is_classification": False} for text in texts]})
        return json.dumps({"input": "", "output": "好。"})

    with Loopback(respond=chinese) as server:
        self_instruct(tmp_path, server, "-n", "5", "--lang", "zh")
    rows = values(tmp_path / "out")
    assert {row["lang"] for row in rows} == {"zh"} and len(rows) == 5


def test_a_model_that_says_the_same_for_ever_comes_to_an_end(tmp_path: Path) -> None:
    write_lines(tmp_path / "seeds.jsonl", SEEDS)

    def parrot(request: LoopbackRequest) -> str:
        if '"propose"' in request.text:
            return json.dumps({"tasks": [{"instruction": "Name a lake in Chad.", "is_classification": False}]})
        return respond(request)

    with Loopback(respond=parrot) as server:
        done = self_instruct(tmp_path, server, "-n", "50", "--json")
    assert (done.code, done.json["kept"]) == (0, 1)
    assert len(done.json["synthesize"]["rounds"]) == 4


@pytest.mark.parametrize(
    ("row", "told"),
    [({"name": "x"}, "holds no seed task"), (None, "cannot read"), ({"instruction": 3}, "holds no seed task")],
)
def test_seeds_that_are_none_are_told_in_a_line(tmp_path: Path, row: dict[str, Any] | None, told: str) -> None:
    if row is not None:
        write_lines(tmp_path / "seeds.jsonl", [row])
    place = ["synthesize", "self-instruct", "seeds.jsonl", "-o", "out", "-n", "5"]
    done = blossom(*place, "--base-url", "http://127.0.0.1:9/v1", "--model", "m", cwd=tmp_path)
    assert done.code == 2
    assert told in done.err and "Traceback" not in done.err
