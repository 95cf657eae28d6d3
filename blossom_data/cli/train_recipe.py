"""blossom-data train recipe."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from blossom_data.cli import output
from blossom_data.cli.options import common
from blossom_data.train.recipe.recipe import find_recipe, shipped_recipes


@click.command("recipe")
@click.argument("name", required=False)
@common
def command(name: str | None, **flags: Any) -> int:
    """Print the recipe NAME that comes with blossom-data, to be changed; without NAME the names.

    \b
    Example: blossom-data train recipe qwen2.5-0.5b > recipe.toml
    """
    if name is None:
        names = shipped_recipes()
        if flags["is_json"]:
            output.json_result({"recipes": names})
        else:
            output.result("\n".join(names))
        return 0
    file, _ = find_recipe(Path(name))
    text = file.read_text(encoding="utf-8")
    if flags["is_json"]:
        output.json_result({"name": name, "text": text})
    else:
        output.result(text.rstrip())
    return 0
