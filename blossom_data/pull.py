"""`pull`: raw rows in, records without answers out; one pass, constant memory.

    pulled = pull("gsm8k", "train.jsonl", sample=1000, seed=1)
    for item in pulled:            # Record, or BadRow: train.jsonl:17: missing_field: ...
        ...
    pulled.counts                  # read = kept + duplicates + left_out + rejected
    pulled.origin                  # path, and for a hub data set its revision and licence

Exact duplicates (same texts, gold label and own id) are skipped and counted. Evaluation sets are refused, and questions
of known ones among other rows left out, unless they are allowed. It writes nothing.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from itertools import chain
from pathlib import Path

from blossom_data.curate.extra import require
from blossom_data.curate.item import Ruled
from blossom_data.errors import BlossomError, ConfigError, InputError
from blossom_data.languages.tags import canonical
from blossom_data.records import Record
from blossom_data.rows import BadRow, Row, SeenIds
from blossom_data.rows.row import EVALUATION, Unreadable
from blossom_data.rows.valid import refuse_nul, shown
from blossom_data.rows.wanted import Wanted
from blossom_data.sources import Source, find_source, look_alikes, to_record
from blossom_data.sources.advice.unwrapping import columns_hint, unwrapping_hint
from blossom_data.sources.evaluation import PART_OF_TRAINING, KnownQuestions, is_evaluation_split, layout_of
from blossom_data.sources.hub import Origin, is_hub_id, open_hub
from blossom_data.sources.local import open_local, split_here

_PROBE_ROWS = 20
_SHOWN_FIELDS = 20
_EVALUATION_ROWS = 100
"""After so many rows, if almost all are of an evaluation set, the whole is taken for it."""
_ALMOST_ALL = 0.9


@dataclass(slots=True)
class PullCounts:
    """What became of the items of a source (a row is one item, or one for each instruction it holds)."""

    rows: int = 0
    read: int = 0
    kept: int = 0
    duplicates: int = 0
    left_out: int = 0
    """Items that the sample did not draw."""
    rejected: Counter[str] = field(default_factory=Counter)
    """Bad rows and instructions by code."""
    evaluation: Counter[str] = field(default_factory=Counter)
    """Questions of evaluation sets by set, whether they were left out or kept."""


@dataclass(frozen=True, slots=True)
class Pulled:
    """The items of a pull, to be iterated once, its counts so far, and where the rows come from."""

    items: Iterator[Record | BadRow]
    counts: PullCounts
    origin: Origin

    def __iter__(self) -> Iterator[Record | BadRow]:
        return self.items


def pull(
    source: str,
    path: Path | str,
    *,
    fields: Mapping[str, str] | None = None,
    limit: int | None = None,
    sample: int | None = None,
    sample_by: str = "uniform",
    seed: int = 0,
    revision: str | None = None,
    subset: str | None = None,
    split: str = "train",
    lang: str | None = None,
    allow_eval: bool = False,
) -> Pulled:
    """Reads a file, a folder, standard input (`-`) or a hub data set (`org/name`) in the layouts of `source`.

    Args:
        fields: for the source `custom`, which of the user's fields holds what.
        limit: take the first records alone, and stop reading.
        sample: draw this many records from all, in source order; the same for the same seed and input.
        sample_by: uniform, or diversity: so that they cover what the source asks; memory is that of ten times the
            sample, 50,000 records at most, and of never less than twice the sample.
        lang: the language of all records, a BCP-47 tag; without it each record's is detected.
        revision: branch, tag or commit of a hub data set; it is resolved to a commit. So `subset`.
        split: which split of a folder or a hub data set; several as `train+validation`.
        allow_eval: read what models are evaluated on.

    Raises:
        ConfigError: an unknown source, or settings that contradict each other.
        InputError: the input cannot be read, it is an evaluation set, or none of its first rows has a layout of the
            source.
    """
    layouts = find_source(source, fields)
    if lang is not None:
        layouts = replace(layouts, lang=canonical(lang))
    for name, value in (("limit", limit), ("sample", sample)):
        if value is not None and value < 1:
            raise ConfigError(f"{name} must be at least 1, is {value}", hint=f"leave {name} out to take all")
    if limit is not None and sample is not None:
        raise ConfigError("limit and sample contradict each other", hint="limit takes the first, sample draws from all")
    if sample_by == "diversity":
        if sample is None:
            raise ConfigError("sample_by is of sample, and there is none", hint="say how many: sample")
        require("a sample by diversity", "curate", "numpy", "rapidfuzz")
    is_hub = is_hub_id(path)
    if not is_hub and (revision is not None or subset is not None):
        raise ConfigError(
            f"revision and subset are for hub data sets, and {path} is a local path",
            hint="leave them out; of the hub is org/name, or hf:org/name",
        )
    if not allow_eval and any(is_evaluation_split(source, name) for name in split_here(path, split)):
        raise _evaluation(f"{path} is by its name the test set of {source}")
    if is_hub:
        origin, rows = open_hub(str(path), layouts.wanted(), revision=revision, subset=subset, split=split)
    else:
        origin, rows = open_local(path, layouts.wanted(split), split)
    counts = PullCounts()
    items = _distinct(_items(layouts, rows, counts, None if allow_eval else KnownQuestions()), counts)
    if limit is not None:
        items = _first(items, limit)
    if sample is not None:
        draw = _diverse if sample_by == "diversity" else _drawn
        items = draw(items, sample, seed, counts)
    return Pulled(_counted(items, counts), counts, origin)


def fields_there(path: Path | str, split: str = "train") -> str:
    """Told of the first row of a local path: `the file has the fields a, b`; "" where it cannot be read."""
    try:
        wanted = Wanted(frozenset(), lambda row: False)
        row = next((row for row in open_local(path, wanted, split)[1] if isinstance(row, Row)), None)
    except BlossomError:
        return ""
    return f"the file has the fields {_names(row.value)}" if row is not None else ""


def _counted(items: Iterator[Record | BadRow], counts: PullCounts) -> Iterator[Record | BadRow]:
    for item in items:
        if isinstance(item, Record):
            counts.kept += 1
        yield item


def _items(
    source: Source, rows: Iterator[Row | BadRow], counts: PullCounts, known: KnownQuestions | None
) -> Iterator[Record | BadRow]:
    """The records and bad rows of the source, duplicates included."""
    try:
        probe = _probe(source, rows, refuses_evaluation=known is not None)
        for row in chain(probe, rows):
            counts.rows += 1
            for item in (row,) if isinstance(row, BadRow) else _read(source, row, counts, known):
                counts.read += 1
                if isinstance(item, BadRow):
                    counts.rejected[item.code] += 1
                yield item
            if counts.evaluation and counts.read == _EVALUATION_ROWS:
                _refuse_evaluation(counts, row.file)
        if counts.evaluation and known is not None:
            _refuse_evaluation(counts, row.file)
    finally:
        if isinstance(rows, Generator):
            rows.close()  # also where an error that is kept for long has ended the reading


def _refuse_evaluation(counts: PullCounts, file: str) -> None:
    """Raises InputError where almost all rows so far are questions of one evaluation set."""
    name, found = counts.evaluation.most_common(1)[0]
    if found >= _ALMOST_ALL * counts.read:
        raise _evaluation(f"{file} holds {name}: {found:,} of its {counts.read:,} first rows are questions of it")


def _evaluation(what: str) -> InputError:
    return InputError(
        f"{what}, and models are evaluated on it: what is trained on it can no longer be measured by it",
        hint="read the training set instead, or take it all the same: --allow-eval",
    )


def _read(source: Source, row: Row, counts: PullCounts, known: KnownQuestions | None) -> Iterator[Record | BadRow]:
    """What one row becomes."""
    layout = source.layout_of(row.value)
    try:
        if layout is None:
            raise Unreadable("wrong_layout", f"the row has the fields {_names(row.value)}")
        for instruction in layout.read(row.value):
            if isinstance(instruction, Unreadable):
                yield instruction.at(row.file, row.line, shown(row.value))
                continue
            try:
                record = to_record(source, layout.name, instruction)
                if row.may_hold_nul:
                    refuse_nul(record)
                if known is not None and (name := known.set_of(instruction.turns[0])):
                    counts.evaluation[name] += 1
                    if name != PART_OF_TRAINING:
                        raise Unreadable(EVALUATION, f"a question of {name} (--allow-eval keeps it)")
                yield record
            except Unreadable as why:
                yield why.at(row.file, row.line, shown(row.value))
    except Unreadable as why:
        yield why.at(row.file, row.line, shown(row.value))


def _probe(source: Source, rows: Iterator[Row | BadRow], *, refuses_evaluation: bool) -> list[Row | BadRow]:
    """The first rows, up to one in a layout of the source.

    Raises:
        InputError: there is none among the first 20 that can be read, or it is of an evaluation set.
    """
    probe: list[Row | BadRow] = []
    strangers: list[Row] = []
    for row in rows:
        probe.append(row)
        if isinstance(row, Row):
            if source.layout_of(row.value):
                if refuses_evaluation and (name := layout_of(row.value)):
                    raise _evaluation(f"{row.file}:{row.line} has the layout of {name}")
                _refuse_columns(source, row)
                return probe
            strangers.append(row)
        if len(strangers) == _PROBE_ROWS or len(probe) == _PROBE_ROWS * 50:
            break
    if strangers:
        raise _wrong_source(source, strangers[0])
    if probe and isinstance(row := probe[0], BadRow) and (hint := unwrapping_hint(row, row.file)):
        raise InputError(f"{row.file}:{row.line} holds a list where a row with named fields should be", hint=hint)
    return probe


def _refuse_columns(source: Source, row: Row) -> None:
    """Raises InputError where the fields of a row hold those of many rows, and so cannot be read."""
    layout = source.layout_of(row.value)
    try:
        if layout is not None:
            next(iter(layout.read(row.value)), None)
    except Unreadable as why:
        if why.code == "wrong_type" and (hint := columns_hint(row, row.file)):
            raise InputError(f"{row.file}:{row.line} is not one row: {why.detail}", hint=hint) from why


def _wrong_source(source: Source, row: Row) -> InputError:
    known = "; ".join(f"{layout.name} ({', '.join(layout.fields)})" for layout in source.layouts)
    others = look_alikes(row.value)
    hint = (
        f"these fields look like {' or '.join(others[:3])}"
        if others
        else unwrapping_hint(row, row.file)
        or f"name your fields: pull custom {row.file} --fields instruction=FIELD -o FOLDER"
    )
    return InputError(
        f"{row.file}:{row.line} has the fields {_names(row.value)}; {source.name} knows the layouts {known}", hint=hint
    )


def _names(row: Iterable[str]) -> str:
    names = [name[:40] for name in row]
    shown_names = ", ".join(names[:_SHOWN_FIELDS]) or "(none)"
    return shown_names + (f" and {len(names) - _SHOWN_FIELDS} more" if len(names) > _SHOWN_FIELDS else "")


def _distinct(items: Iterable[Record | BadRow], counts: PullCounts) -> Iterator[Record | BadRow]:
    with SeenIds() as seen:
        for item in items:
            if isinstance(item, Record) and not seen.add(item.id):
                counts.duplicates += 1
            else:
                yield item


def _first(items: Iterable[Record | BadRow], limit: int) -> Iterator[Record | BadRow]:
    """The items up to the record that fills the limit."""
    for item in items:
        yield item
        limit -= isinstance(item, Record)
        if limit == 0:
            return


def _drawn(items: Iterable[Record | BadRow], sample: int, seed: int, counts: PullCounts) -> Iterator[Record | BadRow]:
    """Bad rows at once, then the records whose keyed position hashes are the `sample` smallest, in source order."""
    key = blake2b(str(seed).encode(), digest_size=16).digest()
    heap: list[tuple[int, int, Record]] = []
    position = 0
    for item in items:
        if isinstance(item, BadRow):
            yield item
            continue
        digest = blake2b(position.to_bytes(8, "little"), digest_size=8, key=key).digest()
        entry = (-int.from_bytes(digest, "big"), position, item)
        position += 1
        if len(heap) < sample:
            heapq.heappush(heap, entry)
        else:
            heapq.heappushpop(heap, entry)
            counts.left_out += 1
    for _, _, record in sorted(heap, key=lambda entry: entry[1]):
        yield record


def _diverse(items: Iterable[Record | BadRow], sample: int, seed: int, counts: PullCounts) -> Iterator[Record | BadRow]:
    """Bad rows at once, then `sample` records that cover what all of them ask, in source order."""
    from blossom_data.curate.sample import Sample

    def left_out() -> None:
        counts.left_out += 1

    draw = Sample(sample, by="diversity", seed=seed, left_out=left_out)
    for content, _ in draw((item, 0) for item in items):
        assert not isinstance(content, Ruled), "nothing is ruled out while a source is read"
        yield content
