"""What the command line says of itself: help in panels, near names for wrong ones, completion."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from command import blossom as started
from forked import blossom

from blossom_data.cli.app import COMMANDS, PANELS, main
from blossom_data.cli.synthesis.synthesize import COMMANDS as SYNTHESIZE
from blossom_data.cli.training.train import COMMANDS as TRAIN

NAMES = [
    *((name,) for name in COMMANDS),
    *(("train", name) for name in TRAIN),
    *(("synthesize", name) for name in SYNTHESIZE),
]


def told(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """stdout of a command that ends with exit code 0."""
    with pytest.raises(SystemExit) as left:
        main(arguments)
    assert left.value.code == 0
    return capsys.readouterr().out


@pytest.mark.parametrize("columns", [80, 120])
@pytest.mark.parametrize("name", NAMES, ids=" ".join)
def test_every_command_has_help_in_panels_that_ends_with_an_example(
    name: tuple[str, ...], columns: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    help_text = told([*name, "--help"], capsys)
    assert max(map(len, help_text.splitlines())) <= columns
    assert "\x1b" not in help_text
    assert "…" not in help_text, "a word is cut"
    *panels, last = help_text.split("╰")
    assert any("─ Common ─" in panel for panel in panels) or name in (("train",), ("synthesize",))
    assert f"Example: blossom-data {' '.join(name)} " in last
    assert told([*name, "-h"], capsys) == help_text


def test_shared_flags_stand_in_panels_of_their_own(capsys: pytest.CaptureFixture[str]) -> None:
    help_text = told(["translate", "--help"], capsys)
    sections = {part.split(" ─")[0].strip(): part for part in help_text.split("╭─")[1:]}
    for panel, flag in {
        "Input and output": "--shard-records",
        "Endpoint": "--max-in-flight",
        "Money": "--budget-usd",
        "Batches": "--batch-poll-s",
        "Local engine": "--serve",
        "Common": "--json",
    }.items():
        assert flag in sections[panel]


def test_flags_stand_where_they_do_something(capsys: pytest.CaptureFixture[str]) -> None:
    texts = {name: told([name, "--help"], capsys) for name in ("plan", "run", "translate", "annotate", "pull")}
    assert {name for name, text in texts.items() if "--stop-when-kept-below" in text} == {
        "run",
        "translate",
        "annotate",
    }
    assert {name for name, text in texts.items() if "--max-tokens" in text} == {"translate", "annotate"}


def test_without_a_command_the_panels_of_commands_are_shown(capsys: pytest.CaptureFixture[str]) -> None:
    help_text = told([], capsys)
    assert help_text == told(["--help"], capsys) == told(["-h"], capsys)
    places = [help_text.index(f"─ {panel.title} ─") for panel in PANELS]
    assert places == sorted(places)
    for panel in PANELS:
        section = help_text.split(f"─ {panel.title} ─")[1].split("╰")[0]
        assert all(f"│ {name} " in section for name in panel.commands)
    assert "─ Commands ─" in told(["train"], capsys)


def test_a_wrong_name_is_told_with_the_nearest_one(tmp_path: Path) -> None:
    flag = blossom("annotate", "in.jsonl", "--budget-usdd", "3", cwd=tmp_path)
    assert (flag.code, flag.out) == (2, "")
    assert flag.err.splitlines() == [
        "error: No such option: --budget-usdd. Did you mean '--budget-usd'?",
        "  try: blossom-data annotate --help",
    ]
    command = blossom("annotat", "--json", cwd=tmp_path)
    assert (command.code, command.err) == (2, "")
    assert command.json["error"] == {
        "kind": "BlossomError",
        "message": "No such command 'annotat'. Did you mean 'annotate'?",
        "hint": "blossom-data --help",
        "exit_code": 2,
    }
    nested = started("train", "reprot", cwd=tmp_path)
    assert "Did you mean 'report'" in nested.err
    assert "try: blossom-data train --help" in nested.err


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["annotate", "in.jsonl", "--limit", "0"], "'--limit'"),
        (["annotate", "in.jsonl", "--limit", "few"], "'--limit'"),
        (["annotate", "in.jsonl", "--structured", "yaml"], "'yaml' is not one of 'auto', 'json_schema'"),
        (["annotate", "in.jsonl", "--max-bad", "200%"], "'200%' is not a share such as 0.1%"),
        (["annotate", "in.jsonl", "--prices", "none.toml"], "'none.toml' does not exist"),
        (["annotate"], "Missing argument 'IN'"),
        (["refresh", "math.toml", "--deadline", "soon"], "'soon' is not a span such as 90s, 30m or 5h"),
        (["run", "math.toml", "--scale", "0"], "'0' is not above 0"),
        (["mix", "a", "--layout", "xml"], "'xml' is not one of"),
    ],
)
def test_a_wrong_value_is_one_line_with_the_flag(tmp_path: Path, arguments: list[str], says: str) -> None:
    done = blossom(*arguments, cwd=tmp_path)
    first, hint = done.err.splitlines()
    assert (done.code, done.out) == (2, "")
    assert first.startswith("error: ")
    assert says in first
    assert hint == f"  try: blossom-data {arguments[0]} --help"


@pytest.mark.parametrize("arguments", [["\x1b[31m\u202egone"], ["annotate", "--\x1b[31m\u202ex"]])
def test_hostile_arguments_never_steer_a_terminal(tmp_path: Path, arguments: list[str]) -> None:
    for further in ([], ["--json"]):
        done = blossom(*arguments, *further, cwd=tmp_path)
        assert done.code == 2
        assert not {"\x1b", "\u202e"} & set(done.out + done.err)


def complete(words: str, tmp_path: Path) -> list[str]:
    """What bash is offered for the last of `words`."""
    env = {"_BLOSSOM_DATA_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": str(words.count(" "))}
    done = blossom(cwd=tmp_path, env=env)
    assert done.code == 0
    return done.out.split()


def test_completion_knows_commands_flags_and_choices(tmp_path: Path) -> None:
    assert complete("blossom-data tra", tmp_path) == ["translate", "train"]
    assert complete("blossom-data train re", tmp_path) == ["recipe", "report"]
    assert complete("blossom-data annotate --budget", tmp_path) == ["--budget-usd", "--budget-tokens"]
    assert complete("blossom-data annotate --structured json_", tmp_path) == ["json_schema", "json_object"]


def test_completion_can_be_installed(tmp_path: Path) -> None:
    env = {**os.environ, "HOME": str(tmp_path), "_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "blossom_data", "--install-completion", "bash"],
        env=env,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "bash completion installed" in done.stdout
    assert any("_BLOSSOM_DATA_COMPLETE" in file.read_text() for file in tmp_path.rglob("*") if file.is_file())
