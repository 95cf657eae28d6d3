"""gc: what is current, pinned, new or young stays; a kill in the middle leaves no half version."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from datasets_made import make, record, tidy, whole, whole_version
from forked import blossom

from blossom_data.asks import Ask, Reply
from blossom_data.errors import BlossomError, ConfigError, Locked
from blossom_data.ledger.sqlite import SqliteLedger
from blossom_data.publish.reading import Part
from blossom_data.publish.replies import free_replies
from blossom_data.publish.retention import collect, list_versions, read_pins
from blossom_data.publish.versions import publish, version_names
from blossom_data.records import Lineage, Message

DAY_S = 86_400


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Five versions, all idle for 2 days."""
    for day in range(1, 6):
        source = make(tmp_path / "in", [record(day)])
        now = datetime(2026, 1, day, tzinfo=UTC)
        done = publish([Part(source)], root=tmp_path / "data", name="math", layout="jsonl", now=now)
    assert done.is_new
    for name in version_names(tmp_path / "data/math"):
        age(tmp_path / "data/math" / name, 2 * DAY_S)
    return tmp_path / "data/math"


def age(path: Path, seconds: float) -> None:
    then = time.time() - seconds
    os.utime(path, (then, then))


def test_the_newest_the_pinned_and_current_stay(folder: Path, tmp_path: Path) -> None:
    names = version_names(folder)
    make(tmp_path / "in", [record(2)])
    publish([Part(tmp_path / "in")], root=tmp_path / "data", name="math", layout="jsonl")
    age(folder / names[4], 2 * DAY_S)
    planned = collect(folder, keep=1, pin=[names[0]], is_dry_run=True)
    assert planned.deleted == (names[2], names[3])
    assert version_names(folder) == names
    assert read_pins(folder) == set()
    done = collect(folder, keep=1, pin=[names[0]])
    assert done.deleted == planned.deleted
    assert done.kept == {names[0]: "pinned", names[1]: "current", names[4]: "among the newest 1"}
    assert [(facts.name, facts.is_current, facts.is_pinned) for facts in list_versions(folder)] == [
        (names[0], False, True),
        (names[1], True, False),
        (names[4], False, False),
    ]
    assert collect(folder, keep=0, unpin=[names[0]]).deleted == (names[0], names[4])
    assert whole(folder) == [record(2)]


def test_a_version_that_was_current_a_moment_ago_is_young(folder: Path, tmp_path: Path) -> None:
    before = version_names(folder)[-1]
    make(tmp_path / "in", [record(9)])
    publish([Part(tmp_path / "in")], root=tmp_path / "data", name="math", layout="jsonl")
    assert before in collect(folder, keep=1, grace_h=24).kept
    assert len(whole_version(folder / before)) == 1
    assert before in collect(folder, keep=1, grace_h=0).deleted


def test_a_gc_that_died_is_finished_by_the_next(folder: Path) -> None:
    name = version_names(folder)[0]
    (folder / name).rename(folder / f".deleting-{name}")
    assert collect(folder, keep=9).swept == (f".deleting-{name}",)
    assert tidy(folder)


def test_gc_refuses_what_is_no_published_data_set_and_pins_that_it_cannot_read(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no published data set"):
        collect(tmp_path / "in", keep=0, grace_h=0)
    with pytest.raises(ConfigError, match="no version"):
        collect(folder, pin=["../../in"])
    (folder / "pins.json").write_text('{"pins": "all"}')
    with pytest.raises(BlossomError, match="cannot read the pins"):
        collect(folder, keep=0, grace_h=0)
    assert len(version_names(folder)) == 5


def test_other_files_in_the_folder_are_left_alone(folder: Path) -> None:
    (folder / "NOTES.txt").write_text("mine")
    (folder / "2026-13-99").mkdir()
    collect(folder, keep=0, grace_h=0)
    assert (folder / "NOTES.txt").read_text() == "mine"
    assert (folder / "2026-13-99").is_dir()
    assert len(version_names(folder)) == 1


def test_the_command_tells_what_goes_and_what_stays(folder: Path, tmp_path: Path) -> None:
    names = version_names(folder)
    told = blossom("gc", "data/math", "--keep", "2", "--dry-run", cwd=tmp_path)
    assert (told.code, told.out.count("would delete")) == (0, 3)
    done = blossom("gc", "data/math", "--keep", "2", "--pin", names[0], "--json", cwd=tmp_path)
    assert done.json["deleted"] == names[1:3]
    assert done.json["kept"][names[0]] == "pinned"
    assert blossom("gc", "data/math", "--yes", cwd=tmp_path).code == 2


def buy(path: Path, *asks: tuple[str, str, str]) -> dict[str, str]:
    """Puts replies for (text, stage, model) into a ledger, bought 100 days ago; gives their keys by text."""
    ledger = SqliteLedger(path)

    async def put() -> dict[str, str]:
        keys = {}
        for text, stage, model in asks:
            ask = Ask(stage=stage, version=1, messages=(Message("user", text),))
            await ledger.put(ask.key(model), ask, Reply(text=text, model=model))
            keys[text] = ask.key(model).hex()
        return keys

    keys = asyncio.run(put())
    ledger.close()
    with sqlite3.connect(path) as database:
        database.execute("UPDATE replies SET created = ?", (time.time() - 100 * DAY_S,))
    database.close()
    return keys


def left(path: Path) -> set[str]:
    ledger = sqlite3.connect(path)
    rows = ledger.execute("SELECT hex(key) FROM replies").fetchall()
    ledger.close()
    return {row[0].lower() for row in rows}


@pytest.fixture
def ledger(tmp_path: Path) -> tuple[Path, dict[str, str], Path]:
    path = tmp_path / "ledger.sqlite"
    old, new = ("annotate", "old-model"), ("annotate", "m1")
    keys = buy(path, ("kept", *new), ("reject", *new), ("obsolete", *old), ("judged", "judge", "j-2026-01-01"))
    lineage = (Lineage("pull", 1), Lineage("annotate", 1, "p", "m1", keys["kept"]))
    asked = [{"stage": stage, "model": model, "replies": 1} for stage, model in [("annotate", "m1"), ("judge", "j")]]
    return path, keys, make(tmp_path / "in", [record(1, lineage=lineage)], asked=asked)


def test_replies_that_a_data_set_can_ask_for_again_stay(ledger: tuple[Path, dict[str, str], Path]) -> None:
    path, keys, source = ledger
    assert free_replies(path, [source], older_than_days=101).old == 0
    planned = free_replies(path, [source], older_than_days=90)
    assert (planned.old, planned.deleted, planned.kept_named, planned.kept_asked) == (4, 1, 1, 2)
    assert left(path) == set(keys.values())
    assert free_replies(path, [source], older_than_days=90, is_dry_run=False) == planned
    assert left(path) == {keys["kept"], keys["reject"], keys["judged"]}
    exact = free_replies(path, [source], older_than_days=90, is_exact=True, is_dry_run=False)
    assert (exact.deleted, left(path)) == (2, {keys["kept"]})


def test_a_ledger_in_use_is_not_touched(ledger: tuple[Path, dict[str, str], Path]) -> None:
    path, keys, source = ledger
    running = SqliteLedger(path)
    with pytest.raises(Locked):
        free_replies(path, [source], older_than_days=0, is_exact=True, is_dry_run=False)
    running.close()
    assert left(path) == set(keys.values())


def test_the_command_deletes_replies_only_with_yes(ledger: tuple[Path, dict[str, str], Path], tmp_path: Path) -> None:
    path, keys, _ = ledger
    command = ("gc", "in", "--ledger", path.name, "--older-than", "90")
    assert "would delete 1 of 4" in blossom(*command, cwd=tmp_path).out
    assert left(path) == set(keys.values())
    assert blossom(*command, "--yes", "--json", cwd=tmp_path).json["deleted"] == 1
    assert keys["obsolete"] not in left(path)
    assert blossom("gc", "in", "--ledger", path.name, cwd=tmp_path).code == 2
