"""Small data sets to mix, as files."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from command import values, write_lines


def chat(identifier: str, *texts: str, source: str = "", lang: str = "en", system: str = "") -> dict[str, Any]:
    """A record: person and model in turn."""
    turns = [{"role": "system", "content": system}] if system else []
    turns += [{"role": ("user", "assistant")[place % 2], "content": text} for place, text in enumerate(texts)]
    return {"id": identifier, "source": source, "lang": lang, "messages": turns}


def numbered(path: Path, source: str, numbers: Iterable[int], lang: str = "en") -> Path:
    """A file of single questions."""
    rows = (chat(f"{source}-{n}", f"{source} {n}?", f"It is {n}.", source=source, lang=lang) for n in numbers)
    return write_lines(path, rows)


def ids(folder: Path) -> list[str]:
    """The ids of a training set, in its order."""
    return [row["id"] for row in values(folder)]
