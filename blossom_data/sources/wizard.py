"""Wizard: instructions grown by Evol-Instruct, in the four layouts in which they were published.

{"instruction": "...", "output": "..."}                              {"input": "...", "output": "..."}
{"idx": 1, "Skill": "Math", "Difficulty": 1, "Instruction": "..."}   {"idx": "x", "conversations": [...]}
"""

from __future__ import annotations

from collections.abc import Iterable

from blossom_data.sources.alpaca import FIELDS, INSTRUCTION_LAYOUT
from blossom_data.sources.chat import CHAT_FIELDS
from blossom_data.sources.instruction import Instruction, Layout, RawRow, Source, id_of, tags_of, text_of
from blossom_data.sources.sharegpt import read_conversations


def read_test_set(row: RawRow) -> Iterable[Instruction]:
    """An instruction of the test set, with its skill and difficulty as tags."""
    tags = tags_of(row, category="Skill", difficulty="Difficulty")
    yield Instruction(turns=(text_of(row, "Instruction"),), source_id=id_of(row, "idx"), tags=tags)


def read_input(row: RawRow) -> Iterable[Instruction]:
    """The instruction of the set that calls it `input`."""
    yield Instruction(turns=(text_of(row, "input"),), source_id=id_of(row))


WIZARD = Source(
    "wizard",
    "Wizard, Evol-Instruct",
    (
        Layout("evol-instruct", INSTRUCTION_LAYOUT.fields, INSTRUCTION_LAYOUT.read),
        Layout("evol-test", ("Instruction",), read_test_set),
        Layout("evol-input", ("input", "output"), read_input),
        Layout("evol-chat", ("idx", "conversations"), read_conversations),
    ),
    FIELDS | CHAT_FIELDS | {"Instruction", "Skill", "Difficulty", "conversations"},
)
