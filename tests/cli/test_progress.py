"""Progress from the outside: JSON lines and plain log tell the same, and count paid work only."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from command import user, write_lines
from forked import blossom
from loopback import Fault, Loopback, LoopbackRequest, refused

from blossom_data.cli.progress import Progress
from blossom_data.counters import Counters

NAMES = ["stage", "done", "total", "rate", "eta_s", "calls", "replayed", "tokens_in", "tokens_out", "spent_usd"]
NAMES += ["kept", "rejected", "failed", "retries"]


def annotate(server: Loopback, rows: Path, *more: str) -> list[str]:
    return [
        "annotate",
        str(rows),
        "-o",
        "out",
        "--base-url",
        server.base_url,
        "--model",
        "m",
        "--max-in-flight",
        "4",
        *more,
    ]


def questions(folder: Path, count: int) -> Path:
    return write_lines(folder / f"{count}.jsonl", (user(f"What is item {n}?") for n in range(count)))


def lines(told: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in told.splitlines()]


def respond(request: LoopbackRequest) -> str | Fault:
    if request.text == "What is item 5?" and request.count == 1:
        return refused(500)
    return "This is the answer."


def test_follow_tells_each_second_and_ends_with_the_summary(tmp_path: Path) -> None:
    with Loopback(respond=respond, latency_s=0.25) as server:
        blossom(*annotate(server, questions(tmp_path, 8)), cwd=tmp_path)
        begun_s = time.monotonic()
        done = blossom(
            *annotate(server, questions(tmp_path, 40), "--replace", "--json", "--follow", "-q"), cwd=tmp_path
        )
        took_s = time.monotonic() - begun_s
    assert (done.code, done.err) == (0, "")
    *progress, summary = lines(done.out)
    assert 2 <= len(progress) <= took_s + 1
    assert all(line["event"] == "progress" and set(NAMES) < set(line) for line in progress)
    assert [line["done"] for line in progress] == sorted(line["done"] for line in progress)
    first, last = progress[0], progress[-1]
    assert (first["total"], first["rate"], first["eta_s"]) == (40, 0.0, None)
    assert last["replayed"] == 8
    assert 0 < last["rate"] <= 20
    assert last["eta_s"] <= 40 / last["rate"]
    assert (summary["kept"], summary["run"]["calls"], summary["run"]["replayed"]) == (40, 32, 8)
    assert "event" not in summary


def test_follow_ends_with_the_error(tmp_path: Path) -> None:
    with Loopback(respond=lambda _: refused(401)) as server:
        done = blossom(*annotate(server, questions(tmp_path, 8), "--json", "--follow"), cwd=tmp_path)
    assert done.code == 2
    *progress, error = lines(done.out)
    assert all(line["event"] == "progress" for line in progress)
    assert error["error"]["exit_code"] == 2


def test_follow_is_on_run_and_demo_and_goes_with_json(tmp_path: Path) -> None:
    done = blossom("demo", "-o", "demo", "--json", "--follow", cwd=tmp_path)
    *progress, summary = lines(done.out)
    assert progress and (progress[0]["stage"], progress[0]["total"]) == ("demo", 60)
    assert summary["run"]["retries"] == {"429": 1, "reset": 1}
    endpoint = ("--base-url", "http://127.0.0.1:9/v1", "--model", "m")
    again = blossom("run", "demo", "-o", "out", "--ledger", "ledger.sqlite", *endpoint, "--follow", cwd=tmp_path)
    assert again.code == 2
    assert "--follow goes with --json" in again.err


def test_the_log_tells_the_same_names_and_the_summary_why_calls_were_sent_again(tmp_path: Path) -> None:
    rows = questions(tmp_path, 30)
    script = "from blossom_data.cli import app, progress\nprogress.LOG_EVERY_S = 0.3\napp.main()"
    with Loopback(respond=respond, latency_s=0.2) as server:
        done = subprocess.run(
            [sys.executable, "-c", script, *annotate(server, rows)],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=True,
        )
    logged = [dict(pair.split("=", 1) for pair in line.split()) for line in done.stderr.splitlines()]
    assert len(logged) >= 2
    assert all(list(line) == NAMES for line in logged)
    assert logged[0]["total"] == "30"
    assert "retries=5xx:1" in done.stderr
    assert "sent again" in done.stdout and "5xx 1" in done.stdout


@pytest.mark.parametrize("replayed", [0, 500])
def test_rate_and_eta_begin_with_the_first_paid_record(replayed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    now_s = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now_s[0])
    counters = Counters(records_total=1_000, is_asking=True)
    progress = Progress("x", counters)
    for _ in range(50):
        now_s[0] += 1
        counters.kept = counters.replayed = replayed * int(now_s[0]) // 50
        assert progress.snapshot()["eta_s"] is None
    for _ in range(10):
        now_s[0] += 1
        counters.kept += 10
        counters.paid_records += 10
        told = progress.snapshot()
    assert told["rate"] == 10.0
    assert told["eta_s"] == (1_000 - replayed - 100) / 10


@pytest.mark.parametrize("is_asking", [True, False])
def test_a_first_look_after_a_minute_tells_the_rate_of_that_minute(
    is_asking: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    now_s = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now_s[0])
    counters = Counters(records_total=1_000, is_asking=is_asking)
    if not is_asking:
        counters.readings["buying"] = 1_000
    progress = Progress("x", counters)
    now_s[0] = 60.0
    counters.kept = counters.paid_records = counters.through["buying"] = 300
    told = progress.snapshot()
    assert (told["rate"], told["eta_s"]) == (5.0, 140)


def test_an_unknown_price_and_an_unknown_total_stay_unknown() -> None:
    counters = Counters(kept=5, paid_records=5, calls=5, unpriced_calls=5)
    told = Progress("x", counters).snapshot()
    assert (told["total"], told["eta_s"], told["spent_usd"], told["projected_usd"]) == (None, None, None, None)
    assert "spent_usd=unknown" in Progress("x", counters).log_line()
    counters = Counters(records_total=10, kept=5, paid_records=5, cost_usd=1.0, spent_before_usd=2.0, budget_usd=9.0)
    told = Progress("x", counters).snapshot()
    assert (told["spent_usd"], told["budget_usd"], told["projected_usd"]) == (3.0, 9.0, 4.0)


def test_work_that_asks_nobody_is_logged_step_by_step(monkeypatch: pytest.MonkeyPatch) -> None:
    now_s = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now_s[0])
    counters = Counters()
    progress = Progress("publish math", counters)
    assert progress.snapshot()["eta_s"] is None
    for step in ("reading", "writing"):
        for _ in counters.counted(step, range(60), total=100):
            now_s[0] += 0.1
            told = progress.snapshot()
        assert (told["step"], told["done"], told["total"], told["eta_s"]) == (step, 60, 100, 3)
        assert told["rate"] == pytest.approx(10, rel=0.1)
    assert progress.log_line().startswith("stage=publish_math step=writing done=60 total=100 rate=10.")
