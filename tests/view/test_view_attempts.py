"""How a record was made, out of the ledger: requests that are proved, replies, verdicts, and what is missing said."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from command import blossom, values, write_lines
from loopback import Loopback, LoopbackRequest
from view_server import ViewServer, talk

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("made")
    assert blossom("demo", "-o", "demo", cwd=place).code == 0
    return place


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[ViewServer]:
    (folder / "prices.toml").write_text('as_of = "2026-04-30"\n[models]\n"recorded" = { in = 1, out = 2 }\n')
    with ViewServer("demo/dataset", "--prices", "prices.toml", cwd=folder) as started:
        yield started


def test_every_attempt_of_a_reject_is_shown_with_its_request(server: ViewServer) -> None:
    page = server.page("/s/0", code="translate/quarantine", q="risks and rewards")
    found = re.search(r'href="(/s/0/r/\d+)', page)
    assert found is not None
    record = server.page(found[1])
    assert record.count('class="attempt"') == 2
    assert '<span class="badge bad">speech_act</span>' in record
    assert '<span class="badge bad">quarantine</span>' in record
    assert record.count("<summary>Request ") == 2
    assert "translation" in record.lower()
    assert '<ul class="checks">' in record
    assert re.search(r"\$0\.00\d+", record)


def test_a_kept_record_stands_beside_its_original_with_all_that_was_asked(folder: Path, server: ViewServer) -> None:
    page = server.page("/s/0/r/0")
    assert "Joy can read 8 pages" in page
    assert page.count('<span class="badge good">accepted</span>') == 2
    assert page.count("<summary>Request ") == 2
    # Every record of the set is told whole: no stage of it lacks what it was asked.
    for number in range(len(values(folder / "demo/dataset"))):
        told = server.page(f"/s/0/r/{number}")
        assert "Requests can be shown" not in told, number
        assert "accepted" in told, number


def test_a_set_of_one_stage_stands_beside_what_it_was_made_of(tmp_path: Path) -> None:
    def respond(request: LoopbackRequest) -> str:
        return "Sum: four." if request.try_number else "As an AI language model, I cannot add."

    write_lines(tmp_path / "in.jsonl", [talk(2)])
    assert blossom("dedup", "in.jsonl", "-o", "in", cwd=tmp_path).code == 0
    with Loopback(respond) as model:
        done = blossom(
            "annotate", "in", "-o", "out", "--base-url", model.base_url, "--model", "m", "--json", cwd=tmp_path
        )  # fmt: skip
    assert done.code == 0, done
    with ViewServer("out", cwd=tmp_path) as server:
        page = server.page("/s/0/r/0")
    assert "<ins>" in page
    assert "<del>" in page
    assert page.count('class="attempt"') == 2
    assert '<span class="badge bad">' in page
    assert '<span class="badge good">accepted</span>' in page
    assert "As an AI language model" in page


def test_without_its_ledger_a_set_is_shown_and_says_so(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder / "demo/dataset", tmp_path / "set")
    with ViewServer("set", cwd=tmp_path) as server:
        assert "--ledger FILE" in server.page("/s/0/r/0")
    with ViewServer("set", "--ledger", folder / "demo/ledger.sqlite", cwd=tmp_path) as server:
        assert "accepted" in server.page("/s/0/r/0")


def test_a_pair_shows_both_replies_and_how_the_chosen_one_came_about(tmp_path: Path) -> None:
    said = iter(["It is three.", "It is one.", "It is two."])

    def respond(request: LoopbackRequest) -> str:
        if request.body["model"] != "judge":
            return next(said)
        answer = json.loads(request.text)["answer"]
        return json.dumps({"reason": f"so: {answer}", "score": 9 if "one" in answer else 2 if "three" in answer else 5})

    write_lines(tmp_path / "in.jsonl", [{"messages": [{"role": "user", "content": "Say a number."}]}])
    with Loopback(respond) as model:
        flags = ("--best-of", 3, "--annotator", "writer", "--pairs", "--structured", "off", "--max-in-flight", 1)
        at = ("--base-url", model.base_url, "--model", "judge")
        done = blossom("judge", "in.jsonl", "-o", "out", *flags, *at, cwd=tmp_path)
    assert done.code == 0, done
    with ViewServer("out", cwd=tmp_path) as server:
        page, listed, found = server.page("/s/0/r/0"), server.page("/s/0"), server.page("/s/0", q="It is three")
        refused = server.post("/s/0/r/0/mark", {"mark": "drop", "messages": "", "note": ""})
    assert re.search(r"<h4>rejected</h4>.*<del>three</del>.*<h4>chosen</h4>.*<ins>one</ins>", page, re.DOTALL)
    assert page.count('class="attempt"') == 2
    assert "so: It is one." in page
    assert "It is two." not in page
    assert 'name="mark"' not in page
    assert refused == 400
    assert "Say a number." in listed and "It is one." in listed
    assert "Say a number." in found
    assert blossom("report", "out", "-o", "out.html", cwd=tmp_path).code == 0
    assert "It is one." in (tmp_path / "out.html").read_text()
