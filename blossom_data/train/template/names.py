"""The names of the templates, without what it takes to read one.

FAMILIES     ("baichuan", "bloom", "blossom", "chatml", ...): a file families/NAME.toml each
is_file("house.toml")     a template of a user's own
"""

from __future__ import annotations

from importlib import resources
from pathlib import Path

OWN = "own"
"""The model's chat template, taken apart by from_jinja.py."""
ALIASES = {
    "deepseek-r1": "deepseek-r1-distill",
    "plain": "bloom",
    "hermes": "chatml",
    "gemma-2": "gemma",
    "gemma-3": "gemma",
    "llama-3.2": "llama-3.1",
    "llama-3.3": "llama-3.1",
    "phi-3.5": "phi-3",
}
FOLDER = Path(str(resources.files("blossom_data"))) / "train" / "template" / "families"
FAMILIES = tuple(sorted(file.stem for file in FOLDER.glob("*.toml")))
TEMPLATE_NAMES = (*FAMILIES, *ALIASES, OWN)


def is_file(name: str) -> bool:
    """Whether `name` is the path of a template's file rather than a name."""
    return name.endswith(".toml")
