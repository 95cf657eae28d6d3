"""A dry run, and every look: nothing on the disk is another than before, not a lock, not a ledger, not a `-wal`."""

from __future__ import annotations

from pathlib import Path

import pytest
from command import user, write_lines
from forked import blossom
from loopback import Loopback

ENDPOINT = ("--base-url", "http://127.0.0.1:9/v1", "--model", "m")


def stands(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Three questions, and a data set of two of them that was bought for."""
    write_lines(tmp_path / "in.jsonl", (user(f"Question {number}?") for number in range(3)))
    write_lines(tmp_path / "two.jsonl", (user(f"Question {number}?") for number in range(2)))
    with Loopback(lambda _: "An answer.") as server:
        done = blossom(
            "annotate", "two.jsonl", "-o", "sft", "--base-url", server.base_url, "--model", "m", cwd=tmp_path
        )
    assert done.code == 0, done
    return tmp_path


def test_a_dry_run_writes_nothing_and_knows_what_is_stored(place: Path) -> None:
    before = stands(place)
    plan = blossom("annotate", "in.jsonl", "-o", "out", *ENDPOINT, "--dry-run", "--json", cwd=place)
    assert (plan.code, plan.json["in_ledger"], plan.json["calls"]) == (0, 2, 1)
    assert (
        blossom("translate", "in.jsonl", "-o", "zh", *ENDPOINT, "--dry-run", "--ledger", "new/l", cwd=place).code == 0
    )
    assert blossom("verify-math", "sft", "-o", "m", *ENDPOINT, "--dry-run", "--resample", "1", cwd=place).code == 0
    assert blossom("gc", "--ledger", ".blossom/ledger.sqlite", "--drop-damaged", "--dry-run", cwd=place).code == 0
    assert blossom("gc", "sft", "--ledger", ".blossom/ledger.sqlite", "--older-than", "0", cwd=place).code == 0
    assert blossom("status", cwd=place).code == 0
    assert blossom("translate", "in.jsonl", "--explain", "", "--model", "m", cwd=place).code in (0, 2)
    assert stands(place) == before
    assert not (place / "new").exists()


def test_a_dry_run_knows_what_a_killed_run_had_noted_and_another_one_holds(place: Path) -> None:
    from blossom_data.ledger.sqlite import SqliteLedger

    ledger = SqliteLedger(place / ".blossom/ledger.sqlite")
    try:
        plan = blossom("annotate", "in.jsonl", "-o", "out", *ENDPOINT, "--dry-run", "--json", cwd=place)
    finally:
        ledger.close()
    assert (plan.code, plan.json["in_ledger"]) == (0, 2)
