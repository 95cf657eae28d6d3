"""Looks at a ledger in PostgreSQL as a run would use it; nothing is made or changed."""

from __future__ import annotations

from contextlib import closing
from typing import Any

from blossom_data.doctor import Finding, attempt
from blossom_data.ledger.address import PostgresAddress


def check_database(address: PostgresAddress) -> Finding:
    """Whether the database can be reached, and what ledger it holds."""

    def look() -> str:
        from blossom_data.ledger.postgres.server import Server

        with closing(Server(address, is_read_only=True)) as server:
            return server.call(lambda database: _told(database, address))

    return attempt("ledger", look)


def _told(database: Any, address: PostgresAddress) -> str:
    from blossom_data.ledger.postgres.schema import VERSION, check_version

    release, may_create = database.execute(
        "SELECT current_setting('server_version'), has_database_privilege(current_database(), 'CREATE')"
    ).fetchone()
    version = check_version(database, str(address))
    if version == VERSION:
        held = f"holds a ledger of version {version}"
    elif may_create:
        held = "holds no ledger yet: the first run makes it"
    else:
        held = "holds no ledger, and this user may make none: GRANT CREATE ON DATABASE to it"
    return f"{address}: PostgreSQL {release.split()[0]}, {held}"
