"""blossom-data train add-tokens."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from blossom_data.cli import output
from blossom_data.cli.flags.common import Common
from blossom_data.cli.flags.groups import as_command
from blossom_data.errors import ConfigError


@as_command("add-tokens")
def command(
    base: Annotated[Path, typer.Argument(metavar="BASE", help="Folder of the base model.")],
    out: Annotated[Path, typer.Option("-o", "--out", metavar="FOLDER", help="Folder of the model with the tokens.")],
    common: Common,
    template: Annotated[
        str, typer.Option("--template", metavar="NAME", help="Add the tokens that this template needs.")
    ] = "",
    token: Annotated[
        list[str] | None, typer.Option("--token", metavar="TEXT", help="Add this token too; may be given again.")
    ] = None,
) -> int:
    """Give BASE the chat tokens that it lacks, each with the mean of the trained rows to begin with.

    A token that is there and whose row looks untrained begins anew in the same way. Train the result whole, or name
    embed_tokens and lm_head in modules_to_save of [lora]: rows that stay as they are teach nothing.

    Example: blossom-data train add-tokens models/base -o models/base-chatml --template chatml
    """
    from blossom_data.train.template.tokens import missing_extra

    try:
        from blossom_data.train.model.token_rows import with_tokens
        from blossom_data.train.template.templates import named_template
    except ImportError as why:
        raise missing_extra() from why
    tokens = [*(named_template(template).controls if template else ()), *(token or ())]
    if not tokens:
        raise ConfigError("no token to add", hint="name a template with chat tokens, or tokens with --token")
    made = with_tokens(base, out, tokens)
    if common.is_json:
        output.json_result(made)
    elif not common.is_quiet:
        begun = f", begun anew {' '.join(made['begun_anew'])}" if made["begun_anew"] else ""
        output.result(f"{out}: added {' '.join(made['added']) or 'none'}{begun}, {made['vocab_size']:,} tokens")
    return 0
