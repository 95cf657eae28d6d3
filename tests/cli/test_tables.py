"""Columns of text: the same cells for a pipe and for a terminal, where they wrap in place and steer nothing."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest
from command import write_lines
from terminal import on_terminal

from blossom_data.cli.live_view import Screen
from blossom_data.cli.tables import Columns

pytestmark = pytest.mark.slow

PIPELINE = """
name = "small"
[[source]]
kind = "messages"
path = "in.jsonl"
licence = "MIT"
stages = ["annotate"]
[endpoint]
base_url = "http://127.0.0.1:9/v1"
model = "m"
"""


def test_columns_are_aligned_where_nobody_draws() -> None:
    told = Columns([("ab", "1,000", "one [b]two[/b]"), ("c", "7", "three")], ("name", "count", "told"), right=(1,))
    assert str(told).splitlines() == [
        "  name  count  told",
        "  ab    1,000  one [b]two[/b]",
        "  c         7  three",
    ]


def test_long_cells_wrap_under_themselves_and_steer_nothing() -> None:
    drawn = io.StringIO()
    Screen(drawn, 40).print(Columns([("fail", "endpoint", f"\x1b[2J\u202e[red]{'word ' * 12}")], least=(4, 12)))
    lines = drawn.getvalue().splitlines()
    assert len(lines) > 2
    assert all(line.startswith(" " * 20) for line in lines[1:])
    assert "\\x1b[2J\\x202e[red]" in lines[0]
    assert "\u202e" not in drawn.getvalue()


def test_plan_status_and_doctor_are_drawn_on_a_terminal(tmp_path: Path) -> None:
    write_lines(tmp_path / "in.jsonl", [{"messages": [{"role": "user", "content": "What is it?"}]}])
    (tmp_path / "small.toml").write_text(PIPELINE)
    (tmp_path / "quick").mkdir()
    (tmp_path / "quick" / "torch.py").write_text("raise ImportError")  # the real one takes seconds
    for arguments, told in (
        (["plan"], "to pay"),
        (["status"], "last refresh"),
        (["doctor", "--no-call"], "source 1"),
    ):
        command = [sys.executable, "-m", "blossom_data", *arguments, "small.toml"]
        env = {"PYTHONPATH": str(tmp_path / "quick")}
        shown = on_terminal(command, cwd=tmp_path, columns=60, rows=80, env=env, is_stdout_too=True)
        assert any(told in line for line in shown.frames[-1]), shown.raw
        assert (shown.screen.wrapped, shown.screen.unknown) == (0, set())
        assert shown.screen.colours > 0 or arguments == ["status"]
