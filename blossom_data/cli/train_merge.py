"""blossom-data train merge."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from blossom_data.cli import output
from blossom_data.cli.options import common


@click.command("merge")
@click.argument("run", type=click.Path(path_type=Path))
@click.option("-o", "--out", type=click.Path(path_type=Path), required=True, help="Folder of the merged model.")
@common
def command(run: Path, out: Path, **flags: Any) -> int:
    """Merge the LoRA adapters of RUN, or of one of its checkpoints, into the weights of their base model.

    \b
    Example: blossom-data train merge runs/lora -o models/merged
    """
    from blossom_data.train.template.tokens import missing_extra

    try:
        from blossom_data.train.handoff.merge import merge
    except ImportError as why:
        raise missing_extra() from why
    merged = merge(run, out)
    if flags["is_json"]:
        output.json_result(merged)
    elif not flags["quiet"]:
        output.result(f"{out}: {merged['checkpoint']} merged into {merged['base_model']}")
    return 0
