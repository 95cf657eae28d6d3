"""A packed set on disk: read through memory maps, written so that a folder with a manifest is whole.

    OUT/ids.bin         token ids of all documents, one after the other (uint16 or uint32, by vocabulary)
    OUT/runs.bin        loss masks as run lengths (uint32): unsupervised, supervised, unsupervised, ... per document
    OUT/docs.bin        a DOCUMENT for each document: where its ids and runs are, the hash of its messages
    OUT/order.bin       documents (uint32) row by row
    OUT/rows.bin        a ROW for each row: where in order.bin it begins, its tokens, its supervised tokens
    OUT/questions.bin   a hash (uint64) of each document's first question, by which it is held out
    OUT/labels.bin      of replies that were judged one by one: 1 (uint8) for each that is desirable
    OUT/tokenizer.json  the tokenizer that made the ids
    OUT/manifest.json   written last: sha256 of each file, inputs, template, tokenizer, counts

    packed = PackedSet.open(folder)
    packed.row(0).ids          int64 [2041]: documents of one row, one after the other, without padding
    packed.row(0).supervised   bool  [2041]: which ids are to be predicted
    packed.row(0).starts       int64 [5]:    where its documents begin

Numbers are little-endian. What goes into the files is pack.py's part; of a preference pair it is two documents.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import struct
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

import numpy as np
import orjson
from numpy.typing import NDArray

from blossom_data.errors import BlossomError, ConfigError, InputError, system_hint
from blossom_data.shards import FORMAT, MANIFEST, read_manifest, sync_folder, write_atomic

KIND = "packed"
DOCUMENT = np.dtype([("start", "<u8"), ("length", "<u4"), ("runs_start", "<u8"), ("runs", "<u4"), ("hash", "u1", 16)])
ROW = np.dtype([("start", "<u8"), ("tokens", "<u4"), ("supervised", "<u4")])
_TABLES = ("runs.bin", "docs.bin", "order.bin", "rows.bin", "tokenizer.json")
_SOMETIMES = ("questions.bin", "labels.bin")
FILES = ("ids.bin", *_TABLES)
_ALL = (*FILES, *_SOMETIMES)
_BUILDING, _TORN = ".building", f".{MANIFEST}"
_WIDTHS = ("<u2", "<u4")


@dataclass(frozen=True, slots=True)
class PackedRow:
    """Documents one after the other: `ids` int64 [n], `supervised` bool [n], `starts` int64 [documents]."""

    ids: NDArray[np.int64]
    supervised: NDArray[np.bool_]
    starts: NDArray[np.int64]
    doc_hashes: list[str]

    def only(self, documents: Sequence[int]) -> PackedRow:
        """The row without its other documents."""
        ends = [*self.starts[1:].tolist(), len(self.ids)]
        spans = [slice(int(self.starts[number]), ends[number]) for number in documents]
        lengths = [span.stop - span.start for span in spans]
        none = np.zeros(0, dtype=np.int64)
        return PackedRow(
            ids=np.concatenate([self.ids[span] for span in spans] or [none]),
            supervised=np.concatenate([self.supervised[span] for span in spans] or [none.astype(np.bool_)]),
            starts=np.cumsum([0, *lengths[:-1]], dtype=np.int64) if spans else none,
            doc_hashes=[self.doc_hashes[number] for number in documents],
        )


class PackedSet:
    """A packed set that is open for reading; `open` makes it."""

    def __init__(self, folder: Path, manifest: dict[str, Any]) -> None:
        self.folder, self.manifest = folder, manifest
        self.seq_len: int = manifest["seq_len"]
        self.template: str = manifest["template"]["name"]
        self.pad_id: int = manifest["tokenizer"]["pad_id"]
        self.stop_ids: list[int] = manifest["template"]["stop_ids"]
        self.kind: str = next((kind for kind in ("pairs", "labelled", "text") if manifest.get(kind)), "chats")
        """Of pairs documents 2 n and 2 n + 1 are the chosen and the rejected chat of pair n; of judged replies the
        chat, and its prompt with another one's reply."""
        self.together = 2 if self.kind in ("pairs", "labelled") else 1
        """Documents that are drawn as one and share a row, whose length is that many times seq_len."""
        self._ids = _mapped(folder / "ids.bin", np.dtype(_WIDTHS[_WIDTHS.index(manifest["ids"])]))
        self._runs = _mapped(folder / "runs.bin", np.dtype("<u4"))
        self._documents = _mapped(folder / "docs.bin", DOCUMENT)
        self._order = _mapped(folder / "order.bin", np.dtype("<u4"))
        self._rows = _mapped(folder / "rows.bin", ROW)
        self._questions = _optional(folder / "questions.bin", np.dtype("<u8"))
        self._labels = _optional(folder / "labels.bin", np.dtype("u1"))

    @classmethod
    def open(cls, folder: Path | str, *, verify: bool = False) -> PackedSet:
        """Opens the packed set in `folder`; the sha256 of ids.bin, by far the largest file, is compared with `verify`.

        Raises:
            InputError: no finished packed set, or a file that is not the one its manifest names.
        """
        folder = Path(folder)
        manifest = read_manifest(folder)
        if manifest is None or manifest.get("kind") != KIND:
            raise InputError(f"{folder} is no packed set", hint="make one: blossom-data train pack")
        try:
            known = {file["file"]: (int(file["bytes"]), str(file["sha256"])) for file in manifest["files"]}
            for name in (one for one in _ALL if one in known or one not in _SOMETIMES):
                _check(folder / name, *known[name], compare=verify or name != "ids.bin")
            return cls(folder, manifest)
        except (KeyError, TypeError, ValueError) as why:
            raise InputError(f"{folder / MANIFEST} is damaged: {why!r}", hint="pack the data again") from why
        except OSError as why:
            raise InputError(f"cannot read {folder}: {why.strerror}", hint="pack the data again") from why

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def row_tokens(self) -> NDArray[np.int64]:
        """int64 [rows]: the tokens of each row."""
        return self._rows["tokens"].astype(np.int64)

    @property
    def row_supervised(self) -> NDArray[np.int64]:
        """int64 [rows]: the supervised tokens of each row, never 0."""
        return self._rows["supervised"].astype(np.int64)

    @property
    def doc_lengths(self) -> NDArray[np.int64]:
        """int64 [documents]: the tokens of each document, in the order of the input."""
        return self._documents["length"].astype(np.int64)

    def doc_targets(self) -> NDArray[np.int64]:
        """int64 [documents]: the tokens of each document that are learnt: all supervised ones behind its first."""
        if not len(self._documents):
            return np.zeros(0, dtype=np.int64)
        begins = self._documents["runs_start"].astype(np.int64)
        runs = self._runs.astype(np.int64)
        is_learnt = (np.arange(len(runs)) - np.repeat(begins, self._documents["runs"])) % 2 == 1
        # A document's first token follows nothing that it could be predicted from.
        targets: NDArray[np.int64] = np.add.reduceat(np.where(is_learnt, runs, 0), begins) - (runs[begins] == 0)
        return targets

    def row(self, index: int) -> PackedRow:
        """The documents of row `index`, one after the other."""
        start = int(self._rows["start"][index])
        is_last = index in (len(self) - 1, -1)
        return self.join(self._order[start : None if is_last else int(self._rows["start"][index + 1])].tolist())

    def document(self, index: int) -> PackedRow:
        """Document `index` (in the order of the input) as a row of its own."""
        return self.join([index])

    def doc_hash(self, index: int) -> str:
        """32 hex digits of the messages of document `index`; the same under any tokenizer and template."""
        return bytes(self._documents["hash"][index]).hex()

    def question(self, index: int) -> str:
        """A name of the first question of document `index`; of the whole document where a set does not know it."""
        return self.doc_hash(index) if self._questions is None else f"question/{int(self._questions[index]):016x}"

    def labels(self) -> NDArray[np.bool_]:
        """bool [units]: which of judged replies are desirable."""
        assert self._labels is not None
        return self._labels.astype(np.bool_)

    def join(self, documents: Sequence[int]) -> PackedRow:
        """The named documents, one after the other."""
        ids, masks, starts, length = [], [], [], 0
        for index in documents:
            entry = self._documents[index]
            start, runs = int(entry["start"]), int(entry["runs_start"])
            ids.append(self._ids[start : start + int(entry["length"])])
            lengths = self._runs[runs : runs + int(entry["runs"])]
            masks.append(np.repeat(np.arange(len(lengths)) % 2 == 1, lengths))
            starts.append(length)
            length += int(entry["length"])
        return PackedRow(
            ids=np.concatenate(ids).astype(np.int64),
            supervised=np.concatenate(masks),
            starts=np.array(starts, dtype=np.int64),
            doc_hashes=[self.doc_hash(index) for index in documents],
        )


@dataclass(frozen=True, slots=True)
class Stored:
    """A document as a packed set has it: ids and runs as bytes of their types, and how many there are of them."""

    ids: bytes
    length: int
    runs: bytes
    run_count: int
    supervised: int
    digest: bytes
    """16 bytes of a hash of all of it."""
    question: int
    """64 bits of a hash of its first question."""


class PackedWriter:
    """A packed set in the making; leaving the block without `finish` leaves what was there before.

    Raises:
        ConfigError: `folder` cannot be written, or holds what no packed set holds.
        BlossomError: the disk is full.
    """

    def __init__(self, folder: Path, *, vocab_size: int) -> None:
        self.folder, self.building = folder, folder / _BUILDING
        self.dtype = np.dtype(width_of(vocab_size))
        self._tokens = self._run_count = 0
        self._lengths, self._supervised = array("I"), array("I")
        self._questions, self._labels = array("Q"), bytearray()
        _refuse_foreign(folder)
        try:
            shutil.rmtree(self.building, ignore_errors=True)
            self.building.mkdir(parents=True)
            self._files: dict[str, IO[bytes]] = {
                name: (self.building / name).open("wb") for name in ("ids.bin", "runs.bin", "docs.bin")
            }
        except OSError as why:
            raise ConfigError(f"cannot write to {folder}: {why.strerror}", hint=system_hint(why)) from why

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, why: BaseException | None, at: TracebackType | None) -> None:
        for file in self._files.values():
            # Closing writes what is buffered, and a full disk must not hide the error that ended the block.
            with contextlib.suppress(OSError):
                file.close()
        shutil.rmtree(self.building, ignore_errors=True)
        # Goes only where it is empty: nothing was there before, and nothing was finished.
        with contextlib.suppress(OSError):
            self.folder.rmdir()

    def add(self, document: Stored) -> None:
        """Adds a document."""
        place = (self._tokens, document.length, self._run_count, document.run_count)
        entry = struct.pack("<QIQI16s", *place, document.digest)
        self._tokens += document.length
        self._run_count += document.run_count
        self._lengths.append(document.length)
        self._supervised.append(document.supervised)
        self._questions.append(document.question)
        try:
            self._files["ids.bin"].write(document.ids)
            self._files["runs.bin"].write(document.runs)
            self._files["docs.bin"].write(entry)
        except OSError as why:
            raise self._failed(why) from why

    def label(self, is_desirable: bool) -> None:
        """Says of the reply that was added last whether it is desirable."""
        self._labels.append(is_desirable)

    def lengths(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """int64 [documents] each: tokens and supervised tokens of what was added."""
        return np.array(self._lengths, dtype=np.int64), np.array(self._supervised, dtype=np.int64)

    def finish(
        self,
        about: dict[str, Any],
        *,
        order: NDArray[np.int64],
        rows: NDArray[np.void],
        tokenizer: bytes,
    ) -> dict[str, Any]:
        """Writes the tables, moves all files into place, the manifest last; gives the manifest."""
        small = {"order.bin": order.astype("<u4").tobytes(), "rows.bin": rows.tobytes(), "tokenizer.json": tokenizer}
        small["questions.bin"] = np.array(self._questions, dtype="<u8").tobytes()
        if self._labels:
            small["labels.bin"] = bytes(self._labels)
        names = [name for name in _ALL if name in small or name not in _SOMETIMES]
        try:
            for name, data in small.items():
                self._files[name] = (self.building / name).open("wb")
                self._files[name].write(data)
            for file in self._files.values():
                file.flush()
                os.fsync(file.fileno())
                file.close()
            files = [_described(self.building / name) for name in names]
            (self.folder / MANIFEST).unlink(missing_ok=True)
            for name in set(_ALL) - set(names):
                (self.folder / name).unlink(missing_ok=True)
            for name in names:
                (self.building / name).replace(self.folder / name)
            sync_folder(self.folder)
        except OSError as why:
            raise self._failed(why) from why
        manifest = {"format": FORMAT, "kind": KIND, **about, "ids": self.dtype.str, "files": files}
        write_atomic(
            self.folder / MANIFEST, orjson.dumps(manifest, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
        )
        return manifest

    def _failed(self, why: OSError) -> BlossomError:
        return BlossomError(
            f"cannot write to {self.building}: {why.strerror}", hint="free some space and run the same command again"
        )


def width_of(vocab_size: int) -> str:
    """The type of ids below `vocab_size`."""
    return _WIDTHS[vocab_size > 1 << 16]


def _mapped(path: Path, dtype: np.dtype[Any]) -> NDArray[Any]:
    # A map of an empty file is an error, and an empty array is the same.
    return np.memmap(path, dtype=dtype, mode="r") if path.stat().st_size else np.zeros(0, dtype=dtype)


def _optional(path: Path, dtype: np.dtype[Any]) -> NDArray[Any] | None:
    return _mapped(path, dtype) if path.is_file() else None


def _described(path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return {"file": path.name, "bytes": path.stat().st_size, "sha256": digest}


def _check(path: Path, size: int, sha256: str, *, compare: bool) -> None:
    """Raises InputError where the file is not the one that the manifest names."""
    if not path.is_file():
        raise InputError(f"{path} is missing", hint="pack the data again")
    if path.stat().st_size != size or (compare and _described(path)["sha256"] != sha256):
        raise InputError(
            f"{path} is not the file that its manifest names: it was changed or damaged", hint="pack the data again"
        )


def _refuse_foreign(folder: Path) -> None:
    """Raises ConfigError when `folder` is a file, a link, or holds files that no packed set holds."""
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        raise ConfigError(f"output {folder} is not a folder", hint="name a new folder with -o")
    if not folder.is_dir():
        return
    manifest = read_manifest(folder)
    names = sorted(entry.name for entry in folder.iterdir())
    foreign = [name for name in names if name not in (*_ALL, MANIFEST, _BUILDING) and not name.startswith(_TORN)]
    if foreign or (manifest is not None and manifest.get("kind") != KIND):
        raise ConfigError(
            f"output folder {folder} holds other files ({foreign[0] if foreign else MANIFEST} ...)",
            hint="name a new folder with -o",
        )
