"""A finished shard whose input, prompt, model and settings are what they were is taken over as it is; all else is not.

Each run is the real command against a loopback server and a real ledger, and must leave the bytes of a run that took
nothing over.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import forked
import pytest
from command import Result, clean_environment, user, values, write_lines
from forked import blossom
from loopback import Loopback, LoopbackRequest, Response, refused

pytestmark = pytest.mark.slow

ROWS, SHARD = 95, 20


def respond(request: LoopbackRequest) -> Response:
    """An answer to every question; each tenth is one that annotate rejects."""
    number = int(request.text.split()[1].strip(":"))
    return "As an AI language model, I cannot say." if number % 10 == 4 else f"The answer is that it is item {number}."


def rows(count: int = ROWS, *, edited: int | None = None) -> list[dict[str, Any]]:
    return [user(f"Item {n} {'once more' if n == edited else 'please'}: what is it?") for n in range(count)]


def annotate(folder: Path, server: Loopback, *more: object, out: str = "out", code: int = 0) -> Result:
    flags = ("--base-url", server.base_url, "--model", "m", "--ledger", "ledger.sqlite", "--json")
    done = blossom("annotate", "in.jsonl", "-o", out, "--shard-records", SHARD, *flags, *more, cwd=folder)
    assert done.code == code, done
    return done


def ran(done: Result) -> tuple[int, int, int]:
    """Calls, replies from the ledger, records taken over."""
    run = done.json["run"]
    return run["calls"], run["replayed"], run["taken_over"]


def content(out: Path) -> dict[str, bytes]:
    """All files of a data set, by their names in it; its manifest without the ways to other folders."""
    files = {str(file.relative_to(out)): file.read_bytes() for file in sorted(out.rglob("*")) if file.is_file()}
    if "manifest.json" in files:
        about = json.loads(files["manifest.json"])
        files["manifest.json"] = json.dumps(about | {"made_of": None, "ledger": None}).encode()
    return files


def finished(out: Path) -> dict[str, bytes]:
    """The same without what an unfinished run has written."""
    return {name: data for name, data in content(out).items() if not name.startswith(".building")}


def test_what_has_not_changed_is_taken_over_wherever_the_change_lies(tmp_path: Path) -> None:
    with Loopback(respond=respond) as server:

        def step(given: list[dict[str, Any]], *more: object) -> tuple[int, int, int]:
            """Runs over what is there, and compares it with a run that takes nothing over."""
            write_lines(tmp_path / "in.jsonl", given)
            found = ran(annotate(tmp_path, server, *more))
            whole = annotate(tmp_path, server, *more, out="whole/out")
            assert whole.json["run"]["taken_over"] == 0
            assert content(tmp_path / "out") == content(tmp_path / "whole/out")
            shutil.rmtree(tmp_path / "whole")
            return found

        first = len(rows()) + 2 * sum(n % 10 == 4 for n in range(ROWS))
        assert step(rows()) == (first, 0, 0)
        assert step(rows()) == (0, 0, ROWS)
        # At the end: the last block, which was not full, is worked on again.
        assert step(rows(ROWS + 10)) == (10 + 2, 15 + 2 * 2, 80)
        # In the middle, in the place of a row: its block alone.
        assert step(rows(ROWS + 10, edited=50)) == (1, 19 + 2 * 2, ROWS + 10 - SHARD)
        # Every block behind an added or missing row is another one.
        assert step([user("Item 7000: what is it?"), *rows(ROWS, edited=50)])[::2] == (1, 0)
        assert step([*rows(45), *rows(ROWS)[46:]])[::2] == (0, 0)
        # Fewer of the same, and more of them again.
        assert step(rows())[0] == 0
        assert step(rows(), "--limit", 50, "--replace")[::2] == (0, 40)
        assert step(rows(), "--limit", 40, "--replace")[::2] == (0, 40)
        assert step(rows())[::2] == (0, 40)
        # An exact copy of a row in a block that is taken over counts as one, and bad rows as what they are.
        assert step([*rows(), rows()[3]], "--max-bad", "50%")[::2] == (0, 80)
        (tmp_path / "in.jsonl").write_text((tmp_path / "in.jsonl").read_text() + "{torn\n")
        annotate(tmp_path, server, "--max-bad", "50%")
        again = annotate(tmp_path, server, "--max-bad", "50%")
        assert ran(again) == (0, 0, 97)
        assert again.json["rejected"]["read/duplicate"] == again.json["rejected"]["read/bad_json"] == 1
        told = annotate(tmp_path, server, "--max-bad", "0%", code=2).json["error"]["message"]
        assert "in.jsonl:97: bad_json" in told


def test_another_prompt_model_or_setting_takes_nothing_over(tmp_path: Path) -> None:
    write_lines(tmp_path / "in.jsonl", rows(40))
    (tmp_path / "brief.toml").write_text('version = 1\nplaceholders = ["text"]\nsystem = "Brief."\nuser = "${text}"\n')
    with Loopback(respond=respond) as server:
        annotate(tmp_path, server)
        for more in (
            ["--prompt", "brief.toml"],
            ["--temperature", 0.1],
            ["--tries", 1],
            ["--max-tokens", 500],
            ["--trust-finish"],
        ):
            assert ran(annotate(tmp_path, server, *more))[2] == 0
            assert ran(annotate(tmp_path, server, *more)) == (0, 0, 40)
        other = ran(annotate(tmp_path, server, "--model", "other"))
        assert (other[0] > 0, other[2]) == (True, 0)
        # How replies are fetched decides nothing about them.
        fetched = ("--model", "other", "--max-in-flight", 3, "--timeout-s", 20, "--structured", "off")
        assert ran(annotate(tmp_path, server, *fetched)) == (0, 0, 40)
        # The same prompt file with another text in it is another prompt.
        annotate(tmp_path, server, "--prompt", "brief.toml")
        brief = (tmp_path / "brief.toml").read_text().replace("Brief.", "Very brief.")
        (tmp_path / "brief.toml").write_text(brief)
        assert ran(annotate(tmp_path, server, "--prompt", "brief.toml"))[2] == 0


def test_a_record_that_was_not_answered_is_asked_for_again(tmp_path: Path) -> None:
    write_lines(tmp_path / "in.jsonl", rows())
    is_ill = True

    def sometimes(request: LoopbackRequest) -> Response:
        return refused(422, "not today") if is_ill and request.text.startswith("Item 47 ") else respond(request)

    with Loopback(respond=sometimes) as server:
        failed = annotate(tmp_path, server, code=3)
        assert sum(failed.json["failed"].values()) == 1
        again = annotate(tmp_path, server, code=3)
        assert ran(again) == (0, 19 + 2 * 2, ROWS - SHARD)
        is_ill = False
        healed = annotate(tmp_path, server)
        assert ran(healed) == (1, 19 + 2 * 2, ROWS - SHARD)
        assert (healed.json["failed"], server.bought_twice) == ({}, 0)
        assert ran(annotate(tmp_path, server)) == (0, 0, ROWS)


def spoil_shard(out: Path) -> None:
    shard = out / "part-00001.jsonl.zst"
    shard.write_bytes(shard.read_bytes()[:-1])


def lose_reject(out: Path) -> None:
    (out / "rejects/part-00001.jsonl.zst").unlink()


def lead_astray(out: Path) -> None:
    """The note of a block names a file that is no shard."""
    notes = json.loads((out / ".blocks.json").read_text())
    notes["1"]["shards"]["kept"][0]["file"] = "../in.jsonl"
    (out / ".blocks.json").write_text(json.dumps(notes))


def garble(out: Path) -> None:
    notes = json.loads((out / ".blocks.json").read_text())
    (out / ".blocks.json").write_text(json.dumps({**notes, "1": [], "x": 3, "-1": None}))


@pytest.mark.parametrize("damage", [spoil_shard, lose_reject, lead_astray, garble])
def test_what_was_damaged_since_is_made_anew_without_a_call(tmp_path: Path, damage: Callable[[Path], None]) -> None:
    write_lines(tmp_path / "in.jsonl", rows())
    with Loopback(respond=respond) as server:
        annotate(tmp_path, server)
        before = content(tmp_path / "out")
        damage(tmp_path / "out")
        assert ran(annotate(tmp_path, server)) == (0, 20 + 2 * 2, ROWS - SHARD)
        assert content(tmp_path / "out") == before
        (tmp_path / "out/.blocks.json").write_text("no notes")
        assert ran(annotate(tmp_path, server))[::2] == (0, 0)
        assert content(tmp_path / "out") == before


def test_it_needs_no_ledger_no_money_and_no_endpoint(tmp_path: Path) -> None:
    write_lines(tmp_path / "in.jsonl", rows())
    with Loopback(respond=respond) as server:
        annotate(tmp_path, server)
        for left in tmp_path.glob("ledger.sqlite*"):
            left.unlink()
        plan = annotate(tmp_path, server, "--dry-run").json
        assert (plan["calls"], plan["records"], plan["finished"]) == (0, ROWS, ROWS)
        paid = server.paid
    assert ran(annotate(tmp_path, server, "--budget-tokens", 1)) == (0, 0, ROWS)
    assert server.paid == paid


def kill_after(folder: Path, server: Loopback, paid: int, temperature: float) -> None:
    """Runs annotate in a process of its own, and kills it when it has got so many answers."""
    flags = ["--base-url", server.base_url, "--model", "m", "--ledger", "ledger.sqlite", "--max-in-flight", "1"]
    flags += ["--shard-records", str(SHARD), "--temperature", str(temperature)]
    wanted = server.paid + paid
    child = forked.start("annotate", "in.jsonl", "-o", "out", *flags, cwd=folder, env=clean_environment())
    while server.paid < wanted and child.poll() is None:
        time.sleep(0.001)
    child.kill()
    child.communicate()


def test_killed_at_any_time_the_old_data_set_is_whole_until_the_new_one_is(tmp_path: Path) -> None:
    write_lines(tmp_path / "in.jsonl", rows())
    with Loopback(respond=respond, latency_s=0.005) as server:
        annotate(tmp_path, server)
        old = content(tmp_path / "out")
        # Of the last kill the second and the last block are left to do; the others are the old set's own files.
        changed = [*rows(25), user("Item 8000: what is it?"), *rows()[26:], user("Item 8001: what is it?")]
        for temperature, given in ((0.2, rows()), (0.3, rows()), (0.7, changed)):
            write_lines(tmp_path / "in.jsonl", given)
            kill_after(tmp_path, server, 1 if given is changed else 50, temperature)
            assert finished(tmp_path / "out") == old
            is_begun = any(name.startswith(".building/block-") for name in content(tmp_path / "out"))
            assert is_begun or given is changed
        done = annotate(tmp_path, server)
        assert done.json["run"]["taken_over"] == 3 * SHARD
        assert done.json["run"]["calls"] <= 2
        annotate(tmp_path, server, out="whole/out")
    assert content(tmp_path / "out") == content(tmp_path / "whole/out")
    assert len(values(tmp_path / "out")) == done.json["kept"]


def test_a_run_that_stops_early_leaves_what_was_there_and_names_no_file_twice(tmp_path: Path) -> None:
    write_lines(tmp_path / "in.jsonl", rows())
    with Loopback(respond=respond) as server:
        annotate(tmp_path, server)
        old = content(tmp_path / "out")
        write_lines(tmp_path / "in.jsonl", rows(ROWS, edited=50))
        annotate(tmp_path, server, "--budget-tokens", 1, code=4)
        assert finished(tmp_path / "out") == old
        # Other settings write over what the stopped run left: the old set's bytes must not go with it.
        annotate(tmp_path, server, "--budget-tokens", 1, "--temperature", 0.1, code=4)
        assert finished(tmp_path / "out") == old
        annotate(tmp_path, server)
    assert not (tmp_path / "out/.building").exists()
    assert {file.stat().st_nlink for file in (tmp_path / "out").rglob("part-*")} == {1}


def test_stages_in_a_row_publish_and_collect_as_before(tmp_path: Path) -> None:
    write_lines(tmp_path / "in.jsonl", rows())
    with Loopback(respond=respond) as server:
        annotate(tmp_path, server)
        write_lines(tmp_path / "in.jsonl", rows(ROWS, edited=90))
        assert ran(annotate(tmp_path, server))[::2] == (1, 80)
        whole = annotate(tmp_path, server, out="whole/out")
    for out in ("out", "whole/out"):
        done = blossom("verify-math", out, "-o", f"{out}-verified", "--shard-records", SHARD, "--json", cwd=tmp_path)
        assert (done.code, done.json["read"]) == (0, whole.json["kept"])
    found, full = content(tmp_path / "out-verified"), content(tmp_path / "whole/out-verified")
    found_about, full_about = json.loads(found.pop("manifest.json")), json.loads(full.pop("manifest.json"))
    # The input is named by the sha256 of its manifest, which names the way to its own input.
    assert (found, found_about | {"inputs": None}) == (full, full_about | {"inputs": None})
    again = blossom("verify-math", "out", "-o", "out-verified", "--shard-records", SHARD, "--json", cwd=tmp_path)
    assert again.json["run"]["taken_over"] == whole.json["kept"]
    old = ("--older-than", 0, "--exact", "--yes", "--json")
    freed = blossom("gc", "out", "--ledger", "ledger.sqlite", *old, cwd=tmp_path)
    assert freed.code == 0, freed
    with Loopback(respond=respond) as server:
        assert ran(annotate(tmp_path, server)) == (0, 0, ROWS)
    published = [
        blossom("publish", out, "-o", f"{out}-versions", "--name", "set", "--licence", "MIT", "--json", cwd=tmp_path)
        for out in ("out", "whole/out")
    ]
    assert published[0].json["content"] == published[1].json["content"]
