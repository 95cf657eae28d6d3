"""blossom-data train merge."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from blossom_data.cli import output
from blossom_data.cli.flags.common import Common
from blossom_data.cli.flags.groups import as_command


@as_command("merge")
def command(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a run, or of one of its checkpoints.")],
    out: Annotated[Path, typer.Option("-o", "--out", metavar="FOLDER", help="Folder of the merged model.")],
    common: Common,
) -> int:
    """Merge the LoRA adapters of RUN, or of one of its checkpoints, into the weights of their base model.

    Example: blossom-data train merge runs/lora -o models/merged
    """
    from blossom_data.train.template.tokens import missing_extra

    try:
        from blossom_data.train.handoff.merge import merge
    except ImportError as why:
        raise missing_extra() from why
    merged = merge(run, out)
    if common.is_json:
        output.json_result(merged)
    elif not common.is_quiet:
        output.result(f"{out}: {merged['checkpoint']} merged into {merged['base_model']}")
    return 0
