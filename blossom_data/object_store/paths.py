"""URLs of object stores as paths: what reads files, folders and data sets reads these in the same way.

    path_of("s3://bucket/sets/math") / "manifest.json"      ObjectPath: s3://bucket/sets/math/manifest.json
    path_of("file:///data/math"), path_of("data/math")      an ordinary Path

A folder is what keys begin with. A published set's `current` is an object that names a version, and is followed like a
link; a process that has followed it once stays with that version, so that it never reads halves of two.
"""

from __future__ import annotations

import errno
import hashlib
import io
import os
import re
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from fnmatch import fnmatchcase
from pathlib import Path, PosixPath, PurePosixPath
from typing import IO, Any
from urllib.parse import unquote, urlsplit

import orjson

from blossom_data.errors import BlossomError, ConfigError
from blossom_data.object_store import objects
from blossom_data.object_store.objects import Facts
from blossom_data.object_store.reading import ObjectFile

CURRENT = "current"
_URL = re.compile(r"(s3|gs|az|memory):/+")
_BUCKET = re.compile(r"[A-Za-z0-9][\w.-]{0,221}", re.ASCII)
_QUERY = re.compile(r"\?[^/?]*=")
_BLOCK_BYTES = 1 << 20
_BUCKET_PARTS = 2
_links: dict[str, str] = {}
_held: dict[str, str] = {}


def is_url(given: Path | str) -> bool:
    """Whether `given` is a URL of an object store, or a path that pathlib made of one (which knows no `//`)."""
    return isinstance(given, ObjectPath) or _URL.match(os.fspath(given)) is not None


def path_of(given: Path | str) -> Path:
    """The path of a URL, of a file URL that of the file; any other path as it is.

    Raises:
        ConfigError: a URL with a password or a query, or without a bucket.
    """
    if isinstance(given, ObjectPath):
        return given
    text = os.fspath(given)
    if text.startswith("file:///"):
        return Path(unquote(urlsplit(text).path))
    found = _URL.match(text)
    if found is None:
        return Path(given)
    bucket, _, key = text[found.end() :].partition("/")
    if _QUERY.search(text):
        # What signs a URL stands there: as part of a key it would be printed, and written into manifests.
        raise ConfigError(
            f"{found[1]}://... has a query (?name=value), which URLs of an object store do not take",
            hint="leave it out; keys, region and endpoint stand in the environment: see docs/object-stores.md",
        )
    if "@" in bucket or _BUCKET.fullmatch(bucket) is None:
        raise ConfigError(
            f"{found[1]}://... names no bucket that can be used",
            hint=f"{found[1]}://BUCKET/KEY; keys and passwords stand in the environment, never in a URL",
        )
    return ObjectPath(f"{found[1]}:", bucket, *filter(None, key.split("/")))


def beside(folder: Path, name: str) -> Path:
    """The path that is called `name` as seen from `folder`: a URL is the same from everywhere."""
    return path_of(name) if is_url(name) else folder / name


class ObjectPath(PosixPath):
    """An object, or what keys begin with; reads and lists. What writes does it on conditions (objects.py)."""

    def __str__(self) -> str:
        scheme, *rest = self.parts
        return f"{scheme}//{'/'.join(rest)}"

    def __fspath__(self) -> str:
        return str(self)

    def __truediv__(self, other: Path | str) -> Path:  # type: ignore[override]
        return self.joinpath(other)

    def __rtruediv__(self, other: Path | str) -> Path:  # type: ignore[override]
        return self

    def joinpath(self, *others: Path | str) -> Path:  # type: ignore[override]
        """As of any path: what is absolute, a URL too, stands for itself."""
        found: Path = self
        for other in others:
            text = os.fspath(other)
            if is_url(text) or text.startswith("/") or not isinstance(found, ObjectPath):
                found = path_of(text) if is_url(text) or text.startswith("/") else found / text
            else:
                found = super(ObjectPath, found).joinpath(text)
        return found

    def child(self, *names: str) -> ObjectPath:
        """What lies under this one by these names, whatever stands in them."""
        return ObjectPath(*self.parts, *names)

    def relative_to(self, *other: Path | str, **_: Any) -> PurePosixPath:  # type: ignore[override]
        return PurePosixPath(*self.parts).relative_to(*(PurePosixPath(*path_of(each).parts) for each in other))

    @property
    def parent(self) -> ObjectPath:
        return ObjectPath(*self.parts[:-1]) if len(self.parts) > _BUCKET_PARTS else self

    @property
    def parents(self) -> tuple[ObjectPath, ...]:
        return tuple(ObjectPath(*self.parts[:end]) for end in range(len(self.parts) - 1, _BUCKET_PARTS - 1, -1))

    def address(self) -> tuple[str, str, str]:
        """Scheme, bucket and key, with a `current` in it followed."""
        scheme, bucket, *given = self.parts
        key: list[str] = []
        for part in given:
            if part != "..":
                key.append(part)
            elif key:
                key.pop()
        for index, part in enumerate(key[:-1]):
            if part == CURRENT and (version := _version_at(ObjectPath(scheme, bucket, *key[:index], CURRENT))):
                key[index] = version
        return scheme.removesuffix(":"), bucket, "/".join(key)

    def open(self, mode: str = "r", *_: Any, **__: Any) -> IO[Any]:  # type: ignore[override]
        if mode not in ("r", "rb"):
            self._refuse_to_write()
        if str(self) in _held:
            opened: Any = Path(_held[str(self)]).open("rb")  # noqa: SIM115
        else:
            opened = ObjectFile(*self.address())
        return opened if mode == "rb" else io.TextIOWrapper(io.BufferedReader(opened), encoding="utf-8")

    def _refuse_to_write(self, *_: Any, **__: Any) -> Any:
        raise ConfigError(f"{self} is in an object store, and only read here", hint="name a local path")

    mkdir = touch = unlink = rmdir = rename = replace = chmod = _refuse_to_write
    symlink_to = hardlink_to = write_bytes = write_text = _refuse_to_write

    def read_bytes(self) -> bytes:
        return objects.read(*self._file_address())[0]

    def read_text(self, *_: Any, **__: Any) -> str:
        return self.read_bytes().decode()

    def stat(self, *, follow_symlinks: bool = True) -> os.stat_result:
        """Size and time of an object, and whether it is one or a folder."""
        target = self.resolve() if follow_symlinks else self
        if target is not self:
            return target.stat(follow_symlinks=False)
        kind, facts = self._looked_up()
        modified = facts.modified.timestamp() if facts else 0.0
        size = facts.size if facts else 0
        return os.stat_result((kind | 0o444, 0, 0, 1, 0, 0, size, int(modified), int(modified), int(modified)))

    def exists(self, *_: Any, **__: Any) -> bool:
        return self._mode() != 0

    def is_file(self, *_: Any, **__: Any) -> bool:
        return stat.S_ISREG(self._mode())

    def is_dir(self, *_: Any, **__: Any) -> bool:
        return stat.S_ISDIR(self._mode())

    def is_symlink(self) -> bool:
        return self.name == CURRENT and _version_at(self) is not None

    def readlink(self) -> ObjectPath:
        return self.resolve()

    def resolve(self, strict: bool = False) -> ObjectPath:
        """The same with each `current` followed."""
        found: ObjectPath = self
        if self.name == CURRENT and (version := _version_at(self)):
            found = self.parent.child(version)
        scheme, bucket, key = found.address()
        resolved = ObjectPath(f"{scheme}:", bucket, *filter(None, key.split("/")))
        return self if resolved == self else resolved

    def absolute(self) -> ObjectPath:
        return self

    def expanduser(self) -> ObjectPath:
        return self

    def iterdir(self) -> Iterator[ObjectPath]:  # type: ignore[override]
        folders, found = objects.children(*self.resolve().address())
        if not folders and not found:
            raise FileNotFoundError(errno.ENOENT, "there is no such folder", str(self))
        for name in sorted({*folders, *found}):
            child = self.child(name)
            child.__dict__["looked_up"] = (stat.S_IFREG, found[name]) if name in found else (stat.S_IFDIR, None)
            yield child

    def glob(self, pattern: str, **__: Any) -> Iterator[ObjectPath]:  # type: ignore[override]
        first, _, rest = pattern.partition("/")
        try:
            entries = list(self.iterdir())
        except FileNotFoundError:
            return
        for entry in entries:
            if fnmatchcase(entry.name, first):
                yield from entry.glob(rest) if rest else (entry,)

    def rglob(self, pattern: str, **_: Any) -> Iterator[ObjectPath]:  # type: ignore[override]
        scheme, bucket, prefix = self.resolve().address()
        for key, facts in objects.beneath(scheme, bucket, prefix):
            child = self.child(*key[len(prefix) :].strip("/").split("/"))
            if fnmatchcase(child.name, pattern):
                child.__dict__["looked_up"] = (stat.S_IFREG, facts)
                yield child

    @contextmanager
    def held(self, sha256: str) -> Iterator[bool]:
        """Whether the object has that hash; within the block its bytes lie in a temporary file, which `open` opens."""
        digest = hashlib.sha256()
        with tempfile.NamedTemporaryFile(prefix="blossom-data-", buffering=0) as copy, self.open("rb") as file:
            while block := file.read(_BLOCK_BYTES):
                digest.update(block)
                _keep(copy, block)
            _held[str(self)] = copy.name
            try:
                yield digest.hexdigest() == sha256
            finally:
                _held.pop(str(self), None)  # who reads the same shard beside this one has a copy of its own

    def _file_address(self) -> tuple[str, str, str]:
        scheme, bucket, key = self.address()
        if not key:
            raise IsADirectoryError(errno.EISDIR, "that is a bucket", str(self))
        return scheme, bucket, key

    def _mode(self) -> int:
        try:
            return self.stat().st_mode
        except FileNotFoundError:
            return 0

    def _looked_up(self) -> tuple[int, Facts | None]:
        """S_IFREG with the object's facts, or S_IFDIR; FileNotFoundError where no key begins so."""
        if (known := self.__dict__.get("looked_up")) is not None:
            return known  # type: ignore[no-any-return]
        scheme, bucket, key = self.address()
        if key:
            try:
                return stat.S_IFREG, objects.head(scheme, bucket, key)
            except FileNotFoundError:
                pass
        if any(objects.children(scheme, bucket, key)) or not key:
            return stat.S_IFDIR, None
        raise FileNotFoundError(errno.ENOENT, "there is no such object or folder", str(self))


def _keep(copy: IO[bytes], block: bytes) -> None:
    """Writes a block into a file without a buffer."""
    view = memoryview(block)
    try:
        while view:
            view = view[copy.write(view) :]
    except OSError as why:
        told = f"cannot keep a shard in {tempfile.gettempdir()}: {why.strerror}"
        raise BlossomError(told, hint="free some space there, or set TMPDIR") from why


def forget(link: ObjectPath) -> None:
    """Follows `link` anew from now on: this process has changed it."""
    _links.pop(str(link), None)


def _version_at(link: ObjectPath) -> str | None:
    """The version that the object `current` names, None where it is none of ours; asked once in a process."""
    if str(link) not in _links:
        scheme, bucket, *key = link.parts
        try:
            state = orjson.loads(objects.read(scheme.removesuffix(":"), bucket, "/".join(key))[0])
            version = state.get("version") if isinstance(state, dict) else None
        except (FileNotFoundError, ValueError):
            version = None
        _links[str(link)] = version if isinstance(version, str) and "/" not in version else ""
    return _links[str(link)] or None
