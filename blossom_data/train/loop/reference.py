"""The reference of a preference stage: what the weights that it begins with say of every pair, computed once.

    OUT/reference/stage-2/log-probs.bin    float64 [pairs, 2]: chosen and rejected, those held out at the end
    OUT/reference/stage-2/manifest.json    of which recipe, data and weights they are; sha256; written last

So no second model is held while the stage trains, and a run that goes on uses the numbers that it began with. They are
computed again only where they are not of the weights that the stage begins with.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import orjson
import torch
from torch import Tensor

from blossom_data.errors import BlossomError, InputError
from blossom_data.rows.facts import content_digest
from blossom_data.shards import FORMAT, MANIFEST, read_manifest, write_atomic
from blossom_data.train.data.data_order import EpochRows, StageDraw
from blossom_data.train.parallel.checkpoint import MODEL, newest
from blossom_data.train.parallel.processes import Group

Given = TypeVar("Given")
FOLDER = "reference"
_FILE = "log-probs.bin"


@dataclass(frozen=True, slots=True)
class Reference:
    """The log-probabilities of a stage's pairs: `values` float64 [pairs, 2], on the device, those held out last."""

    draw: StageDraw
    values: Tensor

    def of(self, table: EpochRows, rows: range, part: slice = slice(None)) -> Tensor:
        """float64 [documents]: those of `rows` of `table`; `part` says which documents of each pair."""
        places = pair_places(self.draw, table, rows).to(self.values.device)
        return self.values[places].flatten()[part]


def pair_places(draw: StageDraw, table: EpochRows, rows: range) -> Tensor:
    """int64 [pairs]: where the pairs of `rows` stand among all pairs of the stage."""
    first = len(draw.documents) if table.documents is draw.held_out else 0
    return torch.from_numpy(table.places(rows.start, rows.stop) + first if rows else table.order[:0])


class ReferenceFile:
    """Where the reference of a stage is kept.

    Args:
        about: what a checkpoint of the run says: its hashes of recipe and data are what the numbers belong to.
    """

    def __init__(self, out: Path, index: int, about: Mapping[str, Any]) -> None:
        self._out, self._about = out, about
        self.folder = out / FOLDER / f"stage-{index + 1}"

    def read(self, *, is_begun: bool) -> bytes | None:
        """The numbers; None where there are none of the weights that the stage begins with.

        Raises:
            InputError: the stage is begun, and they are lost: its weights have moved on.
        """
        manifest = read_manifest(self.folder) or {}
        owner = self._owner(begins=not is_begun)
        if all(manifest.get(key) == value for key, value in owner.items()):
            data = b""
            with contextlib.suppress(OSError):
                data = (self.folder / _FILE).read_bytes()
            if hashlib.sha256(data).hexdigest() == manifest.get("sha256"):
                return data
        if is_begun:
            raise InputError(
                f"{self.folder} is not what this stage began with: it was changed, damaged or taken away",
                hint="put it back, or take the checkpoints of this stage away to begin it again",
            )
        return None

    def write(self, data: bytes) -> None:
        """Keeps the numbers of the weights that the stage begins with."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as why:
            raise BlossomError(f"cannot write {self.folder}: {why.strerror}", hint="free some space") from why
        (self.folder / MANIFEST).unlink(missing_ok=True)
        write_atomic(self.folder / _FILE, data)
        manifest = {"format": FORMAT, "kind": "reference", **self._owner(begins=True)}
        manifest["sha256"] = hashlib.sha256(data).hexdigest()
        write_atomic(self.folder / MANIFEST, orjson.dumps(manifest, option=orjson.OPT_INDENT_2))

    def _owner(self, *, begins: bool) -> dict[str, str]:
        owner = {key: str(self._about[key]) for key in ("recipe", "data")}
        return {**owner, "weights": self._first_weights} if begins else owner

    @functools.cached_property
    def _first_weights(self) -> str:
        """A hash of the weights with which the stage begins: the newest checkpoint's, else the base model's."""
        checkpoint = newest(self._out)
        if checkpoint is None and self._about.get("continued"):
            return str(self._about["continued"])
        if checkpoint is None:
            return content_digest(Path(self._about["base_model"]))
        files = [one for one in checkpoint.manifest["files"] if one["file"].startswith(f"{MODEL}/")]
        return hashlib.sha256(orjson.dumps(files)).hexdigest()


def find_reference(
    draw: StageDraw,
    epoch: EpochRows,
    kept: ReferenceFile,
    *,
    is_begun: bool,
    group: Group,
    micro_batch: int,
    log_probs: Callable[[EpochRows, range], Tensor],
) -> Reference:
    """The reference of a preference stage: read where it is kept, else computed and kept; every process must call it.

    Args:
        epoch: rows that hold each pair that is trained on.
        is_begun: steps of the stage are done, so that it can only be read.
        log_probs: gives float64 [2 pairs] of some rows; every process calls it equally often.
    """
    size = len(draw.documents) + len(draw.held_out)
    values = torch.zeros(size, 2, dtype=torch.float64, device=group.device)
    data = _in_first(group, lambda: kept.read(is_begun=is_begun))
    is_kept = group.any(data is not None)
    if data is not None:
        values += torch.frombuffer(bytearray(data), dtype=torch.float64).view(size, 2).to(group.device)
    for table in () if is_kept else filter(None, (epoch, draw.evaluation())):
        for start in range(0, len(table), micro_batch * group.world):
            first = start + group.rank * micro_batch
            rows = range(first, min(first + micro_batch, len(table)))
            found = log_probs(table, rows)
            values[pair_places(draw, table, rows).to(group.device)] = found.view(len(found) // 2, 2)
    # Each pair was looked at by one process, and the others have zeros there.
    group.sum(values)
    if not is_kept:
        _in_first(group, lambda: kept.write(values.cpu().numpy().tobytes()))
    return Reference(draw, values)


def _in_first(group: Group, do: Callable[[], Given]) -> Given | None:
    """What `do` gives in the first process, None in the others; what it raises is raised in all."""
    given: Given | None = None
    why: BlossomError | None = None
    if group.is_first:
        try:
            given = do()
        except BlossomError as told:
            why = told
    group.agree(why)
    return given
