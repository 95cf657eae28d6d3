"""Several machines: two launchers on this one, that meet, miss each other, or lose each other."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import sys
import time
from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

import forked
from command import clean_environment
from forked import Child, blossom
from forks import call, run_group
from small import TWO_STAGES, make_workplace, write_recipe

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A recipe of few steps and one of many."""
    folder = make_workplace(tmp_path_factory.mktemp("nodes") / "work", first=24, second=8)
    write_recipe(folder / "r.toml", TWO_STAGES, micro_batch=1)
    write_recipe(folder / "long.toml", TWO_STAGES.replace("epochs = 2", "epochs = 16"), micro_batch=1)
    return folder


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def start(place: Path, recipe: str, out: str) -> list[Child]:
    """The two machines of a run."""
    flags = ["--nodes", 2, "--rendezvous", f"127.0.0.1:{free_port()}", "--rendezvous-timeout", 300]
    command = ["train", "run", recipe, "-o", out, *flags]
    return [forked.start(*command, "--node-rank", rank, cwd=place, env=clean_environment()) for rank in range(2)]


def weights(out: Path) -> bytes:
    newest = json.loads((out / "manifest.json").read_text())["checkpoint"]
    return (out / newest / "model" / "model.safetensors").read_bytes()


def errors(text: str) -> list[str]:
    assert "Traceback" not in text
    return [line for line in text.splitlines() if line.startswith("error: ")]


@pytest.mark.parametrize(
    ("rank", "told"),
    [(0, "not all of 2 machines came to {} within 1 s"), (1, "the first machine did not answer at {} within 1 s")],
)
def test_a_machine_that_does_not_come_is_not_waited_for_for_ever(place: Path, rank: int, told: str) -> None:
    meeting = f"127.0.0.1:{free_port()}"
    flags = ["--nodes", 2, "--node-rank", rank, "--rendezvous", meeting, "--rendezvous-timeout", 1]
    done = blossom("train", "run", "r.toml", "-o", "alone", *flags, cwd=place)
    assert done.code == 4, done
    assert f"waiting up to 1 s for 2 machines at {meeting}" in done.err
    assert errors(done.err) == ["error: " + told.format(meeting)]
    assert "--rendezvous-timeout" in done.err.splitlines()[-1]


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (["--nodes", 2], "several machines need a place to meet"),
        (["--nodes", 2, "--rendezvous", "host-0"], "several machines need a place to meet"),
        (["--nodes", 2, "--node-rank", 2, "--rendezvous", "host-0:29500"], "--node-rank 2 of 2 machines"),
    ],
)
def test_flags_that_name_no_meeting_are_refused(place: Path, flags: list[object], told: str) -> None:
    from blossom_data.errors import ConfigError
    from blossom_data.train.launch import Machines, check_machines

    named = dict(zip(flags[::2], flags[1::2], strict=True))
    machines = Machines(
        nodes=int(str(named["--nodes"])),
        node_rank=int(str(named.get("--node-rank", 0))),
        rendezvous=str(named.get("--rendezvous", "")),
    )
    with pytest.raises(ConfigError, match=told):
        check_machines(machines, place / "r.toml", place / "never", tell=print)


def test_a_folder_that_the_other_machine_does_not_see_is_refused(place: Path) -> None:
    assert call(2, "forks", "train_apart", str(place / "r.toml"), str(place / "apart")) == [2, 2]
    for rank in range(2):
        said = (place / f"apart-{rank}.error").read_text()
        assert re.fullmatch(r"process 1 on \S+ does not see the folder \S+ of the first process", said)
    assert not list(place.glob("apart-*/checkpoints"))


def test_what_all_processes_meet_is_told_once(place: Path) -> None:
    recipe = TWO_STAGES.replace("3e-3", "1e30")
    write_recipe(place / "bad.toml", recipe, micro_batch=1, clip=1e30)
    done = blossom("train", "run", "bad.toml", "-o", "bad", "--gpus", 2, "--json", cwd=place)
    assert done.code == 1, done
    assert done.json["error"]["kind"] == "BlossomError"
    assert "the loss diverged" in done.json["error"]["message"]
    assert [line for line in done.err.splitlines() if line.startswith(("error", "E1", "W1", "["))] == []
    # Only one of them met this: the others wait for it.
    (place / "first" / "ids.bin").rename(place / "ids.bin")
    try:
        done = blossom("train", "run", "r.toml", "-o", "gone", "--gpus", 2, cwd=place)
    finally:
        (place / "ids.bin").rename(place / "first" / "ids.bin")
    assert done.code == 2, done
    assert len(errors(done.err)) == 1


def test_the_cause_is_told_and_not_what_it_led_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from torch.distributed.elastic.multiprocessing.errors import ProcessFailure

    from blossom_data.errors import BlossomError, ConfigError, Interrupted, PeerLost
    from blossom_data.train.parallel.failures import cause_of, hand_over

    def failed(rank: int, exitcode: int, why: BlossomError | None = None) -> ProcessFailure:
        path = tmp_path / f"{rank}-{exitcode}.json"
        monkeypatch.setenv("TORCHELASTIC_ERROR_FILE", str(path))
        assert why is None or hand_over(why)
        return ProcessFailure(local_rank=rank, pid=1, exitcode=exitcode, error_file=str(path))

    lost = failed(0, 4, PeerLost("another process of the run has gone", hint="again"))
    refused = failed(1, 2, ConfigError("wrong", hint="set it right"))
    stopped = failed(2, 143, Interrupted("stopped", signal_number=15))
    told = cause_of({0: lost, 1: refused, 2: failed(2, -15)})
    assert (type(told), str(told), told.hint, told.exit_code) == (ConfigError, "wrong", "set it right", 2)
    assert cause_of({0: lost, 1: failed(1, -15)}).exit_code == 4
    assert (cause_of({2: stopped}).exit_code, type(cause_of({2: stopped}))) == (143, Interrupted)
    assert str(cause_of({0: lost, 3: failed(3, -9)})) == "process 3 was ended by signal 9"
    assert cause_of({3: failed(3, 7)}).exit_code == 7


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@pytest.mark.skipif(sys.platform != "linux", reason="asks the kernel who started whom")
@pytest.mark.parametrize(("whole", "code"), [(True, 4), (False, 143)], ids=["machine", "launcher"])
def test_a_machine_that_is_killed_ends_the_other_and_the_run_goes_on(place: Path, whole: bool, code: int) -> None:
    """To the bits that two processes of one machine make."""
    out = f"killed-{code}"
    nodes = start(place, "long.toml", out)
    metrics = place / out / "metrics.jsonl"
    until = time.monotonic() + 300
    while not metrics.exists() or len(metrics.read_text().splitlines()) < 8:
        assert time.monotonic() < until, [node.poll() for node in nodes]
        time.sleep(0.05)
    for pid in [nodes[1].pid, *(children(nodes[1].pid) if whole else [])]:
        os.kill(pid, signal.SIGKILL)
    said = nodes[0].communicate(timeout=300)[1]
    nodes[1].communicate(timeout=300)
    assert nodes[0].returncode == code, said
    told = "another process of the run has gone" if whole else "stopped after step"
    assert [told in line for line in errors(said)] == [True]
    assert "the same command again" in said.splitlines()[-1].replace("run the", "the")
    assert list((place / out).glob("checkpoints/stage-*/manifest.json"))
    assert not (place / out / "manifest.json").exists()
    if whole:
        nodes = start(place, "long.toml", out)
        told_by = [node.communicate(timeout=300) for node in nodes]
        assert [node.returncode for node in nodes] == [0, 0], told_by
        assert f"{out}: " in told_by[0][0]
        assert told_by[1][0] == ""
        assert run_group(place / "long.toml", place / "straight", world=2) == [0, 0]
        assert weights(place / out) == weights(place / "straight")
