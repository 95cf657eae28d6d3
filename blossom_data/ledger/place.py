"""Which file is the ledger of a run that names none, so that the same command finds it from any folder.

    find_ledger(Path("/data/math/out"), "/data/math/in")     ->   /data/math/.blossom/ledger.sqlite

In this order: one that bought for this output before; the one that the manifest of the output or of the input names;
one in the working directory, where it always was; the nearest `.blossom/` above the output, as git finds its
repository. Else it is made in the working directory, if the output lies below that, and beside the output if not.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from blossom_data.errors import LedgerError
from blossom_data.ledger.address import SCHEMES, LedgerAddress, PostgresAddress
from blossom_data.shards import BUILDING, read_manifest

DEFAULT_LEDGER = Path(".blossom/ledger.sqlite")
_HEADER_BYTES = 100


def find_ledger(out: Path, records: str = "-") -> Path:
    """The ledger of a run that writes to `out` and reads the data set or file `records`."""
    there = list(_existing(out, records))
    bought = (path for path in there if _has_bought(path, out))
    return next(bought, None) or next(iter(there), None) or _new_place(out)


def other_ledger(out: Path, ledger: LedgerAddress) -> Path | str | None:
    """The ledger that earlier runs into `out` bought with, where it is not `ledger`, nor that bought for it too."""
    if (database := database_named(out)) or isinstance(ledger, PostgresAddress):
        return (database or ledger_named(out)) if database != str(ledger) else None
    if _has_bought(ledger, out):
        return None
    named = ledger_named(out)
    if named is not None and not _is_same(named, ledger):
        return named
    others = (path for path in _existing(out, "-") if not _is_same(path, ledger))
    return next((path for path in others if _has_bought(path, out)), None)


def refuse_emptied(ledger: Path, out: Path) -> None:
    """Raises LedgerError for a ledger without content, where `out` holds what was bought with it."""
    if not is_emptied(ledger):
        return
    named = ledger_named(out)
    is_ours = read_manifest(out) is not None and (named is None or _is_same(named, ledger))
    if is_ours or any((out / BUILDING).glob("block-*.json")):
        raise emptied(ledger, f"the data set {out}")


def is_emptied(path: Path) -> bool:
    """Whether the file at `path` is too short to hold anything: SQLite would begin anew in it."""
    return path.is_file() and path.stat().st_size < _HEADER_BYTES


def emptied(path: Path, witness: str) -> LedgerError:
    """The error of a ledger without content of which `witness` says that it had some."""
    return LedgerError(
        f"ledger {path} is empty, and {witness} tells of an earlier run",
        hint="bring it back from a copy; to buy everything again, move it and what lies beside it away",
    )


def job_of(out: Path) -> str:
    """What a ledger notes with each reply: the output that it was bought for."""
    return os.fsencode(out.resolve()).decode("utf-8", "backslashreplace")


def name_in(out: Path, ledger: LedgerAddress) -> str:
    """What the manifest of `out` calls `ledger`: its place as seen from there, so that both can move together."""
    if isinstance(ledger, PostgresAddress):
        return str(ledger)
    return os.fsencode(os.path.relpath(ledger.resolve(), out.resolve())).decode("utf-8", "backslashreplace")


def ledger_named(dataset: Path) -> Path | None:
    """The ledger file that the manifest of `dataset` names, be it there or not."""
    name = (read_manifest(dataset) or {}).get("ledger")
    if not isinstance(name, str) or "\0" in name or name.startswith(SCHEMES):
        return None
    return Path(os.path.normpath(dataset.resolve() / name))


def database_named(dataset: Path) -> str:
    """The database that the manifest of `dataset` names, without its password; it is never connected to for that."""
    name = (read_manifest(dataset) or {}).get("ledger")
    return name if isinstance(name, str) and name.startswith(SCHEMES) else ""


def _existing(out: Path, records: str) -> Iterator[Path]:
    """Ledgers that are there, the likeliest first."""
    for dataset in (out, *([] if records == "-" else [Path(records)])):
        # Who made a data set may have named any file of this machine in it.
        if (named := ledger_named(dataset)) is not None and _ask(
            named, "SELECT 1 FROM sqlite_master WHERE name = 'replies'"
        ):
            yield _short(named)
    if DEFAULT_LEDGER.is_file():
        yield DEFAULT_LEDGER
    if (above := _nearest(out)) is not None and above.is_file():
        yield _short(above)


def _nearest(out: Path) -> Path | None:
    """The ledger of the nearest `.blossom/` above `out` that is our own, be it there or not."""
    for folder in out.resolve().parents:
        home = folder / DEFAULT_LEDGER.parent
        if home.is_dir() and os.geteuid() in (0, home.stat().st_uid):
            return home / DEFAULT_LEDGER.name
    return None


def _new_place(out: Path) -> Path:
    if (above := _nearest(out)) is not None:
        return _short(above)
    return DEFAULT_LEDGER if Path.cwd() in out.resolve().parents else out.resolve().parent / DEFAULT_LEDGER


def _short(path: Path) -> Path:
    """`path` as seen from the working directory, where it lies below that."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path


def _is_same(one: Path, other: Path) -> bool:
    return one.resolve() == other.resolve()


def _has_bought(ledger: Path, out: Path) -> bool:
    return _ask(ledger, "SELECT 1 FROM totals WHERE job = ? LIMIT 1", job_of(out))


def _ask(ledger: Path, query: str, *values: str) -> bool:
    """Whether the query finds anything; False where there is no ledger that can be looked into."""
    import sqlite3

    from blossom_data.ledger.connections import connect_read_only

    if not ledger.is_file():
        return False
    try:
        with closing(connect_read_only(ledger)) as database:
            return database.execute(query, values).fetchone() is not None
    except (sqlite3.Error, ValueError):
        return False
