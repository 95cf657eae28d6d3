"""blossom-data train preview."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from blossom_data.cli import output
from blossom_data.cli.flags.common import Common
from blossom_data.cli.flags.groups import as_command
from blossom_data.cli.training.pack import TEMPLATE_HELP, SeqLen, Supervise
from blossom_data.errors import ConfigError
from blossom_data.shards import read_manifest


@as_command("preview")
def command(
    dataset: Annotated[
        Path, typer.Argument(metavar="PACKED|DATASET", help="What `train pack` wrote, or a data set before it.")
    ],
    common: Common,
    row: Annotated[int, typer.Option("--row", min=0, metavar="N", help="First row of PACKED.")] = 0,
    limit: Annotated[int, typer.Option("--limit", min=1, metavar="N", help="Rows or records shown.")] = 1,
    tokenizer: Annotated[
        Path | None, typer.Option("--tokenizer", metavar="FOLDER", help="Of DATASET; PACKED holds its own.")
    ] = None,
    template: Annotated[str | None, typer.Option("--template", metavar="NAME", help=TEMPLATE_HELP)] = None,
    seq_len: SeqLen = 2048,
    supervise: Supervise = "all",
) -> int:
    """Show what the model will see: the decoded ids, with what is supervised between ⟦ and ⟧.

    Example: blossom-data train preview packed/stage-1 --row 12
    Example: blossom-data train preview sft/gsm8k --tokenizer models/base --template chatml --limit 5
    """
    from blossom_data.train.template.tokens import missing_extra

    try:
        from blossom_data.train.data.preview import dataset_views, packed_views, render_view
        from blossom_data.train.data.store import KIND, PackedSet
    except ImportError as why:
        raise missing_extra() from why
    if (read_manifest(dataset) or {}).get("kind") == KIND:
        reader, views = packed_views(PackedSet.open(dataset), row, limit)
    elif not dataset.exists():
        raise ConfigError(f"cannot read {dataset}: no such file or folder", hint="check the path")
    elif tokenizer is None or template is None:
        raise ConfigError(f"{dataset} is not packed yet", hint="give --tokenizer FOLDER and --template NAME")
    else:
        reader, views = dataset_views(
            dataset, tokenizer=tokenizer, template=template, seq_len=seq_len, supervise=supervise, limit=limit
        )
    if common.is_json:
        output.json_result({"documents": [view.to_dict() for view in views]})
        return 0
    for view in views:
        output.result(render_view(reader, view) + "\n")
    return 0
