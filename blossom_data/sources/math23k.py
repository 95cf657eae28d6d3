"""Math23K and sets of its layout (Ape210K): grade-school word problems in Chinese.

    {"id": "1", "original_text": "镇海雅乐学校二年级的小朋友 ...", "equation": "x=(11-1)*2", "ans": "20"}

The gold label is `ans`, verbatim: `((11)/(28))`, `1((1)/(2))` and `25%` stay as they are. Equation and segmented text
are dropped: the equation is a solution. Problems that stand twice under two ids are two records.
"""

from __future__ import annotations

from collections.abc import Iterable

from blossom_data.sources.instruction import Instruction, Layout, RawRow, Source, gold_of, id_of, text_of


def read_math23k(row: RawRow) -> Iterable[Instruction]:
    """The problem with its gold label."""
    yield Instruction(turns=(text_of(row, "original_text"),), gold=gold_of(row, "ans"), source_id=id_of(row))


def read_question(row: RawRow) -> Iterable[Instruction]:
    """The problem of a mirror that calls it `question`."""
    yield Instruction(turns=(text_of(row, "question"),), gold=gold_of(row, "ans"), source_id=id_of(row))


MATH23K = Source(
    "math23k",
    "Math23K, Chinese word problems",
    default_lang="zh",
    fields=frozenset({"original_text", "question", "ans", "id"}),
    layouts=(
        Layout("math23k", ("original_text", "ans"), read_math23k),
        Layout("math23k-question", ("question", "ans"), read_question),
    ),
)
