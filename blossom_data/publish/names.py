"""Names that become paths: of a data set, a version, a configuration; and what may stand in a data set's folder.

    check_name("math-zh")                          fine; "../etc", "Math", "a..b", "a/b", "" are refused
    VERSION.fullmatch("2026-01-31T030000Z-ab12cd34")

A name never holds a separator or "..", so ROOT/NAME always lies in ROOT.
"""

from __future__ import annotations

import re
from pathlib import Path

from blossom_data.errors import ConfigError
from blossom_data.object_store import ObjectPath

NAME = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,62}[a-z0-9])?")
VERSION = re.compile(r"\d{4}-\d{2}-\d{2}T\d{6}Z-[0-9a-f]{8}")
CONFIG = re.compile(r"(?!part\Z)[a-z0-9][a-z0-9_]{0,31}")
CURRENT = "current"
DEFAULT_CONFIG = "default"


def check_name(name: str) -> str:
    """`name`, which is safe as one part of a path.

    Raises:
        ConfigError: it is not.
    """
    if NAME.fullmatch(name) is None or ".." in name:
        raise ConfigError(
            f"the name {name[:80]!r} cannot be used",
            hint="1 to 64 of a-z, 0-9, dot, underscore, dash; a letter or digit first and last; no two dots together",
        )
    return name


def check_config(config: str) -> str:
    """`config`, which is safe as the beginning of a shard's name.

    Raises:
        ConfigError: it is not.
    """
    if CONFIG.fullmatch(config) is None:
        raise ConfigError(
            f"the configuration {config[:80]!r} cannot be used",
            hint="1 to 32 of a-z, 0-9 and underscore, a letter or digit first; not `part`",
        )
    return config


def dataset_folder(root: Path, name: str) -> Path:
    """The folder of the data set `name` in `root`, after a look at all that could lead out of it.

    Raises:
        ConfigError: a bad name; `root` or the folder is no folder; a link where none of ours can be.
    """
    check_name(name)
    if isinstance(root, ObjectPath):
        return root.child(name)
    if root.exists() and not root.is_dir():
        raise ConfigError(f"{root} is not a folder", hint="name a folder with -o")
    folder = root.resolve() / name
    check_folder(folder)
    return folder


def check_folder(folder: Path) -> None:
    """Raises ConfigError where `folder` is not a plain folder, or holds a link that no publish has made."""
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        raise ConfigError(f"{folder} is a link or a file, not a folder", hint="take it away, or use another --name")
    if not folder.is_dir():
        return
    for entry in sorted(folder.iterdir()):
        if entry.name == CURRENT:
            current_version(folder)
        elif entry.is_symlink() and not entry.name.startswith(f".{CURRENT}-"):
            raise ConfigError(f"{entry} is a link; no publish has made it", hint="look at it, then take it away")


def current_version(folder: Path) -> str | None:
    """The version that `current` names, None without one.

    Raises:
        ConfigError: `current` is something else than a link to a version beside it.
    """
    link = folder / CURRENT
    if isinstance(link, ObjectPath):
        return link.resolve().name if link.is_symlink() else None
    if not link.is_symlink():
        if link.exists():
            raise ConfigError(f"{link} is not a link", hint="move it away; publish makes it anew")
        return None
    target = str(link.readlink())
    if VERSION.fullmatch(target) is None or (folder / target).is_symlink():
        raise ConfigError(f"{link} points to {target!r}, which is no version beside it", hint="look at it, remove it")
    return target
