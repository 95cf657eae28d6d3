"""Packs chats for training: every chat whole or cut at a turn border, every cut and drop counted.

    pack_dataset([Path("sft/math")], Path("packed/math"), tokenizer=Path("base"), template="chatml", seq_len=2048)
    {"counts": {"read": 7473, "kept": 7473, "dropped": {}, "bad_rows": {}, "cut": {"documents": 0, ...}},
     "rows": 895, "tokens": 1832133, "supervised": 1123701, "fill": 0.999549, ...}

A chat too long for a row loses whole turns at its end and keeps its last reply that fits, stop token included; turns
after the last reply teach nothing and go as well. One pass over the records: a few bytes of each stay in memory.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, get_args

import numpy as np

from blossom_data import __version__
from blossom_data.counters import Counters as Shown
from blossom_data.curate import clean_sets
from blossom_data.errors import BlossomError, ConfigError, InputError
from blossom_data.records import Record, content_id
from blossom_data.rows import BadRow, Row, SeenIds, read_rows
from blossom_data.rows.facts import count_records, fingerprint
from blossom_data.rows.row import COPY, Unreadable
from blossom_data.rows.valid import repeated, shown
from blossom_data.train.data.bin_packing import pack_rows
from blossom_data.train.data.chats import chat_of
from blossom_data.train.data.documents import fitted, messages_until, question_of, stored
from blossom_data.train.data.packing_report import dropped_share
from blossom_data.train.data.store import ROW, PackedWriter, Stored, width_of
from blossom_data.train.data.workers import Rows, row_batches, worked
from blossom_data.train.template.chat_formats import Supervise
from blossom_data.train.template.encode import EncodedChat, Encoder, Unfit
from blossom_data.train.template.gates import Gates
from blossom_data.train.template.templates import OWN, definition_of, template_for
from blossom_data.train.template.to_jinja import chat_template
from blossom_data.train.template.tokens import load_tokenizer

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

Item = TypeVar("Item")
_BAD_ROWS_SHOWN = 3
_PLACES_KEPT = 20


@dataclass(slots=True)
class Counts:
    """What became of the records: read = kept + dropped + bad_rows."""

    read: int = 0
    kept: int = 0
    dropped: Counter[str] = field(default_factory=Counter)
    bad_rows: Counter[str] = field(default_factory=Counter)
    cut: Counter[str] = field(default_factory=Counter)
    empty_replies: int = 0
    context_replies: int = 0
    """Replies of what was kept that are context: told so by the data, or by the template."""
    dropped_at: dict[str, list[str]] = field(default_factory=dict)
    """By code, where the first that were dropped stand; of preference pairs."""

    def drop(self, code: str, place: str) -> None:
        """Counts what stands at `place` as dropped."""
        self.dropped[code] += 1
        if not place:
            return
        places = self.dropped_at.setdefault(code, [])
        places += islice([place], _PLACES_KEPT - len(places))

    def to_dict(self) -> dict[str, Any]:
        """The counts as the manifest has them."""
        if self.read != self.kept + self.dropped.total() + self.bad_rows.total():
            raise BlossomError("records went missing while packing", hint="this is a bug; please report it")
        cut = {name: self.cut[name] for name in ("documents", "turns", "tokens")}
        return {
            "read": self.read,
            "kept": self.kept,
            "dropped": dict(sorted(self.dropped.items())),
            "bad_rows": dict(sorted(self.bad_rows.items())),
            "cut": cut,
            "empty_replies": self.empty_replies,
            **({"context_replies": self.context_replies} if self.context_replies else {}),
            **({"dropped_at": dict(sorted(self.dropped_at.items()))} if self.dropped_at else {}),
        }


@dataclass(frozen=True, slots=True)
class Made:
    """What one record gave: its documents, and what is counted of it."""

    documents: tuple[Stored, ...]
    identity: str = ""
    """No two records have the same; "" where equal ones are the data's choice."""
    is_desirable: bool | None = None
    cut_turns: int = 0
    cut_tokens: int = 0
    empty_replies: int = 0
    context_replies: int = 0


@dataclass(frozen=True, slots=True)
class Dropped:
    """Why nothing of a record is trained on, and where it stands, if that is told."""

    code: str
    place: str = ""
    identity: str = ""


Outcome = Made | Dropped | BadRow


class RecordMaker:
    """Makes documents of rows, and tries the gates on them; a subclass says of what kind."""

    together = 1
    """Documents of a record, which follow each other in one row; 0: as many as it takes, anywhere."""

    def __init__(self, encoder: Encoder, gates: Gates, seq_len: int) -> None:
        self.encoder, self.gates, self.seq_len = encoder, gates, seq_len
        self.ids = width_of(encoder.tokens.vocab_size)

    def make(self, rows: Rows, first: int) -> list[Outcome]:
        """An outcome for each row; `first` is the number of the first of them in the whole input."""
        raise NotImplementedError

    def take_counts(self) -> tuple[int, ...]:
        """What the gates tried since the last time."""
        return self.gates.take_counts()

    def add_counts(self, counts: tuple[int, ...]) -> None:
        """Adds what was tried in another process."""
        self.gates.add_counts(counts)


def read_each(rows: Rows, read: Callable[[Row], Item]) -> list[Item | BadRow]:
    """What `read` makes of each row; one that it cannot read (Unreadable) as BadRow."""
    found: list[Item | BadRow] = []
    for row in rows:
        if isinstance(row, BadRow):
            found.append(row)
            continue
        try:
            found.append(read(row))
        except Unreadable as why:
            found.append(why.at(row.file, row.line, shown(row.value)))
    return found


def pack_dataset(
    inputs: Sequence[Path],
    out: Path,
    *,
    tokenizer: Path | PreTrainedTokenizerFast,
    template: str,
    seq_len: int,
    supervise: Supervise = "all",
    seed: int = 0,
    max_bad: float = 0.01,
    max_dropped: float = 1.0,
    workers: int = 1,
    counters: Shown | None = None,
) -> dict[str, Any]:
    """Packs the chats of `inputs` (as read_chats takes them) into rows of `seq_len` tokens; gives the manifest.

    Args:
        supervise: what is learnt: every assistant turn, or the last one of each chat.

    Others, and what is raised: pack_documents.
    """
    if supervise not in get_args(Supervise):
        raise ConfigError(f"supervise is {supervise!r}", hint="known: all, last")
    return pack_documents(
        inputs, out, tokenizer=tokenizer, template=template, seq_len=seq_len, seed=seed, max_bad=max_bad,
        max_dropped=max_dropped, maker=partial(ChatMaker, supervise=supervise), about={"supervise": supervise},
        workers=workers, counters=counters,
    )  # fmt: skip


def pack_documents(
    inputs: Sequence[Path],
    out: Path,
    *,
    tokenizer: Path | PreTrainedTokenizerFast,
    template: str,
    seq_len: int,
    maker: Callable[[Encoder, Gates, int], RecordMaker],
    about: dict[str, Any],
    seed: int = 0,
    max_bad: float = 0.01,
    max_dropped: float = 1.0,
    workers: int = 1,
    counters: Shown | None = None,
) -> dict[str, Any]:
    """Packs the documents that a maker makes of the inputs into rows; gives the manifest.

    Args:
        about: what the manifest says of the kind of documents.
        max_bad: largest share of rows that may be unreadable, 0 to 1.
        max_dropped: largest share of records that may fall out, 0 to 1.
        workers: processes that encode; what is written is the same.
        counters: what a display reads.

    Raises:
        ConfigError: the template does not fit the tokenizer, or fails a gate; nothing is written.
        InputError: the input cannot be read, too much of it is bad, or nothing of it can be trained on.
    """
    if seq_len < 2:
        raise ConfigError(f"rows of {seq_len} tokens hold nothing", hint="give --seq-len 2048")
    loaded = load_tokenizer(tokenizer) if isinstance(tokenizer, Path) else tokenizer
    encoder = template_for(template, loaded)
    jinja = str(loaded.chat_template) if template == OWN else chat_template(encoder)
    gates = Gates(encoder, loaded, jinja)
    with PackedWriter(out, vocab_size=encoder.tokens.vocab_size) as writer:
        made = maker(encoder, gates, seq_len)
        together = made.together
        counts, bad = _write(made, inputs, counters or Shown(), writer, workers)
        _refuse(counts, bad, max_bad, max_dropped)
        lengths, supervised = writer.lengths()
        units, starts = pack_rows(lengths.reshape(-1, together).sum(1), seq_len * together, seed)
        order = (units[:, None] * together + np.arange(together)).reshape(-1)
        starts = starts * together
        rows = np.zeros(len(starts) - 1, dtype=ROW)
        rows["start"] = starts[:-1]
        rows["tokens"] = np.add.reduceat(lengths[order], starts[:-1])
        rows["supervised"] = np.add.reduceat(supervised[order], starts[:-1])
        described = {
            "version": __version__,
            "seq_len": seq_len,
            "seed": seed,
            **about,
            "template": {**describe_template(encoder), "chat_template": jinja},
            "tokenizer": describe_tokenizer(encoder),
            "inputs": [fingerprint(path) for path in inputs],
            **clean_sets.described(inputs),
            "gates": gates.result(),
            "counts": counts.to_dict(),
            "documents": len(lengths),
            "rows": len(rows),
            "tokens": int(lengths.sum()),
            "supervised": int(supervised.sum()),
            "fill": round(int(lengths.sum()) / (len(rows) * seq_len * together), 6),
        }
        return writer.finish(described, order=order, rows=rows, tokenizer=encoder.tokens.json)


def _write(
    maker: RecordMaker, inputs: Sequence[Path], display: Shown, writer: PackedWriter, workers: int
) -> tuple[Counts, list[BadRow]]:
    """Writes what is made of all rows; gives the counts, and the first rows that could not be read."""
    counts, bad = Counts(), list[BadRow]()
    known = [count_records(path) for path in inputs]
    total = None if None in known else sum(number or 0 for number in known)
    for path in inputs:
        batches = row_batches(display.counted("packing", read_rows(path), total=total))
        with SeenIds() as seen:
            for rows, outcomes in worked(maker, batches, first=counts.read, workers=workers):
                for row, outcome in zip(rows, outcomes, strict=True):
                    _take(_once(row, outcome, seen), counts, bad, writer)
    return counts, bad


def describe_template(encoder: Encoder) -> dict[str, Any]:
    """The template as the manifest names it."""
    template, stop_ids = encoder.template, encoder.stop_ids()
    definition = definition_of(template)
    return {
        "name": template.name,
        "version": template.version,
        "stop_ids": stop_ids,
        "stop_tokens": [encoder.tokens.special[stop] for stop in stop_ids],
        "begins_with_bos": bool(encoder.bos),
        "controls": list(template.controls),
        **({"definition": definition} if definition is not None else {}),
        **({"left_out": dict(template.left_out)} if template.left_out else {}),
    }


def describe_tokenizer(encoder: Encoder) -> dict[str, Any]:
    """The tokenizer as the manifest names it."""
    tokens = encoder.tokens
    return {"sha256": tokens.sha256, "vocab_size": tokens.vocab_size, "pad_id": tokens.pad_id}


def _once(row: Row | BadRow, outcome: Outcome, seen: SeenIds) -> Outcome:
    """The outcome; of a row that repeats an id, that it does."""
    if isinstance(outcome, BadRow) or isinstance(row, BadRow) or not outcome.identity or seen.add(outcome.identity):
        return outcome
    return repeated(row, outcome.identity)


def _take(outcome: Outcome, counts: Counts, bad: list[BadRow], writer: PackedWriter) -> None:
    """Writes what was made of one record, and counts it."""
    counts.read += 1
    if isinstance(outcome, BadRow):
        counts.bad_rows[outcome.code] += 1
        bad.extend(islice([outcome], _BAD_ROWS_SHOWN - len(bad)))
    elif isinstance(outcome, Dropped):
        counts.drop(outcome.code, outcome.place)
    else:
        for document in outcome.documents:
            writer.add(document)
        if outcome.is_desirable is not None:
            writer.label(outcome.is_desirable)
        counts.kept += 1
        counts.empty_replies += outcome.empty_replies
        counts.context_replies += outcome.context_replies
        if outcome.cut_turns:
            counts.cut.update(documents=1, turns=outcome.cut_turns, tokens=outcome.cut_tokens)


class ChatMaker(RecordMaker):
    """Makes a document of each chat."""

    def __init__(self, encoder: Encoder, gates: Gates, seq_len: int, *, supervise: Supervise) -> None:
        super().__init__(encoder, gates, seq_len)
        self._supervise = supervise

    def make(self, rows: Rows, first: int) -> list[Outcome]:
        """An outcome for each row."""
        records = read_each(rows, partial(chat_of, finds_language=False))
        read = [record for record in records if isinstance(record, Record)]
        chats = iter(self.encoder.encode_many([one.messages for one in read], [one.tools for one in read]))
        return [
            one if isinstance(one, BadRow) else self._made(first + number, one, next(chats))
            for number, one in enumerate(records)
        ]

    def _made(self, number: int, record: Record, chat: EncodedChat | Unfit) -> Outcome:
        if isinstance(chat, Unfit):
            return Dropped(chat.code, identity=record.id)
        written, document = fitted(self.encoder, record, chat, self.seq_len, self._supervise)
        if isinstance(document, str):
            return Dropped(document, identity=record.id)
        messages = record.messages if written is chat else messages_until(record.messages, written)
        self.gates.document(number, messages, written, document.ids, document.runs, record.tools)
        digest = bytes.fromhex(content_id("", "", record.messages, "", record.tools))
        return Made(
            (stored(document, digest, question_of(record.messages), self.ids),),
            record.id,
            cut_turns=document.cut_turns,
            cut_tokens=document.cut_tokens,
            empty_replies=document.empty_replies,
            context_replies=document.context_replies,
        )


def _refuse(counts: Counts, bad: Sequence[BadRow], max_bad: float, max_dropped: float) -> None:
    """Raises InputError when too many rows were unreadable, too many records fell out, or no document is left."""
    if (bad_rows := counts.bad_rows.total() - counts.bad_rows[COPY]) > max_bad * counts.read:
        shown = "; ".join(f"{row.file}:{row.line}: {row.code} {row.detail}".rstrip() for row in bad)
        raise InputError(
            f"{bad_rows:,} of {counts.read:,} rows are unreadable, more than --max-bad {max_bad:.2%}: {shown}",
            hint="mend the input, or allow it with --max-bad 100%; nothing was written",
        )
    if not counts.kept:
        first = {code: f" as in {places[0]}" for code, places in counts.dropped_at.items()}
        told = counts.dropped.most_common()
        why = ", ".join(f"{code} {number:,}{first.get(code, '')}" for code, number in told)
        hint = "longer rows hold more: see seq_len" if counts.dropped["too_long"] else ""
        hint = "records without answers: blossom-data annotate" if counts.dropped["no_assistant_turn"] else hint
        raise InputError(f"none of {counts.read:,} records can be trained on ({why})", hint=hint)
    if (share := dropped_share(counts.to_dict())) > max_dropped:
        why = ", ".join(f"{code} {number:,}" for code, number in counts.dropped.most_common())
        raise InputError(
            f"{share:.1%} of {counts.read:,} records fell out, more than max_dropped {max_dropped:.1%} ({why})",
            hint="longer rows hold more: see seq_len; or allow it with max_dropped; nothing was written",
        )
