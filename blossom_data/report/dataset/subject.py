"""All that the page of a data set tells of, and how its manifest is read: any value in it may be missing or odd."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from blossom_data.report.dataset.facts import Facts
from blossom_data.report.dataset.purchases import Purchases
from blossom_data.report.dataset.rejects import Rejects
from blossom_data.report.dataset.voices import Voices


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A data set, version or file, and what was found of it."""

    name: str
    manifest: Mapping[str, Any]
    """Empty for a file."""
    facts: Facts
    rejects: Rejects
    voices: Voices
    purchases: Purchases = field(default_factory=Purchases)
    before: str = ""
    """The version that `difference` compares with."""
    difference: Mapping[str, Any] | None = None
    """What `blossom-data diff --json` gives."""

    def counts(self, key: str) -> dict[str, int]:
        """A table of numbers in the manifest."""
        return numbers(self.manifest.get(key))

    def number(self, key: str) -> int:
        """A number in the manifest, 0 where there is none."""
        value = self.manifest.get(key)
        return value if type(value) is int else 0

    def text(self, key: str) -> str:
        """A text in the manifest, "" where there is none."""
        value = self.manifest.get(key)
        return value if isinstance(value, str) else ""

    def rows(self, key: str) -> list[Mapping[str, Any]]:
        """A list of tables in the manifest."""
        return tables(self.manifest.get(key))


def numbers(value: object) -> dict[str, int]:
    """The numbers in `value`, where it is a table."""
    return {name: number for name, number in value.items() if type(number) is int} if isinstance(value, dict) else {}


def tables(value: object) -> list[Mapping[str, Any]]:
    """The tables in `value`, where it is a list."""
    return [row for row in value if isinstance(row, dict)] if isinstance(value, list) else []
