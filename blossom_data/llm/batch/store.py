"""Which batches are out, kept in the ledger's own file: what makes a restart find them instead of buying again.

    batches(intent, created, endpoint, base_url, stage, model, lines, batch_id, state, keys, cap, held_usd, held_tokens)
    batch_tries(key, tries)

An intent is stored before its batch is created, the provider's id right after; `keys` holds the 16-byte ledger keys of
the lines while the batch is out. States: intent, submitted, ended, dropped. Look into it by hand:
sqlite3 .blossom/ledger.sqlite "select batch_id, state, stage, lines from batches".
It holds no replies (ledger/sqlite.py does), and is guarded by the ledger's lock, which must be held.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from blossom_data.errors import LedgerError

KEY_BYTES = 16
_SCHEMA = """
CREATE TABLE IF NOT EXISTS batches(
    number INTEGER PRIMARY KEY, intent TEXT NOT NULL UNIQUE, created REAL NOT NULL, endpoint TEXT NOT NULL,
    base_url TEXT NOT NULL, stage TEXT NOT NULL, model TEXT NOT NULL, lines INTEGER NOT NULL,
    batch_id TEXT NOT NULL DEFAULT '', state TEXT NOT NULL DEFAULT 'intent', keys BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS batch_tries(key BLOB PRIMARY KEY, tries INTEGER NOT NULL);
"""
_MIGRATIONS = (
    # 1: what a batch may take at most, and the output cap that a budget gave its lines.
    "ALTER TABLE batches ADD COLUMN cap INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE batches ADD COLUMN held_usd REAL NOT NULL DEFAULT 0;"
    "ALTER TABLE batches ADD COLUMN held_tokens INTEGER NOT NULL DEFAULT 0;",
)
"""By number, from 1: what brings the tables of an earlier version up to date. The number reached is the fact FACT."""
FACT = "batches.schema"
_INSERT = (
    "INSERT INTO batches(intent, created, endpoint, base_url, stage, model, lines, keys, cap, held_usd, held_tokens) "
    "VALUES (?,?,?,?,?,?,?,?,?,?,?)"
)
_TRIED = "INSERT INTO batch_tries VALUES (?, 1) ON CONFLICT(key) DO UPDATE SET tries = tries + 1"


@dataclass(slots=True, kw_only=True)
class StoredBatch:
    """One batch that was meant to be submitted, or was."""

    intent: str
    """Hash of the input; stands in the batch's metadata at the provider."""
    created: float
    """Unix time at which the intent was stored."""
    endpoint: str
    """The endpoint's label, for people."""
    base_url: str
    stage: str
    model: str
    batch_id: str = ""
    """The provider's id; "" until it is known."""
    keys: set[bytes] = field(default_factory=set)
    """Ledger keys of the lines that are not answered yet."""
    cap: int = 0
    """Output tokens that a budget allowed each line whose ask names none; 0 for no such cap."""
    held_usd: float = 0.0
    """What all lines together may take at most."""
    held_tokens: int = 0


class BatchStore:
    """The batches of the ledger at `path`.

    Raises:
        LedgerError: the file cannot be read or written.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        with self._told():
            self._database = sqlite3.connect(path.absolute(), isolation_level=None, timeout=30)
            self._database.execute("PRAGMA synchronous=FULL")
            self._database.executescript(_SCHEMA)
            self._migrate()
            self._database.execute("DELETE FROM batch_tries WHERE key IN (SELECT key FROM replies)")

    def _migrate(self) -> None:
        """Brings the tables of a ledger of before up to date; each step is done once, whole or not at all."""
        self._database.execute("BEGIN IMMEDIATE")
        self._database.execute("CREATE TABLE IF NOT EXISTS facts(name TEXT PRIMARY KEY, value TEXT NOT NULL)")
        row = self._database.execute("SELECT value FROM facts WHERE name = ?", (FACT,)).fetchone()
        for step in _MIGRATIONS[int(row[0]) if row else 0 :]:
            for statement in filter(None, step.split(";")):
                self._database.execute(statement)
        self._database.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", (FACT, str(len(_MIGRATIONS))))
        self._database.execute("COMMIT")

    def open_batches(self) -> list[StoredBatch]:
        """Batches that have not ended, oldest first."""
        with self._told():
            rows = self._database.execute(
                "SELECT intent, created, endpoint, base_url, stage, model, batch_id, keys, cap, held_usd, held_tokens "
                "FROM batches WHERE state IN ('intent', 'submitted') ORDER BY number"
            ).fetchall()
        return [
            StoredBatch(
                intent=intent,
                created=created,
                endpoint=endpoint,
                base_url=base_url,
                stage=stage,
                model=model,
                batch_id=batch_id,
                keys={keys[at : at + KEY_BYTES] for at in range(0, len(keys), KEY_BYTES)},
                cap=cap,
                held_usd=held_usd,
                held_tokens=held_tokens,
            )
            for intent, created, endpoint, base_url, stage, model, batch_id, keys, cap, held_usd, held_tokens in rows
        ]

    def next_number(self) -> int:
        """The number that the next intent gets: makes the hashes of two equal inputs differ."""
        with self._told():
            return int(self._database.execute("SELECT coalesce(max(number), 0) + 1 FROM batches").fetchone()[0])

    def tries(self) -> dict[bytes, int]:
        """How many batches each line that is still open went through without an answer."""
        with self._told():
            return dict(self._database.execute("SELECT key, tries FROM batch_tries"))

    def intend(self, batch: StoredBatch) -> None:
        """Stores, before the batch is created, that it is going to be; durable on return."""
        with self._told():
            self._database.execute(
                _INSERT,
                (
                    batch.intent,
                    batch.created,
                    batch.endpoint,
                    batch.base_url,
                    batch.stage,
                    batch.model,
                    len(batch.keys),
                    b"".join(batch.keys),
                    batch.cap,
                    batch.held_usd,
                    batch.held_tokens,
                ),
            )

    def submitted(self, batch: StoredBatch) -> None:
        """Stores the provider's id of `batch`; durable on return."""
        with self._told():
            self._database.execute(
                "UPDATE batches SET batch_id = ?, state = 'submitted' WHERE intent = ?", (batch.batch_id, batch.intent)
            )

    def drop(self, batch: StoredBatch) -> None:
        """Forgets an intent or a batch that never ran: its lines were not bought."""
        with self._told():
            self._database.execute("UPDATE batches SET state = 'dropped', keys = x'' WHERE intent = ?", (batch.intent,))

    def end(self, batch: StoredBatch, unanswered: Iterable[bytes]) -> None:
        """Stores that the replies of `batch` are in the ledger, and which lines got none; one transaction."""
        with self._told():
            self._database.execute("BEGIN IMMEDIATE")
            self._database.executemany(_TRIED, ((key,) for key in unanswered))
            self._database.execute("UPDATE batches SET state = 'ended', keys = x'' WHERE intent = ?", (batch.intent,))
            self._database.execute("COMMIT")

    def give_up(self, keys: Iterable[bytes]) -> None:
        """Forgets the tries of lines whose records fail in this run, so that the next one begins anew."""
        with self._told():
            self._database.execute("BEGIN IMMEDIATE")
            self._database.executemany("DELETE FROM batch_tries WHERE key = ?", ((key,) for key in keys))
            self._database.execute("COMMIT")

    def close(self) -> None:
        self._database.close()

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Turns what SQLite raises into a LedgerError, and undoes half a transaction."""
        try:
            yield
        except sqlite3.Error as why:
            if hasattr(self, "_database") and self._database.in_transaction:
                self._database.execute("ROLLBACK")
            raise LedgerError(
                f"cannot keep the batches in the ledger {self._path}: {why}", hint="free some space; nothing is lost"
            ) from why
