"""blossom-data init."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from pathlib import Path
from typing import Annotated

import typer

from blossom_data.cli import output
from blossom_data.cli.flags.common import Common
from blossom_data.cli.flags.groups import as_command
from blossom_data.errors import ConfigError, system_hint
from blossom_data.pipelines.load import find_pipeline, load_pipeline
from blossom_data.prompts import bundled
from blossom_data.schemas import schema_file

_ENV = """# Copy to .env, chmod 600, fill in. Only the one beside the pipeline file is read; the environment wins.
OPENAI_API_KEY=
# OPENAI_BASE_URL=https://api.example.com/v1
# BLOSSOM_MODEL=qwen2.5-72b-instruct
# BLOSSOM_NOTIFY_URL=https://hooks.example.com/...
"""
_IGNORE = ".env\n.blossom/\nraw/\ndata/\npublished/\nscale-*/\n*.sqlite*\n"
_STARTER = """#:schema ./pipeline.schema.json
# {name}: sources through stages into a data set, published as a version. All settings: docs/pipelines.md.
# It works as it is, on rows that come with blossom-data: blossom-data plan {name}.toml
name = "{name}"
out = "data/{name}"
ledger = "ledger.sqlite"           # every reply that was paid for; keep it
# budget_usd = 10.0                # over all runs

[endpoint]
# base_url = "http://127.0.0.1:8000/v1"      # or OPENAI_BASE_URL, here or in .env; the key is OPENAI_API_KEY
# model = "qwen2.5-7b-instruct"
max_in_flight = 16

[[source]]
kind = "gsm8k"                     # blossom-data pull --help lists them; your own fields: kind = "custom"
path = "bundled:gsm8k.jsonl"       # a file or folder beside this file, or hf:ORG/NAME
# sample = 1000
stages = ["translate", "annotate", "verify-math"]
licence = "MIT"

[[source]]
kind = "orca"
path = "bundled:orca.jsonl"
stages = ["translate", "annotate"]
licence = "Apache-2.0"

[stage.verify-math]
resample = 3                       # so many new samples for a wrong answer

# [[mix]]                          # a training set, drawn by a seed; several may build on each other
# name = "train"
# [[mix.part]]
# source = "gsm8k"
# share = 1.0

[publish]
root = "published"
keep = 7

[refresh]                          # what a new version must come up to; else exit 3, and `current` stays
max_rejected = 0.3
min_size_ratio = 0.9

# [notify]
# on = ["start", "done", "fail"]
# command = ["mail", "-s", "blossom-data", "me@example.com"]      # or url, or BLOSSOM_NOTIFY_URL in .env
"""


@as_command("init")
def command(
    common: Common,
    folder: Annotated[Path | None, typer.Argument(metavar="DIR", help="Folder of the new workspace.")] = None,
    shipped: Annotated[
        str | None,
        typer.Option("--from", metavar="NAME", help="Begin with this pipeline of blossom-data, such as blossom-v5."),
    ] = None,
    cron: Annotated[
        str | None,
        typer.Option("--cron", metavar="PIPELINE", help="Print a crontab line and a systemd timer for this file."),
    ] = None,
) -> int:
    """Make a workspace in DIR: a commented pipeline, .env.example, .gitignore, a crontab line. Nothing is overwritten.

    Example: blossom-data init math
    Example: blossom-data init --cron math/math.toml
    """
    if (folder is None) == (cron is None):
        raise ConfigError("give either DIR or --cron PIPELINE", hint="such as blossom-data init math")
    if cron is not None:
        path = find_pipeline(cron).resolve()
        load_pipeline(path)
        told = {"crontab": crontab(path), "systemd": systemd(path)}
        if common.is_json:
            output.json_result(told)
        else:
            output.result(f"# crontab -e\n{told['crontab']}\n\n{told['systemd']}")
        return 0
    assert folder is not None
    files = _files(folder, shipped)
    _write(folder, files)
    pipeline = folder / next(iter(files))
    if common.is_json:
        output.json_result({"folder": str(folder), "files": sorted(files)})
    elif not common.is_quiet:
        output.result(f"made {folder}: {', '.join(files)}")
        output.say(f"  next: blossom-data plan {shlex.quote(str(pipeline))}")
    return 0


def _files(folder: Path, shipped: str | None) -> dict[str, str]:
    """The files of a new workspace by name, the pipeline first."""
    name = "".join(sign if sign.isalnum() or sign in "-_" else "-" for sign in folder.resolve().name.lower()).strip(
        "-_"
    )
    if shipped is not None:
        path = bundled("pipelines") / f"{Path(shipped).stem}.toml"
        if not path.is_file():
            names = ", ".join(sorted(file.stem for file in bundled("pipelines").glob("*.toml")))
            raise ConfigError(f"no pipeline {shipped!r} comes with blossom-data", hint=f"one of: {names}")
        pipeline, text = path.name, path.read_text(encoding="utf-8")
    else:
        name = name if name.isascii() and name else "pipeline"
        pipeline, text = f"{name}.toml", _STARTER.format(name=name)
    line = crontab((folder / pipeline).resolve())
    schema, schema_text = schema_file("pipeline")
    files = {pipeline: text, ".env.example": _ENV, ".gitignore": _IGNORE, "crontab.txt": f"{line}\n"}
    return files | {schema: schema_text}


def _write(folder: Path, files: dict[str, str]) -> None:
    """Writes the files; none when one of them is there already."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if there := [name for name in files if os.path.lexists(folder / name)]:
            raise ConfigError(f"{folder / there[0]} is there already: nothing was written", hint="name a new folder")
        for name, text in files.items():
            with (folder / name).open("x", encoding="utf-8", errors="surrogateescape") as file:
                file.write(text)
    except OSError as why:
        raise ConfigError(f"cannot write to {folder}: {why.strerror}", hint=system_hint(why)) from why


def crontab(pipeline: Path) -> str:
    """A line for crontab: every night at three, with a deadline before the working day."""
    words = [_program(), "refresh", str(pipeline), "--deadline", "5h"]
    # In a crontab a percent sign is a line break.
    return "0 3 * * * " + shlex.join(words).replace("%", "\\%")


def systemd(pipeline: Path) -> str:
    """A service and a timer of systemd, for the user's own instance."""
    words = " ".join(_quoted(word) for word in (_program(), "refresh", str(pipeline), "--deadline", "5h"))
    name = f"blossom-{pipeline.stem}"
    return f"""# ~/.config/systemd/user/{name}.service
[Unit]
Description=Refresh {pipeline.stem.replace("%", "%%")}
[Service]
Type=oneshot
ExecStart={words}
SuccessExitStatus=5

# ~/.config/systemd/user/{name}.timer      systemctl --user enable --now {name}.timer
[Unit]
Description=Refresh {pipeline.stem.replace("%", "%%")} every night
[Timer]
OnCalendar=*-*-* 03:00:00
Persistent=true
[Install]
WantedBy=timers.target"""


def _quoted(word: str) -> str:
    """`word` for ExecStart, where `%` and `$` mean something else."""
    escaped = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return f'"{escaped}"' if any(sign in " \"'\\;" for sign in word) else escaped


def _program() -> str:
    """The command of this installation: cron has a PATH of its own."""
    beside = Path(sys.executable).with_name("blossom-data")
    return str(beside) if beside.exists() else shutil.which("blossom-data") or "blossom-data"
