"""blossom-data train preview."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import click

from blossom_data.cli import output
from blossom_data.cli.options import common
from blossom_data.cli.train_pack import TEMPLATE_HELP
from blossom_data.errors import ConfigError
from blossom_data.shards import read_manifest


@click.command("preview")
@click.argument("dataset", metavar="PACKED|DATASET", type=click.Path(path_type=Path))
@click.option("--row", type=click.IntRange(min=0), default=0, show_default=True, help="First row of PACKED.")
@click.option("--limit", type=click.IntRange(min=1), default=1, show_default=True, help="Rows or records shown.")
@click.option("--tokenizer", type=click.Path(path_type=Path), help="Of DATASET; PACKED holds its own.")
@click.option("--template", help=TEMPLATE_HELP)
@click.option("--seq-len", type=click.IntRange(min=2), default=2048, show_default=True, help="Tokens of a row.")
@click.option("--supervise", type=click.Choice(["all", "last"]), default="all", show_default=True)
@common
def command(
    dataset: Path,
    row: int,
    limit: int,
    tokenizer: Path | None,
    template: str | None,
    seq_len: int,
    supervise: Literal["all", "last"],
    **flags: Any,
) -> int:
    """Show what the model will see: the decoded ids, with what is supervised between ⟦ and ⟧.

    \b
    Example: blossom-data train preview packed/stage-1 --row 12
             blossom-data train preview sft/gsm8k --tokenizer models/base --template chatml --limit 5
    """
    from blossom_data.train.template.tokens import missing_extra

    try:
        from blossom_data.train.data.preview import dataset_views, packed_views, render_view
        from blossom_data.train.data.store import KIND, PackedSet
    except ImportError as why:
        raise missing_extra() from why
    if (read_manifest(dataset) or {}).get("kind") == KIND:
        reader, views = packed_views(PackedSet.open(dataset), row, limit)
    elif tokenizer is None or template is None:
        raise ConfigError(f"{dataset} is not packed yet", hint="give --tokenizer FOLDER and --template NAME")
    else:
        reader, views = dataset_views(
            dataset, tokenizer=tokenizer, template=template, seq_len=seq_len, supervise=supervise, limit=limit
        )
    if flags["is_json"]:
        output.json_result({"documents": [view.to_dict() for view in views]})
        return 0
    for view in views:
        output.result(render_view(reader, view) + "\n")
    return 0
