"""Makes one training set: reads the inputs, draws, reads them again, shuffles, writes; the manifest comes last.

    manifest = write_mix(mix)

Memory is constant in the number of records, read or taken: about 30 MB of tables for ids and draws, one bucket of the
shuffle (about 32 MB of text; of more than 8 GB taken, a 256th), one row group of Parquet. On disk, until the end: about
120 bytes a record read (temporary folder), and the text that is taken (hidden folder of the output).
"""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from blossom_data import __version__
from blossom_data.counters import Counters
from blossom_data.curate import clean_sets
from blossom_data.curate.conflicts import Conflicts
from blossom_data.engine import Rejected
from blossom_data.errors import BlossomError, ConfigError, InputError, system_hint
from blossom_data.mix.card import render_mix_card
from blossom_data.mix.files import shard_writer
from blossom_data.mix.inputs import Input, count_inputs
from blossom_data.mix.keys import keyed_hash, prompt_key
from blossom_data.mix.layouts import LAYOUTS, Layout, check_alternates, check_trainable, widened
from blossom_data.mix.order import Shuffle
from blossom_data.mix.plan import Mix
from blossom_data.mix.sampling import Draws, Taken
from blossom_data.mix.trainers import trainer_files
from blossom_data.object_store import path_of
from blossom_data.outputs.replacing import HALF, Replacement
from blossom_data.records import Record, Reject
from blossom_data.rows import BadRow
from blossom_data.shards import CARD, DatasetWriter

if TYPE_CHECKING:
    from blossom_data.mix.diversity import DiversePool

_BAD_ROWS_SHOWN = 3
_CHARACTER_BYTES = 3


@dataclass(slots=True)
class _Books:
    """What the two readings count."""

    bad: int = 0
    shown: list[str] = field(default_factory=list)
    characters: int = 0
    candidates: int = 0
    by_source: Counter[str] = field(default_factory=Counter)
    by_lang: Counter[str] = field(default_factory=Counter)
    reviewed: Counter[str] = field(default_factory=Counter)
    not_alternating: int = 0
    is_single_turn: bool = True
    has_reasoning: bool = False
    """Whether a record that may be taken keeps thinking."""
    has_tools: bool = False
    """Whether one has tools, or a reply that is not learnt."""

    def needed(self, layout: Layout) -> Layout:
        """The layout with what the records need."""
        return widened(layout, has_reasoning=self.has_reasoning, has_tools=self.has_tools)


def replacement_of(mix: Mix, *, is_allowed: bool = False, least: float = HALF) -> Replacement:
    """What `mix` is about to put into its output.

    Raises:
        ConfigError: the output is an input, or overlaps it.
    """
    _refuse_overlap(mix)
    inputs = tuple(dict.fromkeys(path_of(part.data) for part in mix.parts))
    return Replacement(out=mix.out, command="mix", inputs=inputs, least=least, is_allowed=is_allowed)


def write_mix(mix: Mix, replacement: Replacement | None = None, *, counters: Counters | None = None) -> dict[str, Any]:
    """Writes `mix` and gives its manifest.

    Args:
        replacement: what may go for it; by itself an older mix of the same inputs.

    Raises:
        ConfigError: finished work of something else would go, or a part has less than was asked for.
        QualityGate: an older set of the same inputs has far more records; it stays.
        InputError: an input cannot be read, changes while it is read, or holds too many bad rows.
        BlossomError: a disk is full.
    """
    counters = counters if counters is not None else Counters()
    counters.records_total = count_inputs(mix)
    replacement = replacement or replacement_of(mix)
    inputs = {data: Input(data) for data in dict.fromkeys(part.data for part in mix.parts)}
    layout = LAYOUTS[mix.layout]
    books = _Books()
    make_writer = shard_writer(mix.file_format, layout, found=lambda: layout)
    writing = DatasetWriter(
        mix.out,
        shard_records=mix.shard_records,
        kept=make_writer,
        is_resumed=False,
        is_replacing=replacement.is_allowed,
    )
    with writing as writer, Draws() as draws, Conflicts() as conflicts:
        replacement.refuse()
        pools = _pools(mix)
        for source in inputs.values():
            _collect(mix, source, layout, draws, pools, conflicts, writer, books, counters)
        for number, pool in pools.items():
            draws.redraw(number, pool.ranks(mix.seed))
        _require_readable(mix, books, counters)
        layout = books.needed(layout)
        taken = draws.select(mix)
        _require_enough(mix, taken, counters)
        _write(mix, inputs, layout, draws, taken, writer, books, counters)
        for source in inputs.values():
            source.require_unchanged()
        manifest = _describe(mix, inputs, draws, taken, books, counters) | {"made_of": replacement.to_dict()}
        if contradicting := conflicts.found():
            manifest["conflicts"] = contradicting
        name = mix.out.resolve().name
        files = trainer_files(name, mix.layout, is_single_turn=books.is_single_turn, has_tools=layout.has_tools)
        card = render_mix_card(manifest, name, layout)
        return writer.finish(manifest, files={**files, CARD: card}, judge=replacement.judge)


def _pools(mix: Mix) -> dict[int, DiversePool]:
    """Of each part that gives less than it has, where the mix is drawn by diversity."""
    if mix.sample_by != "diversity":
        return {}
    from blossom_data.curate.extra import require

    require("sample_by diversity", "curate", "numpy", "rapidfuzz")
    from blossom_data.mix.diversity import DiversePool

    drawn = [
        number for number, part in enumerate(mix.parts) if part.count or part.weight or part.share not in (None, 1)
    ]
    return {number: DiversePool(mix.parts[number].count) for number in drawn}


def _refuse_overlap(mix: Mix) -> None:
    """Raises ConfigError when the output would replace an input or lie in one, or an input lies in it."""
    try:
        out, inputs = mix.out.resolve(), {part.data: Path(part.data).resolve() for part in mix.parts}
    except (OSError, RuntimeError) as why:
        raise ConfigError(f"mix {mix.name}: a path cannot be followed ({why})", hint="check the links in it") from why
    for name, data in inputs.items():
        if out == data or data in out.parents or out in data.parents:
            raise ConfigError(f"output {mix.out} is the input {name} or overlaps it", hint="name another folder")


def _collect(
    mix: Mix,
    source: Input,
    layout: Layout,
    draws: Draws,
    pools: Mapping[int, DiversePool],
    conflicts: Conflicts,
    writer: DatasetWriter,
    books: _Books,
    counters: Counters,
) -> None:
    """First reading: hands the records that some part may take to `draws`, and writes the rejects."""
    takers = [(number, frozenset(part.sources)) for number, part in enumerate(mix.parts) if part.data == source.data]
    draw, ident = keyed_hash(mix.seed, f"draw {source.generation}"), keyed_hash(mix.seed, "order")
    for place, record in enumerate(counters.counted("reading", source.records(), total=counters.records_total)):
        index = counters.read
        counters.read += 1
        if isinstance(record, BadRow):
            _reject(writer, counters, index, "read", record.code, record.detail, row=record)
            books.bad += 1
            if len(books.shown) < _BAD_ROWS_SHOWN:
                books.shown.append(f"{record.file}:{record.line}: {record.code} {record.detail}".rstrip())
            continue
        counters.skipped += 1
        parts = [number for number, sources in takers if not sources or record.source in sources]
        if not parts:
            continue
        said, record = source.review.apply(record)
        books.reviewed.update([said] if said else [])
        try:
            if said == "drop":
                raise Reject("marked_drop", source.review.marks[record.id].note)
            prompt = _prompt(record, layout)
        except Reject as why:
            counters.skipped -= 1
            _reject(writer, counters, index, "mix", why.code, why.detail, record=record)
            continue
        conflicts.add(prompt, record)
        drawn, identity = draw(record.id), ident(record.id)
        for number in parts:
            draws.add(number, place, drawn, identity, prompt, record.lang, record.source)
            if number in pools:
                pools[number].add(drawn, place, record)
        books.candidates += 1
        books.has_reasoning = books.has_reasoning or any(turn.reasoning_content for turn in record.messages)
        books.has_tools = books.has_tools or record.is_wide
        books.characters += sum(len(turn.content) for turn in record.messages)


def _prompt(record: Record, layout: Layout) -> bytes:
    """The prompt key of a record that can be trained on in this layout; raises Reject."""
    if (prompt := prompt_key(record.messages)) is None:
        raise Reject("no_prompt")
    check_trainable(record.messages)
    layout.refuse_unheld(record)
    return prompt


def _reject(
    writer: DatasetWriter,
    counters: Counters,
    index: int,
    stage: str,
    code: str,
    detail: str,
    *,
    record: Record | None = None,
    row: BadRow | None = None,
) -> None:
    """Counts and stores a reject, in the form that every stage's rejects have."""
    rejected = Rejected(stage, code, detail, record=record, row=row)
    counters.rejected[rejected.name] += 1
    writer.write(index, rejects=[orjson.dumps(rejected.to_dict(), option=orjson.OPT_APPEND_NEWLINE)])


def _require_readable(mix: Mix, books: _Books, counters: Counters) -> None:
    if books.bad > mix.max_bad * counters.read:
        raise InputError(
            f"{books.bad:,} of {counters.read:,} rows are unreadable, more than --max-bad {mix.max_bad:.2%}: "
            + "; ".join(books.shown),
            hint="mend the input, or allow it with --max-bad 100%; nothing was written",
        )


def _require_enough(mix: Mix, taken: Sequence[Taken], counters: Counters) -> None:
    """Raises ConfigError naming every part that is short, or when nothing at all was taken."""
    shorts = [
        f"{part.label} has {there:,} of {asked:,}{f' in {lang}' if lang else ''}{_why_short(result)}"
        for part, result in zip(mix.parts, taken, strict=True)
        for lang, (asked, there) in result.short.items()
    ]
    codes = ", ".join(f"{code} {number:,}" for code, number in counters.rejected.most_common(3))
    rejected = f"; {counters.rejected.total():,} were rejected: {codes}" if codes else ""
    if shorts and not mix.is_short_allowed:
        raise ConfigError(
            f"mix {mix.name}: too few records: {'; '.join(shorts)}{rejected}",
            hint="ask for fewer, or allow it: --allow-short",
        )
    if not any(result.taken for result in taken):
        parts = ", ".join(part.label for part in mix.parts)
        if not counters.read:
            raise ConfigError(
                f"mix {mix.name}: there is no record in {parts}", hint="see what became of them: blossom-data status"
            )
        raise ConfigError(
            f"mix {mix.name}: no record is left to take{rejected}", hint="check the parts' sources and languages"
        )


def _why_short(result: Taken) -> str:
    causes = [(result.duplicates, "with a prompt or id already taken"), (result.over_cap, "over a cap")]
    told = ", ".join(f"{number:,} {cause}" for number, cause in causes if number)
    return f" ({result.candidates:,} usable; {told})" if told else ""


def _write(
    mix: Mix,
    inputs: dict[str, Input],
    layout: Layout,
    draws: Draws,
    taken: Sequence[Taken],
    writer: DatasetWriter,
    books: _Books,
    counters: Counters,
) -> None:
    """Second reading: takes what was drawn, shuffles it and writes it."""
    chosen = sum(result.taken for result in taken)
    expected_bytes = _CHARACTER_BYTES * books.characters * chosen // max(1, books.candidates)
    ident = keyed_hash(mix.seed, "order")
    try:
        with Shuffle(writer.building / ".order", expected_bytes=expected_bytes) as shuffle:
            for source in inputs.values():
                draw = keyed_hash(mix.seed, f"draw {source.generation}")
                numbers = tuple(number for number, part in enumerate(mix.parts) if part.data == source.data)
                # Not under a name of its own: it must be closed before the draws that it reads.
                for record, (_, number, drawn, identity) in counters.counted(
                    "taking", source.pick(draws.places(numbers)), total=chosen
                ):
                    is_same = ident(record.id) == identity
                    if not is_same or (mix.sample_by == "uniform" and draw(record.id) != drawn):
                        raise source.changed()
                    draws.note_id(number, record.id)
                    shuffle.add(identity, _line(record, layout, source, books))
            for index, line in enumerate(counters.counted("writing", shuffle.lines(), total=chosen)):
                writer.write(index, kept=[line])
                counters.kept += 1
                counters.skipped -= 1
    except OSError as why:
        told = f"cannot write to {writer.building}: {os.strerror(why.errno or 0)}"
        raise BlossomError(told, hint=system_hint(why)) from why
    if counters.kept != chosen:
        raise BlossomError(
            f"records went missing: {chosen:,} were drawn, {counters.kept:,} written",
            hint="this is a bug; please report it",
        )


def _line(record: Record, layout: Layout, source: Input, books: _Books) -> bytes:
    """The row of a record that was taken, counted."""
    books.by_source[record.source] += 1
    books.by_lang[record.lang] += 1
    books.is_single_turn &= [turn.role for turn in record.messages] == ["user", "assistant"]
    try:
        check_alternates(record.messages)
    except Reject:
        books.not_alternating += 1
    try:
        return orjson.dumps(layout.row(record), option=orjson.OPT_APPEND_NEWLINE)
    except Reject as why:
        raise source.changed() from why


def _describe(
    mix: Mix, inputs: dict[str, Input], draws: Draws, taken: Sequence[Taken], books: _Books, counters: Counters
) -> dict[str, Any]:
    """The manifest, but for the shards: the same for the same inputs, recipe and seed on any machine."""
    return {
        "blossom_data": __version__,
        "stage": "mix",
        "layout": mix.layout,
        "generation": 1 + max(source.generation for source in inputs.values()),
        "seed": mix.seed,
        "read": counters.read,
        "added": 0,
        "kept": counters.kept,
        "skipped": counters.skipped,
        "rejected": dict(sorted(counters.rejected.items())),
        "failed": {},
        "by_source": {source: {"kept": number} for source, number in sorted(books.by_source.items())},
        "by_lang": dict(sorted(books.by_lang.items())),
        "single_turn": books.is_single_turn,
        "not_alternating": books.not_alternating,
        **({"reviewed": dict(books.reviewed)} if books.reviewed else {}),
        "parts": [
            {
                "name": part.label,
                "replay": part.is_replay,
                "usable": result.candidates,
                "duplicates": result.duplicates,
                "over_cap": result.over_cap,
                "taken": result.taken,
                "by_lang": result.by_lang,
                "ids_sha256": _hash_ids(draws.ids(number)),
                "input": inputs[part.data].facts,
            }
            for number, (part, result) in enumerate(zip(mix.parts, taken, strict=True))
        ],
        "inputs": [source.facts for source in inputs.values()],
        "sources": _unique(entry for source in inputs.values() for entry in source.sources),
        "recipe": mix.to_dict(),
        **clean_sets.described(path_of(data) for data in inputs),
    }


def _unique(entries: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """The entries without repetition, in their first order."""
    return list({orjson.dumps(entry, option=orjson.OPT_SORT_KEYS): entry for entry in entries}.values())


def _hash_ids(ids: Iterable[str]) -> str:
    """sha256 of the ids, a line each, in the order of their bytes."""
    digest = hashlib.sha256()
    for identifier in ids:
        digest.update(identifier.encode(errors="surrogatepass") + b"\n")
    return digest.hexdigest()
