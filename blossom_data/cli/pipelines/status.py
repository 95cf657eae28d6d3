"""blossom-data status."""

from __future__ import annotations

import contextlib
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from blossom_data.cli import output
from blossom_data.cli.flags.common import Common
from blossom_data.cli.flags.groups import as_command
from blossom_data.cli.tables import Columns, show
from blossom_data.errors import ConfigError
from blossom_data.pipelines.load import open_pipeline
from blossom_data.pipelines.settings import Pipeline
from blossom_data.publish.names import CURRENT
from blossom_data.refresh.folder_state import folder_state
from blossom_data.refresh.state import pipeline_state, root_state

_NAME = 12
_SILENT_S = 15.0
_TOTALS = ("stage", "model", "replies", "tokens in", "tokens out")


@as_command("status")
def command(
    common: Common,
    target: Annotated[
        str | None, typer.Argument(metavar="PIPELINE|FOLDER", help="Pipeline file, or folder of data sets.")
    ] = None,
) -> int:
    """Show versions, data sets, what is running, what stopped, and what the ledger holds.

    It is told of a pipeline, or of a folder: its pipeline files, the data sets under it, stage by stage, with what
    each has bought, and the published ones. Without it, the current folder. It changes nothing and waits for nobody.

    Example: blossom-data status pipelines/math.toml
    Example: blossom-data status
    """
    state: dict[str, Any]
    if target is not None and (stopped := _stopped_early(Path(target))):
        state, told = stopped, list(_told(stopped))
    elif target is not None and not Path(target).is_dir():
        state = pipeline_state(_opened(target))
        told = [_pipeline(state)]
    else:
        state = _folder_state(Path(target or "."))
        told = list(_told(state))
    if common.is_json:
        output.json_result(state)
    else:
        show(*(part for place, parts in enumerate(told) for part in ([""] if place else []) + parts))
    return 0


def _stopped_early(output_folder: Path) -> dict[str, Any] | None:
    """What the ledger knows of an output of which nothing stands yet; None where it stands, or was never asked for."""
    if output_folder.exists() or not output_folder.parent.is_dir():
        return None
    around = folder_state(output_folder.parent)
    sets = [each for each in around["sets"] if Path(each["path"]).resolve() == output_folder.resolve()]
    return {**around, "folder": str(output_folder), "sets": sets, "published": [], "pipelines": []} if sets else None


def _opened(target: str) -> Pipeline:
    try:
        return open_pipeline(target)
    except ConfigError as why:
        if Path(target).exists():
            raise
        raise ConfigError(f"no pipeline file or folder {target}", hint=f"{why.hint}; or a folder of data sets") from why


def _folder_state(folder: Path) -> dict[str, Any]:
    """What stands in a folder, and the pipelines in it.

    Raises:
        ConfigError: nothing does.
    """
    if (folder / CURRENT).is_symlink():
        return root_state(folder)
    state = folder_state(folder)
    state["pipelines"] = [_state_of(file) for file in _pipelines_in(folder)]
    if state["published"] and not any(state[kind] for kind in ("pipelines", "sets", "ledgers")):
        return root_state(folder)
    if not any(state[kind] for kind in ("pipelines", "sets", "published", "ledgers")):
        raise ConfigError(
            f"there is no pipeline and no data set in {folder.resolve()}",
            hint="give a pipeline file, or another folder",
        )
    return state


def _state_of(file: Path) -> dict[str, Any]:
    """How a pipeline stands; one that cannot be read costs the folder's others nothing."""
    try:
        return pipeline_state(open_pipeline(str(file)))
    except ConfigError as why:
        return {"file": str(file), "unreadable": str(why), "hint": why.hint}


def _pipelines_in(folder: Path) -> list[Path]:
    """The pipeline files of a folder."""
    found = []
    for file in sorted(folder.glob("*.toml")):
        with contextlib.suppress(OSError, ValueError, RecursionError):
            if "source" in tomllib.loads(file.read_text(encoding="utf-8-sig")):
                found.append(file)
    return found


def _told(state: dict[str, Any]) -> Iterator[list[str | Columns]]:
    """The parts of what is told of a folder."""
    if "datasets" in state:
        yield _root(state)
        return
    yield from map(_pipeline, state["pipelines"])
    if state["sets"]:
        width = max(len(_on_one_line(each["path"])) for each in state["sets"])
        yield [part for each in state["sets"] for part in _set(each, width)]
    if state["published"]:
        yield _root({"datasets": state["published"]})
    shown = {Path(each["ledger"]["path"]).resolve() for each in state["pipelines"] if "ledger" in each}
    if rows := [_ledger(ledger) for ledger in state["ledgers"] if Path(ledger["path"]).resolve() not in shown]:
        yield [Columns(rows, indent=0)]


def _set(state: dict[str, Any], width: int) -> list[str | Columns]:
    """A data set: how it stands, and what it has bought."""
    remarks = [str(state["command"] or "")] if state["command"] else []
    if state["records"] is not None:
        remarks.append(f"{state['records']:,} records")
    remarks += [f"{state[key]:,} {key}" for key in ("rejected", "failed") if state[key]]
    if state["done"]:
        remarks.append(f"{state['done']:,} records in finished shards")
    if state["state"] == "stopped":
        remarks.append("the same command again goes on")
    if state["is_update_stopped"]:
        remarks.append("an update of it was stopped")
    line = (_on_one_line(state["path"]), state["state"], ", ".join(remarks))
    spent = [_bought(row) for row in state["spent"]]
    return [Columns([line], least=(width, 8), indent=0), *([Columns(spent, indent=width + 4)] if spent else [])]


def _on_one_line(path: str) -> str:
    return path.replace("\n", "\\n")


def _bought(row: dict[str, Any]) -> tuple[str, str]:
    tokens = f"in {row['tokens_in']:,} out {row['tokens_out']:,} tokens"
    return row["stage"], f"{row['model']}: {row['replies']:,} replies, {tokens}"


def _ledger(ledger: dict[str, Any]) -> tuple[str, str, str]:
    busy = f"   in use: {_holder(ledger['running'])}" if ledger["running"] is not None else ""
    return "ledger", ledger["path"], f"{ledger['replies']:,} replies, {ledger['bytes'] / 1e6:,.1f} MB{busy}"


def _pipeline(state: dict[str, Any]) -> list[str | Columns]:
    if "unreadable" in state:
        return [
            _on_one_line(state["unreadable"]),
            *([f"  try: {_on_one_line(state['hint'])}"] if state["hint"] else []),
        ]
    rows = [("running", _holder(state["running"]))]
    if state["ledger_in_use"] is not None and state["running"] is None:
        rows.append(("ledger", f"in use: {_holder(state['ledger_in_use'])}"))
    rows += _work(state["work"])
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


def _work(work: dict[str, Any] | None) -> Iterator[tuple[str, str]]:
    """A run that several work on: how far it is, and a line for each worker."""
    if work is None:
        return
    of = "" if work["blocks"] is None else f" of {work['blocks']:,}"
    yield "workers", f"{work['done']:,}{of} blocks done, {work['records']:,} records, since {work['began']}"
    for worker in work["workers"]:
        held = ", ".join(map(str, worker["blocks"])) or "none"
        silent = f", last heard of {worker['silent_s']:,.0f} s ago" if worker["silent_s"] > _SILENT_S else ""
        yield "", f"{_holder(worker)}: block {held}, {worker['records']:,} records through{silent}"


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
