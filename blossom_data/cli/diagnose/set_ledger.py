"""--ledger of a command that looks at a finished set: where it is looked up what was bought, and when."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

from blossom_data.cli.flags.values import LedgerFlag, ledger_option
from blossom_data.errors import ConfigError
from blossom_data.ledger.address import LedgerAddress

_VARIABLE = "BLOSSOM_LEDGER"

SetLedger = Annotated[
    LedgerFlag | None,
    ledger_option("Ledger (a file, or postgresql://HOST/DATABASE); else the one of SET's manifest.", envvar=_VARIABLE),
]


def checked_ledger(ledger: LedgerAddress | None) -> LedgerAddress | None:
    """The ledger that is named, which is there; None for a file of the environment in which nothing was bought yet."""
    from blossom_data.ledger.opening import open_snapshot

    if isinstance(ledger, Path) and not ledger.is_file():
        if str(ledger) == os.environ.get(_VARIABLE):
            return None
        raise ConfigError(f"there is no ledger {ledger}", hint="leave out --ledger for the one of SET's manifest")
    if ledger is not None:
        open_snapshot(ledger).close()
    return ledger
