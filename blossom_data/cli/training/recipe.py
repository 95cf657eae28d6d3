"""blossom-data train recipe."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from blossom_data.cli import output
from blossom_data.cli.flags.common import Common
from blossom_data.cli.flags.groups import as_command
from blossom_data.train.recipe.recipe import find_recipe, shipped_recipes


@as_command("recipe")
def command(
    common: Common,
    name: Annotated[str | None, typer.Argument(metavar="NAME", help="Recipe that comes with blossom-data.")] = None,
) -> int:
    """Print the recipe NAME that comes with blossom-data, to be changed; without NAME the names.

    Example: blossom-data train recipe qwen2.5-0.5b > recipe.toml
    """
    if name is None:
        names = shipped_recipes()
        if common.is_json:
            output.json_result({"recipes": names})
        else:
            output.result("\n".join(names))
        return 0
    file, _ = find_recipe(Path(name))
    text = file.read_text(encoding="utf-8")
    if common.is_json:
        output.json_result({"name": name, "text": text})
    else:
        output.result(text.rstrip())
    return 0
