"""The file that a report is written to: never over something else, never into a data set; and how it is opened."""

from __future__ import annotations

import shlex
from pathlib import Path

from blossom_data.cli import output
from blossom_data.cli.flags.common import Common
from blossom_data.errors import ConfigError
from blossom_data.shards import BUILDING, read_manifest, write_atomic

_OURS = b'<meta name="generator" content="blossom-data">'
_HEAD_BYTES = 4096


def refuse_other_file(out: Path) -> None:
    """Raises ConfigError where a report at `out` would replace another file, or stand in a data set's folder."""
    if str(out) == "-":
        raise ConfigError("a report goes into a file, not to standard output", hint="name one: -o report.html")
    if out.is_dir():
        raise ConfigError(f"{out} is a folder", hint=f"name a file: -o {shlex.quote(str(out / 'report.html'))}")
    if not out.parent.is_dir():
        raise ConfigError(f"there is no folder {out.parent}", hint="make it, or name another file with -o")
    if any(_is_data_set(folder) for folder in (out.parent, out.parent.parent)):
        raise ConfigError(
            f"{out.parent} is a data set: a file that is none of its own would keep runs from writing there",
            hint="name a file outside of it with -o",
        )
    if out.exists():
        with out.open("rb") as file:
            if _OURS not in file.read(_HEAD_BYTES):
                raise ConfigError(f"{out} is there and no report", hint="name another file with -o")


def _is_data_set(folder: Path) -> bool:
    """Whether a run writes its shards there; the folder of a training run is none."""
    return (folder / BUILDING).is_dir() or "shards" in (read_manifest(folder) or {})


def write_report(out: Path, page: bytes) -> None:
    """Writes the page whole, or not at all."""
    write_atomic(out, page, hint="free some space, or name another file with -o")


def tell_report(out: Path, page: bytes, common: Common) -> None:
    """The result of the command, and how the page is opened."""
    if common.is_json:
        output.json_result({"out": str(out), "bytes": len(page)})
    elif not common.is_quiet:
        output.result(f"{out}: {len(page) / 1000:,.0f} KB")
        output.say(f"Open it: {out.resolve().as_uri()}")
