"""Orca and Flan: templated tasks, alone or under a system prompt.

    {"id": "niv.242684", "system_prompt": "You are an AI assistant ...", "question": "...", "response": "..."}
    {"prompt": "What is this question asking for?\\n\\nWhat is a transistor ?\\n", "completion": "..."}
    {"inputs": "...", "targets": "..."}     {"definition": "...", "inputs": "...", "targets": "..."}
    {"Definition": "...", "Positive Examples": [...], "Instances": [{"input": "...", "output": ["..."]}]}

A Natural-Instructions task becomes one record for each of its instances: the definition, a blank line, and the input.
Its examples are left out, as they are answers too.
"""

from __future__ import annotations

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


def read_orca(row: RawRow) -> Iterable[Instruction]:
    """The question under its system prompt."""
    yield Instruction(turns=(text_of(row, "question"),), system=text_of(row, "system_prompt", ""), source_id=id_of(row))


def read_prompt(row: RawRow) -> Iterable[Instruction]:
    """The prompt; the newline at its end that Flan writes goes with the other blanks."""
    yield Instruction(turns=(text_of(row, "prompt"),), system=text_of(row, "system", ""), source_id=id_of(row))


def read_flan(row: RawRow) -> Iterable[Instruction]:
    """The inputs, after the task's definition where there is one."""
    definition, inputs = text_of(row, "definition", ""), text_of(row, "inputs")
    question = f"{definition.strip()}\n\n{inputs.strip()}" if definition.strip() and inputs.strip() else inputs
    task = tags_of(row, task="_task_name") or tags_of(row, task="task_name")
    yield Instruction(turns=(question,), source_id=id_of(row), tags=task)


def read_natural_instructions(row: RawRow) -> Iterable[Instruction | Unreadable]:
    """One instruction for each instance of the task."""
    definition = _definition(row)
    categories = row.get("Categories")
    category = {"category": categories[0]} if isinstance(categories, list) and categories else {}
    tags = (*tags_of(row, task="_task"), *tags_of(category, category="category"))

    def build(instance: dict[str, Any], number: int) -> Instruction:
        given = text_of(instance, "input").strip()
        return Instruction(turns=(f"{definition}\n\n{given}" if given else "",), source_id=id_of(instance), tags=tags)

    return each(list_of(row, "Instances"), build)


def _definition(row: RawRow) -> str:
    """The task's definition: a text, or a list of texts in newer files."""
    value = row.get("Definition")
    if isinstance(value, list) and all(isinstance(part, str) for part in value):
        value = "\n".join(value)
    if not isinstance(value, str) or not value.strip():
        raise Unreadable("wrong_type", "Definition is neither a text nor a list of texts")
    return value.strip()


ORCA = Source(
    "orca",
    "Orca, Flan and Natural-Instructions",
    (
        Layout("orca", ("system_prompt", "question"), read_orca),
        Layout("natural-instructions", ("Definition", "Instances"), read_natural_instructions),
        Layout("flan", ("inputs", "targets"), read_flan),
        Layout("prompt-completion", ("prompt", "completion"), read_prompt),
        Layout("prompt-response", ("prompt", "response"), read_prompt),
    ),
    frozenset(
        {"id", "system_prompt", "question", "prompt", "system", "definition", "inputs", "_task_name", "task_name"}
    )
    | {"Definition", "Categories", "_task", "Instances"},
)
