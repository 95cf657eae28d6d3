"""Any data set of a hub by its id, streamed through `datasets` at a pinned revision.

    open_hub("openai/gsm8k", wanted, subset="main")
    -> Origin("openai/gsm8k", revision="e53f048856ff...", licence="mit"), rows

Needs the extra `hub`. HF_ENDPOINT chooses the hub and HF_TOKEN opens gated sets, as everywhere. Nothing of a data set
is executed: loading scripts are not supported. Rows are not cached; a pull reads them once.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from blossom_data.errors import ConfigError, InputError, extra_hint
from blossom_data.rows import BadRow, Row
from blossom_data.rows.row import SuspectRow, Unreadable
from blossom_data.rows.tables.columns import plain
from blossom_data.rows.wanted import Wanted

_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*+/[A-Za-z0-9][\w.-]*+")
_FILE_SUFFIXES = (".jsonl", ".json", ".ndjson", ".parquet", ".gz", ".zst", ".csv", ".txt")


@dataclass(frozen=True, slots=True)
class Origin:
    """Where rows come from: a path, or a hub id with its commit and the licence of its card ("unknown" without)."""

    path: str
    revision: str = ""
    licence: str = ""
    split: str = "train"
    notes: tuple[str, ...] = ()
    """What a person should know of it, such as the files that were not read."""

    @property
    def may_stall(self) -> bool:
        """Whether the next row may be long in coming: over the network, or a pipe."""
        return bool(self.revision) or self.path == "-"


def is_hub_id(path: Path | str) -> bool:
    """Whether `path` names a hub data set: `hf:org/name`, or `org/name` where no such path or folder exists here."""
    name = str(path)
    if name.startswith("hf:"):
        return True
    is_like = _HUB_ID.fullmatch(name) is not None and not name.lower().endswith(_FILE_SUFFIXES)
    return is_like and not Path(name).exists() and not Path(name).parent.exists()


def open_hub(
    path: str,
    wanted: Wanted,
    *,
    revision: str | None = None,
    subset: str | None = None,
    split: str = "train",
) -> tuple[Origin, Iterator[Row | BadRow]]:
    """Where the data set stands now, and its rows.

    Raises:
        ConfigError: the extra `hub` is not installed, or the id is none.
        InputError: the hub cannot be reached, or has no such data set, subset or split.
    """
    name = path.removeprefix("hf:")
    if not _HUB_ID.fullmatch(name):
        raise ConfigError(f"{name!r} is no data set id", hint="such as hf:openai/gsm8k")
    try:
        from datasets import load_dataset
        from huggingface_hub import HfApi
    except ImportError as why:
        raise ConfigError(
            f"{name} is a hub data set, and `datasets` is not installed",
            hint=extra_hint("hub"),
        ) from why
    try:
        about = HfApi().dataset_info(name, revision=revision)
        origin = Origin(name, revision=str(about.sha), licence=_licence(about), split=split)
        table = load_dataset(name, subset, split=split, revision=origin.revision, streaming=True)
    except Exception as why:  # the libraries raise what their HTTP and file layers raise, without a common base
        raise _unreachable(name, why) from why
    return origin, _rows(table, wanted, name, origin.revision)


def _rows(table: Any, wanted: Wanted, name: str, revision: str) -> Iterator[Row | BadRow]:
    file, number = f"hf:{name}@{revision[:12]}", 0
    names = table.column_names or ()
    read = [column for column in names if column in wanted.fields]
    # Images and sounds are decoded as they are met: of a set whose columns are known, those that are read are taken.
    rows = iter(table.select_columns(read) if read else table)
    blank = dict.fromkeys(names)
    while True:
        try:
            value = next(rows)
        except StopIteration:
            break
        except Exception as why:  # as above
            raise _unreachable(f"{name} behind row {number}", why) from why
        number += 1
        try:
            yield SuspectRow(file, number, {**blank, **plain(value, refuses_nul=False)})
        except Unreadable as why:
            yield why.at(file, number)
    if number == 0:
        raise InputError(f"{name} is empty: it holds no row", hint="check --subset and --split")


def _licence(about: Any) -> str:
    """The licence that the data set's card names."""
    card = about.card_data.to_dict() if about.card_data is not None else {}
    licence = card.get("license")
    if isinstance(licence, list):
        return ", ".join(str(part) for part in licence)
    return str(licence) if licence else "unknown"


def _unreachable(what: str, why: Exception) -> InputError:
    reason = " ".join(str(why).split())[:200] or type(why).__name__
    return InputError(
        f"cannot read {what} from the hub ({type(why).__name__}: {reason})",
        hint="check the id, the network and HF_ENDPOINT, or pass a local file or folder",
    )
