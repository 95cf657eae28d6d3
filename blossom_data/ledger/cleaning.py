"""A ledger that replies are taken out of, in words that both databases understand.

    with open_to_clean(address, is_dry_run=True) as ledger:
        ledger.execute(f"SELECT count(*) FROM {ledger.replies} WHERE created < ?", (before,)).fetchone()

Nobody may buy with it meanwhile. A dry run takes no lock and changes nothing.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any, ClassVar

from blossom_data.errors import ConfigError, LedgerError, Locked
from blossom_data.ledger.address import LedgerAddress, PostgresAddress
from blossom_data.ledger.connections import connect_read_only, connect_to_change
from blossom_data.ledger.lock import lock_of, take_lock


@dataclass(frozen=True, slots=True)
class LedgerTables:
    """An open SQLite database; `?` stands for a value in every query."""

    database: Any
    replies: ClassVar[str] = "replies"
    row: ClassVar[str] = "rowid"
    """What tells a row of `replies` from all others."""
    bytes_type: ClassVar[str] = "BLOB"

    def execute(self, query: str, values: Sequence[Any] = ()) -> Any:
        return self.database.execute(query, values)

    def execute_all(self, query: str, rows: Iterable[tuple[Any, ...]]) -> None:
        """The same statement for each of `rows`."""
        self.database.executemany(query, rows)

    def stream(self, query: str) -> Iterator[tuple[Any, ...]]:
        """The rows that a query finds, however many."""
        yield from self.execute(query)

    def delete(self, rows: Iterable[Any]) -> None:
        """Deletes the replies that `rows` tell apart, all or none."""
        with self._transaction():
            self.execute_all(f"DELETE FROM {self.replies} WHERE {self.row} = ?", ((row,) for row in rows))

    def give_back_room(self) -> None:
        """Lets the room of deleted replies be used."""
        self.execute("VACUUM")

    @property
    def is_ledger(self) -> bool:
        """Whether it holds the table of replies."""
        return self.is_there("replies")

    def is_there(self, table: str) -> bool:
        """Whether it holds a table; ledgers of earlier versions lack some."""
        return self.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (table,)).fetchone() is not None

    def name(self, table: str) -> str:
        """A table as queries name it."""
        return table

    def whole(self, expression: str) -> str:
        """A positive number without its fraction."""
        return f"CAST({expression} AS INTEGER)"

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self.execute("BEGIN IMMEDIATE")
        yield
        self.execute("COMMIT")


class PostgresTables(LedgerTables):
    """The same of a PostgreSQL database, queries included."""

    __slots__ = ()
    replies = "blossom_data.replies"
    row = "key"
    bytes_type = "bytea"

    def execute(self, query: str, values: Sequence[Any] = ()) -> Any:
        return self.database.execute(query.replace("?", "%s"), values)

    def execute_all(self, query: str, rows: Iterable[tuple[Any, ...]]) -> None:
        self.database.cursor().executemany(query.replace("?", "%s"), rows)

    def stream(self, query: str) -> Iterator[tuple[Any, ...]]:
        # A cursor of the server's: its rows come in parts.
        with self.database.transaction(), self.database.cursor(name="blossom_data", binary=True) as cursor:
            yield from cursor.execute(query)

    def give_back_room(self) -> None:
        self.execute(f"VACUUM {self.replies}")

    def is_there(self, table: str) -> bool:
        return self.execute("SELECT to_regclass(?)", (self.name(table),)).fetchone()[0] is not None

    def name(self, table: str) -> str:
        return f"blossom_data.{table}"

    def whole(self, expression: str) -> str:
        # A cast rounds there, and a value without a type is text.
        return f"CAST(trunc({expression.replace('?', '?::float8')}) AS integer)"

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with self.database.transaction():
            yield


@contextmanager
def open_to_clean(address: LedgerAddress, *, is_dry_run: bool) -> Iterator[LedgerTables]:
    """The ledger at `address`.

    Raises:
        ConfigError: there is none.
        Locked: a run uses it.
        LedgerError: it cannot be read or changed.
    """
    if isinstance(address, PostgresAddress):
        with _open_database(address, is_dry_run=is_dry_run) as tables:
            yield tables
        return
    if not address.is_file():
        raise ConfigError(f"there is no ledger {address}", hint="check the path")
    with nullcontext() if is_dry_run else take_lock(lock_of(address)):
        connect = connect_read_only if is_dry_run else connect_to_change
        try:
            with closing(connect(address)) as database:
                if not is_dry_run:
                    database.execute("PRAGMA synchronous=FULL")
                yield LedgerTables(database)
        except sqlite3.Error as why:
            raise LedgerError(
                f"cannot read or change the ledger {address}: {why}",
                hint=f"keep a copy of it; sqlite3 {address} .recover | sqlite3 NEW saves what can be read",
            ) from why


@contextmanager
def _open_database(address: PostgresAddress, *, is_dry_run: bool) -> Iterator[LedgerTables]:
    from blossom_data.ledger.postgres.server import Server, require_psycopg
    from blossom_data.ledger.postgres.snapshot import holder_in

    psycopg = require_psycopg()
    if not is_dry_run and (who := holder_in(address)) is not None:
        raise Locked(
            f"a run uses the ledger {address}: pid {who['pid']} on {who['host']} since {who['since']}",
            hint="wait for its end",
        )
    with closing(Server(address)) as server:
        try:
            yield server.call(PostgresTables)
        except psycopg.Error as why:
            told = address.without_secrets(str(why))
            raise LedgerError(f"cannot read or change the ledger {address}: {told}", hint="nothing is lost") from why
