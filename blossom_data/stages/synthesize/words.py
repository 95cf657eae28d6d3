"""The patterns of words.toml, read once.

finds("copied", "Please answer the rewritten prompt.")    ->  "rewritten prompt"
is_all("thanks", "好的，谢谢！")                             ->  True
"""

from __future__ import annotations

import re
import tomllib
from functools import cache
from importlib.resources import files


@cache
def pattern(name: str) -> re.Pattern[str]:
    """The pattern `name`: one of several where the file has a list."""
    table = tomllib.loads(files(__package__).joinpath("words.toml").read_text(encoding="utf-8"))
    found = table[name]
    return re.compile(found if isinstance(found, str) else "|".join(found), re.IGNORECASE)


def finds(name: str, text: str) -> str:
    """What of `text` is of the kind `name`, "" for nothing."""
    found = pattern(name).search(text)
    return found[0].strip() if found else ""


def is_all(name: str, text: str) -> bool:
    """Whether `text` is of the kind `name` from its first sign to its last."""
    return pattern(name).fullmatch(text) is not None


def begins(name: str, text: str) -> str:
    """What of the beginning of `text` is of the kind `name`, "" for nothing."""
    found = pattern(name).match(text)
    return found[0].strip() if found else ""
