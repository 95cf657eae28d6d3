"""What can be told of a request without asking anybody: code, math, language tasks, and kinds that name themselves.

request_tags("Translate to French: I like tea.", "en")      -> ["lang_task"]
category_of("写一首关于猫的诗。", BELLE)                       -> "generation"
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from pydantic import with_config

from blossom_data.errors import ConfigError
from blossom_data.settings_file import read_table, wrong
from blossom_data.settings_types import STRICT, FreeText, Text
from blossom_data.stages.translate.code import code_spans
from blossom_data.stages.translate.lang_task import find_lang_task
from blossom_data.toml_file import read_toml

_HEAD = 200
_FENCE = re.compile(r"```|~~~")
_MATH = re.compile(r"\\(?:frac|sqrt|sum|int|begin)\b|\$[^$\n]*[\\^_=][^$\n]*\$|\d\s*[-+*/×÷]\s*\d[^\n]{0,40}[=?？]")


@with_config(STRICT)
@dataclass(frozen=True, slots=True, kw_only=True)
class Category:
    """One category of a file of categories: `[name]`."""

    meaning: Text
    """What falls under it, for the model."""
    asks: FreeText = ""
    """A regular expression, searched in the first 200 characters of a request: then it is this one, without a call."""


def load_categories(path: Path | None) -> dict[str, Category]:
    """The categories of a TOML file, in its order; BELLE's thirteen without one.

    Raises:
        ConfigError: it cannot be read, holds none, or a pattern that is no regular expression.
    """
    if path is None:
        with resources.as_file(resources.files(__package__).joinpath("categories.toml")) as bundled:
            return load_categories(bundled)
    file = read_toml(path, "categories")
    found = {name: read_table(file, Category, at=(name,)) for name in file.values}
    if not found:
        raise ConfigError(f"{path} names no category", hint='write [name] and meaning = "..." for each')
    for name, category in found.items():
        try:
            re.compile(category.asks)
        except re.error as why:
            raise wrong(file, (name, "asks"), f"asks: {why}", "it is a regular expression of Python") from why
    return found


def category_of(request: str, categories: Mapping[str, Category]) -> str | None:
    """The first category that the request names itself as one of, None where none does."""
    head = request.strip()[:_HEAD]
    named = (name for name, category in categories.items() if category.asks and _pattern(category.asks).search(head))
    return next(named, None)


def request_tags(request: str, lang: str) -> list[str]:
    """Which of `code`, `math` and `lang_task` a request is."""
    tags = ["code"] if _FENCE.search(request) or code_spans(request) else []
    tags += ["math"] if _MATH.search(request) else []
    return tags + (["lang_task"] if find_lang_task(request, lang=lang).is_found else [])


@functools.lru_cache(maxsize=256)
def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(text, re.IGNORECASE)
