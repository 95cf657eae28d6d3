"""Files and folders as `pull` reads them: of a folder the files of one split.

open_local("gsm8k/", wanted, "train")     train.jsonl of a folder that holds train.jsonl and test.jsonl
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path, PurePath

from blossom_data.errors import ConfigError, InputError
from blossom_data.object_store import path_of
from blossom_data.rows import BadRow, Row, read_rows
from blossom_data.rows.folders import WORDS, Splits, canonical, find_splits, split_name, split_of, splits_asked
from blossom_data.rows.inputs import label
from blossom_data.rows.wanted import Wanted
from blossom_data.shards import read_manifest
from blossom_data.sources.hub import Origin

_SHOWN_FILES = 3


def split_here(path: Path | str, split: str) -> list[str]:
    """The splits that are about to be read: those that are asked for, or that of a file by its name."""
    asked = splits_asked(split)
    if asked != ["train"] or str(path) == "-" or str(path).startswith("hf:") or path_of(path).is_dir():
        return asked
    return [_split_of_file(path_of(path)) or "train"]


def open_local(path: Path | str, wanted: Wanted, split: str) -> tuple[Origin, Iterator[Row | BadRow]]:
    """Where rows come from, and the rows; of a plain folder those of the files of `split`.

    Raises:
        ConfigError: a split of what has none, or a file that is of another.
        InputError: as read_rows; a folder that has other splits alone.
    """
    at = path_of(path)
    is_stream = str(path) == "-"
    if not is_stream and _is_plain_folder(at):
        try:
            splits = find_splits(at)
        except OSError:
            splits = Splits()  # reading it says what is wrong
        if splits.named:
            files = [file for name in split_here(path, split) for file in _files_of(splits, name, at)]
            notes = _left_out(splits, files, at)
            return Origin(str(path), split=split, notes=notes), read_rows(path, wanted, files=files)
    own = "" if is_stream else _split_of_file(at)
    if split != "train" and split_here(path, split) != [own] and not _has_lists_of_splits(at, wanted):
        what = f"is of the split {own}" if own else "has no splits"
        raise ConfigError(f"--split {split}: {label(path)} {what}", hint="a split is one of a folder or a hub data set")
    return Origin(str(path), split=split), read_rows(path, wanted)


def _has_lists_of_splits(place: Path, wanted: Wanted) -> bool:
    """Whether a file is one JSON object whose rows all stand in lists that are named for splits."""
    if ".json" not in place.suffixes:
        return False
    first = next(iter(read_rows(place, replace(wanted, split="\0"))), None)  # of a split that no list has
    return isinstance(first, Row) and not wanted.is_row(first.value) and any(map(split_name, first.value))


def _is_plain_folder(place: Path) -> bool:
    try:
        return place.is_dir() and read_manifest(place) is None
    except (OSError, ValueError):
        return False


def _split_of_file(place: Path) -> str:
    """The split that the name of a file says, or of the folder that it lies in where that is all of its name."""
    folder = canonical(place.parent.name)
    return split_of(PurePath(place.name)) or (folder if folder in WORDS else "")


def _files_of(splits: Splits, split: str, folder: Path) -> list[Path]:
    """The files of one split.

    Raises:
        InputError: there are none.
    """
    if split in splits.named:
        return splits.named[split]
    known = sorted(splits.named, key=lambda name: (name != "train", split_name(name) == "test", name))
    there = ", ".join(f"{name} ({_shown(splits.named[name], folder)})" for name in known)
    unnamed = f"; of no split by their names: {_shown(splits.unnamed, folder)}" if splits.unnamed else ""
    if "[" in split:
        hint = "for a part of the rows give --limit or --sample"
    else:
        hint = f"choose one: --split {known[0]}" + ("; or pass a file's own path" if splits.unnamed else "")
    raise InputError(f"{label(folder)} has no split {split}: it has {there}{unnamed}", hint=hint)


def _left_out(splits: Splits, files: list[Path], folder: Path) -> tuple[str, ...]:
    """What is told of the files of a folder that are not read."""
    others = {name: found for name, found in splits.named.items() if not set(found) <= set(files)}
    told = [f"{name} ({_shown(found, folder)})" for name, found in sorted(others.items())]
    told += [f"{_shown(splits.unnamed, folder)} (of no split)"] if splits.unnamed else []
    return (f"read {_shown(files, folder)} of {label(folder)}; left out: {', '.join(told)}",) if told else ()


def _shown(files: list[Path], folder: Path) -> str:
    names = [label(file.relative_to(folder)) for file in files[:_SHOWN_FILES]]
    return ", ".join(names) + (f" and {len(files) - _SHOWN_FILES} more" if len(files) > _SHOWN_FILES else "")
