"""What became of every record of a run: written to shards, counted, and settled block by block.

A block is the input records of one shard. When all of a block are through, its shards are durable and a note says what
it held (shards/block_notes.py): a later run takes settled blocks over, whether this one ended or was killed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Protocol

import orjson

from blossom_data.counters import Counters
from blossom_data.engine import Outcome, Settled
from blossom_data.errors import BlossomError, InputError
from blossom_data.executors.blocks import Identity
from blossom_data.rows import BadRow
from blossom_data.rows.encoding import iconv_line, likely_encoding
from blossom_data.shards import DatasetWriter

BAD_ROWS_SHOWN = 3
GROUPS = ("counts", "rejected", "failed", "passed", "untouched", "langs", "again", "noted", "used", "sources")
_PARTS = "\x1f"
"""Joins the parts of a key: (stage, model, what) in `used`, (source, what) in `sources`."""


class Tally:
    """Counts by group; two tallies add up to one, and one is plain JSON."""

    def __init__(self, groups: Mapping[str, Mapping[str, int]] | None = None) -> None:
        self.groups = {name: Counter((groups or {}).get(name, {})) for name in GROUPS}

    def __getitem__(self, group: str) -> Counter[str]:
        return self.groups[group]

    def add(self, other: Tally) -> None:
        for name, counts in other.groups.items():
            self.groups[name].update(counts)

    def split(self, group: str) -> Iterator[tuple[tuple[str, ...], int]]:
        """The counts of a group whose keys have parts, sorted."""
        for key in sorted(self.groups[group]):
            yield tuple(key.split(_PARTS)), self.groups[group][key]

    def to_dict(self) -> dict[str, dict[str, int]]:
        return {name: dict(counts) for name, counts in self.groups.items() if counts}

    def take(self, outcome: Outcome) -> None:
        """Counts what became of one input record."""
        groups = self.groups
        counts, sources = groups["counts"], groups["sources"]
        counts["kept"] += len(outcome.kept)
        counts["added"] += outcome.added
        for name in outcome.passed:
            groups["passed"][name] += 1
        groups["untouched"].update(outcome.untouched)
        for name in outcome.again:
            groups["again"][name] += 1
        for name in outcome.noted:
            groups["noted"][name] += 1
        used = groups["used"]
        for stage, model, usage in outcome.used:
            asked = f"{stage}{_PARTS}{model}{_PARTS}"
            used[asked + "replies"] += 1
            used[asked + "tokens_in"] += usage.tokens_in
            used[asked + "tokens_out"] += usage.tokens_out
        for record in outcome.kept:
            if any(turn.reasoning_content for turn in record.messages):
                counts["with_reasoning"] += 1
            if record.is_wide:
                counts["with_tools"] += 1
            sources[f"{record.source}{_PARTS}kept"] += 1
            groups["langs"][record.lang] += 1
        for rejected in outcome.rejected:
            groups["failed" if rejected.is_failure else "rejected"][rejected.name] += 1
            source = rejected.record.source if rejected.record else ""
            sources[f"{source}{_PARTS}{rejected.stage}"] += 1
            counts["bad"] += rejected.row is not None and rejected.row.is_fault


def show_outcome(outcome: Outcome, counters: Counters) -> None:
    """Adds one record to what the display reads."""
    counters.kept += len(outcome.kept)
    counters.added += outcome.added
    for stage in outcome.passed:
        counters.passed[stage] += 1
    for rejected in outcome.rejected:
        (counters.failed if rejected.is_failure else counters.rejected)[rejected.name] += 1


class Writer(Protocol):
    """What shards are written by: of a whole data set, or of one block."""

    @property
    def shard_records(self) -> int: ...

    def write(self, index: int, *, kept: Iterable[bytes] = (), rejects: Iterable[bytes] = ()) -> None: ...

    def settle(self, block: int, about: dict[str, Any]) -> None: ...


class Books:
    """The engine's sink: writes what came of each record, counts it, and settles blocks.

    Args:
        identities: of each block's input, filled in by whoever reads the input, before the block's last outcome.
        position: the number of the first input record that comes.
    """

    def __init__(
        self,
        writer: Writer,
        counters: Counters,
        identities: dict[int, Identity],
        *,
        position: int = 0,
    ) -> None:
        self._writer, self._counters, self._identities = writer, counters, identities
        self.whole = Tally()
        self._block_tally = Tally()
        self._position = position
        self._bad_rows: list[BadRow] = []
        self._block_bad: list[BadRow] = []

    def __call__(self, index: int, outcome: Outcome) -> None:
        if outcome.settled is not None:
            self._skip(outcome.settled)
            return
        self._block_tally.take(outcome)
        self._show(outcome)
        self._writer.write(
            self._position,
            kept=[record.to_line() for record in outcome.kept],
            rejects=[
                orjson.dumps(rejected.to_dict(), option=orjson.OPT_APPEND_NEWLINE) for rejected in outcome.rejected
            ],
        )
        self._position += 1
        if self._position % self._writer.shard_records == 0:
            self.settle()

    def settle(self) -> None:
        """Ends the block that is open; one with failures is not kept, for the next run asks for them again."""
        tally, self._block_tally = self._block_tally, Tally()
        self.whole.add(tally)
        bad_rows, self._block_bad = self._block_bad, []
        self._bad_rows += bad_rows
        block = (self._position - 1) // self._writer.shard_records
        identity = self._identities.pop(block, None)
        if identity is not None and not tally["failed"]:
            rows = [[row.file, row.line, row.code, row.detail] for row in bad_rows]
            about = {"digest": identity.digest, "marks": identity.marks, "tally": tally.to_dict(), "bad_rows": rows}
            self._writer.settle(block, about)

    def _skip(self, settled: Settled) -> None:
        """Takes over a block that an earlier run settled."""
        assert isinstance(self._writer, DatasetWriter), "one block is never taken over"
        self._writer.adopt(settled.block, settled.note)
        tally = Tally(settled.note.about["tally"])
        self.whole.add(tally)
        self._bad_rows += [BadRow(*row) for row in settled.note.about["bad_rows"]]
        self._position += settled.records
        counters = self._counters
        counters.taken_over += settled.records
        counters.kept += tally["counts"]["kept"]
        counters.added += tally["counts"]["added"]
        counters.rejected.update(tally["rejected"])
        counters.failed.update(tally["failed"])
        counters.passed.update(tally["passed"])
        counters.through.update(tally["passed"])
        for name, number in (*tally["rejected"].items(), *tally["failed"].items()):
            counters.through[name.partition("/")[0]] += number

    def _show(self, outcome: Outcome) -> None:
        """Adds one record to what the display reads."""
        show_outcome(outcome, self._counters)
        for rejected in outcome.rejected:
            if rejected.row is not None and rejected.row.is_fault and len(self._block_bad) < BAD_ROWS_SHOWN:
                self._block_bad.append(rejected.row)

    def check(self, max_bad: float) -> None:
        """Raises InputError when too large a share of the rows was unreadable."""
        bad, read = self.whole["counts"]["bad"], self._counters.read
        if bad <= max_bad * read:
            return
        shown = "; ".join(
            f"{row.file}:{row.line}: {row.code} {row.detail}".rstrip() for row in self._bad_rows[:BAD_ROWS_SHOWN]
        )
        raise InputError(
            f"{bad:,} of {read:,} rows are unreadable, more than --max-bad {max_bad:.2%}: {shown}",
            hint=self._conversion()
            or "mend the input, or allow it with --max-bad 100%; nothing was written, what was paid for is kept",
        )

    def _conversion(self) -> str:
        """The command that makes UTF-8 of an input in another encoding; "" where no row looks like one."""
        for row in self._bad_rows:
            if row.code in ("bad_utf8", "torn_line") and (encoding := likely_encoding(row.raw)):
                return f"{row.file} looks like {encoding}: {iconv_line(encoding, row.file)}"
        return ""

    def conserve(self) -> None:
        """Raises when a record went missing: read + added = kept + rejected + failed + skipped."""
        counters = self._counters
        ends = counters.kept + counters.rejected.total() + counters.failed.total() + counters.skipped
        if counters.read + counters.added != ends:
            raise BlossomError(
                f"records went missing: {counters.read:,} read and {counters.added:,} added, {ends:,} accounted for",
                hint="this is a bug; please report it",
            )

    def describe(self) -> dict[str, Any]:
        """The counts of the manifest that depend on the replies behind the result."""
        used: dict[tuple[str, str], dict[str, int]] = {}
        for (stage, model, what), number in self.whole.split("used"):
            used.setdefault((stage, model), {})[what] = number
        by_source: dict[str, dict[str, int]] = {}
        for (source, what), number in self.whole.split("sources"):
            by_source.setdefault(source, {})[what] = number
        langs, counts = self.whole["langs"], self.whole["counts"]
        with_reasoning, with_tools = counts["with_reasoning"], counts["with_tools"]
        return {
            "asked_again": dict(sorted(self.whole["again"].items())),
            "noted": dict(sorted(self.whole["noted"].items())),
            "asked": [
                {
                    "stage": stage,
                    "model": model,
                    **{what: counts[what] for what in ("replies", "tokens_in", "tokens_out")},
                }
                for (stage, model), counts in used.items()
            ],
            "by_source": by_source,
            # Blocks that an earlier version settled do not say in which languages their records are.
            **({"by_lang": dict(sorted(langs.items()))} if langs.total() == self.whole["counts"]["kept"] else {}),
            "untouched": dict(sorted(self.whole["untouched"].items())),
            # Left out where no record keeps thinking: its manifest and card stay as they are.
            **({"with_reasoning": with_reasoning} if with_reasoning else {}),
            **({"with_tools": with_tools} if with_tools else {}),
        }
