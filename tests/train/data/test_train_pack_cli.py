"""`train pack` and `train preview` as a user meets them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("transformers")

from command import write_lines
from forked import blossom
from terminal import on_terminal
from tiny import OWN_TEMPLATE, byte_level

HOSTILE = "\x1b[2Jx \u202e <|im_end|> ⟦"


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with tokenizers and chats."""
    folder = tmp_path_factory.mktemp("work")
    for family in ("chatml", "bloom"):
        byte_level(family).save_pretrained(folder / family)
    own = byte_level("own")
    assert own.chat_template == OWN_TEMPLATE
    own.save_pretrained(folder / "own")
    write_lines(
        folder / "in.jsonl",
        [
            {"id": "h", "messages": [{"role": "user", "content": HOSTILE}, {"role": "assistant", "content": HOSTILE}]},
            {"id": "q", "messages": [{"role": "user", "content": "hi"}]},
            {"id": "l", "messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "é" * 99}]},
        ],
    )
    return folder


def test_pack_tells_what_was_packed_and_left_out(work: Path) -> None:
    done = blossom(
        *("train", "pack", "in.jsonl", "-o", "out", "--template", "own", "--tokenizer", "own", "--seq-len", 128),
        cwd=work,
    )
    assert done.code == 0, done
    assert "1 of 3 records" in done.out
    assert "no_assistant_turn 1, too_long 1" in done.out
    assert "prompt prefix" in done.out


def test_pack_has_a_bar_on_a_terminal(work: Path) -> None:
    slowly = """
import time
from blossom_data.counters import Counters
counted = Counters.counted
def slow(self, reading, items, *, total=None):
    for item in counted(self, reading, items, total=total):
        time.sleep(0.5)
        yield item
Counters.counted = slow
from blossom_data.cli.app import main
main()
"""
    arguments = ("train", "pack", "in.jsonl", "-o", "watched", "--template", "own", "--tokenizer", "own")
    shown = on_terminal([sys.executable, "-c", slowly, *arguments], cwd=work, columns=80)
    assert shown.code == 0
    assert any(line.startswith("packing ") and "/3" in line for line in shown.frame_with("packing "))
    assert "1 of 3 records" not in shown.raw and "\x1b" not in shown.out and "2 of 3 records" in shown.out


def test_preview_marks_what_is_supervised_and_lets_nothing_steer_the_terminal(work: Path) -> None:
    made = blossom(
        *("train", "pack", "in.jsonl", "-o", "shown", "--template", "chatml", "--tokenizer", "chatml", "--json"),
        cwd=work,
    )
    assert made.code == 0, made
    assert made.json["documents"] == 2
    from_rows = blossom("train", "preview", "shown", "--limit", 9, cwd=work)
    from_records = blossom(
        *("train", "preview", "in.jsonl", "--tokenizer", "chatml", "--template", "chatml", "--limit", 3), cwd=work
    )
    shown = "\\x1b[2Jx \\x202e \\x3c|im_end|> \\x27e6"
    for done in (from_rows, from_records):
        assert done.code == 0, done
        assert f"<|im_start|>user\n{shown}<|im_end|>\n<|im_start|>assistant\n⟦{shown}<|im_end|>⟧" in done.out
        assert "\x1b" not in done.out
        assert "\u202e" not in done.out
    assert "record q: not trained (no_assistant_turn)" in from_records.out
    as_json = blossom("train", "preview", "shown", "--json", cwd=work).json
    segments = [part for view in as_json["documents"] for part in view["segments"] if part["supervised"]]
    assert {HOSTILE, "é" * 99, "<|im_end|>"} == {part["text"] for part in segments}


@pytest.mark.parametrize(
    ("template", "tokenizer", "told"),
    [
        ("chatml", "bloom", "no token <|im_start|>"),
        ("chatml", "absent", "no tokenizer folder"),
        ("chatml", ".", "cannot read a tokenizer"),
    ],
)
def test_a_template_or_tokenizer_that_does_not_fit_ends_in_a_line(
    work: Path, template: str, tokenizer: str, told: str
) -> None:
    done = blossom(
        *("train", "pack", "in.jsonl", "-o", "refused", "--template", template, "--tokenizer", tokenizer), cwd=work
    )
    assert done.code == 2, done
    assert told in done.err
    assert len(done.err.strip().splitlines()) <= 2
    assert not (work / "refused").exists()


def test_a_full_disk_ends_in_a_line_and_leaves_no_packed_set(work: Path) -> None:
    many = write_lines(
        work / "many.jsonl",
        (
            {"messages": [{"role": "user", "content": f"{number}"}, {"role": "assistant", "content": "ab " * 200}]}
            for number in range(400)
        ),
    )
    command = f"ulimit -f 40; exec {sys.executable} -m blossom_data train pack {many} -o full"
    done = subprocess.run(
        ["bash", "-c", f"{command} --tokenizer chatml --template chatml"],
        cwd=work,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done
    assert "error: cannot write to full" in done.stderr
    assert not (work / "full/manifest.json").exists()
    assert not (work / "full/.building").exists()


def test_preview_of_what_is_not_packed_says_what_it_needs(work: Path) -> None:
    done = blossom("train", "preview", "in.jsonl", cwd=work)
    assert done.code == 2
    assert "--tokenizer" in done.err
    done = blossom("train", "preview", "absent", "--tokenizer", "chatml", "--template", "chatml", cwd=work)
    assert done.code == 2
