"""Full and broken disks, for ledger and shards: a clear line, nothing paid for is lost, the next run is whole."""

from __future__ import annotations

import errno
import os
import random
import resource
from collections.abc import Callable
from pathlib import Path
from string import ascii_lowercase

import pytest
from broken_disk import BrokenDisk, in_a_namespace
from command import user, write_lines
from kill_runs import IN_FLIGHT, annotate, environment, finish, is_whole, questions, respond
from loopback import Loopback, LoopbackRequest

from blossom_data.config import Endpoint
from blossom_data.errors import BlossomError
from blossom_data.executors.job import Job
from blossom_data.executors.local import run_job
from blossom_data.rows import read_records
from blossom_data.stages.build import build_stage

pytestmark = pytest.mark.slow

RECORDS = 30


def job(folder: Path, server: Loopback) -> Job:
    stage = build_stage("annotate", {})
    rows = folder / "in.jsonl"
    return Job(
        label="annotate",
        work=((record, [stage]) for record in read_records(rows)),
        stages=("annotate",),
        out=folder / "out",
        endpoints=(Endpoint(base_url=server.base_url, model="m", max_in_flight=4),),
        ledger=folder / "ledger.sqlite",
        shard_records=10,
    )


def sometimes_bad(request: LoopbackRequest) -> str:
    return "" if request.text.endswith("7?") else respond(request)


@pytest.mark.parametrize(("code", "stride"), [(errno.ENOSPC, 1), (errno.EIO, 5)], ids=["ENOSPC", "EIO"])
def test_whichever_write_of_the_data_set_fails_the_next_run_makes_it_whole(
    tmp_path: Path, code: int, stride: int
) -> None:
    failed = []
    for k in range(0, 400, stride):
        folder = tmp_path / str(k)
        folder.mkdir()
        questions(folder, RECORDS)
        with Loopback(respond=sometimes_bad) as server:
            with pytest.MonkeyPatch.context() as patch:
                disk = BrokenDisk(patch, folder / "out", k, code)
                try:
                    run_job(job(folder, server))
                except BlossomError as why:
                    assert os.strerror(code) in str(why) and str(folder / "out") in str(why)
                    assert (why.exit_code, "\n" in str(why)) == (1, False)
                else:
                    assert not disk.failed
            done = run_job(job(folder, server))
            assert server.bought_twice == 0
        assert (done["read"], is_whole(folder / "out")) == (RECORDS, RECORDS - 3)
        assert not [path for path in folder.rglob("*") if path.name.endswith(".tmp")]
        if not disk.failed:
            break
        failed.append(disk.failed)
    assert not disk.failed
    assert {"write", "fsync", "replace"} <= set(failed)


def limited(most_bytes: int) -> Callable[[], None]:
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (most_bytes, resource.RLIM_INFINITY))


def test_wherever_the_ledger_breaks_nothing_acknowledged_is_lost(tmp_path: Path) -> None:
    """No file may grow beyond a limit: SQLite meets an error in the middle of each of its writes in turn."""
    broken = 0
    for most_bytes in (1, 4_000, 9_000, 20_000, 40_000, 41_000, 42_000, 60_000, 100_000, 100_000_000):
        folder = tmp_path / str(most_bytes)
        folder.mkdir()
        questions(folder, 120)
        with Loopback(respond=respond, latency_s=0.01) as server:
            first = finish(annotate(server), folder, preexec_fn=limited(most_bytes))
            asked = len(server.requests)
            if first.code:
                broken += 1
                assert first.code == 1, first
                assert "ledger.sqlite" in first.json["error"]["message"]
                assert "Traceback" not in first.err
            done = finish(annotate(server), folder)
            assert done.code == 0, done
            assert server.bought_twice <= 2 * IN_FLIGHT
            assert len(server.requests) - asked <= 120
        assert is_whole(folder / "out") == 120
    assert first.code == 0
    assert broken >= 6


@pytest.mark.parametrize("more_kib", [48, 200, 512, 1_500])
def test_a_ledger_on_a_full_disk_keeps_all_that_was_paid_for(tmp_path: Path, more_kib: int) -> None:
    """What was in flight when the disk was full still fits: into the room that the ledger had held back."""
    dice = random.Random(1)
    text = " ".join("".join(dice.choices(ascii_lowercase, k=6)) for _ in range(4_000))

    def long(request: LoopbackRequest) -> str:
        at = int(request.text.split()[-1][:-1]) * 49
        return f"The answer is: {text[at : at + 6_000]}."

    questions(tmp_path, 400)
    with Loopback(respond=long, latency_s=0.02) as server:
        script = f"""
        mkdir disk; mount -t tmpfs -o size={4096 + more_kib}k none disk
        annotate() {{ "$PYTHON" -m blossom_data annotate in.jsonl -o disk/out --ledger disk/ledger.sqlite \\
            --base-url {server.base_url} --model m --max-in-flight {IN_FLIGHT} --shard-records 10; }}
        code=0; annotate || code=$?
        test $code = 1
        mount -o remount,size=100m disk
        annotate
        cp -r disk/out out
        """
        done = in_a_namespace(script, tmp_path, environment())
        assert done.returncode == 0, done.stderr
        assert (server.paid, server.bought_twice) == (400, 0)
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert "disk/" in line and ("full" in line or "No space" in line)
    assert is_whole(tmp_path / "out") == 400


def test_a_disk_without_room_is_refused_before_anything_is_bought(tmp_path: Path) -> None:
    questions(tmp_path, 5)
    with Loopback(respond=respond) as server:
        script = f"""
        mkdir disk; mount -t tmpfs -o size=1m none disk
        code=0; "$PYTHON" -m blossom_data annotate in.jsonl -o out --ledger disk/ledger.sqlite \\
            --base-url {server.base_url} --model m || code=$?
        test $code = 1
        """
        done = in_a_namespace(script, tmp_path, environment())
        assert done.returncode == 0, done.stderr
        assert server.requests == []
    assert "error: cannot write to the ledger's folder disk: No space left on device" in done.stderr


def test_an_output_folder_that_cannot_be_written_is_told_before_anything_is_bought(tmp_path: Path) -> None:
    questions(tmp_path, 5)
    write_lines(tmp_path / "one.jsonl", [user("a question")])
    with Loopback(respond=respond) as server:
        script = f"""
        mkdir disk; mount -t tmpfs none disk; mkdir disk/out; mount -o remount,ro disk
        for out in disk/out disk/new; do
            code=0; "$PYTHON" -m blossom_data annotate in.jsonl -o $out --ledger ledger.sqlite \\
                --base-url {server.base_url} --model m || code=$?
            test $code = 2
        done
        code=0; "$PYTHON" -m blossom_data annotate in.jsonl -o out --ledger disk/ledger.sqlite \\
            --base-url {server.base_url} --model m || code=$?
        test $code = 1
        """
        done = in_a_namespace(script, tmp_path, environment())
        assert done.returncode == 0, done.stderr
        assert server.requests == []
    assert done.stderr.count("Read-only file system") == 3
    assert "this is a bug" not in done.stderr
