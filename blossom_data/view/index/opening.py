"""Opens the index of a set, and builds it where it is missing or another set's; of a run that goes on, what is there.

    source = Source(Path("out/math"))
    source.index(counters)          the index beside it, built once: .math.view-index/

What a set is known again by is its manifest, of a file its size and time. A run that is not finished has no index
beside it: its settled shards are indexed in a temporary folder, and what comes meanwhile is added on `refresh`.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from blossom_data import __version__
from blossom_data.counters import Counters
from blossom_data.errors import BlossomError, Locked, system_hint
from blossom_data.mix.layouts import LAYOUTS
from blossom_data.object_store import ObjectPath
from blossom_data.publish.reading import located
from blossom_data.records import Record
from blossom_data.rows import BadRow, Row, read_rows
from blossom_data.rows.facts import count_records
from blossom_data.rows.row import Unreadable
from blossom_data.rows.valid import valid_record
from blossom_data.shards import BUILDING, MANIFEST, REJECTS, BlockNotes, read_manifest
from blossom_data.view.index.facets import FAILED, KEPT, REJECTED, UNREADABLE
from blossom_data.view.index.reading import Index
from blossom_data.view.index.writing import FORMAT, IndexWriter, discard

_RAW_CHARS = 2_000


class Source:
    """A data set, version, file, or a run that is not finished, with its index."""

    def __init__(
        self, path: Path, *, pulled: Callable[[], Iterable[Record]] | None = None, known: str = "", name: str = ""
    ) -> None:
        """
        Args:
            pulled: in place of the set's own rows, those that its pipeline's sources give; `known` tells them apart.
        """
        self.path = located(path)
        self.name = name or str(path)
        self._pulled, self._known = pulled, known
        self.manifest: dict[str, Any] = (read_manifest(self.path) if self.path.is_dir() else None) or {}
        self.is_live = pulled is None and not self.manifest and (self.path / BUILDING).is_dir()
        self._live: _LiveIndex | None = None

    def open(self, counters: Counters) -> Index:
        """The index of the set.

        Raises:
            InputError: the set cannot be read.
            BlossomError: the index cannot be written anywhere.
        """
        if self.is_live:
            self._live = _LiveIndex(self.path)
            return self._live.index()
        known = self._fingerprint()
        for folder in self._places():
            if (index := _opened(folder, known)) is not None:
                return index
        for folder in self._places():
            try:
                return self._built(folder, known, counters)
            except OSError as why:
                told = why
        raise BlossomError(f"cannot write the index of {self.path}: {told.strerror}", hint=system_hint(told)) from told

    def refreshed(self, index: Index) -> Index:
        """The index with what a run has settled since, or of the set that it made; the very same without news."""
        if self._live is not None and (manifest := read_manifest(self.path)):
            self._live.close()
            self._live, self.is_live, self.manifest = None, False, manifest
            return self.open(Counters())
        return self._live.index() if self._live is not None and self._live.has_more() else index

    def close(self) -> None:
        if self._live is not None:
            self._live.close()

    def _fingerprint(self) -> dict[str, Any]:
        file = self.path / MANIFEST if self.path.is_dir() else self.path
        if self.manifest:
            told = hashlib.sha256(file.read_bytes()).hexdigest()
        else:
            files = sorted(self.path.iterdir()) if self.path.is_dir() else [self.path]
            stats = [(each.name, each.stat().st_size, each.stat().st_mtime_ns) for each in files if each.is_file()]
            told = hashlib.sha256(repr(stats).encode(errors="surrogateescape")).hexdigest()
        told += self._known
        return {"fingerprint": told, "blossom_data": __version__, "format": FORMAT}

    def _places(self) -> Iterator[Path]:
        """Where the index may lie: beside the set, or in the cache of who cannot write there."""
        place = self.path.resolve()
        name = f".{place.name}.{'originals' if self._pulled else 'view'}-index"
        if not isinstance(place, ObjectPath):
            yield place.parent / name
        cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        yield cache / "blossom-data" / f"{hashlib.sha256(os.fsencode(place)).hexdigest()[:16]}{name}"

    def _built(self, folder: Path, known: dict[str, Any], counters: Counters) -> Index:
        folder.parent.mkdir(parents=True, exist_ok=True)
        building = folder.with_name(f"{folder.name}.building")
        building.mkdir(exist_ok=True)
        with _locked(building):
            try:
                with IndexWriter(building) as writer:
                    for kind, row in counters.counted("indexing", self._rows(), total=count_records(self.path)):
                        writer.add(kind, row)
                    writer.finish(known)
                (building / "ids.tmp").unlink()
                discard(folder)
                building.rename(folder)
            except BaseException:
                discard(building)
                raise
        return Index(folder)

    def _rows(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """The rows of the set, the kept ones first, each with what became of it."""
        if self._pulled is not None:
            yield from ((KEPT, record.to_dict()) for record in self._pulled())
            return
        if not self.manifest or self.manifest.get("records"):
            yield from _kept(self.path, str(self.manifest.get("layout", "messages")))
        rejects = self.path / REJECTS
        if self.path.is_dir() and rejects.is_dir() and any(rejects.iterdir()):
            yield from _rejected(rejects)


class _LiveIndex:
    """What a run that is not finished has settled, in a temporary folder."""

    def __init__(self, path: Path) -> None:
        self._path, self._building = path, path / BUILDING
        self._place = tempfile.TemporaryDirectory(prefix="blossom-view-", ignore_cleanup_errors=True)
        self._writer = IndexWriter(Path(self._place.name))
        self._seen: set[int] = set()

    def index(self) -> Index:
        """The index with all blocks that are settled by now."""
        notes = BlockNotes(self._path)
        for block in sorted(self._settled() - self._seen):
            for note in notes.of(block)[:1]:
                for kind in ("kept", "rejects"):
                    for file, _ in note.shards(kind):
                        # The run may end just now, and its shards move.
                        with suppress(OSError, BlossomError):
                            for item in _kept(file) if kind == "kept" else _rejected(file):
                                self._writer.add(*item)
            self._seen.add(block)
        self._writer.finish({})
        return Index(Path(self._place.name))

    def has_more(self) -> bool:
        return bool(self._settled() - self._seen)

    def close(self) -> None:
        self._writer.close()
        self._place.cleanup()

    def _settled(self) -> set[int]:
        names = (note.stem.removeprefix("block-") for note in self._building.glob("block-*.json"))
        return {int(name) for name in names if name.isdecimal()}


def _opened(folder: Path, known: dict[str, Any]) -> Index | None:
    """The index in `folder` where it is that of the set."""
    try:
        index = Index(folder)
    except (OSError, ValueError, KeyError):
        return None
    if all(index.meta.get(key) == value for key, value in known.items()):
        return index
    index.close()
    return None


@contextmanager
def _locked(building: Path) -> Iterator[None]:
    """Holds the folder of an index in the making; what a dead process left in it is written over.

    Raises:
        Locked: another process builds it.
    """
    descriptor = os.open(building, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError as why:
        raise Locked(f"another process builds the index {building}", hint="wait for it, then run again") from why
    finally:
        os.close(descriptor)


def _kept(path: Path, layout: str = "messages") -> Iterator[tuple[str, dict[str, Any]]]:
    for row in read_rows(path):
        yield (KEPT, _with_turns(row.value, layout)) if isinstance(row, Row) else (UNREADABLE, _bad(row))


def _with_turns(value: dict[str, Any], layout: str) -> dict[str, Any]:
    """A row with what a trainer's layout does not have: messages; and the id that goes without saying."""
    if layout in LAYOUTS and layout != "messages":
        with suppress(KeyError, TypeError, ValueError):
            value = {**value, "messages": LAYOUTS[layout].decode(value)}
    if not value.get("id"):
        with suppress(Unreadable):
            value = {**value, "id": valid_record(value).id}
    return value


def _rejected(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    for row in read_rows(path):
        if isinstance(row, Row):
            yield (FAILED if row.value.get("failed") else REJECTED), row.value


def _bad(row: BadRow) -> dict[str, Any]:
    """A row that cannot be read, in the form that rejects have."""
    raw = row.raw[:_RAW_CHARS].decode(errors="replace")
    place = {"detail": row.detail, "file": row.file, "line": row.line}
    return {"id": "", "stage": "read", "code": row.code, **place, "reply": raw}
