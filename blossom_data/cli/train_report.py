"""blossom-data train report."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from blossom_data.cli import output
from blossom_data.cli.options import common
from blossom_data.errors import InputError
from blossom_data.shards import read_manifest, write_atomic


@click.command("report")
@click.argument("run", type=click.Path(path_type=Path))
@click.option("-o", "--out", type=click.Path(path_type=Path), help="HTML file; RUN/report.html without it.")
@common
def command(run: Path, out: Path | None, **flags: Any) -> int:
    """Draw loss, learning rate, throughput and sampled replies of RUN, finished or not, as one HTML file.

    \b
    Example: blossom-data train report runs/blossom
    """
    from blossom_data.train.loop.metrics import SAMPLES, read_lines, read_metrics
    from blossom_data.train.loop.page import page

    lines = read_metrics(run)
    if not lines:
        raise InputError(f"{run} holds no metrics", hint="name the folder of a run")
    target = out or run / "report.html"
    write_atomic(target, page(lines, read_manifest(run), read_lines(run / SAMPLES)).encode())
    if flags["is_json"]:
        output.json_result({"out": str(target), "lines": len(lines)})
    elif not flags["quiet"]:
        output.result(f"{target}: {len(lines):,} lines of metrics")
    return 0
