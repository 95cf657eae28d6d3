"""What a source makes of a raw row: an instruction without any answer, and the record that it becomes.

    Instruction(turns=("What is 2 + 3?", "And twice that?"), system="You are a tutor.", gold="10", source_id="7")

An Instruction has room for what people and operators said and for a gold label, and for nothing else: an original
output cannot leave a source because there is no field that could hold one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from blossom_data.languages.detect import chat_language
from blossom_data.records import Lineage, Message, Record, content_id
from blossom_data.rows import gold_text
from blossom_data.rows.row import Unreadable
from blossom_data.rows.wanted import Wanted

PULL_VERSION = 1
_LINEAGE = (Lineage("pull", PULL_VERSION),)

RawRow: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Instruction:
    """What was asked: the turns of the person, in order, with the system text and the gold label."""

    turns: tuple[str, ...]
    system: str = ""
    gold: str = ""
    source_id: str = ""
    """The row's own id in its source, "" when it has none."""
    tags: tuple[str, ...] = ()


ReadRow: TypeAlias = Callable[[RawRow], Iterable[Instruction | Unreadable]]


@dataclass(frozen=True, slots=True)
class Layout:
    """One way in which a source's rows are laid out: the fields by which it is known, and how it is read.

    `read` raises Unreadable for a row, or yields one in the place of a single bad instruction of many.
    """

    name: str
    fields: tuple[str, ...]
    read: ReadRow


@dataclass(frozen=True, slots=True)
class Source:
    """One raw data set: its name and its layouts, the most telling first."""

    name: str
    about: str
    layouts: tuple[Layout, ...]
    fields: frozenset[str]
    """All fields that its layouts read, or are known by and read."""
    default_lang: str = "en"
    """Language of a text that is in none that can be told, such as a bare formula."""
    lang: str = ""
    """Language of all texts, where it is known and not detected."""
    list_field: str = ""
    """The field that a row which is a bare list of turns stands for."""

    def wanted(self, split: str = "train") -> Wanted:
        """What is taken of the rows; a column that only tells the layout, such as an output, is not decoded."""
        return Wanted(self.fields, lambda row: self.layout_of(row) is not None, self.list_field, split)

    def layout_of(self, row: RawRow) -> Layout | None:
        """The first layout whose fields the row has."""
        for layout in self.layouts:
            if all(field in row for field in layout.fields):
                return layout
        return None


def to_record(source: Source, layout: str, instruction: Instruction) -> Record:
    """The record of an instruction, its texts without blanks at their ends and its language as detected.

    Raises:
        Unreadable: `empty`, when nothing is asked.
    """
    turns = tuple([Message("user", text) for turn in instruction.turns if (text := turn.strip())])
    if not turns:
        raise Unreadable("empty", "no instruction is left once blanks are taken away")
    system = instruction.system.strip()
    messages = (Message("system", system), *turns) if system else turns
    return Record(
        id=content_id(source.name, instruction.source_id, messages, instruction.gold),
        source=source.name,
        source_id=instruction.source_id,
        lang=source.lang or chat_language((turn.content for turn in turns), source.default_lang),
        messages=messages,
        gold=instruction.gold,
        tags=(f"layout:{layout}", *instruction.tags),
        lineage=_LINEAGE,
    )


def text_of(row: RawRow, field: str, default: str | None = None) -> str:
    """A field's text; `default` where it is absent or null, which without one is `missing_field`."""
    value = row.get(field)
    if value is None:
        if default is None:
            raise Unreadable("missing_field", f"{field} is absent or null")
        return default
    if not isinstance(value, str):
        raise Unreadable("wrong_type", f"{field} is not a text: {type(value).__name__}")
    return value


def id_of(row: RawRow, field: str = "id") -> str:
    """The row's own id as text, "" without one."""
    value = whole(row.get(field))
    if isinstance(value, bool) or not isinstance(value, str | int | None):
        raise Unreadable("wrong_type", f"{field} is neither a text nor an integer: {type(value).__name__}")
    return "" if value is None else str(value)


def whole(value: object) -> object:
    """A whole number that a table without nulls for integers wrote as a double, as the integer that it is."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def gold_of(row: RawRow, field: str) -> str:
    """A required gold label as text, verbatim."""
    gold = gold_text(row.get(field)).strip()
    if not gold:
        raise Unreadable("missing_field", f"the gold label {field} is absent or empty")
    return gold


def tags_of(row: RawRow, **fields: str) -> tuple[str, ...]:
    """Tags `name:value` for those of the fields (name=field) that hold a text or an integer."""
    values = ((name, whole(row.get(field))) for name, field in fields.items())
    return tuple(f"{name}:{value}" for name, value in values if isinstance(value, str | int) and value != "")


def list_of(row: RawRow, field: str) -> list[Any]:
    """A field's list."""
    value = row.get(field)
    if value is None:
        raise Unreadable("missing_field", f"{field} is absent or null")
    if not isinstance(value, list):
        raise Unreadable("wrong_type", f"{field} is not a list: {type(value).__name__}")
    return value


def each(items: list[Any], build: Callable[[dict[str, Any], int], Instruction]) -> Iterable[Instruction | Unreadable]:
    """What `build` makes of each object of a list and its number from 0; a bad one spoils no other."""
    if not items:
        yield Unreadable("empty", "the row's list of instances is empty")
    for number, item in enumerate(items):
        try:
            if not isinstance(item, dict):
                raise Unreadable("wrong_type", f"instance {number} is not an object: {type(item).__name__}")
            yield build(item, number)
        except Unreadable as why:
            yield why
