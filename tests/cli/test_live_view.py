"""The live view on a real terminal: rejects at every width, hostile text as text, nothing of it where nobody looks."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from command import user, write_lines
from loopback import Fault, Loopback, LoopbackRequest, refused
from terminal import on_terminal, read

from blossom_data.cli import live_view
from blossom_data.cli.progress import Progress
from blossom_data.counters import Counters

pytestmark = pytest.mark.slow

RECORDS = 60
FLAGS = ["--tries", "1", "--max-in-flight", "4", "--max-bad", "100%"]
SLOW = """
import time
from blossom_data.counters import Counters
from blossom_data.executors.blocks import Blocks
identity = Blocks._identity
def slow_identity(self, work):
    time.sleep(0.02)
    return identity(self, work)
Blocks._identity = slow_identity
counted = Counters.counted
def slowly(self, reading, items, *, total=None):
    for item in counted(self, reading, items, total=total):
        time.sleep(0.02)
        yield item
Counters.counted = slowly
"""
WHOLE = """
name = "whole"
[[source]]
kind = "messages"
path = "in.jsonl"
licence = "MIT"
stages = ["annotate"]
[[mix]]
name = "all"
[[mix.part]]
[publish]
root = "published"
"""
MESSAGES = """
import sys, threading, time
def tell():
    while True:
        time.sleep(0.2)
        if (stream := sys.stderr) is not sys.__stderr__:
            stream.write("evil \\x1b[2J\\x9b31m\\u202e [red]text[/red]\\n")
threading.Thread(target=tell, daemon=True).start()
"""


def cli(*arguments: object, bootstrap: str = "") -> list[str]:
    start = f"{bootstrap}\nfrom blossom_data.cli.app import main\nmain()"
    return [sys.executable, "-c", start, *map(str, arguments)]


def respond(request: LoopbackRequest) -> str | Fault:
    """Six of ten answers are good; the others have four faults."""
    number = int(request.text.rstrip("?").split()[-1])
    if number % 10 == 4 and request.count == 1:
        return refused(500)
    bad = {1: "", 2: "", 3: "I'm sorry, but I can't help with that.", 5: "The answer repeats. " * 400}
    bad |= {6: "As an AI language model, I have no opinion."}
    return bad.get(number % 10, f"This is the answer {number}.")


def annotate(server: Loopback, folder: Path, *more: object, bootstrap: str = "") -> list[str]:
    rows = write_lines(folder / "in.jsonl", (user(f"What is item {n}?") for n in range(RECORDS)))
    endpoint = ["--base-url", server.base_url, "--model", "m"]
    return cli("annotate", rows.name, "-o", "out", *endpoint, *FLAGS, *more, bootstrap=bootstrap)


@pytest.mark.parametrize("columns", [60, 80, 120])
def test_the_rejects_by_code_are_on_the_screen_at_every_width(tmp_path: Path, columns: int) -> None:
    with Loopback(respond=respond, latency_s=0.15) as server:
        command = annotate(server, tmp_path, "--price-in", 1000, "--price-out", 1000, "--budget-usd", 99)
        shown = on_terminal(command, cwd=tmp_path, columns=columns)
    assert shown.code == 0
    frame = shown.frame_with("kept ", "rejected for", "in flight", "eta ", "of $99.00 -> ~$", "sent again 5xx")
    (bar,) = (line for line in frame if line.startswith("annotate "))
    assert "━" in bar and f"/{RECORDS}" in bar and "/s" in bar and "eta " in bar
    (why,) = (line for line in frame if "rejected for" in line)
    assert "empty " in why and "others " in shown.raw
    assert ("annotate/empty" in why) == (columns >= 120)
    assert (shown.screen.wrapped, shown.screen.unknown) == (0, set())
    assert not any("in flight" in line for line in shown.frames[-1])
    assert "\x1b" not in shown.out and "  kept " in shown.out


def test_messages_stand_above_the_view_and_steer_nothing(tmp_path: Path) -> None:
    with Loopback(respond=respond, latency_s=0.15) as server:
        shown = on_terminal(annotate(server, tmp_path, bootstrap=MESSAGES), cwd=tmp_path, columns=100, rows=60)
    frame = shown.frame_with("in flight", "price unknown", "evil ")
    (last, *_) = (place for place, line in enumerate(frame) if line.startswith("annotate "))
    told = [line for line in frame[:last] if "evil" in line]
    assert len(told) >= 2
    assert set(told) == {"evil \\x1b[2J\\x9b31m\\x202e [red]text[/red]"}
    assert sum("in flight" in line for line in frame) == 1
    assert shown.screen.unknown == set()


def test_a_terminal_that_stands_still_does_not_hold_the_run_up(tmp_path: Path) -> None:
    ours, theirs = os.openpty()
    fast = "from blossom_data.cli import progress\nprogress.FRAME_EVERY_S = 0.001"
    with Loopback(respond=respond, latency_s=0.1) as server:
        child = subprocess.Popen(
            annotate(server, tmp_path, bootstrap=fast),
            cwd=tmp_path,
            stdout=subprocess.DEVNULL,
            stderr=theirs,
            env={**os.environ, "TERM": "xterm"},
        )
        os.close(theirs)
        until_s = time.monotonic() + 60
        while not (tmp_path / "out" / "manifest.json").exists() and time.monotonic() < until_s:
            time.sleep(0.05)
        assert (tmp_path / "out" / "manifest.json").exists()
        # More than any terminal holds back was drawn by then: the view waits, and only it.
        assert child.poll() is None
        while read(ours):
            pass
        assert child.wait() == 0
    os.close(ours)


def test_colour_goes_with_no_color_and_everything_with_a_dumb_terminal(tmp_path: Path) -> None:
    with Loopback(respond=respond, latency_s=0.1) as server:
        command = annotate(server, tmp_path)
        plain = on_terminal(command, cwd=tmp_path, columns=80, env={"NO_COLOR": "1"}, is_stdout_too=True)
    assert plain.frame_with("in flight", "rejected for")
    assert plain.screen.colours == 0
    dumb = on_terminal(command, cwd=tmp_path, columns=80, env={"TERM": "dumb"}, is_stdout_too=True)
    assert "  kept " in dumb.raw
    assert "\x1b" not in plain.out + dumb.raw


def test_the_end_shows_the_funnel_what_it_cost_and_what_to_do_next(tmp_path: Path) -> None:
    with Loopback(respond=respond) as server:
        command = annotate(server, tmp_path, "--price-in", 1, "--price-out", 2)
        shown = on_terminal(command, cwd=tmp_path, columns=80, rows=60, is_stdout_too=True)
    screen = shown.frames[-1]
    (kept,) = (line for line in screen if line.startswith("  kept"))
    assert "30" in kept and "█" in kept
    assert any(line.startswith("  annotate") and "30 rejected: empty 12" in line for line in screen)
    assert any(line.startswith("    annotate") and "loopback: 60 replies, in 600 out" in line for line in screen), (
        screen
    )
    following = screen[screen.index("next:") + 1 :]
    assert [line.split("   ")[0].split()[:2] for line in following[:3] if line] == [
        ["blossom-data", "show"],
        ["blossom-data", "verify-math"],
        ["blossom-data", "mix"],
    ]
    assert following[0].endswith("--rejected annotate/empty")
    assert (shown.screen.wrapped, shown.screen.unknown) == (0, set())


def test_work_without_calls_has_a_bar_on_a_terminal_and_says_nothing_elsewhere(tmp_path: Path) -> None:
    write_lines(tmp_path / "in.jsonl", ({**user(f"What is item {n}?"), "gold": "1"} for n in range(60)))
    write_lines(tmp_path / "answered.jsonl", (answered(n) for n in range(60)))
    work = {
        "pull": (["pull", "messages", "in.jsonl", "-o", "raw", "--licence", "MIT"], "pull "),
        "mix": (["mix", "answered.jsonl", "-o", "mixed"], "reading"),
        "publish": (["publish", "raw", "-o", "data", "--name", "x", "--format", "jsonl"], "reading"),
        "diff": (["diff", "raw", "in.jsonl"], "reading A"),
    }
    for name, (arguments, reading) in work.items():
        shown = on_terminal(cli(*arguments, bootstrap=SLOW), cwd=tmp_path, columns=80)
        assert shown.code == 0, (name, shown.raw)
        assert any(line.startswith(reading) and "/60" in line for line in shown.frame_with(reading)), name
        assert "\x1b" not in shown.out
        assert shown.screen.wrapped == 0


def test_each_part_of_a_refresh_has_a_bar(tmp_path: Path) -> None:
    write_lines(tmp_path / "in.jsonl", (user(f"What is item {n}?") for n in range(30)))
    (tmp_path / "whole.toml").write_text(WHOLE)
    with Loopback() as server:
        flags = ["--base-url", server.base_url, "--model", "m"]
        command = cli("refresh", "whole.toml", *flags, bootstrap=SLOW)
        shown = on_terminal(command, cwd=tmp_path, columns=80)
    assert shown.code == 0, shown.raw
    for part in ("mix all ─", "publish whole ─"):
        assert any(line.startswith("reading") and "/30" in line for line in shown.frame_with(part, "reading")), part
    assert shown.screen.wrapped == 0


def answered(number: int) -> dict[str, object]:
    turns = [{"role": "user", "content": f"Item {number}?"}, {"role": "assistant", "content": f"It is {number}."}]
    return {"messages": turns}


def test_a_low_terminal_keeps_the_rejects(tmp_path: Path) -> None:
    counters = Counters(records_total=10, kept=3, is_asking=True, stages=dict.fromkeys(("a", "b", "c"), 10))
    counters.rejected["a/empty"] += 4
    drawn = io.StringIO()
    live_view.Screen(drawn, 60).print(live_view.render(Progress("x", counters).view(), 60, 4))
    assert "empty 4" in drawn.getvalue()
    assert len(drawn.getvalue().splitlines()) <= 4
