"""blossom-data status."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Any

import typer

from blossom_data.cli import output
from blossom_data.cli.flags.common import Common
from blossom_data.cli.flags.groups import as_command
from blossom_data.cli.tables import Columns, show
from blossom_data.errors import ConfigError
from blossom_data.pipelines.load import open_pipeline
from blossom_data.refresh.state import pipeline_state, root_state

_NAME = 12
_TOTALS = ("stage", "model", "replies", "tokens in", "tokens out")


@as_command("status")
def command(
    common: Common,
    target: Annotated[
        str | None, typer.Argument(metavar="PIPELINE|ROOT", help="Pipeline file, or folder of published data sets.")
    ] = None,
) -> int:
    """Show versions, what is running, the last refresh, and what the ledger holds.

    TARGET is a pipeline, a folder of published data sets, or one of them; without it, the pipeline files of the current
    folder. It changes nothing and waits for nobody.

    Example: blossom-data status pipelines/math.toml
    """
    if target is not None and Path(target).is_dir():
        state = root_state(Path(target))
        states = [state]
    else:
        states = [pipeline_state(open_pipeline(name)) for name in ([target] if target else _pipelines_here())]
    if common.is_json:
        output.json_result(states[0] if target is not None else {"pipelines": states})
    else:
        told = [_root(state) if "datasets" in state else _pipeline(state) for state in states]
        show(*(part for place, parts in enumerate(told) for part in ([""] if place else []) + parts))
    return 0


def _pipelines_here() -> list[str]:
    """The pipeline files of the current folder."""
    found = []
    for file in sorted(Path().glob("*.toml")):
        try:
            if "source" in tomllib.loads(file.read_text(encoding="utf-8-sig")):
                found.append(str(file))
        except (OSError, ValueError, RecursionError):
            continue
    if not found:
        raise ConfigError("no pipeline file is in the current folder", hint="give one, or a folder of data sets")
    return found


def _pipeline(state: dict[str, Any]) -> list[str | Columns]:
    rows = [("running", _holder(state["running"]))]
    if state["ledger_in_use"] is not None and state["running"] is None:
        rows.append(("ledger", f"in use: {_holder(state['ledger_in_use'])}"))
    if last := state["last"]:
        told = f"{last['outcome']} (exit {last['exit_code']}), {last['calls']:,} calls, ended {last['ended']}"
        rows.append(("last refresh", told))
        if last["error"]:
            rows.append(("", last["error"]["message"]))
    else:
        rows.append(("last refresh", "none"))
    records = "none" if state["records"] is None else f"{state['records']:,} records, {state['rejected']:,} rejected"
    rows.append(("data set", f"{records}   {state['out']}"))
    ledger = state["ledger"]
    held = ("ledger", f"{ledger['replies']:,} replies, {ledger['bytes'] / 1e6:,.1f} MB   {ledger['path']}")
    parts: list[str | Columns] = [f"{state['pipeline']}   {state['file']}"]
    if state["published"]:
        parts += [Columns([*rows, ("published", state["published"])], least=(_NAME,)), _versions(state["versions"])]
        rows = []
    parts.append(Columns([*rows, held], least=(_NAME,)))
    totals = [
        (row["stage"], row["model"], *(f"{row[key]:,}" for key in ("replies", "tokens_in", "tokens_out")))
        for row in ledger["totals"]
    ]
    return [*parts, *([Columns(totals, _TOTALS, right=(2, 3, 4), indent=4)] if totals else [])]


def _root(state: dict[str, Any]) -> list[str | Columns]:
    parts: list[str | Columns] = []
    for dataset in state["datasets"]:
        busy = f"   publishing: {_holder(dataset['running'])}" if dataset["running"] is not None else ""
        parts += [f"{dataset['name']}{busy}", _versions(dataset["versions"])]
    return parts


def _versions(versions: list[dict[str, Any]]) -> str | Columns:
    marks = (("is_current", "current"), ("is_pinned", "pinned"))
    rows = [
        (
            version["name"],
            f"{version['records']:,}",
            "records",
            ", ".join(word for key, word in marks if version[key]),
        )
        for version in versions
    ]
    return Columns(rows, right=(1,), indent=4) if rows else "    no version yet"


def _holder(holder: dict[str, str] | None) -> str:
    if holder is None:
        return "no"
    return f"pid {holder['pid']} on {holder['host']} since {holder['since']}" if holder else "yes"
