"""Signals, drains and locks: a polite stop wastes nothing, an impatient one leaves at once, a second run keeps off."""

from __future__ import annotations

import asyncio
import json
import shlex
import signal
import subprocess
import time
from pathlib import Path

import pytest
from command import user, write_lines
from kill_runs import IN_FLIGHT, annotate, cli, finish, is_whole, pipeline, questions, respond, start, sums, wait_for
from loopback import Loopback

from blossom_data import engine
from blossom_data.config import Endpoint
from blossom_data.errors import BlossomError, Interrupted, StoppedEarly
from blossom_data.executors.job import Job
from blossom_data.executors.local import run_job
from blossom_data.ledger.snapshot import glance
from blossom_data.rows import read_records
from blossom_data.stages.build import build_stage

pytestmark = pytest.mark.slow

RECORDS = 400


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130), (signal.SIGHUP, 129)], ids=["TERM", "INT", "HUP"]
)
def test_one_signal_drains_and_wastes_nothing(tmp_path: Path, number: signal.Signals, code: int) -> None:
    questions(tmp_path, RECORDS)
    with Loopback(respond=respond, latency_s=0.1) as server:
        child = start(annotate(server), tmp_path)
        wait_for(lambda: server.paid >= 30, child)
        child.send_signal(number)
        told = child.communicate()[0]
        assert child.returncode == code
        assert f'"exit_code":{code}' in told
        at_stop = server.paid
        done = finish(annotate(server), tmp_path)
        assert (server.paid, server.bought_twice) == (RECORDS, 0)
    assert done.json["run"]["calls"] == RECORDS - at_stop
    assert is_whole(tmp_path / "out") == RECORDS


def test_a_drain_in_the_middle_of_a_pipeline_wastes_nothing(tmp_path: Path) -> None:
    sums(tmp_path, 150)
    with Loopback(respond=respond, latency_s=0.05) as server:
        for calls in (40, 160):
            child = start(pipeline(server), tmp_path)
            wait_for(lambda calls=calls: server.paid >= calls, child)
            child.terminate()
            child.communicate()
            assert child.returncode == 143
        done = finish(pipeline(server), tmp_path)
        assert (done.code, server.bought_twice) == (0, 0)
    assert is_whole(tmp_path / "out") == done.json["kept"] == 147


def test_a_second_signal_leaves_at_once_and_the_ledger_is_whole(tmp_path: Path) -> None:
    questions(tmp_path, 60)
    slow_s = 30.0
    with Loopback(
        respond=respond, latency_s=lambda request: 0.0 if request.text < "What is item 3" else slow_s
    ) as server:
        child = start(annotate(server), tmp_path)
        wait_for(lambda: server.in_flight >= IN_FLIGHT, child)
        paid, begun_s = server.paid, time.monotonic()
        child.send_signal(signal.SIGINT)
        with pytest.raises(Exception, match="timed out"):
            child.communicate(timeout=0.5)
        child.send_signal(signal.SIGINT)
        child.communicate()
        assert child.returncode == 130
        assert time.monotonic() - begun_s < slow_s / 2
    with Loopback(respond=respond) as server:
        done = finish(annotate(server), tmp_path)
        assert (done.code, server.paid) == (0, 60 - paid)


def test_what_is_ignored_from_the_start_stays_ignored(tmp_path: Path) -> None:
    questions(tmp_path, 60)
    with Loopback(respond=respond, latency_s=0.1) as server:
        child = start(["sh", "-c", 'trap "" HUP; exec "$0" "$@"', *annotate(server)], tmp_path)
        wait_for(lambda: server.paid, child)
        child.send_signal(signal.SIGHUP)
        child.communicate()
    assert child.returncode == 0
    assert is_whole(tmp_path / "out") == 60


@pytest.mark.parametrize(
    "why",
    [StoppedEarly("the budget is used up"), Interrupted("stopped", signal_number=15)],
    ids=["budget", "signal"],
)
def test_only_a_signal_is_in_a_hurry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, why: BlossomError) -> None:
    """Calls that take longer than a drain after a signal: any other stop waits for them, for they are paid for."""
    monkeypatch.setattr(engine, "DRAIN_S", 0.1)
    run = engine.Engine.run

    async def stopped(self: engine.Engine, *rest: object) -> None:
        asyncio.get_running_loop().call_later(0.2, self.stop, why)
        await run(self, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(engine.Engine, "run", stopped)
    rows = write_lines(tmp_path / "in.jsonl", (user(f"What is item {n}?") for n in range(40)))
    stage = build_stage("annotate", {})
    with Loopback(respond=respond, latency_s=0.8) as server:
        job = Job(
            label="annotate",
            work=((record, [stage]) for record in read_records(rows)),
            stages=("annotate",),
            out=tmp_path / "out",
            endpoints=(Endpoint(base_url=server.base_url, model="m", max_in_flight=8),),
            ledger=tmp_path / "ledger.sqlite",
        )
        with pytest.raises(type(why)):
            run_job(job)
        assert server.requests
        assert server.paid == (0 if isinstance(why, Interrupted) else len(server.requests))


def test_of_twenty_runs_at_once_one_works_and_pays(tmp_path: Path) -> None:
    questions(tmp_path, 10)
    with Loopback(respond=respond, latency_s=2.0) as server:
        children = [start(annotate(server), tmp_path) for _ in range(20)]
        ended = [(child.communicate()[0], child.returncode) for child in children]
        # One that came up only after the first had ended has found all its replies in the ledger.
        workers = [child.pid for child, (_, code) in zip(children, ended, strict=True) if code == 0]
        kept_off = [told for told, code in ended if code == 5]
        assert workers and kept_off
        assert len(workers) + len(kept_off) == 20
        assert all(any(f"pid {pid} on " in told for pid in workers) for told in kept_off)
        assert (server.paid, server.bought_twice) == (10, 0)
    assert is_whole(tmp_path / "out") == 10


def test_a_second_run_on_the_ledger_or_on_the_folder_keeps_off(tmp_path: Path) -> None:
    questions(tmp_path, 200)
    with Loopback(respond=respond, latency_s=1.0) as server:
        first = start(annotate(server), tmp_path)
        wait_for(lambda: server.paid, first)
        same_ledger = finish(annotate(server, "other"), tmp_path)
        same_folder = finish(annotate(server, "out", "--ledger", "other.sqlite"), tmp_path)
        assert (same_ledger.code, same_folder.code) == (5, 5)
        assert f"pid {first.pid}" in same_ledger.json["error"]["message"]
        assert "another run is writing to out" in same_folder.json["error"]["message"]
        first.communicate()
        assert first.returncode == 0
    assert is_whole(tmp_path / "out") == 200


def test_two_pulls_into_one_folder_leave_one_whole_data_set(tmp_path: Path) -> None:
    write_lines(tmp_path / "raw.jsonl", ({"question": f"q {n}?", "answer": f"#### {n}"} for n in range(3_000)))
    children = [start(cli("pull", "gsm8k", "raw.jsonl", "-o", "out", "--json"), tmp_path) for _ in range(6)]
    for child in children:
        child.communicate()
    codes = {child.returncode for child in children}
    assert 0 in codes
    assert codes <= {0, 5}
    assert is_whole(tmp_path / "out") == 3_000


def test_a_lock_file_left_by_a_dead_process_does_not_matter(tmp_path: Path) -> None:
    questions(tmp_path, 20)
    (tmp_path / "ledger.sqlite.lock").write_text('{"pid": 1, "host": "elsewhere", "since": "2020-01-01T00:00:00"}')
    with Loopback(respond=respond) as server:
        assert finish(annotate(server), tmp_path).code == 0


def test_a_stalled_pipe_keeps_neither_a_reply_nor_a_signal_waiting(tmp_path: Path) -> None:
    with Loopback(respond=respond, latency_s=0.05) as server:
        command = [word if word != "in.jsonl" else "-" for word in annotate(server)]
        child = start(command, tmp_path, stdin=subprocess.PIPE)
        assert child.stdin is not None
        for number in range(3):
            child.stdin.write(json.dumps(user(f"What is item {number}?")) + "\n")
        child.stdin.flush()
        # The pipe stays open, and nothing more comes: the replies have to be in the ledger all the same.
        wait_for(lambda: stored_replies(tmp_path) == 3, child)
        assert stored_replies(tmp_path) == 3
        child.send_signal(signal.SIGTERM)
        assert child.wait(timeout=20) == 143
        assert '"exit_code":143' in child.communicate()[0]
    assert server.bought_twice == 0


def stored_replies(folder: Path) -> int:
    """What a ledger that is in use holds."""
    seen = glance(folder / "ledger.sqlite")
    return seen.replies if seen else 0


def test_a_stop_says_what_was_done_what_it_cost_and_how_to_go_on(tmp_path: Path) -> None:
    questions(tmp_path, RECORDS)
    prices = ("--price-in", 1, "--price-out", 2)
    with Loopback(respond=respond, latency_s=0.05) as server:
        command = [word for word in annotate(server, "out", *prices) if word != "--json"]
        child = start(command, tmp_path)
        wait_for(lambda: server.paid >= 60, child)
        child.send_signal(signal.SIGINT)
        _, told = child.communicate()
        calls = server.paid
        second = finish([*command, "--budget-usd", "0.004"], tmp_path)
    assert (child.returncode, second.code) == (130, 4)
    assert "Traceback" not in told + second.err
    *notice, error, hint = told.splitlines()
    assert f"of {RECORDS} records are done" in notice[0]
    kept, spent, safe, again = notice[1:]
    assert " kept " in kept and "rejected 0, failed 0" in kept
    assert "in this run" in spent and f"{calls} calls" in spent
    assert "ledger.sqlite" in safe
    assert again == f"  go on     {shlex.join(['blossom-data', *command[3:]])}"
    assert (error, "same command" in hint) == ("error: stopped by SIGINT; replies that were paid for are kept", True)
    assert "over all runs of this job" in second.err and "go on     blossom-data annotate in.jsonl" in second.err
