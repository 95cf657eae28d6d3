"""The commands of the README do what it says, in its order, against the endpoint of the demo."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest
from command import values, write_lines
from forked import blossom
from pages import ROOT, command_lines

from blossom_data.demo.server import MODEL, OfflineEndpoint
from blossom_data.rows import Row, read_rows

pytestmark = pytest.mark.slow

RAW = "blossom_data/demo/raw"
ELSEWHERE = ("train", "chat", "evaluate", "diff", "view")
"""Commands that need a model, two versions or a browser: proved in the tests of these commands."""


def test_the_commands_of_the_readme_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / RAW).parent.mkdir(parents=True)
    (tmp_path / RAW).symlink_to(ROOT / RAW)
    rows = [row.value for row in read_rows(ROOT / RAW / "gsm8k.jsonl") if isinstance(row, Row)]
    write_lines(tmp_path / "questions.jsonl", ({"question": row["question"], "label": "1"} for row in rows))
    write_lines(tmp_path / "pairs.jsonl", [{"en": "Name two rivers.", "zh": "说出两条河的名字。"}])
    done = 0
    with OfflineEndpoint() as endpoint:
        env = {"OPENAI_BASE_URL": endpoint.base_url, "BLOSSOM_MODEL": MODEL, "OPENAI_API_KEY": "sk-none"}
        for line, is_whole in command_lines(ROOT / "README.md"):
            words = shlex.split(line)[1:]
            if not is_whole or words[0] in ELSEWHERE:
                continue
            if "chats.jsonl" in words:
                write_lines(
                    tmp_path / "chats.jsonl", ({"messages": row["messages"]} for row in values(tmp_path / "zh/gsm8k"))
                )
            if "ID" in words:
                words[words.index("ID")] = str(values(tmp_path / "raw/gsm8k")[0]["id"])
            if words[0] == "doctor":
                words.append("--no-call")  # it asks for what nobody recorded
            told = blossom(*words, "--json", cwd=tmp_path, env=env)
            assert told.code == 0, f"{line}\n{told!r}"
            assert json.loads(told.out) is not None
            done += 1
    assert done > 15
    assert (tmp_path / "site/stage1/current").is_symlink()
    assert (tmp_path / "math/published/math/current").is_symlink()
