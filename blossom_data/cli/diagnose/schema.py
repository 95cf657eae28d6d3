"""blossom-data schema."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from blossom_data.cli import output
from blossom_data.cli.flags.common import Common
from blossom_data.cli.flags.groups import as_command
from blossom_data.errors import ConfigError


@as_command("schema")
def command(
    common: Common,
    name: Annotated[str | None, typer.Argument(metavar="NAME", help="pipeline, mix, recipe, prompt or record.")] = None,
) -> int:
    """Print the JSON Schema of the file NAME, for an editor that completes and checks it; without NAME the names.

    Example: blossom-data schema pipeline > pipeline.schema.json
    """
    from blossom_data.schemas import NAMES, json_schema

    if name is None:
        names = list(NAMES)
        if common.is_json:
            output.json_result({"schemas": names})
        else:
            output.result("\n".join(names))
        return 0
    if name not in NAMES:
        raise ConfigError(f"there is no schema {name!r}", hint=f"one of {', '.join(NAMES)}")
    schema = json_schema(name)
    if common.is_json:
        output.json_result(schema)
    else:
        output.result(json.dumps(schema, indent=2, ensure_ascii=False))
    return 0
