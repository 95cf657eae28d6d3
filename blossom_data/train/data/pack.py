"""Packs chats for training: every chat whole or cut at a turn border, every cut and drop counted.

    pack_dataset([Path("sft/math")], Path("packed/math"), tokenizer=Path("base"), template="chatml", seq_len=2048)
    {"counts": {"read": 7473, "kept": 7473, "dropped": {}, "bad_rows": {}, "cut": {"documents": 0, ...}},
     "rows": 895, "tokens": 1832133, "supervised": 1123701, "fill": 0.999549, ...}

A chat too long for a row loses whole turns at its end and keeps its last reply that fits, stop token included; turns
after the last reply teach nothing and go as well. One pass over the records: a few bytes of each stay in memory.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, get_args

import numpy as np

from blossom_data import __version__
from blossom_data.counters import Counters as Shown
from blossom_data.curate import clean_sets
from blossom_data.errors import BlossomError, ConfigError, InputError
from blossom_data.records import Message, Record, content_id
from blossom_data.rows import BadRow
from blossom_data.rows.facts import count_records, fingerprint
from blossom_data.rows.row import COPY
from blossom_data.train.data.bin_packing import pack_rows
from blossom_data.train.data.chats import read_chats
from blossom_data.train.data.packing_report import dropped_share
from blossom_data.train.data.store import ROW, PackedWriter
from blossom_data.train.template.chat_formats import Supervise
from blossom_data.train.template.encode import EncodedChat, Encoder, Unfit
from blossom_data.train.template.gates import Gates
from blossom_data.train.template.templates import OWN, definition_of, template_for
from blossom_data.train.template.to_jinja import chat_template
from blossom_data.train.template.tokens import load_tokenizer

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

Item = TypeVar("Item")
_BATCH_RECORDS = 512
_BATCH_CHARACTERS = 1 << 20
_BAD_ROWS_SHOWN = 3
_PLACES_KEPT = 20


@dataclass(frozen=True, slots=True)
class Document:
    """What is trained of one chat: ids, lengths of unsupervised and supervised runs in turn, and what was left out."""

    ids: list[int]
    runs: list[int]
    turns: int
    cut_turns: int
    cut_tokens: int
    empty_replies: int
    context_replies: int = 0


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
class Packing:
    """A packing at work: what encodes, what checks, what is written to, and what is counted."""

    inputs: Sequence[Path]
    seq_len: int
    encoder: Encoder
    gates: Gates
    writer: PackedWriter
    counts: Counts
    bad: list[BadRow]
    shown: Shown
    """What a display reads."""

    def batches(
        self, read: Callable[[Path], Iterator[Item | BadRow]], characters_of: Callable[[Item], int]
    ) -> Iterator[list[Item]]:
        """What `read` makes of the inputs, several at once, bounded in number and size; bad rows are counted."""
        batch: list[Item] = []
        characters = 0
        records = [count_records(path) for path in self.inputs]
        total = None if None in records else sum(number or 0 for number in records)
        for path in self.inputs:
            for item in self.shown.counted("packing", read(path), total=total):
                self.counts.read += 1
                if isinstance(item, BadRow):
                    self.counts.bad_rows[item.code] += 1
                    self.bad.extend(islice([item], _BAD_ROWS_SHOWN - len(self.bad)))
                    continue
                batch.append(item)
                characters += characters_of(item)
                if len(batch) >= _BATCH_RECORDS or characters >= _BATCH_CHARACTERS:
                    yield batch
                    batch, characters = [], 0
        if batch:
            yield batch


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
    counters: Shown | None = None,
) -> dict[str, Any]:
    """Packs the chats of `inputs` (as read_chats takes them) into rows of `seq_len` tokens; gives the manifest.

    Args:
        supervise: what is learnt: every assistant turn, or the last one of each chat.
        max_bad: largest share of rows that may be unreadable, 0 to 1.
        max_dropped: largest share of records that may fall out, 0 to 1.
        counters: what a display reads.

    Raises:
        ConfigError: the template does not fit the tokenizer, or fails a gate; nothing is written.
        InputError: the input cannot be read, too much of it is bad, or nothing of it can be trained on.
    """
    if supervise not in get_args(Supervise):
        raise ConfigError(f"supervise is {supervise!r}", hint="known: all, last")
    write = partial(_write_chats, supervise=supervise)
    about = {"supervise": supervise}
    return pack_documents(
        inputs, out, tokenizer=tokenizer, template=template, seq_len=seq_len, seed=seed, max_bad=max_bad,
        max_dropped=max_dropped, write=write, about=about, counters=counters,
    )  # fmt: skip


def pack_documents(
    inputs: Sequence[Path],
    out: Path,
    *,
    tokenizer: Path | PreTrainedTokenizerFast,
    template: str,
    seq_len: int,
    seed: int,
    max_bad: float,
    max_dropped: float,
    write: Callable[[Packing], None],
    about: dict[str, Any],
    together: int = 1,
    counters: Shown | None = None,
) -> dict[str, Any]:
    """Packs the documents that `write` makes of the inputs into rows; gives the manifest.

    Args:
        about: what the manifest says of the kind of documents.
        together: documents that follow each other in one row, which is that many times `seq_len` long.

    Raises:
        ConfigError, InputError: as pack_dataset.
    """
    if seq_len < 2:
        raise ConfigError(f"rows of {seq_len} tokens hold nothing", hint="give --seq-len 2048")
    loaded = load_tokenizer(tokenizer) if isinstance(tokenizer, Path) else tokenizer
    encoder = template_for(template, loaded)
    jinja = str(loaded.chat_template) if template == OWN else chat_template(encoder)
    gates = Gates(encoder, loaded, jinja)
    with PackedWriter(out, vocab_size=encoder.tokens.vocab_size) as writer:
        packing = Packing(inputs, seq_len, encoder, gates, writer, Counts(), [], counters or Shown())
        write(packing)
        _refuse(packing.counts, packing.bad, max_bad, max_dropped)
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
            "counts": packing.counts.to_dict(),
            "documents": len(lengths),
            "rows": len(rows),
            "tokens": int(lengths.sum()),
            "supervised": int(supervised.sum()),
            "fill": round(int(lengths.sum()) / (len(rows) * seq_len * together), 6),
        }
        return writer.finish(described, order=order, rows=rows, tokenizer=encoder.tokens.json)


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


def shorten(chat: EncodedChat, seq_len: int, supervise: Supervise) -> Document | str:
    """What of `chat` is trained in a row of `seq_len` tokens, or the code of why nothing is."""
    length, fits, fitting = len(chat.intro), 0, 0
    for number, turn in enumerate(chat.turns, 1):
        length += len(turn.ids)
        if turn.is_learnt and length <= seq_len:
            fits, fitting = number, length
    last = max((number for number, turn in enumerate(chat.turns, 1) if turn.is_learnt), default=0)
    if not fits:
        has_reply = any(turn.role == "assistant" for turn in chat.turns)
        return "too_long" if last else "no_learnt_turn" if has_reply else "no_assistant_turn"
    ids, runs = list(chat.intro), [0]
    empty_replies, context, position = 0, 0, 0
    for number, turn in enumerate(chat.turns[:fits], 1):
        if turn.is_learnt and (supervise == "all" or number == fits):
            runs[-1] += len(ids) + turn.start - position
            runs += [turn.end - turn.start, 0]
            position = len(ids) + turn.end
            empty_replies += turn.is_empty
        context += turn.role == "assistant" and not turn.is_learnt
        ids += turn.ids
    runs[-1] = len(ids) - position
    wanted = len(chat.intro) + sum(len(turn.ids) for turn in chat.turns[:last])
    return Document(ids, runs if runs[-1] else runs[:-1], fits, last - fits, wanted - fitting, empty_replies, context)


def fitted(
    encoder: Encoder, record: Record, chat: EncodedChat, seq_len: int, supervise: Supervise
) -> tuple[EncodedChat, Document | str]:
    """The chat and what of it is trained; one that is too long, and is written otherwise when it ends earlier, so."""
    document = shorten(chat, seq_len, supervise)
    if document != "too_long" or not encoder.template.looks_back:
        return chat, document
    replies = [place for place, turn in enumerate(record.messages) if turn.role == "assistant"]
    lengths = [len(turn.ids) for turn in chat.turns if turn.role == "assistant"]
    for place, length in zip(replies[-2::-1], lengths[-2::-1], strict=True):
        if length > seq_len:
            continue
        shorter = encoder.encode(record.messages[: place + 1], record.tools)
        if isinstance(shorter, EncodedChat) and not isinstance(found := shorten(shorter, seq_len, supervise), str):
            cut = len(chat.turns) - len(shorter.turns) + found.cut_turns
            return shorter, replace(found, cut_turns=cut, cut_tokens=len(chat.ids) - len(found.ids))
    return chat, document


def _write_chats(packing: Packing, *, supervise: Supervise) -> None:
    """Encodes the chats of all inputs, checks and writes what of them is trained, and counts the rest."""
    encoder, counts = packing.encoder, packing.counts
    for records in packing.batches(read_chats, _characters):
        chats = encoder.encode_many([record.messages for record in records], [record.tools for record in records])
        for record, chat in zip(records, chats, strict=True):
            if isinstance(chat, Unfit):
                counts.dropped[chat.code] += 1
                continue
            written, document = fitted(encoder, record, chat, packing.seq_len, supervise)
            if isinstance(document, str):
                counts.dropped[document] += 1
                continue
            messages = record.messages if written is chat else _until(record.messages, written)
            packing.gates.document(counts.kept, messages, written, document.ids, document.runs, record.tools)
            counts.kept += 1
            counts.empty_replies += document.empty_replies
            counts.context_replies += document.context_replies
            if document.cut_turns:
                counts.cut.update(documents=1, turns=document.cut_turns, tokens=document.cut_tokens)
            digest = bytes.fromhex(content_id("", "", record.messages, "", record.tools))
            packing.writer.add(document.ids, document.runs, digest)


def _until(messages: Sequence[Message], written: EncodedChat) -> Sequence[Message]:
    """The messages up to the last reply of what was written."""
    replies = [place for place, turn in enumerate(messages) if turn.role == "assistant"]
    return messages[: replies[sum(turn.role == "assistant" for turn in written.turns) - 1] + 1]


def characters_of(turn: Message) -> int:
    """Characters of a turn, its thinking and its calls included."""
    calls = sum(len(call.arguments) for call in turn.tool_calls)
    return len(turn.content) + len(turn.reasoning_content) + calls


def _characters(record: Record) -> int:
    return sum(map(characters_of, record.messages))


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
