"""Writes the JSON schemas beside the pipelines, recipes and prompts that come along: python tools/schemas.py"""

from __future__ import annotations

from pathlib import Path

from blossom_data.schemas import schema_file

FOLDERS = {"pipeline": "pipelines", "recipe": "recipes", "prompt": "prompts"}


def main() -> None:
    """Writes the three files."""
    root = Path(__file__).resolve().parents[1]
    for name, folder in FOLDERS.items():
        file, text = schema_file(name)
        (root / folder / file).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
