"""blossom-data show."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from blossom_data.cli import output
from blossom_data.cli.flags.common import Common
from blossom_data.cli.flags.groups import as_command
from blossom_data.errors import ConfigError
from blossom_data.publish.reading import located
from blossom_data.report.pages import render_record, render_reject, sampled
from blossom_data.rows import BadRow, Row, read_rows


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
) -> int:
    """Look at the records of DATASET, or at what was rejected and why.

    DATASET is a data set, a version or a file; for the folder of a published data set its `current` is taken.

    Example: blossom-data show demo/dataset --sample 3 --seed 1
    """
    rows = _rejects(dataset, rejected) if rejected else _values(located(dataset))
    if record_id:
        rows = (row for row in rows if str(row.get("id", "")).startswith(record_id))
    chosen = sampled(rows, sample, seed) if sample else list(itertools.islice(rows, limit))
    if not chosen:
        raise ConfigError(f"nothing to show in {dataset}", hint=_hint(rejected, record_id))
    if common.is_json:
        output.json_result({"dataset": str(dataset), "records": chosen})
        return 0
    beside = _originals(original, {str(row.get("id", "")) for row in chosen}) if original else {}
    render = render_reject if rejected else render_record
    text = "\n\n".join(render(row, beside.get(str(row.get("id", "")))) for row in chosen)
    output.paged(text)
    return 0


def _values(dataset: Path) -> Iterator[dict[str, Any]]:
    return (row.value for row in read_rows(dataset) if isinstance(row, Row))


def _rejects(dataset: Path, wanted: str) -> Iterator[dict[str, Any]]:
    """The rejects of `dataset` whose stage, code or stage/code is `wanted`."""
    folder = dataset / "rejects"
    if not folder.is_dir():
        return
    for row in read_rows(folder):
        if isinstance(row, BadRow):
            continue
        stage, code = row.value.get("stage"), row.value.get("code")
        is_failed = wanted == "failed" and row.value.get("failed")
        if is_failed or wanted in ("all", stage, code, f"{stage}/{code}"):
            yield row.value


def _originals(dataset: Path, ids: set[str]) -> dict[str, dict[str, Any]]:
    return {str(row["id"]): row for row in _values(located(dataset)) if str(row.get("id", "")) in ids}


def _hint(rejected: str | None, record_id: str | None) -> str:
    if rejected == "all" and not record_id:
        return "nothing was rejected or failed there"
    if rejected:
        return "codes stand in the summary and in manifest.json under `rejected`"
    return "no record has that id" if record_id else "it holds no record"
