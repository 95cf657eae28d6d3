"""One connection to the database of a ledger, which comes back when the server was away.

    server = Server(address, on_connect=lambda connection: None)
    rows = server.call(lambda connection: connection.execute("SELECT 1").fetchall())

A server that restarts, or that the network loses for a while, is a pause: the question is put again for `patience_s`.
A database that refuses (wrong password, no such database, a full disk) is an error at once.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar

from blossom_data.errors import ConfigError, LedgerError, extra_hint
from blossom_data.ledger.address import PostgresAddress

if TYPE_CHECKING:
    import psycopg

AWAY_S = 600.0
"""How long a server may be away before a run ends; what was paid meanwhile waits in the journal."""
_PAUSE_S, _LONGEST_PAUSE_S = 0.1, 5.0
_CONNECT_S = 10
NAME = "blossom-data"
_HEARTBEAT = (("tcp_keepalives_idle", 10), ("tcp_keepalives_interval", 5), ("tcp_keepalives_count", 3))
"""How the server notices that our machine is cut off, and lets our lock go: by itself it does so after two hours."""
_GONE = ("08", "57P0", "53300", "55006")
"""Beginnings of SQLSTATEs after which the same question may be answered: the way to the server, its shutdown or start,
too many connections."""
_CONFLICT = ("40001", "40P01")

Result = TypeVar("Result")


class Server:
    """A connection in autocommit mode; `call` may be used by several threads, one at a time.

    Args:
        on_connect: done with each new connection before anything else; LedgerError counts as a server that is away
            when it is not the first one.
        say: told in a line when the server goes away.
    """

    def __init__(
        self,
        address: PostgresAddress,
        *,
        on_connect: Callable[[psycopg.Connection[Any]], None] = lambda connection: None,
        say: Callable[[str], None] = lambda told: None,
        is_read_only: bool = False,
    ) -> None:
        self.address, self.patience_s = address, AWAY_S
        self._on_connect, self._say, self._is_read_only = on_connect, say, is_read_only
        self._turn = threading.Lock()
        self._connection: psycopg.Connection[Any] | None = self._connect()

    def call(self, work: Callable[[psycopg.Connection[Any]], Result]) -> Result:
        """What `work` gives; it may be called again when the connection breaks, and has to bear that.

        Raises:
            LedgerError: the server stayed away for `patience_s`, or refuses.
        """
        import psycopg

        with self._turn:
            began_s, pause_s, problem = time.monotonic(), _PAUSE_S, None
            while True:
                try:
                    if self._connection is None:
                        self._connection = self._connect()
                    return work(self._connection)
                except psycopg.Error as why:
                    is_conflict = (why.sqlstate or "").startswith(_CONFLICT)
                    if not (is_conflict or self._is_away(why)):
                        raise self._error("does not take it", why) from why
                    problem = self._error("stayed away", why)
                    if not is_conflict:
                        self._drop()
                except _Away as why:
                    problem = why.problem
                if time.monotonic() - began_s > self.patience_s:
                    raise problem
                if pause_s == _PAUSE_S:
                    self._say(f"the ledger's server {self.address} was away; the run waited for it")
                time.sleep(pause_s)
                pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)

    def close(self) -> None:
        with self._turn:
            self._drop()

    def _connect(self) -> psycopg.Connection[Any]:
        """A new connection; the first one that fails is an error, a later one means that the server is still away."""
        psycopg = require_psycopg()
        is_first = not hasattr(self, "_connection")
        try:
            connection = psycopg.connect(
                self.address.url,
                autocommit=True,
                connect_timeout=_CONNECT_S,
                application_name=f"{NAME} {os.getpid()} {socket.gethostname()}",
                # A server that is cut off is noticed in half a minute, not after hours.
                keepalives_idle=10,
                keepalives_interval=5,
                keepalives_count=3,
                tcp_user_timeout=30_000,
            )
        except psycopg.Error as why:
            problem = self._error("cannot be reached", why)
            raise problem if is_first else _Away(problem) from why
        try:
            connection.prepare_threshold = None
            connection.execute("SET synchronous_commit = on")
            for setting, value in _HEARTBEAT:
                connection.execute(f"SET {setting} = {value}")
            if self._is_read_only:
                connection.execute("SET default_transaction_read_only = on")
            self._on_connect(connection)
        except LedgerError as why:
            connection.close()
            if is_first:
                raise
            raise _Away(why) from why
        except psycopg.Error as why:
            connection.close()
            problem = self._error("does not take it", why)
            raise problem if is_first else _Away(problem) from why
        except BaseException:
            connection.close()
            raise
        return connection

    def _is_away(self, why: psycopg.Error) -> bool:
        is_cut = self._connection is None or self._connection.closed
        return bool(is_cut) or (why.sqlstate or "").startswith(_GONE)

    def _error(self, what: str, why: Exception) -> LedgerError:
        told = " ".join(self.address.without_secrets(str(why)).split())[:300]
        return LedgerError(
            f"the ledger's server {self.address} {what}: {told or type(why).__name__}",
            hint="check that it runs, the URL, and PGPASSWORD or ~/.pgpass; then the same command again goes on",
        )

    def _drop(self) -> None:
        if self._connection is not None:
            with suppress(Exception):
                self._connection.close()
        self._connection = None


class _Away(Exception):
    """The server does not let us in yet."""

    def __init__(self, problem: LedgerError) -> None:
        super().__init__(str(problem))
        self.problem = problem


def require_psycopg() -> Any:
    """psycopg; raises ConfigError where it is not installed."""
    try:
        import psycopg
    except ImportError as why:
        raise ConfigError(f"a ledger in PostgreSQL needs psycopg: {why}", hint=extra_hint("cluster")) from why
    return psycopg
