"""The lock of a ledger: the kernel's own (flock), so that it goes with the process, a SIGKILL included.

The file beside the ledger names who holds it: {"pid": 4711, "host": "gpu3", "since": "2026-01-31T03:00:00+00:00"}.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import socket
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from blossom_data.errors import ConfigError, LedgerError, Locked, system_hint

_HELD = (errno.EWOULDBLOCK, errno.EACCES)
"""What flock says of a lock that another process holds; the second over NFS, which makes it one of fcntl's."""


def real_ledger(path: Path) -> Path:
    """The file that the ledger `path` is, a link followed: what stands beside it is the same under all its names.

    Raises:
        ConfigError: no file can be there.
    """
    try:
        real = path.resolve()
        is_folder = real.is_dir()
    except (OSError, ValueError, RuntimeError) as why:
        raise ConfigError(f"the ledger {str(path)!r} can be no file: {why}", hint="check its name, and links") from why
    if is_folder:
        raise ConfigError(f"the ledger {path} is a folder", hint=f"name a file, such as {path / 'ledger.sqlite'}")
    return real if path.is_symlink() else path


def lock_of(ledger: Path) -> Path:
    """The lock of the ledger `ledger`; raises as real_ledger."""
    real = real_ledger(ledger)
    return real.with_name(f"{real.name}.lock")


def take_lock(path: Path) -> IO[str]:
    """Takes the lock at `path` without waiting; it is held until the file given back is closed.

    Raises:
        Locked: another process holds it; the message says which.
        LedgerError: the lock file cannot be written, or its file system knows no locks.
    """
    try:
        file = path.open("a+", encoding="utf-8")
    except OSError as why:
        raise LedgerError(f"cannot open {path}: {why.strerror}", hint=system_hint(why)) from why
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as why:
        with file:
            if why.errno not in _HELD:
                raise _no_locks(path, why) from why
            file.seek(0)
            holder = file.read(1000)
        raise Locked(
            f"another run holds {path}: {_told(holder)}", hint="wait for it, or name another --ledger"
        ) from why
    since = datetime.now(UTC).isoformat(timespec="seconds")
    try:
        file.seek(0)
        file.truncate()
        json.dump({"pid": os.getpid(), "host": socket.gethostname(), "since": since}, file)
        file.flush()
    except OSError as why:
        # What could not be flushed cannot be flushed at the end either.
        with contextlib.suppress(OSError):
            file.close()
        raise LedgerError(f"cannot write {path}: {why.strerror}", hint=system_hint(why)) from why
    return file


class NoLocks(LedgerError):
    """The file system knows no locks."""


def _no_locks(path: Path, why: OSError) -> NoLocks:
    return NoLocks(
        f"no locks on this file system: cannot lock {path}: {why.strerror}",
        hint="name a file on a local disk (--ledger, or `ledger` and `out` of the pipeline)",
    )


def _told(holder: str) -> str:
    try:
        who = json.loads(holder)
        return f"pid {who['pid']} on {who['host']} since {who['since']}"
    except (ValueError, KeyError, TypeError):
        return "holder unknown"


def holder_of(path: Path) -> dict[str, str] | None:
    """Who holds the lock at `path` (`pid`, `host`, `since`; empty when that cannot be told), None when nobody does."""
    try:
        with path.open(encoding="utf-8") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except OSError as why:
                if why.errno not in _HELD:
                    raise _no_locks(path, why) from why
                who = json.loads(file.read(1000))
                return {key: str(who.get(key, "")) for key in ("pid", "host", "since")}
    except FileNotFoundError:
        return None
    except OSError as why:
        raise LedgerError(f"cannot look at the lock {path}: {why.strerror}", hint=system_hint(why)) from why
    except (ValueError, AttributeError):
        return {}
    return None
