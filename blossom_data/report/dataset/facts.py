"""What one reading of a data set finds: its sources, languages, lengths, tags and makers, and records drawn from it.

    facts = read_facts(Path("out/math"))
    facts.records, facts.lengths[("gsm8k", "zh")].whole.quantiles([0.5])

One pass in constant memory, but for 8 bytes a record (repeated requests). Tokens are estimated: four ASCII characters,
or one other character, each.
"""

from __future__ import annotations

import gc
from array import array
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from blossom_data.errors import InputError
from blossom_data.report.card import PAIRS
from blossom_data.report.dataset.counts import Lengths, NameCounts, Repeats
from blossom_data.report.dataset.draw import Draw
from blossom_data.report.pairs import with_messages
from blossom_data.rows import read_records
from blossom_data.rows.own_shards import shard_values
from blossom_data.rows.row import BadRow
from blossom_data.shards import read_manifest
from blossom_data.stages.synthesize.origin import LINKS
from blossom_data.stages.translate.segments import estimate_tokens

_MOST_GROUPS, _MOST_NAMES, _MOST_KINDS = 200, 400, 20_000
_NAME_CHARACTERS = 120
_TABLES = {dict}
_BATCH = 12_288
Maker = tuple[str, int, str, str]
"""Stage, its version, model, hash of the prompt."""


@dataclass(slots=True)
class GroupLengths:
    """The tokens of the records of a source and language."""

    asked: Lengths = field(default_factory=Lengths)
    """All but the assistant's turns."""
    answered: Lengths = field(default_factory=Lengths)
    """The assistant's turns, without thinking."""
    whole: Lengths = field(default_factory=Lengths)
    """All of it, thinking included."""


@dataclass(slots=True)
class _Kind:
    """Records that are alike but for their texts: a set has few kinds, so names are counted once a kind."""

    source: str
    lang: str
    tags: list[str]
    makers: list[Maker]
    lengths: GroupLengths
    records: int = 0
    tokens: array[int] = field(default_factory=lambda: array("Q"))
    """Of what was asked, of what was answered and of all, of each record that is not counted yet."""

    def count_lengths(self) -> None:
        """Puts `tokens` into the lengths: many at once take a fraction of the time."""
        for place, lengths in enumerate((self.lengths.asked, self.lengths.answered, self.lengths.whole)):
            lengths.extend(self.tokens[place::3])
        del self.tokens[:]


class Facts:
    """What is known of a set; `add` takes one row after the other, and after `settle` all of it can be read."""

    def __init__(self) -> None:
        self.records = self.unreadable = 0
        self.with_gold = self.with_thinking = self.with_tools = self.several_turns = 0
        self.tokens = 0
        self.langs: NameCounts[str] = NameCounts(_MOST_NAMES)
        self.sources: NameCounts[str] = NameCounts(_MOST_NAMES)
        self.tags: NameCounts[str] = NameCounts(_MOST_NAMES)
        self.makers: NameCounts[Maker] = NameCounts(_MOST_NAMES)
        self.groups: NameCounts[tuple[str, str]] = NameCounts(_MOST_GROUPS)
        """Records of each (source, language)."""
        self.lengths: dict[tuple[str, str], GroupLengths] = {}
        """Of the same groups; those of groups beyond the most stand under ("", "")."""
        self.repeats = Repeats()
        self.draw = Draw()
        self._kinds: dict[Any, _Kind] = {}

    def add(self, row: Mapping[str, Any] | None) -> None:
        """Counts a row; None, or one that is no record, as unreadable."""
        row = _with_messages(row) if row is not None and "chosen" in row else row
        turns = row.get("messages") if row is not None else None
        if row is None or type(turns) is not list or set(map(type, turns)) - _TABLES:
            self.unreadable += 1
            return
        kind = self._kind(row)
        kind.records += 1
        if row.get("gold"):
            self.with_gold += 1
        kind.tokens.extend(self._measure(turns))
        if len(kind.tokens) >= _BATCH:
            kind.count_lengths()
        self.draw.take(kind.lang, kind.source, row)

    def settle(self) -> None:
        """Counts what was met so far under its names."""
        for kind in self._kinds.values():
            kind.count_lengths()
            self.records += kind.records
            self.langs.add(kind.lang, kind.records)
            self.sources.add(kind.source, kind.records)
            self.groups.add((kind.source, kind.lang), kind.records)
            for tag in kind.tags:
                self.tags.add(tag, kind.records)
            for maker in kind.makers:
                self.makers.add(maker, kind.records)
        self._kinds.clear()

    def _kind(self, row: Mapping[str, Any]) -> _Kind:
        lineage = row.get("lineage") or ()
        tags = [tag for tag in _list(row.get("tags")) if not (type(tag) is str and tag.startswith(LINKS))]
        key: object
        try:
            steps = tuple([(step["stage"], step["version"], step["model"], step["prompt"]) for step in lineage])
            key = (row.get("source"), row.get("lang"), tuple(tags), steps)
            kind = self._kinds.get(key)
        except (TypeError, KeyError):  # a lineage or tags of another shape
            key, kind = len(self._kinds), None
        if kind is None:
            if len(self._kinds) >= _MOST_KINDS:
                self.settle()
            source, lang = _text(row.get("source")), _text(row.get("lang"))
            makers = [_maker(step) for step in _list(lineage) if type(step) is dict]
            kind = _Kind(source, lang, [_text(tag) for tag in tags], makers, self._lengths_of(source, lang))
            self._kinds[key] = kind
        return kind

    def _lengths_of(self, source: str, lang: str) -> GroupLengths:
        group = (source, lang)
        if group not in self.lengths and len(self.lengths) >= _MOST_GROUPS:
            group = ("", "")
        return self.lengths.setdefault(group, GroupLengths())

    def _measure(self, turns: list[dict[str, Any]]) -> tuple[int, int, int]:
        """The tokens of what was asked, of what was answered and of all; counts turns, and remembers what was asked."""
        asked = answered = thought = replies = 0
        said, has_tools = [], False
        for turn in turns:
            try:
                content, role = turn["content"], turn["role"]
                tokens = (len(content) + 3) // 4 if content.isascii() else estimate_tokens(content)
            except (KeyError, AttributeError):  # a turn without a role, or whose content is no text
                content, role = turn.get("content"), turn.get("role")
                content = content if type(content) is str else ""
                tokens = estimate_tokens(content)
            if role == "assistant":
                answered += tokens
                replies += 1
                if len(turn) > 2:
                    thinking = turn.get("reasoning_content")
                    thought += estimate_tokens(thinking) if type(thinking) is str else 0
                    has_tools = has_tools or "tool_calls" in turn
            else:
                asked += tokens
                if role == "user":
                    said.append(content)
        if thought:
            self.with_thinking += 1
        if has_tools:
            self.with_tools += 1
        if replies > 1:
            self.several_turns += 1
        self.tokens += (whole := asked + answered + thought)
        if said:
            self.repeats.add(said[0] if len(said) == 1 else "\n".join(said))
        return asked, answered, whole


def _with_messages(row: Mapping[str, Any]) -> Mapping[str, Any]:
    """A pair of replies to one prompt as the record with the chosen one; any other row as it is."""
    prompt, chosen = row.get("prompt"), row.get("chosen")
    return {**row, "messages": [*prompt, *chosen]} if type(prompt) is list and type(chosen) is list else row


def _maker(step: Mapping[str, Any]) -> Maker:
    version = step.get("version")
    stage, model, prompt = (_text(step.get(key)) for key in ("stage", "model", "prompt"))
    return stage, version if type(version) is int else 0, model, prompt


def read_facts(path: Path, rows: Iterable[Mapping[str, Any] | None]) -> Facts:
    """The facts of `rows`, which are those of `path`.

    Raises:
        InputError: it cannot be read, or holds no record at all.
    """
    facts = Facts()
    with _without_garbage_collection():
        for row in rows:
            facts.add(row)
    facts.settle()
    if facts.unreadable and not facts.records:
        raise InputError(
            f"{path} holds no record: none of its {facts.unreadable:,} rows has `messages`",
            hint="a raw data set is read by: blossom-data pull",
        )
    return facts


@contextmanager
def _without_garbage_collection() -> Iterator[None]:
    """Rows hold no cycles, and to look for some in each of a million takes a fifth of the time."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def rows_of(path: Path) -> Iterator[Mapping[str, Any] | None]:
    """The rows of a finished data set as they are, those of a file as the records that they stand for."""
    manifest = read_manifest(path) if path.is_dir() else None
    if manifest is not None:
        is_pairs = manifest.get("layout") == PAIRS
        for row in shard_values(path):
            yield with_messages(row) if is_pairs and row is not None else row
        return
    for record in read_records(path):
        yield None if isinstance(record, BadRow) else record.to_dict()


def _text(value: object) -> str:
    """`value` as a name; what is no text, or too long for a name, is cut down to one."""
    return value[:_NAME_CHARACTERS] if type(value) is str else "" if value is None else str(value)[:_NAME_CHARACTERS]


def _list(value: object) -> list[Any]:
    return value if type(value) is list else []
