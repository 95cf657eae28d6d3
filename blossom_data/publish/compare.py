"""One side of a comparison, on disk: what is needed of each record to tell whether and why it changed.

    Entry(config="default", id="9f2c...", source="gsm8k", lang="en", origin="gsm8k train-17", content=b"...",
          lineage='[["pull",1,"",""],["annotate",1,"<prompt hash>","<model>"]]')

The table is in a private temporary SQLite file. Writes come in batches, sorted by key, so that neighbours in the tree
are written together.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import blake2b
from types import TracebackType
from typing import Self

import orjson

from blossom_data.errors import BlossomError
from blossom_data.records import Record

_CACHE_KB = 8192
_SCHEMA = """
CREATE TABLE old(key BLOB PRIMARY KEY, config TEXT, id TEXT, source TEXT, lang TEXT, origin BLOB, content BLOB,
                 lineage TEXT, taken INTEGER DEFAULT 0) WITHOUT ROWID;
CREATE TABLE added(key BLOB PRIMARY KEY, config TEXT, id TEXT, source TEXT, lang TEXT, origin BLOB) WITHOUT ROWID;
CREATE TABLE rejects(side TEXT, id TEXT, why TEXT, PRIMARY KEY (side, id)) WITHOUT ROWID;
"""
_REST = {
    "removed": "SELECT config, id, source, lang, origin FROM old WHERE NOT taken ORDER BY config, id",
    "added": "SELECT config, id, source, lang, origin FROM added ORDER BY config, id",
}
_OTHER = {
    "removed": "SELECT 1 FROM added WHERE origin = ?",
    "added": "SELECT 1 FROM old WHERE origin = ? AND NOT taken",
}


@dataclass(frozen=True, slots=True)
class Entry:
    """What is kept of a record: equal `content` means equal texts, tools, gold label, language and tags."""

    config: str
    id: str
    source: str
    lang: str
    origin: bytes = b""
    """Hash of the source and the row's own id in it; empty where it has none."""
    content: bytes = b""
    lineage: str = ""
    is_taken: bool = False
    """The other side had this record before."""

    @property
    def key(self) -> bytes:
        return _hash([self.config, self.id])


def entry_of(config: str, record: Record) -> Entry:
    """What is kept of `record`."""
    row = record.to_dict()
    steps = [[step.stage, step.version, step.prompt, step.model] for step in record.lineage]
    return Entry(
        config=config,
        id=record.id,
        source=record.source,
        lang=record.lang,
        origin=_hash([record.source, record.source_id]) if record.source_id else b"",
        content=_hash([row["source"], row["lang"], row["messages"], row["gold"], row["tags"], record.tools]),
        lineage=orjson.dumps(steps).decode(),
    )


def _hash(value: object) -> bytes:
    return blake2b(orjson.dumps(value), digest_size=16).digest()


def causes_of_change(before: str, after: str) -> list[str]:
    """What differs in two lineages: `annotate: prompt`, `translate: model`, `verify-math: stage added` ...

    Where nothing differs the same question had another reply (`annotate: another reply`), or the input was edited.
    """
    old = {step[0]: step[1:] for step in orjson.loads(before)}
    new = {step[0]: step[1:] for step in orjson.loads(after)}
    causes = [f"{stage}: stage removed" for stage in old if stage not in new]
    for stage, made in new.items():
        if stage not in old:
            causes.append(f"{stage}: stage added")
            continue
        whats = ("stage version", "prompt", "model")
        causes += [f"{stage}: {what}" for what, was, now in zip(whats, old[stage], made, strict=True) if was != now]
    if causes:
        return causes
    asking = [stage for stage, made in new.items() if made[2]]
    return [f"{asking[-1]}: another reply" if asking else "edited"]


class Side:
    """The old side of a comparison, what the new one added, and what either rejected."""

    def __init__(self) -> None:
        self._database = sqlite3.connect("", isolation_level=None)
        for pragma in ("journal_mode = OFF", "synchronous = OFF", f"cache_size = -{_CACHE_KB}"):
            self._database.execute(f"PRAGMA {pragma}")
        self._database.executescript(_SCHEMA)
        self._database.execute("BEGIN")
        self._is_indexed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, why: BaseException | None, at: TracebackType | None) -> None:
        self._database.close()

    def remember(self, entry: Entry) -> bool:
        """Keeps a record of the old side; False where its id stands twice."""
        row = (entry.key, entry.config, entry.id, entry.source, entry.lang)
        statement = "INSERT OR IGNORE INTO old VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0)"
        return self._write(statement, (*row, entry.origin, entry.content, entry.lineage)) > 0

    def remember_added(self, entry: Entry) -> None:
        """Keeps a record that the old side did not have."""
        row = (entry.key, entry.config, entry.id, entry.source, entry.lang, entry.origin)
        self._write("INSERT OR IGNORE INTO added VALUES (?, ?, ?, ?, ?, ?)", row)

    def remember_reject(self, side: str, record_id: str, why: str) -> None:
        """Keeps why `side` ("old" or "new") rejected a record."""
        self._write("INSERT OR IGNORE INTO rejects VALUES (?, ?, ?)", (side, record_id, why))

    def take(self, entry: Entry) -> Entry | None:
        """The old record with the key of `entry`, which counts as taken from now on."""
        row = self._database.execute(
            "SELECT content, lineage, taken FROM old WHERE key = ?", (key := entry.key,)
        ).fetchone()
        if row is None:
            return None
        if not row[2]:
            self._write("UPDATE old SET taken = 1 WHERE key = ?", (key,))
        content, lineage, taken = row
        return Entry(entry.config, entry.id, entry.source, entry.lang, b"", content, lineage, bool(taken))

    def rest(self, kind: str) -> Iterator[tuple[Entry, list[str]]]:
        """The records that were "added" or "removed", each with its cause."""
        if not self._is_indexed:
            self._write("CREATE INDEX old_origin ON old(origin) WHERE NOT taken", ())
            self._write("CREATE INDEX added_origin ON added(origin)", ())
            self._is_indexed = True
        for config, record_id, source, lang, origin in self._database.execute(_REST[kind]):
            entry = Entry(config, record_id, source, lang, origin)
            yield entry, [self._cause(kind, entry)]

    def _cause(self, kind: str, entry: Entry) -> str:
        side = "new" if kind == "removed" else "old"
        why = self._database.execute("SELECT why FROM rejects WHERE side = ? AND id = ?", (side, entry.id)).fetchone()
        if why is not None:
            return f"rejected now: {why[0]}" if kind == "removed" else f"rejected before: {why[0]}"
        if entry.origin and self._database.execute(_OTHER[kind], (entry.origin,)).fetchone():
            return "input changed"
        return "input gone" if kind == "removed" else "new input"

    def _write(self, statement: str, row: tuple[object, ...]) -> int:
        try:
            return self._database.execute(statement, row).rowcount
        except sqlite3.OperationalError as why:
            raise BlossomError(
                f"cannot compare: {why}", hint="free some space in the temporary folder (TMPDIR)"
            ) from why
