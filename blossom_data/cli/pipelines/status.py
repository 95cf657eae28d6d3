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
from blossom_data.errors import ConfigError
from blossom_data.pipelines.load import open_pipeline
from blossom_data.publish.names import CURRENT
from blossom_data.refresh.folder_state import folder_state
from blossom_data.refresh.state import pipeline_state, root_state


@as_command("status")
def command(
    common: Common,
    target: Annotated[
        str | None, typer.Argument(metavar="PIPELINE|FOLDER", help="Pipeline file, or folder of data sets.")
    ] = None,
) -> int:
    """Show versions, data sets, what is running, what stopped, and what the ledger holds.

    TARGET is a pipeline, or a folder: its pipeline files, the data sets under it, stage by stage, with what each has
    bought, and the published ones. Without it, the current folder. It changes nothing and waits for nobody.

    Example: blossom-data status pipelines/math.toml
    Example: blossom-data status
    """
    if target is not None and not Path(target).is_dir():
        state = pipeline_state(open_pipeline(target))
        told = _pipeline(state)
    else:
        state = _folder_state(Path(target or "."))
        told = "\n\n".join(_told(state))
    if common.is_json:
        output.json_result(state)
    else:
        output.result(told)
    return 0


def _folder_state(folder: Path) -> dict[str, Any]:
    """What stands in a folder, and the pipelines in it.

    Raises:
        ConfigError: nothing does.
    """
    if (folder / CURRENT).is_symlink():
        return root_state(folder)
    state = folder_state(folder)
    state["pipelines"] = [pipeline_state(open_pipeline(str(file))) for file in _pipelines_in(folder)]
    if state["published"] and not any(state[kind] for kind in ("pipelines", "sets", "ledgers")):
        return root_state(folder)
    if not any(state[kind] for kind in ("pipelines", "sets", "published", "ledgers")):
        raise ConfigError(
            f"there is no pipeline and no data set in {folder.resolve()}",
            hint="give a pipeline file, or another folder",
        )
    return state


def _pipelines_in(folder: Path) -> list[Path]:
    """The pipeline files of a folder."""
    found = []
    for file in sorted(folder.glob("*.toml")):
        with contextlib.suppress(OSError, ValueError, RecursionError):
            if "source" in tomllib.loads(file.read_text(encoding="utf-8-sig")):
                found.append(file)
    return found


def _told(state: dict[str, Any]) -> Iterator[str]:
    """The parts of what is told of a folder."""
    if "datasets" in state:
        yield _root(state)
        return
    yield from map(_pipeline, state["pipelines"])
    if state["sets"]:
        width = max(len(_on_one_line(each["path"])) for each in state["sets"])
        yield "\n".join(line for each in state["sets"] for line in _set(each, width))
    if state["published"]:
        yield _root({"datasets": state["published"]})
    shown = {each["ledger"]["path"] for each in state["pipelines"]}
    lines = [line for ledger in state["ledgers"] if ledger["path"] not in shown for line in _ledger(ledger)]
    if lines:
        yield "\n".join(lines)


def _set(state: dict[str, Any], width: int) -> list[str]:
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
    lines = [f"{_on_one_line(state['path']):<{width}}  {state['state']:<8} {', '.join(remarks)}"]
    return lines + [f"{'':<{width}}    {_bought(row)}" for row in state["spent"]]


def _on_one_line(path: str) -> str:
    return path.replace("\n", "\\n")


def _bought(row: dict[str, Any]) -> str:
    tokens = f"in {row['tokens_in']:,} out {row['tokens_out']:,} tokens"
    return f"{row['stage']:<12} {row['model']}: {row['replies']:,} replies, {tokens}"


def _ledger(ledger: dict[str, Any]) -> list[str]:
    busy = f"   in use: {_holder(ledger['running'])}" if ledger["running"] is not None else ""
    return [f"ledger  {ledger['path']}  {ledger['replies']:,} replies, {ledger['bytes'] / 1e6:,.1f} MB{busy}"]


def _pipeline(state: dict[str, Any]) -> str:
    lines = [f"{state['pipeline']}   {state['file']}", f"  running      {_holder(state['running'])}"]
    if state["ledger_in_use"] is not None and state["running"] is None:
        lines.append(f"  ledger       in use: {_holder(state['ledger_in_use'])}")
    if last := state["last"]:
        told = f"{last['outcome']} (exit {last['exit_code']}), {last['calls']:,} calls, ended {last['ended']}"
        lines.append(f"  last refresh {told}")
        if last["error"]:
            lines.append(f"               {last['error']['message']}")
    else:
        lines.append("  last refresh none")
    records = "none" if state["records"] is None else f"{state['records']:,} records, {state['rejected']:,} rejected"
    lines.append(f"  data set     {records}   {state['out']}")
    if state["published"]:
        lines.append(f"  published    {state['published']}")
        lines += _versions(state["versions"])
    ledger = state["ledger"]
    lines.append(f"  ledger       {ledger['replies']:,} replies, {ledger['bytes'] / 1e6:,.1f} MB   {ledger['path']}")
    lines += [f"    {_bought(row)}" for row in ledger["totals"]]
    return "\n".join(lines)


def _root(state: dict[str, Any]) -> str:
    lines = []
    for dataset in state["datasets"]:
        busy = f"   publishing: {_holder(dataset['running'])}" if dataset["running"] is not None else ""
        lines += [f"{dataset['name']}{busy}", *_versions(dataset["versions"])]
    return "\n".join(lines)


def _versions(versions: list[dict[str, Any]]) -> list[str]:
    marks = (("is_current", "current"), ("is_pinned", "pinned"))
    return [
        f"    {version['name']}  {version['records']:>10,} records  "
        + ", ".join(word for key, word in marks if version[key])
        for version in versions
    ] or ["    no version yet"]


def _holder(holder: dict[str, str] | None) -> str:
    if holder is None:
        return "no"
    return f"pid {holder['pid']} on {holder['host']} since {holder['since']}" if holder else "yes"
