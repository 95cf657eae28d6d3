"""SIGKILL at random moments of the real command: nothing lost, and bought twice at most what was not yet durable.

KILLS (default 30) sets how often commands are killed, over both tests, and how many records they work on.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from kill_runs import (
    IN_FLIGHT,
    SHARD,
    annotate,
    finish,
    is_whole,
    kill,
    pipeline,
    questions,
    respond,
    shards,
    start,
    sums,
    wait_for,
)
from loopback import Loopback

pytestmark = pytest.mark.slow

KILLS = int(os.environ.get("KILLS") or 30)
LATENCY_S = 0.01
QUESTIONS, SUMS = min(5_000, 100 * KILLS), min(1_000, 20 * KILLS)
SUM_CALLS = 2 * SUMS + (SUMS + 2) // 50
"""A translation and an answer for each, and another answer for the one in fifty that is wrong."""


def kill_often(command: list[str], folder: Path, server: Loopback, *, kills: int, calls: int) -> int:
    """Kills the command again and again, mostly after a random number of paid calls; how often it was hit."""
    dice, hits = random.Random(20), 0
    for _ in range(kills):
        child = start(command, folder)
        if dice.random() < 0.2:
            time.sleep(dice.random() * 0.6)
        else:
            target = server.paid + dice.randrange(1, max(2, 2 * calls // kills))
            wait_for(lambda target=target: server.paid >= target, child)
            time.sleep(dice.random() * LATENCY_S)
        hits += kill(child)
        if child.returncode == 0:
            break
    return hits


@pytest.mark.parametrize(
    ("make", "command", "records", "calls", "share"),
    [(questions, annotate, QUESTIONS, QUESTIONS, 0.6), (sums, pipeline, SUMS, SUM_CALLS, 0.4)],
    ids=["annotate", "translate-annotate-verify"],
)
def test_kills_lose_nothing_and_waste_at_most_what_is_in_flight(
    tmp_path: Path,
    make: Callable[[Path, int], Path],
    command: Callable[..., list[str]],
    records: int,
    calls: int,
    share: float,
) -> None:
    make(tmp_path, records)
    with Loopback(respond=respond, latency_s=LATENCY_S) as server:
        hits = kill_often(command(server), tmp_path, server, kills=round(KILLS * share), calls=calls)
        last = finish(command(server), tmp_path)
        assert last.code == 0, last
        assert last.json["read"] == records
        assert server.bought_twice == server.paid - calls
        assert 0 <= server.bought_twice <= hits * IN_FLIGHT
        (tmp_path / "ledger.sqlite").rename(tmp_path / "old.sqlite")
        before = server.paid
        unkilled = finish(command(server, "unkilled"), tmp_path)
        assert (unkilled.code, server.paid - before) == (0, calls)
    assert hits >= KILLS * share / 2
    assert is_whole(tmp_path / "out") == last.json["kept"]
    assert shards(tmp_path / "out") == shards(tmp_path / "unkilled")
    assert {key: last.json[key] for key in ("kept", "rejected", "asked")} == {
        key: unkilled.json[key] for key in ("kept", "rejected", "asked")
    }


def test_a_killed_run_begins_again_behind_its_whole_shards(tmp_path: Path) -> None:
    records = 2_000
    questions(tmp_path, records)
    with Loopback(respond=respond, latency_s=LATENCY_S) as server:
        child = start(annotate(server), tmp_path)
        wait_for(lambda: server.paid >= records // 2, child)
        assert kill(child)
        done = finish(annotate(server), tmp_path)
    assert (done.json["kept"], done.json["read"]) == (records, records)
    assert done.json["run"]["calls"] + done.json["run"]["replayed"] <= records - SHARD
