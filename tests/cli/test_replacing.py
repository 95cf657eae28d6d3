"""Finished work is never replaced by something else: every command that writes a set, the refusals and `--replace`."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from command import user, values, write_lines
from forked import blossom
from loopback import Loopback, LoopbackRequest

pytestmark = pytest.mark.slow


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """Two raw files, records of both, and records with answers."""
    for name in ("one", "two"):
        write_lines(
            tmp_path / f"{name}.jsonl", ({"question": f"{name} {n}?", "answer": f"#### {n}"} for n in range(20))
        )
    answered = [{"role": "user", "content": "1 + {n}?"}, {"role": "assistant", "content": "#### 7"}]
    for name in ("solved", "others"):
        write_lines(
            tmp_path / f"{name}.jsonl",
            (
                {"messages": [{**answered[0], "content": f"{name}: 1 + {n}?"}, answered[1]], "gold": "7"}
                for n in range(12)
            ),
        )
    assert blossom("pull", "gsm8k", "one.jsonl", "-o", "raw/one", "--licence", "MIT", cwd=tmp_path).code == 0
    return tmp_path


@pytest.fixture
def server() -> Iterator[Loopback]:
    with Loopback(respond=lambda request: f"This answers: {request.text}") as running:
        yield running


def content(folder: Path) -> dict[str, bytes]:
    """The files that a reader sees."""
    files = sorted(file for file in folder.rglob("*") if file.is_file() and ".building" not in file.parts)
    return {str(file.relative_to(folder)): file.read_bytes() for file in files}


def asking(server: Loopback) -> list[str]:
    return ["--base-url", server.base_url, "--model", "m"]


def refused(work: Path, out: str, *command: object, told: str, code: int = 2) -> None:
    """The command names what would go, leaves it as it is, and buys nothing; with --replace it takes its place."""
    before = content(work / out)
    done = blossom(*command, "-o", out, cwd=work)
    assert (done.code, done.err.count("\n")) == (code, 2), done
    assert told in done.err and "--replace" in done.err
    assert content(work / out) == before
    forced = blossom(*command, "-o", out, "--replace", "-q", cwd=work)
    assert forced.code == 0, forced
    assert content(work / out) != before


@pytest.mark.parametrize(
    ("command", "told"),
    [
        (["pull", "gsm8k", "two.jsonl"], "raw/one holds 20 records that `pull` made of one.jsonl; `pull` of two.jsonl"),
        (["pull", "gsm8k", "one.jsonl", "--limit", "5"], "--limit 5 leaves 5 at most"),
        (["pull", "gsm8k", "one.jsonl", "--sample", "5"], "--sample 5 leaves 5 at most"),
        (["mix", "solved.jsonl=5"], "`pull` made of one.jsonl; `mix` of solved.jsonl"),
        (["verify-math", "solved.jsonl"], "`verify-math` of solved.jsonl"),
    ],
)
def test_another_command_other_inputs_or_a_smaller_limit_want_a_word(work: Path, command: list[str], told: str) -> None:
    refused(work, "raw/one", *command, told=told)


def test_stages_that_pay_are_refused_before_they_ask(work: Path, server: Loopback) -> None:
    assert blossom("annotate", "raw/one", "-o", "out", *asking(server), cwd=work).code == 0
    paid, before = server.paid, content(work / "out")
    for command, told in (
        (["annotate", "raw/one", "--limit", "5"], "--limit 5"),
        (["annotate", "two.jsonl"], "two.jsonl"),
        (["annotate", "-"], "stdin"),
        (["annotate", "no-such-file.jsonl"], "no-such-file.jsonl"),
        (["translate", "raw/one"], "`translate`"),
        (["verify-math", "raw/one", "--resample", "1"], "`verify-math`"),
    ):
        done = blossom(*command, "-o", "out", *asking(server), "--json", cwd=work)
        assert done.code == 2, done
        assert "20 records" in done.json["error"]["message"] and told in done.json["error"]["message"]
    plan = blossom("annotate", "raw/one", "--limit", "5", "-o", "out", "--dry-run", *asking(server), cwd=work)
    assert (plan.code, "warning: the run itself would be refused" in plan.err) == (0, True), plan
    assert (server.paid, content(work / "out")) == (paid, before)


def test_the_same_work_done_anew_is_an_update(work: Path, server: Loopback) -> None:
    command = ["annotate", "raw/one", "-o", "out", *asking(server)]
    assert blossom(*command, "--limit", "8", cwd=work).code == 0
    assert blossom(*command, "--limit", "8", cwd=work).code == 0
    assert blossom(*command, "--tries", "2", cwd=work).code == 0
    assert len(values(work / "out")) == 20
    rows = [{"question": f"one {n}?", "answer": f"#### {n}"} for n in range(5, 15)]
    write_lines(work / "one.jsonl", rows)
    assert blossom("pull", "gsm8k", "one.jsonl", "-o", "raw/one", cwd=work).code == 0
    assert blossom(*command, cwd=work).code == 0
    assert (len(values(work / "out")), server.paid) == (10, 20)
    moved = work.rename(work.with_name("moved"))
    done = blossom("annotate", str(moved / "raw/one"), "-o", "out", *asking(server), cwd=moved)
    assert (done.code, server.paid) == (0, 20), done
    shutil.move(moved, work)


def test_an_input_more_is_an_update_and_one_less_is_not(work: Path) -> None:
    assert blossom("mix", "solved.jsonl", "-o", "train", cwd=work).code == 0
    assert blossom("mix", "solved.jsonl", "others.jsonl", "-o", "train", cwd=work).code == 0
    refused(work, "train", "mix", "others.jsonl", told="24 records that `mix` made of solved.jsonl")


def test_few_or_none_kept_leaves_the_old_set_and_replace_buys_nothing_again(work: Path) -> None:
    mood = {"answer": "This answers: {}"}

    def respond(request: LoopbackRequest) -> str:
        return mood["answer"].format(request.text) if "9?" not in request.text else "This answers nine."

    with Loopback(respond=respond) as server:
        command = ["annotate", "raw/one", "-o", "out", *asking(server)]
        assert blossom(*command, cwd=work).code == 0
        before = content(work / "out")
        mood["answer"] = "I am ChatGPT, a language model trained by OpenAI."
        changed = [*command, "--temperature", "0.1"]
        done = blossom(*changed, cwd=work)
        assert (done.code, content(work / "out")) == (3, before), done
        assert "holds 20 records, the new set 2" in done.err
        shown = blossom("show", "out/.building", "--rejected", "all", "--json", cwd=work)
        assert len(shown.json["records"]) == 10, shown
        paid = server.paid
        assert blossom(*changed, "--replace", cwd=work).code == 0
        assert server.paid == paid
    assert (len(values(work / "out")), (work / "out/.building").exists()) == (2, False)


def test_verify_math_that_keeps_none_wipes_nothing(work: Path) -> None:
    assert blossom("verify-math", "solved.jsonl", "-o", "out", cwd=work).code == 0
    before = content(work / "out")
    rows = [{**row, "gold": "8"} for row in values(work / "solved.jsonl")]
    write_lines(work / "solved.jsonl", rows)
    done = blossom("verify-math", "solved.jsonl", "-o", "out", cwd=work)
    assert (done.code, "12 records, the new set 0" in done.err, content(work / "out")) == (3, True, before), done
    # The failed gate leaves its set beside, and the old command goes on as if nothing had been.
    write_lines(work / "solved.jsonl", ({**row, "gold": "7"} for row in rows))
    assert blossom("verify-math", "solved.jsonl", "-o", "out", cwd=work).code == 0
    assert not (work / "out/.building").exists()
    forced = blossom("mix", "solved.jsonl=2", "-o", "train", cwd=work)
    assert forced.code == 0
    done = blossom("mix", "solved.jsonl", "-o", "train", cwd=work)
    assert done.code == 0
    done = blossom("mix", "solved.jsonl=5", "-o", "train", cwd=work)
    assert (done.code, "12 records, the new set 5" in done.err, len(values(work / "train"))) == (3, True, 12), done
    assert blossom("mix", "solved.jsonl=6", "-o", "train", cwd=work).code == 0


def test_a_published_version_never_goes(work: Path) -> None:
    assert blossom("publish", "raw/one", "-o", "site", "--name", "one", cwd=work).code == 0
    version = (work / "site/one/current").resolve()
    before = content(version)
    for command in (["pull", "gsm8k", "one.jsonl", "--limit", "3"], ["mix", "solved.jsonl"]):
        for out in (version, version / "inner"):
            done = blossom(*command, "-o", out, "--replace", cwd=work)
            assert (done.code, "versions never change" in done.err) == (2, True), done
    assert content(version) == before
    (version / "manifest.json").chmod(0o644)


def test_the_demo_does_not_write_over_a_set(work: Path) -> None:
    shutil.move(work / "raw/one", work / "dataset")
    before = content(work / "dataset")
    done = blossom("demo", "-o", ".", cwd=work)
    assert (done.code, "`run demo`" in done.err, content(work / "dataset")) == (2, True, before), done


def test_findings_of_other_pairs_are_not_written_over(work: Path) -> None:
    for name in ("a", "b"):
        write_lines(work / f"{name}.jsonl", [{"source": "It costs 5 dollars.", "output": "价格是7美元。"}])
    check = ["check-translations", "-o", "found.jsonl"]
    assert blossom(*check, "a.jsonl", cwd=work).code == 0
    before = (work / "found.jsonl").read_bytes()
    done = blossom(*check, "b.jsonl", cwd=work)
    assert (done.code, (work / "found.jsonl").read_bytes()) == (2, before), done
    assert "a.jsonl" in done.err and "--replace" in done.err
    assert blossom(*check, "a.jsonl", cwd=work).code == 0
    assert blossom(*check, "b.jsonl", "--replace", cwd=work).code == 0


def test_a_manifest_of_before_is_judged_by_what_it_has(work: Path) -> None:
    path = work / "raw/one/manifest.json"
    manifest = json.loads(path.read_text())
    del manifest["made_of"]
    path.write_text(json.dumps(manifest))
    assert blossom("mix", "solved.jsonl", "-o", "raw/one", cwd=work).code == 2
    assert blossom("pull", "gsm8k", "two.jsonl", "-o", "raw/one", cwd=work).code == 2
    assert blossom("pull", "gsm8k", "one.jsonl", "-o", "raw/one", "--limit", 5, cwd=work).code == 2
    assert blossom("pull", "gsm8k", "one.jsonl", "-o", "raw/one", cwd=work).code == 0


READERS = (
    ["show", "raw/one"],
    ["show", "raw/one", "--rejected", "all"],
    ["mix", "raw/one", "-o", "out"],
    ["verify-math", "raw/one", "-o", "out"],
    ["publish", "raw/one", "-o", "site", "--name", "one", "--licence", "MIT"],
    ["diff", "raw/one", "raw/one"],
    ["check-translations", "raw/one"],
)


@pytest.mark.parametrize("command", READERS, ids=lambda command: " ".join(command[:3]))
def test_shards_without_a_manifest_are_not_finished_and_a_damaged_one_is_told(work: Path, command: list[str]) -> None:
    with (work / "one.jsonl").open("a") as file:
        file.write('{"question": 1}\n')
    assert blossom("pull", "gsm8k", "one.jsonl", "-o", "raw/one", "--max-bad", "50%", cwd=work).code == 0
    manifest = work / "raw/one/manifest.json"
    whole = manifest.read_bytes()
    for damaged in (b"", whole[: len(whole) // 2], b"[]", whole.replace(b'"format": 1', b'"format": 9')):
        manifest.write_bytes(damaged)
        done = blossom(*command, cwd=work)
        assert (done.code, "manifest.json is damaged" in done.err) == (2, True), done
    manifest.unlink()
    done = blossom(*command, cwd=work)
    assert (done.code, "is not finished" in done.err) == (2, True), done
    assert not (work / "out").exists()


def test_the_same_command_mends_a_damaged_manifest_and_another_does_not(work: Path) -> None:
    manifest = work / "raw/one/manifest.json"
    whole = content(work / "raw/one")
    for damaged in (whole["manifest.json"][:-30], b"{"):
        manifest.write_bytes(damaged)
        if b"made_of" in damaged:
            assert blossom("mix", "solved.jsonl", "-o", "raw/one", cwd=work).code == 2
        mended = blossom("pull", "gsm8k", "one.jsonl", "-o", "raw/one", "--licence", "MIT", cwd=work)
        assert (mended.code, content(work / "raw/one") == whole) == (0, True), mended
    manifest.unlink()
    done = blossom("pull", "gsm8k", "one.jsonl", "-o", "raw/one", "--licence", "MIT", cwd=work)
    assert (done.code, "--replace" in done.err) == (2, True), done
    forced = blossom("pull", "gsm8k", "one.jsonl", "-o", "raw/one", "--licence", "MIT", "--replace", cwd=work)
    assert (forced.code, content(work / "raw/one") == whole) == (0, True), forced


def test_a_failed_pull_leaves_nothing_behind(work: Path) -> None:
    rows = [{"question": f"{n}?", "answer": f"#### {n}"} if n % 3 else {"question": n} for n in range(12_000)]
    write_lines(work / "bad.jsonl", rows)
    write_lines(work / "wrong.jsonl", [user("not of gsm8k")])
    before = content(work / "raw/one")
    for source in ("bad.jsonl", "wrong.jsonl", "missing.jsonl"):
        assert blossom("pull", "gsm8k", source, "-o", "new/deep/set", cwd=work).code == 2
        assert blossom("pull", "gsm8k", source, "-o", "raw/one", "--replace", cwd=work).code == 2
        assert not (work / "new").exists()
    assert content(work / "raw/one") == before
    assert not (work / "raw/one/.building").exists()
