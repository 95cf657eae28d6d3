"""Hostile records through every output: what is shown steers no terminal, what is JSON stays JSON."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from command import Result, values, write_lines
from forked import blossom
from hostile_texts import TEXTS, steering
from hypothesis import given, settings
from hypothesis import strategies as st
from loopback import Fault, Loopback, LoopbackRequest, answer, refused

from blossom_data.cli import output
from blossom_data.cli.app import main
from blossom_data.cli.progress import Progress
from blossom_data.counters import Counters

LOGGED = ["stage", "done", "total", "rate", "eta_s", "calls", "replayed", "tokens_in", "tokens_out", "spent_usd"]
LOGGED += ["kept", "rejected", "failed", "retries"]
READABLE = [text for text in TEXTS.values() if "\0" not in text]
REFUSED, REJECTED = "refuse this", "reject this"


def rows() -> list[dict[str, Any]]:
    """Each text as the message, id, source, gold label and tag of a record, three times: kept, rejected, refused."""
    return [
        {
            "id": f"{number}{text[:40]}{fate}",
            "source": text[:60],
            "gold": text[:60],
            "tags": [text[:60]],
            "messages": [{"role": "user", "content": f"{text} {fate}"}],
        }
        for number, text in enumerate(TEXTS.values())
        for fate in ("keep", REJECTED, REFUSED)
    ]


def respond(request: LoopbackRequest) -> dict[str, Any] | Fault:
    text = request.text
    if text.endswith(REFUSED):
        return refused(400, f"I do not like {text[:3_000]}", code=text[:50])
    reply = "" if text.endswith(REJECTED) else f"This is about {text[:3_000]}"
    return answer(reply, model=f"model {text[:60]}")


class Made:
    """What `annotate` wrote and said about the hostile records."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.rows = folder, rows()
        write_lines(folder / "in.jsonl", self.rows)
        with Loopback(respond=respond) as server:
            flags = (
                "--base-url",
                server.base_url,
                "--model",
                "m",
                "--max-in-flight",
                "8",
                "--tries",
                "1",
                "--max-bad",
                "10%",
            )
            self.told = blossom("annotate", "in.jsonl", "-o", "out", *flags, cwd=folder)
            self.again = blossom("annotate", "in.jsonl", "-o", "out", *flags, "--json", "--follow", cwd=folder)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return Made(tmp_path_factory.mktemp("hostile"))


def clean(shown: Result) -> None:
    assert shown.code in (0, 3), shown.err
    assert not steering(shown.out + shown.err)
    assert "Traceback" not in shown.err


def test_every_record_is_accounted_for_and_its_text_is_what_it_was(made: Made) -> None:
    clean(made.told)
    summary = json.loads(made.again.out.splitlines()[-1])
    failed, rejected = sum(summary["failed"].values()), sum(summary["rejected"].values())
    assert summary["read"] == len(made.rows) == summary["kept"] + rejected + failed
    assert failed == len(READABLE)
    assert summary["rejected"]["read/nul"] == 3
    kept = {row["id"]: row["messages"][0]["content"] for row in values(made.folder / "out")}
    given = {row["id"]: row["messages"][0]["content"] for row in made.rows}
    assert kept.items() <= given.items()
    assert len(kept) >= len(TEXTS) - 2


def test_rejects_hold_what_was_refused_and_why(made: Made) -> None:
    rejects = values(made.folder / "out" / "rejects")
    assert len(rejects) >= 2 * len(TEXTS)
    refused_texts = {row["record"]["messages"][0]["content"] for row in rejects if row["record"]}
    assert {f"{text} {REFUSED}" for text in READABLE} <= refused_texts
    assert all(len(row["reply"]) <= 70_000 for row in rejects)


@pytest.mark.parametrize(
    "more", [(), ("--rejected", "all"), ("--sample", "20", "--seed", "3"), ("--original", "in.jsonl")]
)
def test_show_steers_no_terminal(made: Made, more: tuple[str, ...]) -> None:
    clean(blossom("show", "out", "--limit", "500", *more, cwd=made.folder))
    shown = blossom("show", "out", "--limit", "500", *more, "--json", cwd=made.folder)
    clean(shown)
    assert len(shown.out.splitlines()) == 1
    texts = [row for row in shown.json["records"]]
    assert (
        texts == values(made.folder / "out" / ("rejects" if "all" in more else ""))[: len(texts)] or "--sample" in more
    )


def test_followed_lines_are_json_and_steer_no_terminal(made: Made) -> None:
    assert not steering(made.again.out)
    lines = [json.loads(line) for line in made.again.out.splitlines()]
    assert [line.get("event") for line in lines[:-1]] == ["progress"] * (len(lines) - 1)
    assert "shards" in lines[-1]


def test_manifest_and_card_are_what_they_seem(made: Made) -> None:
    text = (made.folder / "out" / "manifest.json").read_text(encoding="utf-8")
    assert not steering(text)
    manifest = json.loads(text)
    assert {text[:60] for text in READABLE} <= set(manifest["by_source"])
    card = (made.folder / "out" / "README.md").read_text(encoding="utf-8")
    body = card.split("\n---\n", 1)[1]
    assert not steering(card)
    assert "<" not in body and "](" not in body and "```" not in body
    assert card.count("\n---\n") == 1


@pytest.mark.parametrize("text", [text for text in READABLE if len(text) < 1_000])
def test_errors_about_hostile_names_steer_no_terminal(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (["show", text], ["run", text], [text], ["annotate", "in.jsonl", f"--{text}"]):
        for more in ([], ["--json"]):
            with pytest.raises(SystemExit) as ended:
                main([*arguments, *more])
            told = capsys.readouterr()
            assert ended.value.code == 2
            assert not steering(told.out + told.err)
            assert not more or json.loads(told.out)["error"]["exit_code"] == 2


@settings(max_examples=300, deadline=None)
@given(
    st.text(alphabet=st.characters(exclude_categories=()))
    | st.binary().map(lambda raw: raw.decode("utf-8", "surrogateescape"))
)
def test_no_text_steers_a_terminal_and_json_keeps_it(text: str) -> None:
    assert not steering(output.clean(text))
    told = output.escaped({text: [text]})
    assert not steering(told) and "\n" not in told
    ((key, (value,)),) = json.loads(told).items()
    assert key == value
    assert value == text or any("\ud800" <= letter <= "\udfff" for letter in text)


@pytest.mark.parametrize("text", TEXTS.values())
def test_progress_is_one_line_that_steers_no_terminal(text: str) -> None:
    counters = Counters(records_total=10, kept=3, paid_records=3)
    counters.retries[text] += 1
    progress = Progress(text, counters)
    line = output.clean(progress.log_line())
    assert not steering(line)
    assert len(line.splitlines()) == 1
    assert [pair.partition("=")[0] for pair in progress.log_line().split()] == LOGGED


def test_a_huge_line_costs_one_reject_and_little_memory(tmp_path: Path) -> None:
    with (tmp_path / "in.jsonl").open("wb") as file:
        file.write(b'{"messages": [{"role": "user", "content": "' + b"x" * 100_000_000 + b'"}]}\n')
        file.write(b'{"messages": [{"role": "user", "content": "fine"}]}\n')
    script = (
        "import sys; from blossom_data.cli.app import main\n"
        "try: main()\n"
        "finally: print(open('/proc/self/status').read().split('VmHWM:')[1].split()[0], file=sys.stderr)"
    )
    flags = ("in.jsonl", "-o", "out", "--max-bad", "100%", "--json")
    command = [sys.executable, "-c", script, "verify-math", *flags]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done
    summary = json.loads(done.stdout)
    assert (summary["read"], summary["kept"]) == (2, 1)
    assert int(done.stderr) < 300 * 1024
