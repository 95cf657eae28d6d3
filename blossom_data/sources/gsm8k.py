"""GSM8K: grade-school word problems in English.

    {"question": "Natalia sold clips to 48 ...", "answer": "... <<48/2=24>>24 clips ...\\n#### 72"}

The gold label is what follows the last `####`, without thousands separators; the solution before it is dropped.
"""

from __future__ import annotations

from collections.abc import Iterable

from blossom_data.rows.row import Unreadable
from blossom_data.sources.instruction import Instruction, Layout, RawRow, Source, id_of, text_of


def read_gsm8k(row: RawRow) -> Iterable[Instruction]:
    """The question with its gold label."""
    _, mark, label = text_of(row, "answer").rpartition("####")
    gold = label.strip().replace(",", "")
    if not mark or not gold or "\n" in gold:
        raise Unreadable("missing_field", "the answer does not end in #### and the gold label")
    yield Instruction(turns=(text_of(row, "question"),), gold=gold, source_id=id_of(row))


GSM8K = Source(
    "gsm8k",
    "GSM8K, English word problems",
    (Layout("gsm8k", ("question", "answer"), read_gsm8k),),
    frozenset({"question", "answer", "id"}),
)
