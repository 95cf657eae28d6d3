"""Where a ledger is: a file on this machine (SQLite), or a database that several machines share (PostgreSQL).

address_of("ledger.sqlite")                         ->  Path("ledger.sqlite")
address_of("postgresql://blossom:pw@db/paid")       ->  PostgresAddress, which is shown without its password
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote

from blossom_data.errors import ConfigError
from blossom_data.redaction.commands import is_secret
from blossom_data.redaction.keys import scrub
from blossom_data.redaction.urls import shown_url

SCHEMES = ("postgresql://", "postgres://")
_SCHEME = re.compile(r"([A-Za-z][\w+.-]+):/")


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
    """What `text` names: a database where it begins as the URL of one, else a file.

    Raises:
        ConfigError: it is a URL of another kind.
    """
    if not isinstance(text, str):
        return text
    if text.startswith(SCHEMES):
        return PostgresAddress(text)
    # As a file it would be made, with the password in its name.
    if found := _SCHEME.match(text):
        raise ConfigError(
            f"the ledger is a URL of the kind {found[1]!r}", hint="name a file, or postgresql://HOST/DATABASE"
        )
    return Path(text)


def _passwords(url: str) -> set[str]:
    """The passwords in `url`, and the parts that a library takes for something else, where a sign is not escaped."""
    place = url.partition("://")[2]
    given = [place.rpartition("@")[0].partition(":")[2]]
    for option in re.split("[?&]", place)[1:]:
        name, _, value = option.partition("=")
        given += [value] if is_secret(f"-{name}") or name == "sslpassword" else []
    parts = {part for password in given for part in (password, *re.split("[/?#@:&=]", password))}
    return {spelling for part in parts for spelling in (part, unquote(part)) if spelling}
