"""BELLE: Chinese instructions in the Alpaca layout, its seed tasks, its chats, and its evaluation set.

    {"instruction": "给定一个文字输入 ...", "input": "", "output": "..."}
    {"instruction": "Human:你好\\nAssistant:你好！...\\nHuman:讲个笑话\\nAssistant:", "input": "", "output": "..."}
    {"question": "请你写出一个 ...", "std_answer": "...", "class": "code"}

The chat set writes the whole conversation into `instruction`, answers included: only what Human says is kept.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from blossom_data.sources.alpaca import ALPACA_LAYOUT, FIELDS, INSTRUCTION_LAYOUT, SELF_INSTRUCT, read_alpaca
from blossom_data.sources.instruction import Instruction, Layout, RawRow, Source, id_of, tags_of, text_of

_SPEAKER = re.compile(r"^[ \t]*+(Human|Assistant)[ \t]*+[:：]", re.MULTILINE)


def read_belle(row: RawRow) -> Iterable[Instruction]:
    """The instruction with its input, or the human turns of a chat written as one text."""
    before, *spoken = _SPEAKER.split(text_of(row, "instruction"))
    if before.strip() or "Human" not in spoken:
        yield from read_alpaca(row)
        return
    turns = tuple(text for speaker, text in zip(spoken[::2], spoken[1::2], strict=True) if speaker == "Human")
    yield Instruction(turns=turns, source_id=id_of(row))


def read_evaluation(row: RawRow) -> Iterable[Instruction]:
    """The question of the evaluation set; its reference answer is an output like any other."""
    yield Instruction(turns=(text_of(row, "question"),), source_id=id_of(row), tags=tags_of(row, category="class"))


BELLE = Source(
    "belle",
    "BELLE, Chinese instructions and chats",
    default_lang="zh",
    fields=FIELDS | {"question", "class"},
    layouts=(
        SELF_INSTRUCT,
        Layout("alpaca", ALPACA_LAYOUT.fields, read_belle),
        Layout("instruction-output", INSTRUCTION_LAYOUT.fields, read_belle),
        Layout("belle-eval", ("question", "std_answer"), read_evaluation),
    ),
)
