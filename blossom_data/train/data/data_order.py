"""Which documents each stage trains on, and in which rows and steps, all decided before the first step.

    stages = draw_stages(recipe, sets)
    stages[1].counts            {"data": 12000, "replay": 18000, "held_out": 0}
    rows = stages[1].epoch(0)   the documents of the stage packed anew
    rows.row(17)                PackedRow: ids, supervised, starts, doc_hashes

Every draw is by hash: of the documents, salted with the seed and what is drawn for. So it does not depend on the order
of files, a replayed sample is one of documents that the earlier stage trained on, and what is held out for evaluation
is held out in every stage: by the hash of the first question, so that no other answer to it is trained on. The same
recipe and data give the same rows on any machine and number of processes.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from blossom_data.errors import ConfigError
from blossom_data.train.data.bin_packing import pack_rows
from blossom_data.train.data.store import PackedRow, PackedSet
from blossom_data.train.recipe.recipe import Recipe
from blossom_data.train.recipe.stages import DataPart, StageRecipe

Numbers = NDArray[np.int64]
_COLUMNS = ("number", "tokens", "targets", "squares")


@dataclass(frozen=True, slots=True)
class Documents:
    """Documents of several packed sets: for each its set, its number there, its tokens and its targets.

    A preference pair counts as one document, of the tokens and targets of both its chats.
    """

    sets: tuple[PackedSet, ...]
    which: Numbers
    number: Numbers
    tokens: Numbers
    targets: Numbers
    squares: Numbers
    """The squared lengths of its chats, summed: what attention takes."""

    def __len__(self) -> int:
        return len(self.which)

    def take(self, chosen: Numbers) -> Documents:
        """Those at the places `chosen`."""
        return Documents(self.sets, **{name: getattr(self, name)[chosen] for name in ("which", *_COLUMNS)})

    def hashes(self) -> list[str]:
        """The hash of each."""
        places = zip(self.which.tolist(), self.number.tolist(), strict=True)
        return [self.sets[a].doc_hash(b * self.sets[a].together) for a, b in places]

    def questions(self) -> list[str]:
        """The first question of each, by which it is held out."""
        places = zip(self.which.tolist(), self.number.tolist(), strict=True)
        return [self.sets[a].question(b * self.sets[a].together) for a, b in places]

    @property
    def is_labelled(self) -> bool:
        """Whether they are replies that were judged one by one."""
        return any(one.kind == "labelled" for one in self.sets)

    def labels(self, chosen: Numbers) -> NDArray[np.bool_]:
        """bool [chosen]: which of those at the places `chosen` are desirable replies."""
        known = [one.labels() for one in self.sets]
        places = zip(self.which[chosen].tolist(), self.number[chosen].tolist(), strict=True)
        return np.array([known[a][b] for a, b in places], dtype=np.bool_)

    def join(self, chosen: Sequence[int]) -> PackedRow:
        """Those at the places `chosen`, one after the other."""
        parts = []
        for place in chosen:
            packed, number = self.sets[int(self.which[place])], int(self.number[place])
            parts.append(packed.join(range(number * packed.together, (number + 1) * packed.together)))
        ends = np.cumsum([0, *(len(part.ids) for part in parts)])
        return PackedRow(
            ids=np.concatenate([part.ids for part in parts]),
            supervised=np.concatenate([part.supervised for part in parts]),
            starts=np.concatenate([part.starts + end for part, end in zip(parts, ends.tolist(), strict=False)]),
            doc_hashes=[text for part in parts for text in part.doc_hashes],
        )


@dataclass(frozen=True, slots=True)
class EpochRows:
    """The rows of one epoch, in the order of training."""

    documents: Documents
    order: Numbers
    starts: Numbers

    def __len__(self) -> int:
        return len(self.starts) - 1

    def places(self, start: int, end: int) -> Numbers:
        """Where in `documents` those of the rows from `start` to `end` stand."""
        return self.order[self.starts[start] : self.starts[end]]

    def row(self, index: int) -> PackedRow:
        """The documents of row `index`."""
        return self.documents.join(self.places(index, index + 1).tolist())

    def labels(self, rows: range) -> NDArray[np.bool_]:
        """bool [replies]: which of the judged replies of `rows` are desirable."""
        return self.documents.labels(self.places(rows.start, rows.stop) if rows else self.order[:0])

    def targets(self, start: int, end: int) -> int:
        """Supervised tokens of the rows from `start` to `end`."""
        return int(self.documents.targets[self.places(start, end)].sum())

    def tokens(self, start: int, end: int) -> int:
        """Tokens of the rows from `start` to `end`."""
        return int(self.documents.tokens[self.places(start, end)].sum())

    def squares(self, start: int, end: int) -> int:
        """The squared lengths of the chats of the rows from `start` to `end`, summed."""
        return int(self.documents.squares[self.places(start, end)].sum())


@dataclass(frozen=True, slots=True, kw_only=True)
class StageDraw:
    """What one stage trains on, and what is held out of it."""

    recipe: StageRecipe
    index: int
    seed: int
    seq_len: int
    """Tokens of a row; of preference pairs twice the recipe's, so that any pair fits."""
    packing: bool
    documents: Documents
    held_out: Documents
    counts: Mapping[str, int]
    void: tuple[str, ...] = ()
    """What of it holds nothing: a part, a replay, what is held out."""
    first_epoch: int = 0
    """Epochs that an earlier run did."""

    def voids(self) -> list[str]:
        """A sentence for each part, split, sample or kind of the stage that holds nothing."""
        voids = list(self.void)
        if self.documents.is_labelled and len(self.documents):
            labels = self.documents.labels(np.arange(len(self.documents)))
            if labels.all() or not labels.any():
                kind = "desirable" if labels.all() else "undesirable"
                voids.append(f"all {len(labels):,} replies are {kind}, and it learns from what tells them from others")
        return [f"stage {self.recipe.name}: {void}" for void in voids]

    def epoch(self, number: int) -> EpochRows:
        """The rows of epoch `number` (from 0), drawn anew for each."""
        seed = _ticket(f"{self.seed}/rows/{self.index}/{number}", "") >> 1
        return _rows(self.documents, self.seq_len, seed, packing=self.packing)

    def evaluation(self) -> EpochRows | None:
        """The rows of the held-out documents; None where there are none."""
        return _rows(self.held_out, self.seq_len, 0, packing=self.packing) if len(self.held_out) else None

    def samples(self, count: int) -> Iterator[PackedRow]:
        """`count` of the held-out documents, always the same ones; of a pair the preferred chat."""
        chosen = _sample(self.held_out, count, f"{self.seed}/samples")
        for place in range(len(chosen)):
            row = chosen.join([place])
            end = int(row.starts[1]) if len(row.starts) > 1 else len(row.ids)
            yield PackedRow(row.ids[:end], row.supervised[:end], row.starts[:1], row.doc_hashes[:1])


def draw_stages(recipe: Recipe, sets: Mapping[Path, PackedSet]) -> list[StageDraw]:
    """The draws of all stages; `sets` holds the opened packed set of each part, by its place.

    Raises:
        ConfigError: a part has fewer documents than are asked for, or nothing is left to train on.
    """
    drawn: list[StageDraw] = []
    for index, stage in enumerate(recipe.stages):
        parts, held_out, voids = [], [], []
        for part in stage.data:
            whole = all_documents(sets[part.place])
            is_held = _held_out(recipe, whole)
            held_out.append(whole.take(np.flatnonzero(is_held)))
            parts.append(_part(whole.take(np.flatnonzero(~is_held)), part, f"{recipe.seed}/{stage.name}"))
            if not len(parts[-1]):
                voids.append(f"{part.place} gives it no document of {len(whole):,}")
        counts = {"data": sum(map(len, parts)), "replay": 0, "held_out": sum(map(len, held_out))}
        if stage.replay:
            earlier = next(other for other in drawn if other.recipe.name == stage.replay.stage)
            size = round(stage.replay.share * len(earlier.documents))
            salt = f"{recipe.seed}/{stage.name}/replay"
            parts.append(_sample(earlier.documents, size, salt))
            counts["replay"] = size
            if not size:
                voids.append(f"replays no document of the {len(earlier.documents):,} of {earlier.recipe.name}")
        if recipe.eval and not counts["held_out"]:
            voids.append(f"eval = {recipe.eval:g} holds out no document: nothing is measured")
        elif counts["held_out"] < recipe.samples:
            voids.append(f"{counts['held_out']:,} documents are held out, fewer than samples = {recipe.samples:,}")
        documents = _together(parts)
        if not len(documents):
            raise ConfigError(f"stage {stage.name} has no document to train on", hint="see its data, and eval")
        drawn.append(
            StageDraw(
                recipe=stage,
                index=index,
                seed=recipe.seed,
                seq_len=recipe.seq_len * (1 if stage.kind == "chats" else 2),
                packing=recipe.packing,
                documents=documents,
                held_out=_together(held_out),
                counts=counts,
                void=tuple(voids),
            )
        )
    return drawn


@functools.lru_cache(maxsize=16)
def all_documents(packed: PackedSet) -> Documents:
    """All documents of one packed set."""
    lengths = packed.doc_lengths
    columns = (part.reshape(-1, packed.together).sum(1) for part in (lengths, packed.doc_targets(), lengths**2))
    numbers = np.arange(len(lengths) // packed.together, dtype=np.int64)
    return Documents((packed,), np.zeros_like(numbers), numbers, *columns)


def _part(documents: Documents, part: DataPart, salt: str) -> Documents:
    if part.share is not None:
        return _sample(documents, round(part.share * len(documents)), salt)
    if part.count is None:
        return documents
    if part.count > len(documents):
        raise ConfigError(
            f"{part.path} has {len(documents):,} documents, the recipe asks for {part.count:,}",
            hint="set a smaller count, or leave it out for all",
        )
    return _sample(documents, part.count, salt)


def _sample(documents: Documents, size: int, salt: str) -> Documents:
    """`size` of `documents`: those with the smallest tickets, in the order in which they stand."""
    tickets = np.array([_ticket(salt, text) for text in documents.hashes()], dtype=np.uint64)
    return documents.take(np.sort(np.argsort(tickets, kind="stable")[:size]))


def _held_out(recipe: Recipe, documents: Documents) -> NDArray[np.bool_]:
    if not recipe.eval:
        return np.zeros(len(documents), dtype=np.bool_)
    limit = recipe.eval * 2.0**64
    return np.array([_ticket(f"{recipe.seed}/eval", text) < limit for text in documents.questions()], dtype=np.bool_)


def _ticket(salt: str, text: str) -> int:
    """A number from 0 to 2**64 - 1 that looks drawn and is always the same."""
    return int.from_bytes(hashlib.blake2b(f"{salt}/{text}".encode(), digest_size=8).digest(), "big")


def _together(parts: Sequence[Documents]) -> Documents:
    """All documents of `parts`."""
    sets: list[PackedSet] = []
    which = []
    for part in parts:
        sets += [one for one in part.sets if one not in sets]
        places = np.array([sets.index(one) for one in part.sets], dtype=np.int64)
        which.append(places[part.which])
    columns = (np.concatenate([getattr(part, name) for part in parts]) for name in _COLUMNS)
    return Documents(tuple(sets), np.concatenate(which), *columns)


def _rows(documents: Documents, seq_len: int, seed: int, *, packing: bool) -> EpochRows:
    if packing:
        order, starts = pack_rows(documents.tokens, seq_len, seed)
    else:
        order = np.random.default_rng(seed).permutation(len(documents)).astype(np.int64)
        starts = np.arange(len(documents) + 1, dtype=np.int64)
    return EpochRows(documents, order, starts)
