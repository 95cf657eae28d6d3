"""blossom-data show."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from blossom_data.cli import output
from blossom_data.cli.diagnose.located_set import located_set
from blossom_data.cli.flags.common import Common
from blossom_data.cli.flags.groups import as_command
from blossom_data.cli.flags.values import switch
from blossom_data.cli.progress import is_steerable
from blossom_data.errors import ConfigError
from blossom_data.publish.reading import located
from blossom_data.report.pages import Page, record_page, reject_page, sampled
from blossom_data.report.pairs import with_messages
from blossom_data.report.where import Where, nearest, parse_where
from blossom_data.rows import Row, read_rows
from blossom_data.shards import REJECTS, read_manifest

_ALL = "all"


@as_command("show")
def command(
    dataset: Annotated[
        Path, typer.Argument(metavar="DATASET", exists=True, help="Data set, version, or file of records.")
    ],
    common: Common,
    rejected: Annotated[
        str | None,
        typer.Option(
            "--rejected", metavar="CODE", help="Show rejects of this code, stage/code or stage; `all`: every one."
        ),
    ] = None,
    where: Annotated[
        str,
        typer.Option(
            "--where", metavar="TERMS", help="Show what all terms hold for: 'lang=zh tokens>200 text~\"prime number\"'."
        ),
    ] = "",
    record_id: Annotated[
        str | None,
        typer.Option("--id", metavar="ID", help="Show the one record with this id (its beginning is enough)."),
    ] = None,
    sample: Annotated[
        int | None, typer.Option("--sample", min=1, metavar="N", help="Show N records drawn at random.")
    ] = None,
    seed: Annotated[int, typer.Option("--seed", metavar="N", help="Of --sample.")] = 0,
    limit: Annotated[int, typer.Option("--limit", min=1, metavar="N", help="Most records shown.")] = 10,
    original: Annotated[
        Path | None,
        typer.Option("--original", exists=True, metavar="DATASET", help="Data set to show beside, by id."),
    ] = None,
    is_diff: Annotated[bool, switch("--diff", help="Mark what has changed since --original, word by word.")] = False,
    with_thinking: Annotated[bool, switch("--thinking", help="Show what models thought, not only how much.")] = False,
) -> int:
    """Look at the records of DATASET, or at what was rejected and why.

    DATASET is a data set, a version or a file; for the folder of a published data set its `current` is taken. On a
    terminal an original stands beside its translation, and a record beside the reply that was refused. A --where that
    names `code`, `detail`, `reply`, `file` or `failed` looks at rejects.

    Example: blossom-data show demo/dataset --sample 3 --seed 1
    Example: blossom-data show demo/dataset --where 'source=gsm8k tokens>100'
    """
    if is_diff and original is None:
        raise ConfigError("--diff compares with another data set", hint="name it: --original DATASET")
    wanted = parse_where(where)
    rejected = rejected or (_ALL if wanted.is_of_rejects else None)
    if rejected and (is_diff or with_thinking):
        flag = "--diff" if is_diff else "--thinking"
        raise ConfigError(f"{flag} is for records, not for rejects", hint=f"leave {flag} out")
    folder = located_set(dataset, "show")
    rows = _rejects(dataset, rejected) if rejected else _values(folder)
    rows = (row for row in rows if wanted.holds(row if rejected else with_messages(row), is_reject=bool(rejected)))
    if record_id:
        rows = (row for row in rows if str(row.get("id", "")).startswith(record_id))
    chosen = sampled(rows, sample, seed) if sample else list(itertools.islice(rows, limit))
    if not chosen:
        raise ConfigError(f"nothing to show in {dataset}", hint=_hint(dataset, rejected, record_id, wanted))
    if common.is_json:
        output.json_result({"dataset": str(dataset), "records": chosen})
        return 0
    beside = _originals(original, chosen) if original else {}
    pages = [
        reject_page(row, beside.get(_id(row)))
        if rejected
        else record_page(row, beside.get(_id(row)), is_diff=is_diff, with_thinking=with_thinking)
        for row in chosen
    ]
    _show(pages)
    return 0


def _show(pages: list[Page]) -> None:
    """Drawn for the terminal that it goes to, else as plain text."""
    if not is_steerable(sys.stdout):
        output.paged("\n\n".join(map(str, pages)))
        return
    from blossom_data.cli.diagnose.record_view import draw
    from blossom_data.cli.live_view import Screen

    output.paged_drawn(draw(pages, Screen(sys.stdout).size.width))


def _id(row: dict[str, Any]) -> str:
    return str(row.get("id", ""))


def _values(dataset: Path) -> Iterator[dict[str, Any]]:
    return (row.value for row in read_rows(dataset) if isinstance(row, Row))


def _rejects(dataset: Path, wanted: str) -> Iterator[dict[str, Any]]:
    """The rejects of `dataset` whose stage, code or stage/code is `wanted`."""
    folder = located(dataset) / REJECTS
    if not folder.is_dir():
        return
    for row in _values(folder):
        stage, code = row.get("stage"), row.get("code")
        is_failed = wanted == "failed" and row.get("failed")
        if is_failed or wanted in (_ALL, stage, code, f"{stage}/{code}"):
            yield row


def _originals(dataset: Path, chosen: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """The rows of `dataset` by the ids of `chosen`; a translation beside its original has an id of its own."""
    ids = {_id(row).removesuffix(f".{row.get('lang')}"): _id(row) for row in chosen}
    ids |= {_id(row): _id(row) for row in chosen}
    return {ids[_id(row)]: row for row in _values(located(dataset)) if _id(row) in ids}


def _hint(dataset: Path, rejected: str | None, record_id: str | None, wanted: Where) -> str:
    manifest = read_manifest(located(dataset)) or {}
    if rejected and manifest.get("stage") == "publish":
        return "a version has no rejects; look at the data sets that it was published from"
    if rejected:
        counts = {**(manifest.get("rejected") or {}), **(manifest.get("failed") or {})}
        asked = [*wanted.values_of("code"), *([rejected] if rejected != _ALL else [])]
        names = {part for name in counts for part in (name, *name.split("/"))} | {_ALL}
        if counts and (near := nearest(asked, names)):
            return near
        if not counts:
            return "nothing was rejected or failed there"
        return "codes stand in the summary and in manifest.json under `rejected`"
    if record_id:
        return "no record has that id"
    return "no record is like that; look without --where" if wanted.terms else "it holds no record"
