"""The data files of a folder, and the split to which each belongs by its name, as the hub's `datasets` has it.

    train.jsonl  my-train-v2.json  train/part-1.jsonl  data/train-00000-of-00002.parquet      train
    test.jsonl   eval.json         gsm8k_test.parquet  testing/x.jsonl                        test
    dev.jsonl    val.csv           valid-1.jsonl       validation/x.jsonl                     validation
    data/test_sft-00000-of-00001.parquet                                                      test_sft
    a.jsonl      pretrain.jsonl    latest.jsonl        train_test.jsonl (which of them?)      none

A word counts where no letter stands beside it. Where no name of a folder has such a word, all files are `train`. Of the
subfolders those named for a split are read, and `data/`, where the hub keeps its shards. A folder that `datasets` saved
says itself which files and splits it has.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import Any

from blossom_data.shards import MANIFEST

LINES_SUFFIXES, TEXT_SUFFIXES = (".jsonl", ".ndjson"), (".jsonl", ".ndjson", ".json")
TABLE_SUFFIXES, ARROW_SUFFIXES = (".csv", ".tsv"), (".parquet", ".arrow")
_COMPRESSED_SUFFIXES = (".gz", ".zst", ".zstd")
_SAVED, _SAVED_SPLITS = "state.json", "dataset_dict.json"
_NO_DATA = (MANIFEST, _SAVED, _SAVED_SPLITS, "dataset_info.json", "dataset_infos.json", "config.json")
"""What lies beside the data of the hub and of saved sets."""
_REVIEW = ".review.jsonl"
WORDS = {
    "train": ("train", "training"),
    "validation": ("validation", "valid", "dev", "val"),
    "test": ("test", "testing", "eval", "evaluation"),
}
_SPLIT_OF = {word: split for split, words in WORDS.items() for word in words}
_WORD = re.compile(rf"(?<![a-z])(?:{'|'.join(sorted(_SPLIT_OF, key=len, reverse=True))})(?![a-z])", re.IGNORECASE)
_SHARD = re.compile(r"(\w+)-\d{5}-of-\d{5}\b")


@dataclass(slots=True)
class Splits:
    """The data files of a folder by split, in the order of their names; `unnamed` are those of no split."""

    named: dict[str, list[Path]] = field(default_factory=dict)
    unnamed: list[Path] = field(default_factory=list)


def split_name(name: str) -> str:
    """The split that a name stands for, in the hub's own word for it; "" where it names none, or several."""
    found = {_SPLIT_OF[word.lower()] for word in _WORD.findall(name)}
    return found.pop() if len(found) == 1 else ""


def canonical(split: str) -> str:
    """A split as it is asked for in the word that the hub has for it: dev, val and valid are `validation`."""
    return _SPLIT_OF.get(split.lower(), split)


def splits_asked(split: str) -> list[str]:
    """The splits that `train+validation` asks for, each once, in the hub's words."""
    return list(dict.fromkeys(canonical(name.strip()) for name in split.split("+")))


def split_of(path: PurePath) -> str:
    """The split of a file with its folders, of which the outermost decides; "" where no part of it names one."""
    for part in path.parts[:-1]:
        if split := split_name(part):
            return split
    shard = _SHARD.match(path.name)
    if shard and split_name(shard[1]):
        return canonical(shard[1])
    return split_name(path.name)


def find_splits(folder: Path) -> Splits:
    """The data files in `folder` and in those of its subfolders that are named for a split.

    Raises:
        OSError: it cannot be listed.
    """
    saved = _saved(folder / _SAVED_SPLITS).get("splits")
    if isinstance(saved, list):
        kept = [split for split in saved if isinstance(split, str) and (folder / split).is_dir()]
        return Splits({canonical(split): data_files(folder / split) for split in kept})
    found = Splits()
    for file in sorted(file for place in _folders_of_splits(folder) for file in data_files(place)):
        split = split_of(file.relative_to(folder))
        (found.named.setdefault(split, []) if split else found.unnamed).append(file)
    if not found.named and found.unnamed:
        found.named["train"], found.unnamed = found.unnamed, []
    return found


def data_files(folder: Path) -> list[Path]:
    """The data files in `folder` itself, in the order of their names; of a saved set those that it names.

    Raises:
        OSError: it cannot be listed.
    """
    entries = sorted(entry for entry in folder.iterdir() if not entry.name.startswith((".", "_")))
    listed = _saved(folder / _SAVED).get("_data_files")
    if isinstance(listed, list):
        names = {entry.get("filename") for entry in listed if isinstance(entry, dict)}
        return [entry for entry in entries if entry.name in names and entry.is_file()]
    return [entry for entry in entries if is_data_name(entry.name) and entry.is_file()]


def is_data_name(name: str) -> bool:
    """Whether a file of this name holds rows, as far as its name says."""
    bare = without_compression(name.lower())
    if bare.endswith(_REVIEW):
        return False
    suffixes = (*TEXT_SUFFIXES, *TABLE_SUFFIXES)
    return (bare.endswith(suffixes) or name.lower().endswith(ARROW_SUFFIXES)) and bare not in _NO_DATA


def without_compression(name: str) -> str:
    """A name in lower case without the suffix of its compression."""
    return next((name.removesuffix(end) for end in _COMPRESSED_SUFFIXES if name.endswith(end)), name)


def _saved(file: Path) -> dict[str, Any]:
    """What `datasets` noted in a folder that it saved; nothing where there is no such note."""
    try:
        noted = json.loads(file.read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return noted if isinstance(noted, dict) else {}


def _folders_of_splits(folder: Path) -> Iterator[Path]:
    """`folder`, its subfolders that are named for a split with all below them, and its `data`."""
    yield folder
    for inner in sorted(folder.iterdir()):
        if inner.name.startswith((".", "_")) or not inner.is_dir():
            continue
        if split_name(inner.name):
            yield from (place for place in (inner, *sorted(inner.rglob("*"))) if place.is_dir())
        elif inner.name == "data":
            yield from _folders_of_splits(inner)
