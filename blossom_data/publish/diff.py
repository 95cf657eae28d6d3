"""How two versions or data sets differ: which records were added, removed or changed, and by what.

    Difference(counts={"added": 100, "removed": 3, "changed": 41, "same": 9903}, ...,
               causes={"changed": {"annotate: prompt": 41}, "added": {"new input": 100}, ...}, samples=[...])

Records are compared by configuration and id. One side is kept in a private SQLite file in the temporary folder, gone
with the process, so memory does not grow with the data. Texts are not compared with each other, only found unequal:
`blossom-data show B --id ID --original A` shows both.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from blossom_data.counters import Counters
from blossom_data.publish.compare import Entry, Side, causes_of_change, entry_of
from blossom_data.publish.reading import located, read_any
from blossom_data.records import Record
from blossom_data.rows import BadRow, Row, read_rows
from blossom_data.rows.facts import count_records
from blossom_data.shards import read_manifest

KINDS = ("added", "removed", "changed", "same")


@dataclass(slots=True)
class Difference:
    """Counts of records by kind, by cause, by source and language, and the first few of each kind."""

    counts: Counter[str] = field(default_factory=Counter)
    made_anew: int = 0
    """Of the same records: those whose lineage differs, although their texts do not."""
    unreadable: int = 0
    """Rows of either side that are no record, or whose id stands twice."""
    settings: list[str] = field(default_factory=list)
    """Of two mixes: the settings that differ, such as "seed: 1 -> 2"."""
    causes: defaultdict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    """By kind; a record with two causes is counted under both."""
    by_source: defaultdict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    by_lang: defaultdict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    samples: defaultdict[str, list[dict[str, Any]]] = field(default_factory=lambda: defaultdict(list))

    def add(self, kind: str, entry: Entry, causes: list[str], limit: int) -> None:
        """Counts one record."""
        self.counts[kind] += 1
        self.by_source[entry.source][kind] += 1
        self.by_lang[entry.lang][kind] += 1
        if kind == "same":
            return
        self.causes[kind].update(causes)
        if len(self.samples[kind]) < limit:
            about = {"id": entry.id, "source": entry.source, "lang": entry.lang}
            self.samples[kind].append({**about, "config": entry.config, "causes": causes})

    def to_dict(self) -> dict[str, Any]:
        """As --json gives it."""
        return {
            **{kind: self.counts[kind] for kind in KINDS},
            "made_anew": self.made_anew,
            "unreadable": self.unreadable,
            "settings": self.settings,
            "causes": {kind: dict(self.causes[kind].most_common()) for kind in KINDS[:3]},
            "by_source": {source: dict(counts) for source, counts in sorted(self.by_source.items())},
            "by_lang": {lang: dict(counts) for lang, counts in sorted(self.by_lang.items())},
            "samples": {kind: self.samples[kind] for kind in KINDS[:3]},
        }


def diff(old: Path, new: Path, *, limit: int = 5, counters: Counters | None = None) -> Difference:
    """What became of the records of `old` in `new`.

    Args:
        limit: most samples of each kind.
        counters: what a display reads.

    Raises:
        InputError: one of them cannot be read.
        BlossomError: the temporary folder is full.
    """
    old, new = located(old), located(new)
    counters, found = counters or Counters(), Difference(settings=_settings_changed(old, new))
    with Side() as side:
        for entry in counters.counted("reading A", _entries(old, found), total=count_records(old)):
            found.unreadable += not side.remember(entry)
        _remember_rejects(side, old, "old")
        _remember_rejects(side, new, "new")
        for entry in counters.counted("reading B", _entries(new, found), total=count_records(new)):
            before = side.take(entry)
            if before is None:
                side.remember_added(entry)
            elif before.is_taken:
                found.unreadable += 1
            elif before.content != entry.content:
                found.add("changed", entry, causes_of_change(before.lineage, entry.lineage), limit)
            else:
                found.add("same", entry, [], limit)
                found.made_anew += before.lineage != entry.lineage
        for kind in ("added", "removed"):
            for entry, causes in side.rest(kind):
                found.add(kind, entry, causes, limit)
    return found


def _settings_changed(old: Path, new: Path) -> list[str]:
    """What differs in the recipes of two mixes; nothing for what is none."""
    before, after = ((read_manifest(path) or {}).get("recipe") for path in (old, new))
    if not isinstance(before, dict) or not isinstance(after, dict):
        return []
    keys = [key for key in {**before, **after} if before.get(key) != after.get(key)]
    return [f"{key}: {_brief(before.get(key))} -> {_brief(after.get(key))}" for key in keys]


def _brief(value: Any) -> str:
    return str(value) if not isinstance(value, list | dict) else orjson.dumps(value).decode()


def _entries(path: Path, found: Difference) -> Iterator[Entry]:
    for config, item in read_any(path):
        if isinstance(item, Record):
            yield entry_of(config, item)
        else:
            found.unreadable += 1


def _remember_rejects(side: Side, path: Path, which: str) -> None:
    """Notes why a record of the other side is missing here, where the data set has its rejects beside it."""
    folder = path / "rejects"
    if not folder.is_dir() or not any(folder.iterdir()):
        return
    for row in read_rows(folder):
        if isinstance(row, BadRow):
            continue
        side.remember_reject(which, *_why(row))


def _why(row: Row) -> tuple[str, str]:
    value = row.value
    return str(value.get("id", "")), f"{value.get('stage', '')}/{value.get('code', '')}"
