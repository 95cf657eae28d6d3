"""The real command with --batch, killed, stopped and detached at every state: each line is bought once."""

from __future__ import annotations

import json
import random
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import forked
import pytest
from batch_runs import digest
from command import Result, clean_environment, user, write_lines
from forked import Child, blossom
from loopback_batch import KEY, BatchServer

pytestmark = pytest.mark.slow

ROWS = 12


@pytest.fixture
def server() -> Iterator[BatchServer]:
    with BatchServer() as server:
        yield server


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    return write_rows(tmp_path)


@pytest.fixture(scope="module")
def online(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The files that the same command writes without --batch."""
    folder = tmp_path_factory.mktemp("online")
    write_rows(folder)
    with BatchServer() as server:
        flags = [flag for flag in command(server) if flag != "--batch"]
        assert blossom(*flags, cwd=folder).code == 0
        assert server.paid_online == ROWS
    return digest(folder / "out")


def write_rows(folder: Path) -> Path:
    return write_lines(folder / "in.jsonl", (user(f"What is {n}?") for n in range(ROWS)))


def command(server: BatchServer, *further: str, out: str = "out") -> list[str]:
    given = ["--base-url", server.base_url, "--model", "m", "--batch", "--batch-poll-s", "0.05", "--batch-lines", "8"]
    return ["annotate", "in.jsonl", "-o", out, "--ledger", "ledger.sqlite", *given, *further]


def run(server: BatchServer, folder: Path, *further: str) -> Result:
    return blossom(*command(server, *further), cwd=folder, env={"OPENAI_API_KEY": KEY})


def start(server: BatchServer, folder: Path) -> Child:
    return forked.start(*command(server), cwd=folder, env={**clean_environment(), "OPENAI_API_KEY": KEY})


def wait_for(is_so: Callable[[], bool], child: Child) -> None:
    while not is_so():
        assert child.poll() is None, child.communicate()
        time.sleep(0.005)


@pytest.mark.parametrize("step", ["upload", "create", "created", "retrieve", "half"])
def test_a_kill_at_any_step_buys_no_line_twice(
    server: BatchServer, rows: Path, online: dict[str, str], step: str
) -> None:
    folder = rows.parent
    server.hang.add(step)
    child = start(server, folder)
    wait_for(lambda: server.reached[step] > 0, child)
    child.kill()
    child.communicate()
    server.hang.clear()
    done = run(server, folder, "--json")
    assert done.code == 0, done
    assert (server.lines_paid, max(server.lines_run.values())) == (ROWS, 1)
    assert done.json["kept"] == ROWS
    assert digest(folder / "out") == online


def test_kills_at_any_moment_buy_no_line_twice(server: BatchServer, rows: Path, online: dict[str, str]) -> None:
    dice = random.Random(5)
    server.states = ("validating", *["in_progress"] * 40, "finalizing", "completed")
    kills = 0
    for _ in range(5):
        child = start(server, rows.parent)
        time.sleep(0.3 + dice.random() * 0.5)
        child.kill()
        child.communicate()
        kills += child.returncode == -signal.SIGKILL
    done = run(server, rows.parent, "--json")
    assert (done.code, done.json["kept"]) == (0, ROWS), done
    assert (server.lines_paid, max(server.lines_run.values())) == (ROWS, 1)
    assert digest(rows.parent / "out") == online
    assert kills >= 2


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_leaves_the_batches_running_and_the_same_command_waits_for_them(
    server: BatchServer, rows: Path, number: signal.Signals
) -> None:
    server.states = ("validating", "in_progress")
    child = start(server, rows.parent)
    wait_for(lambda: len(server.statuses) > 4, child)
    child.send_signal(number)
    told = child.communicate()[1]
    assert child.returncode == 4, told
    assert f"stopped by {number.name}; 2 batches go on at the provider: batch_1, batch_2" in told
    for batch in server.batches.values():
        batch.states = ["finalizing", "completed"]
    done = run(server, rows.parent)
    assert done.code == 0, done
    assert "batch_1 (annotate, 8 lines): found again" in done.err
    assert (server.lines_paid, server.reached["create"]) == (ROWS, 2)


def test_a_stop_before_anything_is_submitted_buys_nothing(server: BatchServer, rows: Path) -> None:
    server.hang.add("upload")
    child = start(server, rows.parent)
    wait_for(lambda: server.reached["upload"] > 0, child)
    child.send_signal(signal.SIGTERM)
    time.sleep(0.2)
    server.release()
    assert child.communicate()[1] is not None
    assert (child.returncode, server.reached["create"]) == (143, 0)


def test_detached_runs_come_back_until_all_is_there(server: BatchServer, rows: Path) -> None:
    server.states = ("validating", "in_progress")
    first = run(server, rows.parent, "--detach", "--json")
    assert first.code == 4, first
    assert "batch_1" in first.json["error"]["message"]
    assert not (rows.parent / "out" / "manifest.json").exists()
    server.batches["batch_1"].states = ["finalizing", "completed"]
    second = run(server, rows.parent, "--detach")
    assert (second.code, "1 batch goes on at the provider: batch_2" in second.err) == (4, True), second
    server.batches["batch_2"].states = ["finalizing", "completed"]
    assert run(server, rows.parent, "--detach").code == 0
    assert (server.lines_paid, server.reached["create"]) == (ROWS, 2)


def test_the_key_is_in_no_file_and_no_output(server: BatchServer, rows: Path) -> None:
    folder = rows.parent
    server.states = ("validating",)
    outputs = [run(server, folder, "--detach")]
    server.status_401 = True
    outputs.append(run(server, folder, "--debug"))
    assert [done.code for done in outputs] == [4, 2]
    assert "OPENAI_API_KEY" in outputs[1].err
    assert not any(KEY in done.out + done.err for done in outputs)
    files = [file for file in folder.rglob("*") if file.is_file()]
    assert not [file for file in files if KEY.encode() in file.read_bytes()]


def test_a_dry_run_halves_the_price_and_calls_nothing(server: BatchServer, rows: Path) -> None:
    prices = ["--price-in", "1000", "--price-out", "1000", "--dry-run", "--json"]
    by_batch = run(server, rows.parent, *prices)
    told = command(server, *prices)
    told.remove("--batch")
    online = blossom(*told, cwd=rows.parent)
    assert by_batch.json["cost_usd"] == pytest.approx([cost / 2 for cost in online.json["cost_usd"]], abs=1e-3)
    assert "0.5 x the price" in run(server, rows.parent, *prices[:-1]).out
    assert not server.reached


@pytest.mark.parametrize("flag", ["--detach", "--batch-top-up"])
def test_flags_of_batches_without_batch_are_refused(server: BatchServer, rows: Path, flag: str) -> None:
    told = command(server, flag)
    told.remove("--batch")
    done = blossom(*told, cwd=rows.parent)
    assert (done.code, f"{flag} goes with --batch" in done.err) == (2, True)


def test_a_pipeline_runs_through_batches_stage_by_stage(server: BatchServer, rows: Path) -> None:
    folder = rows.parent
    write_lines(folder / "raw.jsonl", ({"q": f"What is {n}?"} for n in range(4)))
    (folder / "p.toml").write_text(
        f'name = "p"\nout = "out"\n[endpoint]\nbase_url = "{server.base_url}"\nmodel = "m"\n'
        '[[source]]\nkind = "custom"\npath = "raw.jsonl"\nfields = { instruction = "q" }\nstages = ["annotate"]\n'
    )
    flags = ["--batch", "--batch-poll-s", "0.05", "--json"]
    done = blossom("run", "p.toml", *flags, cwd=folder, env={"OPENAI_API_KEY": KEY})
    assert done.code == 0, done
    assert json.loads(done.out)["kept"] == 4
    assert (server.lines_paid, server.paid_online) == (4, 0)
