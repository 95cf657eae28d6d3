"""blossom-data train report."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from blossom_data.cli import output
from blossom_data.cli.flags.common import Common
from blossom_data.cli.flags.groups import as_command
from blossom_data.errors import InputError
from blossom_data.shards import read_manifest, write_atomic


@as_command("report")
def command(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a run, finished or not.")],
    common: Common,
    out: Annotated[
        Path | None, typer.Option("-o", "--out", metavar="FILE", help="HTML file; RUN/report.html without it.")
    ] = None,
) -> int:
    """Draw loss, learning rate, throughput and sampled replies of RUN, finished or not, as one HTML file.

    Example: blossom-data train report runs/blossom
    """
    from blossom_data.train.loop.metrics import SAMPLES, read_lines, read_metrics
    from blossom_data.train.loop.page import page

    lines = read_metrics(run)
    if not lines:
        raise InputError(f"{run} holds no metrics", hint="name the folder of a run")
    target = out or run / "report.html"
    write_atomic(target, page(lines, read_manifest(run), read_lines(run / SAMPLES)).encode())
    if common.is_json:
        output.json_result({"out": str(target), "lines": len(lines)})
    elif not common.is_quiet:
        output.result(f"{target}: {len(lines):,} lines of metrics")
    return 0
