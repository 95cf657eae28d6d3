"""Rates, calls in flight, pauses and budgets of several processes that share one ledger in PostgreSQL."""

from __future__ import annotations

import math
import signal
from collections.abc import Iterable
from contextlib import closing
from itertools import pairwise
from pathlib import Path

from command import write_lines
from forked import Child
from loopback import Loopback, LoopbackRequest, Response, refused
from postgres_server import PostgresServer
from test_ledger_in_postgres import in_background, run, wait_for

from blossom_data.ledger.address import PostgresAddress
from blossom_data.ledger.postgres.budget_leases import PARTS, BudgetLeases, Purse
from blossom_data.ledger.postgres.rate_leases import SLICE_S, Rate

PIPELINE = """
name = "{name}"
out = "{name}"
ledger = {{url = "{url}"}}
shard_records = 20
{further}
[endpoint]
max_in_flight = {in_flight}
structured = "off"
{limits}
[[source]]
kind = "gsm8k"
path = "{name}.jsonl"
stages = ["annotate"]
"""


def started(
    folder: Path, url: str, server: Loopback, names: Iterable[int], *, count: int, limits: str = "", in_flight: int = 32
) -> list[Child]:
    """Runs of their own, each of `count` records, that have nothing in common but ledger and endpoint."""
    children = []
    for number in names:
        name = f"run{number}"
        rows = ({"question": f"{number}: {row} + 1?", "answer": f"#### {row + 1}"} for row in range(count))
        write_lines(folder / f"{name}.jsonl", rows)
        text = PIPELINE.format(name=name, url=url, further="", limits=limits, in_flight=in_flight)
        (folder / f"{name}.toml").write_text(text)
        at = ("--base-url", server.base_url, "--model", "m")
        children.append(in_background(folder, folder, "run", f"{name}.toml", *at))
    return children


def ended(children: list[Child]) -> None:
    told = [child.communicate(300) for child in children]
    assert [child.returncode for child in children] == [0] * len(children), told


def most_in(server: Loopback, seconds: float) -> int:
    """Most requests that came within any `seconds`."""
    came = sorted(request.at_s for request in server.requests)
    return max(sum(first <= at < first + seconds for at in came) for first in came)


def test_eight_processes_keep_to_one_rate(tmp_path: Path, database: str) -> None:
    with Loopback() as server:
        ended(started(tmp_path, database, server, range(8), count=15, limits="requests_per_minute = 600"))
        assert (server.paid, server.bought_twice) == (120, 0)
        rate = Rate.of(600)
        # In 60 s that is 600: what is handed out by the bucket, or was so just before and may still be used.
        for seconds in (2.0, 4.0, 8.0):
            assert most_in(server, seconds) <= 1.05 * (rate.capacity + rate.per_s * (seconds + SLICE_S))
        assert rate.capacity + rate.per_s * (60.0 + SLICE_S) <= 600.0


def test_tokens_are_shared_too(tmp_path: Path, database: str) -> None:
    with Loopback() as server:
        ended(started(tmp_path, database, server, range(3), count=10, limits="tokens_per_minute = 60000"))
        assert server.paid == 30


def test_calls_in_flight_are_shared_and_come_back_from_a_process_that_was_killed(tmp_path: Path, database: str) -> None:
    with Loopback(latency_s=0.02) as server:
        server.holds = lambda request: request.text.startswith("0:")
        (first,) = started(tmp_path, database, server, [0], count=30, in_flight=6)
        wait_for(lambda: server.in_flight)
        children = started(tmp_path, database, server, [1, 2], count=30, in_flight=6)
        first.send_signal(signal.SIGKILL)
        first.communicate(60)
        ended(children)
        assert server.max_in_flight <= 6


def test_a_pause_that_one_process_meets_is_everybodys(tmp_path: Path, database: str) -> None:
    def respond(request: LoopbackRequest) -> Response:
        nonlocal refusals
        if refusals == 2 or not request.text.startswith("0: "):
            return f"answer to: {request.text}"
        refusals += 1
        return refused(429, retry_after="5")

    refusals = 0

    with Loopback(respond, latency_s=0.3) as server:
        children = started(tmp_path, database, server, range(3), count=40, in_flight=6)
        ended(children)
        came = sorted(request.at_s for request in server.requests)
        assert any(later - sooner > 2.5 for sooner, later in pairwise(came))


def test_workers_lease_the_budget_and_stay_within_it(tmp_path: Path, database: str) -> None:
    budget, workers = 10_000, 3
    rows = ({"question": f"{row} + 1?", "answer": f"#### {row + 1}"} for row in range(1_000))
    write_lines(tmp_path / "run.jsonl", rows)
    further = f"budget_tokens = {budget}\n[stage.annotate]\nmax_tokens = 8\n"
    text = PIPELINE.format(name="run", url=database, further=further, limits="", in_flight=16)
    (tmp_path / "run.toml").write_text(text)
    with Loopback(latency_s=0.02) as server:
        at = ("--base-url", server.base_url, "--model", "m")
        stopped = run(tmp_path, tmp_path, "run", "run.toml", *at, "--workers", workers)
        assert (stopped.code, "budget of 10,000 tokens" in stopped.err) == (4, True), stopped.err
    totals = run(tmp_path, tmp_path, "status", "run.toml", "--json").json["ledger"]["totals"]
    spent = sum(row["tokens_in"] + row["tokens_out"] for row in totals)
    assert 0.95 * budget < spent <= budget + workers * budget / PARTS


def test_a_slice_of_the_budget_comes_back_when_the_lease_ends(postgres: PostgresServer, database: str) -> None:
    def purse(needs: float, owed: float = 0.0) -> tuple[Purse, Purse]:
        return Purse(budget=10.0, owed=owed, needs=needs, most=0.5), Purse(budget=math.inf, owed=0.0, needs=9.0, most=9)

    def draw(leases: BudgetLeases, needs: float, owed: float = 0.0) -> tuple[bool, bool]:
        drawn = leases.draw(lambda totals: (1.0, 0.0), purse(needs, owed))
        return drawn.is_granted, drawn.is_held_by_others

    address = PostgresAddress(database)
    dead, other = (BudgetLeases(address, job="j", member=name) for name in ("dead", "other"))
    with closing(dead), closing(other):
        drawn = dead.draw(lambda totals: (1.0, 0.0), purse(0.01))
        assert (drawn.is_granted, drawn.slices) == (True, (9.0 / PARTS, 9.0))
        assert draw(dead, 4.0, owed=4.0) == (True, False)
        assert draw(other, 2.0) == (False, True)
        assert draw(other, 1.0) == (True, True)
        postgres.sql("UPDATE blossom_data.leases SET expires = expires - 3600 WHERE member = 'dead'", url=database)
        # Nobody could renew while the server was away, so leases begin anew with it: this one is not that young.
        wait_for(lambda: draw(other, 8.0) == (True, False))
