"""Which ledger a run finds that names none: the same command buys once, whatever folder it is given in."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from command import Result, user, write_lines
from forked import blossom
from loopback import Loopback

from blossom_data.ledger.place import find_ledger
from blossom_data.shards import read_manifest
from blossom_data.shards.block_notes import BLOCKS

ROWS = 4
LEDGER = Path(".blossom/ledger.sqlite")


def annotate(server: Loopback, cwd: Path, records: object, out: object, *further: object) -> Result:
    done = blossom("annotate", records, "-o", out, "--base-url", server.base_url, "--model", "m", *further, cwd=cwd)
    assert done.code == 0, done
    return done


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A folder with an input; other folders stand beside it."""
    (tmp_path / "other").mkdir()
    folder = tmp_path / "home"
    folder.mkdir()
    write_lines(folder / "in.jsonl", (user(f"question {number}") for number in range(ROWS)))
    return folder


def test_the_same_command_from_anywhere_buys_once(home: Path) -> None:
    other = home.parent / "other"
    records, out = home / "in.jsonl", home / "sets/out"
    with Loopback() as server:
        annotate(server, home, "in.jsonl", "sets/out")
        assert (home / LEDGER).is_file()
        assert (read_manifest(out) or {})["ledger"] == "../../.blossom/ledger.sqlite"
        # One that belongs to other work lies where this is called from.
        annotate(server, other, write_lines(other / "in.jsonl", [user("of another kind")]), "out")
        assert (other / LEDGER).is_file()
        for place in (other, home.parent, home / "sets", Path("/")):
            assert "note" not in annotate(server, place, records, out).err
        shutil.rmtree(out)
        annotate(server, other, records, out)
        annotate(server, home.parent, records, home / "sets/second")
        # Both move, and find each other.
        home.rename(home.parent / "moved")
        annotate(server, other, home.parent / "moved/in.jsonl", home.parent / "moved/sets/out")
    assert server.paid == ROWS + 1


def test_a_ledger_of_before_is_taken_wherever_the_output_lies(home: Path) -> None:
    outside = home.parent / "far/out"
    with Loopback() as server:
        annotate(server, home, "in.jsonl", outside, "--ledger", LEDGER)
        manifest = outside / "manifest.json"
        before = {key: value for key, value in json.loads(manifest.read_text()).items() if key != "ledger"}
        manifest.write_text(json.dumps(before))
        annotate(server, home, "in.jsonl", outside)
        assert server.paid == ROWS
    assert not (outside.parent / ".blossom").exists()


def test_the_input_names_the_ledger_of_what_comes_after_it(home: Path) -> None:
    with Loopback() as server:
        annotate(server, home, "in.jsonl", "first", "--ledger", "kept/l.sqlite")
    assert find_ledger(home.parent / "new/out", str(home / "first")) == home / "kept/l.sqlite"
    foreign = home / "foreign.db"
    with closing(sqlite3.connect(foreign)) as database:
        database.execute("CREATE TABLE cookies(a)")
    for name in ("../foreign.db", "../in.jsonl", "../nothing", "/dev/zero", 5, "\0", ""):
        manifest = json.loads((home / "first/manifest.json").read_text()) | {"ledger": name}
        (home / "first/manifest.json").write_text(json.dumps(manifest))
        assert find_ledger(home.parent / "new/out", str(home / "first")) == home.parent / "new" / LEDGER


def test_a_new_ledger_lies_as_git_would_have_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    assert find_ledger(Path("a/b/out")) == LEDGER
    assert find_ledger(tmp_path / "there/out") == tmp_path / "there" / LEDGER
    (tmp_path / ".blossom").mkdir()
    assert find_ledger(tmp_path / "there/out") == tmp_path / LEDGER
    assert find_ledger(Path("a/b/out")) == tmp_path / LEDGER
    (here / "a/.blossom").mkdir(parents=True)
    assert find_ledger(Path("a/b/out")) == "a" / LEDGER
    (tmp_path / "link").symlink_to(here / "a")
    assert find_ledger(tmp_path / "link/out") == "a" / LEDGER
    # What a stranger put there, such as in /tmp, is nobody's ledger.
    monkeypatch.setattr(os, "geteuid", lambda: 4711)
    assert find_ledger(Path("a/b/out")) == LEDGER


def test_another_ledger_is_told_before_it_buys_and_where_nothing_is_bought_it_is_not(home: Path) -> None:
    other = ("--ledger", "new.sqlite")
    with Loopback() as server:
        annotate(server, home, "in.jsonl", "out")
        before = (home / "out/manifest.json").read_bytes()
        planned = annotate(server, home, "in.jsonl", "out", *other, "--dry-run")
        taken = annotate(server, home, "in.jsonl", "out", *other)
        # The shard is taken over: nothing came of the new ledger, and the manifest goes on naming the old one.
        assert "note" not in planned.err + taken.err
        assert (server.paid, (home / "out/manifest.json").read_bytes()) == (ROWS, before)
        (home / "out" / BLOCKS).unlink()
        planned = annotate(server, home, "in.jsonl", "out", *other, "--dry-run")
        assert server.paid == ROWS
        told = annotate(server, home, "in.jsonl", "out", *other)
        for done in (planned, told):
            assert "out was made with the ledger" in done.err
            assert str(LEDGER) in done.err
        assert "note" not in annotate(server, home, "in.jsonl", "out", *other).err
        (home / "new.sqlite").rename(home / "renamed.sqlite")
        assert "note" not in annotate(server, home, "in.jsonl", "out", "--ledger", "renamed.sqlite").err
        assert server.paid == 2 * ROWS


def test_an_emptied_ledger_beside_a_finished_set_is_refused(home: Path) -> None:
    with Loopback() as server:
        annotate(server, home, "in.jsonl", "out")
        (home / LEDGER).write_bytes(b"")
        done = blossom("annotate", "in.jsonl", "-o", "out", "--base-url", server.base_url, "--model", "m", cwd=home)
        assert done.code == 1, done
        assert "is empty" in done.err
        assert server.paid == ROWS
