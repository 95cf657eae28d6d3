"""Several processes buy for one run through a ledger in PostgreSQL; the run itself writes."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import pytest
from command import write_lines
from loopback import Loopback
from test_ledger_in_postgres import in_background, run, shards, wait_for

PIPELINE = """
name = "sums"
out = "{out}"
ledger = {{url = "{url}"}}
shard_records = 20
{further}
[endpoint]
max_in_flight = 8
structured = "off"
{limits}
[[source]]
kind = "gsm8k"
path = "rows.jsonl"
stages = ["annotate"]
"""


def pipeline(folder: Path, url: str, *, out: str = "out", count: int = 230, further: str = "", limits: str = "") -> str:
    write_lines(folder / "rows.jsonl", ({"question": f"{n} + 1?", "answer": f"#### {n + 1}"} for n in range(count)))
    (folder / f"{out}.toml").write_text(PIPELINE.format(out=out, url=url, further=further, limits=limits))
    return f"{out}.toml"


def test_shares_buy_each_reply_once_and_the_run_behind_them_buys_nothing(tmp_path: Path, database: str) -> None:
    name = pipeline(tmp_path, database)
    with Loopback() as server:
        at = ("--base-url", server.base_url, "--model", "m")
        read = [
            run(tmp_path, tmp_path, "run", name, *at, "--share", f"{n}/3", "--json").json["read"] for n in (1, 2, 3)
        ]
        assert read == [80, 80, 70]
        assert (server.paid, server.bought_twice) == (230, 0)
        assert not (tmp_path / "out").exists()
        done = run(tmp_path, tmp_path, "run", name, *at, "--json")
        assert (done.code, done.json["kept"], done.json["run"]["calls"], server.paid) == (0, 230, 0, 230)
        plain = pipeline(tmp_path, database, out="plain")
        assert run(tmp_path, tmp_path, "run", plain, *at).code == 0
        assert server.paid == 230
    assert shards(tmp_path / "out") == shards(tmp_path / "plain")


def test_workers_and_one_that_is_killed(tmp_path: Path, database: str) -> None:
    name = pipeline(tmp_path, database)
    with Loopback(latency_s=0.05) as server:
        at = ("--base-url", server.base_url, "--model", "m")
        server.holds = lambda request: server.paid > 20
        dying = in_background(tmp_path, tmp_path, "run", name, *at, "--share", "2/3")
        wait_for(lambda: server.paid > 20)
        refused = run(tmp_path, tmp_path, "run", name, *at)
        assert (refused.code, f"pid {dying.pid}" in refused.err) == (5, True), refused.err
        dying.send_signal(signal.SIGKILL)
        dying.communicate(300)
        server.holds = lambda request: False
        done = run(tmp_path, tmp_path, "run", name, *at, "--workers", 3, "--json")
        assert (done.code, done.json["kept"], done.json["run"]["calls"]) == (0, 230, 0), done.err
        assert server.bought_twice <= 8
        assert server.max_in_flight <= 8


def test_ctrl_c_reaches_all_workers_and_wastes_nothing(tmp_path: Path, database: str) -> None:
    name = pipeline(tmp_path, database)
    with Loopback(latency_s=0.1) as server:
        at = ("--base-url", server.base_url, "--model", "m")
        limit = 20
        server.holds = lambda request: server.paid > limit
        child = in_background(tmp_path, tmp_path, "run", name, *at, "--workers", 2)
        wait_for(lambda: server.paid > limit)
        child.send_signal(signal.SIGINT)
        while child.poll() is None:
            # What is under way comes in, a few at a time: the run does not get through before the signal is heard.
            limit += 4
            time.sleep(0.5)
        _, err = child.communicate(300)
        assert (child.returncode, "Traceback" in err) == (130, False), err
        assert server.paid < 230
        server.holds = lambda request: False
        assert run(tmp_path, tmp_path, "run", name, *at, "--workers", 2).code == 0
        assert (server.paid, server.bought_twice) == (230, 0)


def test_workers_keep_to_one_budget(tmp_path: Path, database: str) -> None:
    name = pipeline(tmp_path, database, further="budget_tokens = 1200\n[stage.annotate]\nmax_tokens = 8\n")
    with Loopback() as server:
        at = ("--base-url", server.base_url, "--model", "m")
        stopped = run(tmp_path, tmp_path, "run", name, *at, "--workers", 2)
        assert (stopped.code, "worker" in stopped.err, "budget" in stopped.err) == (4, True, True), stopped.err
    spent = run(tmp_path, tmp_path, "status", name, "--json").json["ledger"]["totals"]
    assert 0 < sum(row["tokens_in"] + row["tokens_out"] for row in spent) <= 1200


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (("--share", "4/3"), "--share 3/8"),
        (("--share", "x"), "--share 3/8"),
        (("--share", "1/2", "--ledger", "l.sqlite"), "postgresql://"),
        (("--workers", "2", "--ledger", "l.sqlite"), "postgresql://"),
        (("--share", "1/2", "--batch"), "leave out --batch"),
        (("--workers", "2", "--serve", "sleep 60 {port}"), "leave out --workers"),
    ],
)
def test_what_cannot_be_shared_is_refused(tmp_path: Path, database: str, flags: tuple[str, ...], told: str) -> None:
    name = pipeline(tmp_path, database)
    done = run(tmp_path, tmp_path, "run", name, "--base-url", "http://127.0.0.1:9/v1", "--model", "m", *flags)
    assert (done.code, told in done.err) == (2, True), done.err


def test_shares_that_are_started_anew_keep_to_the_budget_together(tmp_path: Path, database: str) -> None:
    name = pipeline(tmp_path, database, count=600, further="budget_tokens = 6000\n[stage.annotate]\nmax_tokens = 8\n")
    with Loopback(latency_s=0.2) as server:
        at = ("--base-url", server.base_url, "--model", "m")
        slow = [in_background(tmp_path, tmp_path, "run", name, *at, "--share", f"{number}/3") for number in (2, 3)]
        wait_for(lambda: len(server.requests) > 12)
        server._latency_s = 0.02
        codes = [run(tmp_path, tmp_path, "run", name, *at, "--share", "1/3").code for _ in range(4)]
        for child in slow:
            child.communicate(120)
    assert codes[-1] == 4
    spent = run(tmp_path, tmp_path, "status", name, "--json").json["ledger"]["totals"]
    assert 3000 < sum(row["tokens_in"] + row["tokens_out"] for row in spent) <= 6500


def test_workers_end_with_the_process_that_started_them(tmp_path: Path, database: str) -> None:
    name = pipeline(tmp_path, database)
    with Loopback(latency_s=0.5) as server:
        at = ("--base-url", server.base_url, "--model", "m")
        child = in_background(tmp_path, tmp_path, "run", name, *at, "--workers", 2)
        wait_for(lambda: server.requests)
        child.send_signal(signal.SIGKILL)
        child.communicate(60)
        done = run(tmp_path, tmp_path, "run", name, *at, "--workers", 2, "-q")
        assert (done.code, server.paid, server.bought_twice) == (0, 230, 0), done.err


def test_words_behind_a_double_dash_stay_there_and_wrong_flags_buy_nothing(tmp_path: Path, database: str) -> None:
    name = pipeline(tmp_path, database, count=20)
    with Loopback() as server:
        at = ("--base-url", server.base_url, "--model", "m")
        for wrong in (("--workers", "2", "--follow"), ("--workers", "2", "--share", "1/2")):
            refused = run(tmp_path, tmp_path, "run", name, *at, *wrong)
            assert (refused.code, server.requests) == (2, []), refused.err
        done = run(tmp_path, tmp_path, "run", *at, "--workers", 2, "--", name)
        assert (done.code, server.paid) == (0, 20), done.err
