"""Poor surroundings: jumping clocks, few file descriptors, foreign locales, closed or full streams, no home."""

from __future__ import annotations

import itertools
import json
import os
import resource
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest
from command import user, values, write_lines
from kill_runs import annotate, cli, environment, finish, is_whole, questions, respond, start
from loopback import Fault, Loopback, LoopbackRequest, refused

pytestmark = pytest.mark.slow

JUMPS = """
import itertools, time
real, ticks = time.time, itertools.count()
time.time = lambda: real() + (-3600.0, 31536000.0, 0.0, -31536000.0)[next(ticks) % 4]
"""


def test_a_clock_that_jumps_changes_neither_timeouts_nor_the_eta(tmp_path: Path) -> None:
    questions(tmp_path, 300)
    date = {"date": "Tue, 01 Dec 2026 10:00:00 GMT", "retry_after": "Tue, 01 Dec 2026 10:00:01 GMT"}

    def limited(request: LoopbackRequest) -> str | Fault:
        is_first = request.text == "What is item 99?" and request.count == 1
        return refused(429, **date) if is_first else respond(request)

    with Loopback(respond=limited, latency_s=0.05) as server:
        done = finish(annotate(server, "out", "--follow", "--timeout-s", "20", bootstrap=JUMPS), tmp_path)
        assert (done.code, server.paid) == (0, 300), done
    told = [json.loads(line) for line in done.out.splitlines()[:-1]]
    assert len(told) >= 2
    assert all(line["rate"] >= 0 and (line["eta_s"] is None or 0 <= line["eta_s"] < 600) for line in told)
    assert done.json["run"]["retries"] == {"429": 1}
    again = finish(annotate(server, bootstrap=JUMPS), tmp_path)
    assert (again.code, again.json["run"]["calls"]) == (0, 0)


@pytest.mark.parametrize("most", [40, 64])
def test_few_file_descriptors_are_told_before_anything_is_bought(tmp_path: Path, most: int) -> None:
    questions(tmp_path, 200)

    def few() -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))

    with Loopback(respond=respond, latency_s=0.05) as server:
        done = finish(annotate(server, "out", "--max-in-flight", "64"), tmp_path, preexec_fn=few)
        assert (done.code, server.requests) == (2, []), done
        assert f"{most} files" in done.json["error"]["message"]
        fits = finish(annotate(server, "out", "--max-in-flight", "4"), tmp_path, preexec_fn=few)
        assert fits.code == 0, fits
    assert is_whole(tmp_path / "out") == 200


def test_a_soft_limit_on_files_is_raised(tmp_path: Path) -> None:
    questions(tmp_path, 300)
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    with Loopback(respond=respond, latency_s=0.2) as server:
        done = finish(
            annotate(server, "out", "--max-in-flight", "120"),
            tmp_path,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (64, hard)),
        )
        assert done.code == 0, done
        assert server.max_in_flight > 64


@pytest.mark.parametrize(
    "more",
    [
        {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
        {"LANG": "C"},
        {"PYTHONIOENCODING": "latin-1"},
        {"LC_ALL": "zh_CN.GBK"},
    ],
    ids=["posix", "lang-c", "latin-1", "gbk"],
)
def test_output_is_utf_8_whatever_the_locale(tmp_path: Path, more: dict[str, str]) -> None:
    name = "数据.jsonl"
    write_lines(tmp_path / name, [user("法国的首都是哪里？ ☃ 😀", id="a")])
    shown = subprocess.run(cli("show", name), cwd=tmp_path, env=environment(**more), capture_output=True, check=False)
    assert (shown.returncode, shown.stderr) == (0, b"")
    assert "法国的首都是哪里？ ☃ 😀" in shown.stdout.decode()
    wrong = subprocess.run(
        cli("show", name, "--id", "没有"), cwd=tmp_path, env=environment(**more), capture_output=True, check=False
    )
    assert wrong.returncode == 2
    assert f"nothing to show in {name}" in wrong.stderr.decode()


def test_a_file_name_that_is_no_text_is_worked_with_and_told(tmp_path: Path) -> None:
    raw = os.fsencode(tmp_path) + b"/in\xff.jsonl"
    with open(raw, "wb") as file:  # noqa: PTH123
        file.write(json.dumps(user("a question")).encode() + b"\n")
    with Loopback(respond=respond) as server:
        flags = ["-o", b"out\xfe", "--base-url", server.base_url, "--model", "m", "--json"]
        for calls in (1, 0):
            done = subprocess.run(
                [sys.executable, "-m", "blossom_data", "annotate", b"in\xff.jsonl", *flags],
                cwd=tmp_path, env=environment(), capture_output=True, check=False,
            )  # fmt: skip
            assert done.returncode == 0, done
            summary = json.loads(done.stdout)
            assert (summary["kept"], summary["run"]["calls"]) == (1, calls)
    missing = subprocess.run(
        [sys.executable, "-m", "blossom_data", "annotate", b"no\xff.jsonl", *flags],
        cwd=tmp_path, env=environment(), capture_output=True, check=False,
    )  # fmt: skip
    assert missing.returncode == 2
    assert json.loads(missing.stdout)["error"]["exit_code"] == 2


def test_no_home_and_no_mask_are_no_matter(tmp_path: Path) -> None:
    questions(tmp_path, 20)
    for number, home in enumerate(("/nowhere/at/all", "")):
        with Loopback(respond=respond) as server:
            out = f"out{number}"
            done = finish(
                [*annotate(server, out), "--ledger", f"state{number}/ledger.sqlite"],
                tmp_path,
                env=environment(HOME=home),
                preexec_fn=lambda: os.umask(0) and None,
            )
            assert done.code == 0, done
        assert is_whole(tmp_path / out) == 20
        private = (tmp_path / f"state{number}", *(tmp_path / f"state{number}").iterdir())
        assert not [path for path in private if path.stat().st_mode & 0o077 and path.suffix != ".lock"]


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_streams_do_not_end_up_in_the_data(tmp_path: Path, closed: str) -> None:
    questions(tmp_path, 20)
    with Loopback(respond=respond) as server:
        shell = ["sh", "-c", f'exec "$0" "$@" {closed}', *annotate(server)]
        assert finish(shell, tmp_path).code == 0
        plain = [text for text in annotate(server, "other") if text != "--json"]
        assert finish(["sh", "-c", f'exec "$0" "$@" {closed}', *plain], tmp_path).code == 0
    assert is_whole(tmp_path / "out") == is_whole(tmp_path / "other") == 20


def test_standard_input_that_is_closed_is_an_error_of_the_input(tmp_path: Path) -> None:
    with Loopback(respond=respond) as server:
        command = [text if text != "in.jsonl" else "-" for text in annotate(server)]
        done = finish(["sh", "-c", 'exec "$0" "$@" <&-', *command], tmp_path)
    assert done.code == 2
    assert "standard input is empty" in done.json["error"]["message"]


def test_a_full_standard_output_is_told_and_the_data_set_is_whole(tmp_path: Path) -> None:
    questions(tmp_path, 20)
    with Loopback(respond=respond) as server:
        done = finish(["sh", "-c", 'exec "$0" "$@" >/dev/full', *annotate(server)], tmp_path)
    assert done.code == 1
    told, hint = done.err.strip().splitlines()
    assert told == "error: cannot write to standard output: No space left on device"
    assert "free some space" in hint
    assert is_whole(tmp_path / "out") == 20


def test_a_reader_that_goes_away_does_not_stop_the_work(tmp_path: Path) -> None:
    questions(tmp_path, 200)
    with Loopback(respond=respond, latency_s=0.2) as server:
        child = start(annotate(server, "out", "--follow"), tmp_path, stdout=subprocess.PIPE)
        assert child.stdout is not None
        child.stdout.readline()
        child.stdout.close()
        assert child.wait() == 0
        assert child.stderr is not None
        assert child.stderr.read() == ""
        child.stderr.close()
    assert is_whole(tmp_path / "out") == 200


def test_a_reader_that_goes_away_does_not_change_the_exit_code(tmp_path: Path) -> None:
    questions(tmp_path, 5)
    with Loopback(
        respond=lambda request: refused(400, "no") if "item 3" in request.text else respond(request)
    ) as server:
        child = start(annotate(server), tmp_path, stdout=subprocess.PIPE)
        assert child.stdout is not None
        child.stdout.close()
        assert child.wait() == 3
        child.stderr and child.stderr.close()


def test_memory_that_runs_out_is_an_error_and_the_next_run_completes(tmp_path: Path) -> None:
    questions(tmp_path, 300)
    steps = itertools.chain((60, 80, 100, 120), (4_000,))
    with Loopback(respond=respond, latency_s=0.01) as server:
        for mib in steps:
            done = finish(
                annotate(server),
                tmp_path,
                preexec_fn=partial(resource.setrlimit, resource.RLIMIT_AS, (mib << 20, mib << 20)),
            )
        assert done.code == 0, done
        assert server.bought_twice <= 4 * 32
    assert len(values(tmp_path / "out")) == 300
