"""Reads a TOML file that a user wrote; what is wrong with it becomes one line.

    read_toml(Path("prices.toml"), "prices")   ->   {"as_of": "2026-10-01", "models": {...}}

It knows no keys: who reads the file checks them.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from blossom_data.errors import ConfigError


def read_toml(path: Path, kind: str) -> dict[str, Any]:
    """The values of the file at `path`, which is a `kind` (a word for the message).

    Raises:
        ConfigError: it cannot be read, or is not TOML.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as why:
        raise ConfigError(f"cannot read {kind} {path}: {why.strerror}") from why
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as why:
        raise ConfigError(f"{kind} {path} is not valid TOML: {why}") from why
