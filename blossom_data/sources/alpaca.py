"""Instructions with an optional input: Alpaca, and the self-instruct seeds that it grew from.

    {"instruction": "Is this coffee cold?", "input": "Temperature: 65° Fahrenheit", "output": "No ..."}
    {"id": "seed_task_1", "instruction": "...", "instances": [{"input": "...", "output": "..."}]}

The record asks the instruction, a blank line, and the input; `<noinput>` in any spelling counts as none. A `system`
text and the questions of a `history` ([[question, answer], ...]) are kept; every output and every answer is dropped.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from blossom_data.rows.row import Unreadable
from blossom_data.sources.instruction import (
    Instruction,
    Layout,
    RawRow,
    Source,
    each,
    id_of,
    list_of,
    tags_of,
    text_of,
)

_NO_INPUT = re.compile(r"[\s<`\"'(\[]*+(?:no[ _-]?input|无输入|没有输入|不需要输入|无)[\s>`\"')\].。]*+", re.IGNORECASE)


def compose(instruction: str, extra: str) -> str:
    """The instruction, followed by its input where there is one."""
    if not extra.strip() or _NO_INPUT.fullmatch(extra):
        return instruction
    return f"{instruction.strip()}\n\n{extra.strip()}" if instruction.strip() else ""


def read_alpaca(row: RawRow) -> Iterable[Instruction]:
    """The instruction with its input, after the questions of its history."""
    question = compose(text_of(row, "instruction"), text_of(row, "input", ""))
    if not question.strip():
        raise Unreadable("empty", "the instruction is blank")
    yield Instruction(
        turns=(*_history(row), question),
        system=text_of(row, "system", ""),
        source_id=id_of(row),
    )


def read_self_instruct(row: RawRow) -> Iterable[Instruction | Unreadable]:
    """One instruction for each of the row's instances."""
    instruction, name = text_of(row, "instruction"), id_of(row)
    instances = list_of(row, "instances")
    tags = tags_of(row, task="name", app="motivation_app")

    def build(instance: dict[str, Any], number: int) -> Instruction:
        question = compose(instruction, text_of(instance, "input", ""))
        source_id = f"{name}#{number}" if name and len(instances) > 1 else name
        return Instruction(turns=(question,), source_id=source_id, tags=tags)

    return each(instances, build)


def _history(row: RawRow) -> Iterable[str]:
    """The questions of the earlier turns; their answers stay behind."""
    if not row.get("history"):
        return
    for pair in list_of(row, "history"):
        if not isinstance(pair, list) or len(pair) != 2 or not isinstance(pair[0], str):
            raise Unreadable("wrong_type", "history is not a list of [question, answer]")
        yield pair[0]


SELF_INSTRUCT = Layout("self-instruct", ("instruction", "instances"), read_self_instruct)
ALPACA_LAYOUT = Layout("alpaca", ("instruction", "input"), read_alpaca)
INSTRUCTION_LAYOUT = Layout("instruction-output", ("instruction", "output"), read_alpaca)

FIELDS = frozenset({"instruction", "input", "system", "history", "id", "instances", "name", "motivation_app"})

ALPACA = Source("alpaca", "Alpaca and self-instruct seeds", (SELF_INSTRUCT, ALPACA_LAYOUT, INSTRUCTION_LAYOUT), FIELDS)
