"""Several processes work on one run through a ledger in PostgreSQL: claims, shards, who finishes."""

from __future__ import annotations

import os
import random
import signal
import time
from pathlib import Path

import pytest
from command import write_lines
from loopback import Loopback, LoopbackRequest, Response, refused
from postgres_server import PostgresServer
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


def plain(folder: Path, url: str, server: Loopback, count: int = 230) -> dict[str, str]:
    """The shards of a run in one process, of which the ledger holds all replies."""
    name = pipeline(folder, url, out="plain", count=count)
    assert run(folder, folder, "run", name, "--base-url", server.base_url, "--model", "m").code == 0
    return shards(folder / "plain")


def test_workers_write_what_one_process_writes(tmp_path: Path, database: str) -> None:
    name = pipeline(tmp_path, database)
    with Loopback() as server:
        at = ("--base-url", server.base_url, "--model", "m")
        done = run(tmp_path, tmp_path, "run", name, *at, "--workers", 4, "--json")
        assert (done.code, done.json["kept"], done.json["run"]["calls"]) == (0, 230, 0), done
        assert (done.json["run"]["taken_over"], server.paid, server.bought_twice) == (230, 230, 0)
        assert plain(tmp_path, database, server) == shards(tmp_path / "out")


def test_workers_that_were_started_by_hand_finish_together(tmp_path: Path, database: str) -> None:
    name = pipeline(tmp_path, database)
    with Loopback(latency_s=0.02) as server:
        at = ("--base-url", server.base_url, "--model", "m")
        children = [in_background(tmp_path, tmp_path, "worker", name, *at, "--of", 3) for _ in range(3)]
        told = [child.communicate(300) for child in children]
        assert [child.returncode for child in children] == [0, 0, 0], told
        assert sum("manifest.json" in out for out, _ in told) == 1, told
        assert (server.paid, server.bought_twice) == (230, 0)
        assert plain(tmp_path, database, server) == shards(tmp_path / "out")
    assert not (tmp_path / "out" / ".building").exists()
    assert run(tmp_path, tmp_path, "status", name, "--json").json["work"] is None


def test_workers_that_ask_the_same_at_once_use_one_reply(tmp_path: Path, database: str) -> None:
    name = pipeline(tmp_path, database, count=20)
    text = (tmp_path / name).read_text()
    source = text[text.index("[[source]]") :]
    (tmp_path / name).write_text(text + source.replace("rows.jsonl", "same.jsonl"))
    (tmp_path / "same.jsonl").write_bytes((tmp_path / "rows.jsonl").read_bytes())
    with Loopback(lambda request: f"answer {request.count} to: {request.text}") as server:
        at = ("--base-url", server.base_url, "--model", "m")
        server.holds = lambda request: server.max_in_flight < 2
        done = run(tmp_path, tmp_path, "run", name, *at, "--workers", 2, "--json")
        assert (done.code, done.json["kept"]) == (0, 40), done.err
        assert server.bought_twice > 0
        totals = run(tmp_path, tmp_path, "status", name, "--json").json["ledger"]["totals"]
        assert sum(row["tokens_in"] for row in totals) == 10 * server.paid, "what is billed twice counts twice"
        assert sum(row["replies"] for row in totals) == server.paid - server.bought_twice
        (tmp_path / "again.toml").write_text((tmp_path / name).read_text().replace('out = "out"', 'out = "again"'))
        assert run(tmp_path, tmp_path, "run", "again.toml", *at, "--json").json["run"]["calls"] == 0
    assert shards(tmp_path / "again") == shards(tmp_path / "out")


def test_a_killed_worker_costs_what_it_had_in_flight(tmp_path: Path, database: str) -> None:
    name = pipeline(tmp_path, database)
    with Loopback(latency_s=0.05) as server:
        at = ("--base-url", server.base_url, "--model", "m", "--lease", "2s")
        server.holds = lambda request: server.paid > 30
        dying = in_background(tmp_path, tmp_path, "worker", name, *at, "--of", 2)
        wait_for(lambda: server.paid > 30)
        refused = run(tmp_path, tmp_path, "run", name, *at[:4])
        assert (refused.code, f"pid {dying.pid}" in refused.err) == (5, True), refused.err
        state = run(tmp_path, tmp_path, "status", name)
        assert f"pid {dying.pid}" in state.out and "blocks" in state.out, state.out
        dying.send_signal(signal.SIGKILL)
        dying.communicate(300)
        server.holds = lambda request: False
        done = run(tmp_path, tmp_path, "worker", name, *at, "--of", 2, "--json")
        assert (done.code, done.json["kept"]) == (0, 230), done.err
        assert server.bought_twice <= 8
        assert server.max_in_flight <= 8
        assert plain(tmp_path, database, server) == shards(tmp_path / "out")


def test_a_worker_that_was_away_longer_than_its_lease_joins_again(tmp_path: Path, database: str) -> None:
    name = pipeline(tmp_path, database)
    with Loopback(latency_s=0.05) as server:
        at = ("--base-url", server.base_url, "--model", "m", "--lease", "1s")
        server.holds = lambda request: server.paid > 30
        away = in_background(tmp_path, tmp_path, "worker", name, *at, "--of", 2)
        wait_for(lambda: server.paid > 30)
        away.send_signal(signal.SIGSTOP)
        server.holds = lambda request: False
        other = in_background(tmp_path, tmp_path, "worker", name, *at, "--of", 2, "--no-finish")
        _, err = other.communicate(300)
        assert other.returncode == 0, err
        away.send_signal(signal.SIGCONT)
        _, err = away.communicate(300)
        assert away.returncode == 0, err
        # What was in flight, and what went out before it was told.
        assert server.bought_twice <= 12
        assert plain(tmp_path, database, server) == shards(tmp_path / "out")


def test_run_starts_killed_workers_again(tmp_path: Path, database: str) -> None:
    name = pipeline(tmp_path, database, count=400)
    with Loopback(latency_s=0.05) as server:
        at = ("--base-url", server.base_url, "--model", "m")
        child = in_background(tmp_path, tmp_path, "run", name, *at, "--workers", 2, "--json")
        draw = random.Random(20)
        for kill in range(3):
            wait_for(lambda kill=kill: server.paid > 100 * kill + draw.randrange(60) or child.poll() is not None)
            for pid in _children_of(child.pid)[:1]:
                os.kill(pid, signal.SIGKILL)
        out, err = child.communicate(300)
        assert child.returncode == 0, (out, err)
        assert server.bought_twice <= 3 * 8
        assert plain(tmp_path, database, server, 400) == shards(tmp_path / "out")


def _children_of(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_one_that_works_on_something_else_is_refused(tmp_path: Path, database: str) -> None:
    name = pipeline(tmp_path, database)
    with Loopback() as server:
        at = ("--base-url", server.base_url, "--model")
        server.holds = lambda request: True
        first = in_background(tmp_path, tmp_path, "worker", name, *at, "m", "--lease", "1s")
        wait_for(lambda: server.requests)
        other = run(tmp_path, tmp_path, "worker", name, *at, "other")
        assert (other.code, "models" in other.err, str(first.pid) in other.err) == (2, True, True), other.err
        rows = tmp_path / "rows.jsonl"
        before = rows.read_text()
        rows.write_text(before + before.splitlines()[0].replace("0 + 1", "7 + 1") + "\n")
        longer = run(tmp_path, tmp_path, "worker", name, *at, "m")
        assert (longer.code, "input" in longer.err) == (2, True), longer.err
        first.send_signal(signal.SIGKILL)
        first.communicate(60)
        server.holds = lambda request: False
        time.sleep(1.2)
        done = run(tmp_path, tmp_path, "worker", name, *at, "m", "--json")
        assert (done.code, done.json["kept"]) == (0, 231), done.err


def test_one_poisoned_row_costs_one_row_and_a_wrong_path_nothing(tmp_path: Path, database: str) -> None:
    name = pipeline(tmp_path, database, count=200)
    lines = (tmp_path / "rows.jsonl").read_bytes().splitlines()
    lines[57] = b'{"question": "\xff'
    lines[99] = b'{"question": "refuse this?", "answer": "#### 1"}'
    (tmp_path / "rows.jsonl").write_bytes(b"\n".join(lines) + b"\n")

    def respond(request: LoopbackRequest) -> Response:
        return refused(400, "no such question") if "refuse this" in request.text else f"answer to: {request.text}"

    with Loopback(respond) as server:
        at = ("--base-url", server.base_url, "--model", "m")
        done = run(tmp_path, tmp_path, "run", name, *at, "--workers", 2, "--json")
        assert (done.code, done.json["kept"]) == (3, 198), done.err
        assert done.json["rejected"] == {"read/bad_utf8": 1}
        assert done.json["failed"] == {"annotate/refused_400": 1}
        (tmp_path / "rows.jsonl").unlink()
        asked = len(server.requests)
        for words in (("run", name, *at, "--workers", 2), ("worker", name, *at)):
            wrong = run(tmp_path, tmp_path, *words)
            assert (wrong.code, "rows.jsonl" in wrong.err, len(server.requests)) == (2, True, asked), wrong.err


def test_a_server_that_restarts_is_a_pause_for_all_workers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    with PostgresServer() as mortal, Loopback(latency_s=0.05) as server:
        name = pipeline(tmp_path, mortal.url, count=300)
        at = ("--base-url", server.base_url, "--model", "m")
        child = in_background(tmp_path, tmp_path, "run", name, *at, "--workers", 2, "--lease", "2s", "--json")
        wait_for(lambda: server.paid > 60)
        mortal.kill()
        time.sleep(2.5)
        mortal.start()
        out, err = child.communicate(300)
        assert child.returncode == 0, (out, err)
        assert (server.paid, server.bought_twice) == (300, 0)
        assert plain(tmp_path, mortal.url, server, 300) == shards(tmp_path / "out")


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
        bought = server.paid
        done = run(tmp_path, tmp_path, "run", name, *at, "--workers", 2)
        assert (done.code, f"the workers bought {230 - bought} replies" in done.err) == (0, True), done.err
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
    ("words", "told"),
    [
        (("worker", "--ledger", "l.sqlite"), "postgresql://"),
        (("run", "--workers", "2", "--ledger", "l.sqlite"), "postgresql://"),
        (("run", "--workers", "2", "--batch"), "leave out --batch"),
        (("run", "--workers", "2", "--serve", "sleep 60 {port}"), "engine yourself"),
        (("run", "--workers", "2", "--follow"), "--json"),
        (("run", "--address", "127.0.0.1:9"), "--executor ray"),
        (("run", "--workers", "2", "--address", "127.0.0.1:9"), "--executor ray"),
        (("run", "--lease", "30s"), "--lease is for --workers"),
        (("run", "--executor", "ray", "--address", "127.0.0.1:9"), "no Ray cluster answers"),
        (("run", "--executor", "ray", "--address", "nowhere"), "HOST:PORT"),
        (("run", "--executor", "spark"), "processes"),
        (("worker", "--lease", "0.1s"), "1 s at least"),
    ],
)
def test_what_cannot_be_shared_is_refused(tmp_path: Path, database: str, words: tuple[str, ...], told: str) -> None:
    name = pipeline(tmp_path, database)
    command, *flags = words
    at = ("--base-url", "http://127.0.0.1:9/v1", "--model", "m")
    done = run(tmp_path, tmp_path, command, name, *at, *flags)
    assert (done.code, told in done.err) == (2, True), done.err


def test_workers_end_with_the_process_that_started_them(tmp_path: Path, database: str) -> None:
    name = pipeline(tmp_path, database)
    with Loopback(latency_s=0.5) as server:
        at = ("--base-url", server.base_url, "--model", "m")
        child = in_background(tmp_path, tmp_path, "run", name, *at, "--workers", 2)
        wait_for(lambda: server.requests)
        child.send_signal(signal.SIGKILL)
        child.communicate(60)
        done = run(tmp_path, tmp_path, "run", *at, "--workers", 2, "-q", "--", name)
        assert (done.code, server.paid, server.bought_twice) == (0, 230, 0), done.err
