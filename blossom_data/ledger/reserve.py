"""Room that a ledger holds back on its disk: let go when the disk is full, so that replies in flight still fit.

.blossom/ledger.sqlite            grows until the disk is full
.blossom/ledger.sqlite.reserve    4 MiB of nothing, deleted at that moment and made again by the next run
"""

from __future__ import annotations

import errno
import os
from pathlib import Path

from blossom_data.errors import LedgerError

RESERVE_BYTES = 4 << 20
_FULL = (errno.ENOSPC, errno.EDQUOT)


class Reserve:
    """The file `path` of RESERVE_BYTES; where the file system cannot hold room back, there is none and no error.

    Raises:
        LedgerError: the disk has less room than that: nothing should be bought.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            if path.exists() and path.stat().st_size == RESERVE_BYTES:
                return
            descriptor = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC | os.O_CLOEXEC, 0o600)
            try:
                _allocate(descriptor)
            finally:
                os.close(descriptor)
        except OSError as why:
            self.let_go()
            if why.errno in _FULL:
                raise LedgerError(
                    f"cannot write to the ledger's folder {path.parent}: {why.strerror} "
                    f"({RESERVE_BYTES >> 20} MiB are held back for replies in flight)",
                    hint="free some space and run the same command again; nothing was bought",
                ) from why

    def let_go(self) -> None:
        """Gives the room to whoever writes next."""
        try:
            self.path.unlink(missing_ok=True)
        except OSError:
            return


def _allocate(descriptor: int) -> None:
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(descriptor, 0, RESERVE_BYTES)
        return
    os.write(descriptor, bytes(RESERVE_BYTES))
    os.fsync(descriptor)
