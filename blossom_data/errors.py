"""Every error that a user can meet, with its exit code.

    BlossomError              1   a bug, or broken local state
    ├── ConfigError           2   wrong flags, settings, prompt or pipeline file
    ├── InputError            2   input that cannot be read, or too much of it is bad
    ├── EndpointError         4   the endpoint is down or keeps failing; run the same command again
    │   ├── AuthError         2   the endpoint refused the key, or the quota is used up
    │   └── NetworkError      2   a refused certificate, a wrong proxy, http where it wants https
    │   └── EndpointMismatch  2   a wrong model or address, or each request refused for one reason
    ├── RecordRefused         4   the endpoint refused this one request (never ends a run: one record fails)
    ├── QualityGate           3   ran to the end, but a gate failed
    ├── StoppedEarly          4   budget or deadline reached; run the same command again
    │   └── PeerLost          4   another process of a training run has gone, or did not come
    ├── Interrupted       130/143 Ctrl-C or SIGTERM (129: SIGHUP), after a clean drain
    ├── Locked                5   another run holds the lock
    └── LedgerError           1   the ledger cannot be read or written

A `Reject` (records.py) is not an error: it is the counted outcome of one record.
"""

from __future__ import annotations

import difflib
import errno
from collections.abc import Iterable

from blossom_data.redaction.urls import mask_credentials


def extra_hint(extra: str) -> str:
    """How an optional part is installed: from the checkout, for the package index has another project of this name."""
    return f"in the checkout of blossom-data: pip install '.[{extra}]'"


def near_hint(name: str, known: Iterable[str], told: str = "known keys:") -> str:
    """The known name that `name` was most likely meant to be, or else all of them, behind the words `told`."""
    names = sorted(known) if told == "known keys:" else list(known)
    near = difflib.get_close_matches(name, names, n=1)
    return f"did you mean {near[0]!r}?" if near else f"{told} {', '.join(names)}"


_SYSTEM_HINTS = {
    (errno.ENOSPC, errno.EDQUOT): "free some space, then run the same command again",
    (errno.EACCES, errno.EPERM, errno.EROFS): "look at who may read and write there (ls -ld), or name another place",
    (errno.ENOENT,): "check the path",
    (errno.ENOTDIR, errno.EEXIST): "a part of that path is a file, where a folder is wanted: check the path",
    (errno.EISDIR,): "that is a folder: name a file",
    (errno.ENAMETOOLONG,): "choose a shorter name",
    (errno.ELOOP,): "check the links in it",
    (errno.EFBIG,): "allow larger files (ulimit -f), or name a place on another file system",
    (errno.EMFILE, errno.ENFILE): "allow more open files: ulimit -n",
    (errno.ENOMEM,): "run the same command again with fewer calls in flight",
}


def system_hint(why: BaseException) -> str:
    """What to do about an error of the operating system."""
    number = getattr(why, "errno", None)
    return next((hint for numbers, hint in _SYSTEM_HINTS.items() if number in numbers), "look at the path and the disk")


def is_full(why: OSError) -> bool:
    """Whether the disk is to blame, and not the name: it is full or broken."""
    return why.errno in (errno.ENOSPC, errno.EDQUOT, errno.EIO)


class BlossomError(Exception):
    """An error told to the user in a line: what happened, where, why, and what to do (`hint`).

    Passwords of URLs are masked here, once for all that is ever told.
    """

    exit_code = 1

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(mask_credentials(message))
        self.hint = mask_credentials(hint)


class ConfigError(BlossomError):
    """Wrong flags, settings, prompt or pipeline file."""

    exit_code = 2


class InputError(BlossomError):
    """Input that cannot be read, or of which too much is bad."""

    exit_code = 2


class EndpointError(BlossomError):
    """The endpoint is down or keeps failing; the run can be resumed."""

    exit_code = 4


class AuthError(EndpointError):
    """The endpoint refused the key, or the account's quota is used up: no call can succeed."""

    exit_code = 2


class NetworkError(EndpointError):
    """The way to the endpoint is set wrongly: its certificate is refused, or the proxy, or it wants https."""

    exit_code = 2


class EndpointMismatch(EndpointError):
    """The endpoint takes no request of this run: wrong model or address, or one refusal that meets them all."""

    exit_code = 2


class RecordRefused(BlossomError):
    """The endpoint refused this one request for good (a 400, 413, 422 ...); `status` is the HTTP status."""

    exit_code = 4

    def __init__(self, message: str, *, status: int, body: str = "") -> None:
        super().__init__(message)
        self.status, self.body = status, body


class QualityGate(BlossomError):
    """The run came to its end, but a quality gate failed."""

    exit_code = 3


class StoppedEarly(BlossomError):
    """A budget or a deadline ended the run; everything bought so far is in the ledger."""

    exit_code = 4


class PeerLost(StoppedEarly):
    """Another process of a training run has gone, or another machine did not come; the run can be resumed."""


class Interrupted(BlossomError):
    """SIGINT, SIGTERM or SIGHUP ended the run after a clean drain."""

    def __init__(self, message: str, *, signal_number: int) -> None:
        super().__init__(message, hint="run the same command again to go on")
        self.exit_code = 128 + signal_number


class Locked(BlossomError):
    """Another run holds the lock."""

    exit_code = 5


class LedgerError(BlossomError):
    """The ledger cannot be read or written."""
