"""The raw data sets that `pull` knows, by name: each turns a raw row into instructions and leaves its outputs behind.

    SOURCES["gsm8k"].layout_of({"question": "...", "answer": "... #### 72"}).name   -> "gsm8k"

docs/sources.md is the table of all layouts. hub.py reads any of them by data set id; custom.py a user's own fields.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from blossom_data.config import SOURCE_KINDS
from blossom_data.errors import ConfigError, near_hint
from blossom_data.sources.alpaca import ALPACA
from blossom_data.sources.belle import BELLE
from blossom_data.sources.custom import custom_source
from blossom_data.sources.gsm8k import GSM8K
from blossom_data.sources.instruction import Instruction, Layout, Source, to_record
from blossom_data.sources.math23k import MATH23K
from blossom_data.sources.messages import MESSAGES, TURNS
from blossom_data.sources.orca import ORCA
from blossom_data.sources.sharegpt import SHAREGPT
from blossom_data.sources.wizard import WIZARD

__all__ = ["SOURCES", "SOURCE_NAMES", "Instruction", "Layout", "Source", "find_source", "look_alikes", "to_record"]

SOURCES = {source.name: source for source in (ALPACA, BELLE, ORCA, WIZARD, GSM8K, MATH23K, SHAREGPT, MESSAGES, TURNS)}
SOURCE_NAMES = SOURCE_KINDS


def find_source(name: str, fields: Mapping[str, str] | None = None) -> Source:
    """The source of this name; `fields` belong to `custom` alone.

    Raises:
        ConfigError: an unknown name, or fields that do not fit it.
    """
    if name == "custom":
        return custom_source(fields or {})
    if fields:
        raise ConfigError(
            f"fields are only for the source custom, not for {name}", hint="pull custom PATH, or leave them out"
        )
    if name not in SOURCES:
        raise ConfigError(f"unknown source {name!r}", hint=near_hint(name, SOURCE_NAMES, "known:"))
    return SOURCES[name]


def look_alikes(fields: Iterable[str]) -> list[str]:
    """The sources that read rows of these fields, those first that account for most of them."""
    row = dict.fromkeys(fields)
    matches = ((source, source.layout_of(row)) for source in SOURCES.values())
    found = [(len(layout.fields), source.name) for source, layout in matches if layout is not None]
    return [name for _, name in sorted(found, key=lambda match: -match[0])]
