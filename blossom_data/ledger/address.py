"""Where a ledger is: a file on this machine (SQLite), or a database that several machines share (PostgreSQL).

address_of("ledger.sqlite")                         ->  Path("ledger.sqlite")
address_of("postgresql://blossom:pw@db/paid")       ->  PostgresAddress, which is shown without its password
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

from blossom_data.redaction.keys import scrub
from blossom_data.redaction.urls import shown_url

SCHEMES = ("postgresql://", "postgres://")


@dataclass(frozen=True, slots=True)
class PostgresAddress:
    """A database by its URL, as libpq reads it; what that leaves out comes from PGHOST, PGPASSWORD, ~/.pgpass ..."""

    url: str = field(repr=False)

    def __str__(self) -> str:
        """As it may be shown."""
        return shown_url(self.url)

    def without_secrets(self, text: str) -> str:
        """`text`, which a library wrote about the address, without the password."""
        for secret in _passwords(self.url):
            text = scrub(text, secret)
        return text.replace(self.url, str(self))


LedgerAddress = Path | PostgresAddress


def address_of(text: str | Path | PostgresAddress) -> LedgerAddress:
    """What `text` names: a database where it begins as the URL of one, else a file."""
    if isinstance(text, str):
        return PostgresAddress(text) if text.startswith(SCHEMES) else Path(text)
    return text


def _passwords(url: str) -> set[str]:
    try:
        parts = urlsplit(url)
        given = {parts.password or "", *parse_qs(parts.query).get("password", ())}
    except ValueError:
        return set()
    return {spelling for password in given for spelling in (password, unquote(password)) if password}
