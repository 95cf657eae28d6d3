"""SIGKILL, SIGTERM and Ctrl-C against the real command: nothing lost, nothing bought twice beyond what was in flight.

KILLS (default 20) sets how often the command is killed.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from loopback import Loopback, LoopbackRequest

KILLS = int(os.environ.get("KILLS") or 20)
RECORDS = 2_000
IN_FLIGHT = 16


def respond(request: LoopbackRequest) -> str:
    digest = hashlib.sha256(request.text.encode()).hexdigest()
    return f"The answer to this question is {digest}."


def command(folder: Path, server: Loopback, out: str) -> list[str]:
    flags = {
        "--out": folder / out,
        "--ledger": folder / "ledger.sqlite",
        "--base-url": server.base_url,
        "--model": "m",
        "--max-in-flight": IN_FLIGHT,
        "--shard-records": 250,
    }
    given = [text for name, value in flags.items() for text in (name, str(value))]
    return [sys.executable, "-m", "blossom_data", "annotate", str(folder / "in.jsonl"), *given, "--json"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rows = ({"messages": [{"role": "user", "content": f"What is item {n}?"}]} for n in range(RECORDS))
    (tmp_path / "in.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return tmp_path


def shards(out: Path) -> dict[str, str]:
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in sorted(out.glob("part-*"))}


def test_kills_lose_nothing_and_waste_at_most_what_is_in_flight(folder: Path) -> None:
    dice = random.Random(20)
    with Loopback(respond=respond, latency_s=0.02) as server:
        kills = 0
        for _ in range(KILLS):
            child = subprocess.Popen(command(folder, server, "out"), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
            time.sleep(0.4 + dice.random() * 0.4)
            child.send_signal(signal.SIGKILL)
            child.communicate()
            kills += child.returncode == -signal.SIGKILL
            if child.returncode == 0:
                break
        subprocess.run(command(folder, server, "out"), check=True, stdout=subprocess.DEVNULL)
        wasted = server.paid - RECORDS
        assert 0 <= wasted <= kills * IN_FLIGHT
        paid = server.paid
        (folder / "ledger.sqlite").rename(folder / "old.sqlite")
        subprocess.run(command(folder, server, "unkilled"), check=True, stdout=subprocess.DEVNULL)
        assert server.paid == paid + RECORDS
    assert kills >= 2
    assert shards(folder / "out") == shards(folder / "unkilled")
    assert shards(folder / "out")


def test_a_killed_run_begins_again_behind_its_whole_shards(folder: Path) -> None:
    with Loopback(respond=respond, latency_s=0.02) as server:
        child = subprocess.Popen(command(folder, server, "out"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while server.paid < RECORDS // 2 and child.poll() is None:
            time.sleep(0.01)
        child.send_signal(signal.SIGKILL)
        child.wait()
        done = subprocess.run(command(folder, server, "out"), check=True, capture_output=True, text=True)
    summary = json.loads(done.stdout)
    assert (summary["kept"], summary["read"]) == (RECORDS, RECORDS)
    assert summary["run"]["calls"] + summary["run"]["replayed"] <= RECORDS - 250


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_polite_stop_wastes_nothing(folder: Path, number: signal.Signals, code: int) -> None:
    with Loopback(respond=respond, latency_s=0.1) as server:
        child = subprocess.Popen(
            command(folder, server, "out"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        while server.paid < 50 and child.poll() is None:
            time.sleep(0.01)
        child.send_signal(number)
        told = child.communicate()[0]
        assert child.returncode == code
        assert json.loads(told)["error"]["exit_code"] == code
        done = subprocess.run(command(folder, server, "out"), check=True, capture_output=True, text=True)
        assert server.paid == RECORDS
    summary = json.loads(done.stdout)
    assert summary["kept"] == RECORDS
    assert summary["run"]["calls"] <= RECORDS - 50


def test_two_runs_on_one_ledger_the_second_exits_5_at_once(folder: Path) -> None:
    with Loopback(respond=respond, latency_s=0.2) as server:
        first = subprocess.Popen(command(folder, server, "out"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while not server.paid:
            time.sleep(0.01)
        second = subprocess.run(command(folder, server, "other"), capture_output=True, text=True, check=False)
        assert second.returncode == 5
        assert f"pid {first.pid}" in json.loads(second.stdout)["error"]["message"]
        first.terminate()
        first.wait()
