"""Engines of the user's own, as real processes: started, waited for, restarted, and never left behind."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from command import Result, user, values, write_lines
from forked import blossom

from blossom_data.cli.flags.engine import EngineFlags, plan_engine
from blossom_data.errors import ConfigError
from blossom_data.llm.engines.serve import fill_command
from blossom_data.shards.block_notes import BLOCKS

pytestmark = pytest.mark.slow

ENGINE = Path(__file__).with_name("fake_engine.py")
PATIENCE_S = 30.0


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_lines(tmp_path / "in.jsonl", [user(f"number {number}") for number in range(30)])
    (tmp_path / "state").mkdir()
    return tmp_path


def command(folder: Path, *manners: str) -> str:
    return f"{shlex.quote(sys.executable)} {shlex.quote(str(ENGINE))} {{port}} {folder / 'state'} {' '.join(manners)}"


def annotate(folder: Path, *manners: str, flags: tuple[str, ...] = (), env: dict[str, str] | None = None) -> Result:
    serve = ("--serve", command(folder, *manners), "--model", "m", "--json", *flags)
    return blossom("annotate", "in.jsonl", "-o", "out", *serve, cwd=folder, env=env)


def lives(folder: Path) -> list[int]:
    """The process ids of the engine's lives so far."""
    file = folder / "state" / "pids"
    return [int(pid) for pid in file.read_text().split()] if file.exists() else []


def is_alive(pid: int) -> bool:
    """Whether the process runs; one that only waits to be reaped does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def comes_true(condition: Callable[[], bool]) -> bool:
    until_s = time.monotonic() + PATIENCE_S
    while not condition() and time.monotonic() < until_s:
        time.sleep(0.02)
    return condition()


def test_a_slow_engine_is_waited_for_and_ended_with_the_run(folder: Path) -> None:
    done = annotate(folder, "slow")
    assert (done.code, done.json["kept"], done.json["run"]["calls"]) == (0, 30, 30)
    assert done.json["run"]["retries"] == {}
    (pid,) = lives(folder)
    assert not is_alive(pid)
    (log,) = (folder / ".blossom").glob("*.log")
    assert log.stat().st_mode & 0o777 == 0o600


def test_a_run_that_only_replays_starts_no_engine(folder: Path) -> None:
    assert annotate(folder).code == 0
    (folder / "out" / BLOCKS).unlink()  # else the shards are taken over, and no reply is read
    again = annotate(folder, "error")
    assert (again.code, again.json["run"]["calls"], again.json["run"]["replayed"]) == (0, 0, 30)
    assert len(lives(folder)) == 1


def test_an_engine_that_dies_is_started_again_and_nothing_is_lost(folder: Path) -> None:
    done = annotate(folder, "dies=10")
    assert (done.code, done.json["kept"], done.json["failed"]) == (0, 30, {})
    assert "engine" in " ".join(done.json["run"]["notes"])
    texts = [row["messages"][-1]["content"] for row in values(folder / "out")]
    assert {text.split(" in life ")[0] for text in texts} == {f"number {number}" for number in range(30)}
    assert any("in life 2" in text for text in texts)
    assert len(lives(folder)) == 2
    child = int((folder / "state" / "child").read_text())
    assert not any(is_alive(pid) for pid in (*lives(folder), child))


def test_an_engine_that_keeps_dying_ends_the_run_resumably(folder: Path) -> None:
    done = annotate(folder, "dying")
    assert (done.code, done.json["error"]["kind"]) == (4, "EndpointError")
    assert "exit code 3" in done.json["error"]["message"]
    assert len(lives(folder)) == 4
    assert annotate(folder).json["kept"] == 30


def test_an_engine_that_fails_is_quoted_without_the_key_and_gets_nothing_of_our_environment(folder: Path) -> None:
    keys = {"BLOSSOM_API_KEY": "sk-canary-1234", "OPENAI_API_KEY": "sk-provider", "BLOSSOM_NOTIFY_URL": "http://hook"}
    done = annotate(folder, "error", "key=sk-canary-1234", env={**keys, "PYTHONWARNINGS": "ignore"})
    assert done.code == 4
    assert "the model does not fit into memory (key=****, ['PYTHONUNBUFFERED'])" in done.json["error"]["message"]
    assert "exit code 1" in done.json["error"]["message"]
    assert "engine.log" in done.json["error"]["hint"]
    assert len(lives(folder)) == 1


def test_an_engine_that_never_gets_healthy_has_a_deadline(folder: Path) -> None:
    done = annotate(folder, "mute", flags=("--serve-start-s", "1"))
    assert (done.code, "not ready within 1 s" in done.json["error"]["message"]) == (4, True)
    (pid,) = lives(folder)
    assert not is_alive(pid)


@pytest.mark.parametrize(("own", "heard"), [("", "no key"), ("own-key", "Bearer ****")])
def test_the_key_of_a_provider_is_not_given_to_an_engine(folder: Path, own: str, heard: str) -> None:
    done = annotate(folder, env={"OPENAI_API_KEY": "sk-provider-1234", "BLOSSOM_API_KEY": own})
    assert done.code == 0
    assert {row["messages"][-1]["content"].split(" with ")[1] for row in values(folder / "out")} == {heard}


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_during_the_start_ends_both(folder: Path, number: int, code: int) -> None:
    run = started(folder, "mute")
    assert comes_true(lambda: len(lives(folder)) == 1)
    run.send_signal(number)
    assert run.wait(PATIENCE_S) == code
    assert not is_alive(lives(folder)[0])


def test_no_engine_outlives_a_sigkill(folder: Path) -> None:
    run = started(folder, "mute")
    assert comes_true(lambda: len(lives(folder)) == 1)
    run.kill()
    run.wait(PATIENCE_S)
    assert comes_true(lambda: not is_alive(lives(folder)[0]))


def started(folder: Path, *manners: str) -> subprocess.Popen[bytes]:
    arguments = ["annotate", "in.jsonl", "-o", "out", "--model", "m", "--quiet", "--serve", command(folder, *manners)]
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("BLOSSOM_", "OPENAI_"))}
    return subprocess.Popen([sys.executable, "-m", "blossom_data", *arguments], cwd=folder, env=clean)


def test_a_guard_that_is_killed_takes_the_engine_along(folder: Path) -> None:
    guard = Path(sys.modules[fill_command.__module__].__file__ or "").with_name("supervisor.py")
    argv = [sys.executable, "-I", str(guard), "1", sys.executable, str(ENGINE), "1", str(folder / "state"), "mute"]
    run = subprocess.Popen(argv, stdin=subprocess.PIPE)
    assert comes_true(lambda: len(lives(folder)) == 1)
    run.kill()
    run.communicate()
    assert comes_true(lambda: not is_alive(lives(folder)[0]))


def test_an_engine_deaf_to_sigterm_is_killed_after_its_grace(folder: Path) -> None:
    guard = Path(sys.modules[fill_command.__module__].__file__ or "").with_name("supervisor.py")
    argv = [sys.executable, "-I", str(guard), "0.2", sys.executable, str(ENGINE), "1", str(folder / "state")]
    run = subprocess.Popen([*argv, "deaf", "mute"], stdin=subprocess.PIPE)
    assert comes_true(lambda: len(lives(folder)) == 1)
    run.communicate()
    assert run.returncode == 128 + signal.SIGKILL
    assert not is_alive(lives(folder)[0])


def test_a_pipeline_names_its_engine(folder: Path) -> None:
    (folder / "p.toml").write_text(
        f'out = "out"\nledger = "ledger.sqlite"\n[endpoint]\nmodel = "m"\nserve = {json.dumps(command(folder))}\n'
        '[[source]]\nkind = "custom"\npath = "rows.jsonl"\nstages = ["annotate"]\n'
        'fields = { instruction = "question" }\n'
    )
    write_lines(folder / "rows.jsonl", [{"question": f"number {number}"} for number in range(5)])
    done = blossom("run", "p.toml", "--json", cwd=folder)
    assert (done.code, done.json["kept"]) == (0, 5), done
    assert len(lives(folder)) == 1


def test_replicas_share_the_work_and_outlive_one_another(folder: Path) -> None:
    write_lines(folder / "in.jsonl", [user(f"number {number}") for number in range(200)])
    done = annotate(folder, flags=("--replicas", "3", "--max-in-flight", "4"), env={"CUDA_VISIBLE_DEVICES": ""})
    assert (done.code, done.json["kept"], len(lives(folder))) == (0, 200, 3), done
    assert not any(is_alive(pid) for pid in lives(folder))


def test_each_replica_has_gpus_of_its_own(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,5,6,7,9")
    flags = EngineFlags(serve="sh -c {port}", replicas=2)
    asked = {"model": "m", "base_url": "", "ledger": folder / "ledger.sqlite", "is_batched": False}
    planned = plan_engine(flags, **asked)
    assert planned is not None
    engines = (planned.serving, *planned.serving.beside)
    assert [engine.variables["CUDA_VISIBLE_DEVICES"] for engine in engines] == ["4,5", "6,7"]
    assert len({engine.base_url for engine in engines} | {engine.log for engine in engines}) == 4
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    with pytest.raises(ConfigError, match="2 engines for 1 GPU"):
        plan_engine(flags, **asked)
    with pytest.raises(ConfigError, match="any port"):
        plan_engine(EngineFlags(serve="sh x", replicas=2), **asked)


def test_a_dry_run_starts_nothing(folder: Path) -> None:
    done = annotate(folder, flags=("--dry-run",))
    assert (done.code, done.json["calls"], lives(folder)) == (0, 30, [])


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"serve": "sh x"}, "at which port"),
        ({"serve": "sh x", "base_url": "https://api.example.com/v1"}, "on this machine"),
        ({"serve": "no-such-engine --port {port}"}, "no program 'no-such-engine'"),
        ({"serve": "sh '--port {port}"}, "quot"),
        ({"serve": "sh {port} {model}"}, "wants a {model}"),
        ({"serve": "sh {port}", "engine": "local"}, "each start an engine"),
        ({"serve": "sh {port}", "batch": True}, "no batches"),
        ({"engine": "local"}, "needs a model"),
        ({"engine": "local", "model": "absent.gguf"}, "absent.gguf"),
        ({"engine": "local", "model": __file__}, "not a GGUF file"),
        ({"engine": "local", "model": "hf:org/file.gguf"}, "no file on the hub"),
    ],
)
def test_what_cannot_be_started_is_a_clear_error(settings: dict[str, Any], says: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(says)):
        engine = EngineFlags(**{name: value for name, value in settings.items() if name in ("engine", "serve")})
        plan_engine(
            engine,
            model=settings.get("model", ""),
            base_url=settings.get("base_url", ""),
            ledger=Path("ledger.sqlite"),
            is_batched=settings.get("batch", False),
        )


def test_no_shell_reads_the_command() -> None:
    argv = fill_command("sh -c 'a b' ; $HOME {model} --x={port} '{\"k\": {}}'", port=81, model="my; model")
    assert argv == ("sh", "-c", "a b", ";", "$HOME", "my; model", "--x=81", '{"k": {}}')
