"""The lock of a run's folder: one run at a time, in one folder that all of its processes see.

    with locked(Path("runs/a"), group): ...       OUT/.lock is held by the first process, and holds a mark of this start

A folder of the same name that another machine has for itself would take shards of states that nobody finds again.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import socket
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

from blossom_data.errors import BlossomError, ConfigError, Locked, system_hint
from blossom_data.train.parallel.processes import Group
from blossom_data.train.preflight.prepare import LOCK

_SEEN_WITHIN_S = 10


@contextlib.contextmanager
def locked(out: Path, group: Group) -> Iterator[None]:
    """Holds the lock of the run's folder in the first process, and knows that all of them see that folder.

    Raises:
        Locked, ConfigError, BlossomError: in every process.
    """
    with contextlib.ExitStack() as held:
        mark = group.gather(uuid.uuid4().hex)[0]
        group.attempt((lambda: held.enter_context(_lock(out, mark))) if group.is_first else None)
        places = group.gather(None if _sees(out, mark) else socket.gethostname())
        for rank, host in enumerate(places):
            if host is not None:
                raise ConfigError(
                    f"process {rank} on {host} does not see the folder {out} of the first process",
                    hint="name a folder with -o that all machines share",
                )
        yield


@contextlib.contextmanager
def _lock(out: Path, mark: str) -> Iterator[None]:
    """Holds the lock of `out`, with `mark` in its file."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        file = (out / LOCK).open("a")
    except OSError as why:
        raise BlossomError(f"cannot write to {out}: {why.strerror}", hint=system_hint(why)) from why
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as why:
            raise Locked(f"another run writes to {out}", hint="wait for it, or name another folder with -o") from why
        except OSError as why:
            told = f"no locks on this file system: cannot lock {out}: {why.strerror}"
            raise BlossomError(told, hint="name a folder on a local disk with -o") from why
        try:
            file.truncate(0)
            file.write(mark)
            file.flush()
            os.fsync(file.fileno())
        except OSError as why:
            raise BlossomError(f"cannot write to {out}: {why.strerror}", hint=system_hint(why)) from why
        yield


def _sees(out: Path, mark: str) -> bool:
    """Whether the lock file in `out` holds `mark`; a folder on a network may show it late."""
    until = time.monotonic() + _SEEN_WITHIN_S
    while True:
        with contextlib.suppress(OSError):
            # Listing makes a network file system ask again for what it did not have before.
            list(out.iterdir())
            if (out / LOCK).read_text(encoding="ascii") == mark:
                return True
        if time.monotonic() > until:
            return False
        time.sleep(0.2)
