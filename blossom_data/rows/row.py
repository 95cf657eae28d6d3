"""The two outcomes of reading one row, and the closed list of what can be wrong with it.

Row("train.jsonl", 1, {"question": "How many ...?", "answer": "... #### 72"})
BadRow("train.jsonl", 2, "torn_line", "the last line ends early: unexpected end of data", b'{"question": "Ho')
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

MAX_LINE_BYTES = 16 << 20
MAX_DEPTH = 64
MAX_RAW_BYTES = 2048

COPY, EVALUATION = "duplicate", "evaluation"
BAD_ROW_CODES = {
    "bad_utf8": "bytes that are not UTF-8",
    "line_too_long": f"a line or element longer than {MAX_LINE_BYTES >> 20} MB; the rest of it is skipped",
    "too_deep": f"lists and objects nested more than {MAX_DEPTH} deep",
    "too_large_number": "a number that 64 bits cannot hold: it would change silently",
    "nul": "a NUL character inside a text: databases and terminals cut the text there",
    "bad_json": "not one JSON value: NaN, lone surrogates, control characters, data after the value ...",
    "bad_table_row": "a row of a table that has other fields than its header, or a quote that does not fit",
    "duplicate_key": "a key that stands twice in one object: readers differ in which one they take",
    "torn_line": "the last row ends early: the file was cut",
    "not_an_object": "JSON, but not an object",
    "missing_field": "a required field is absent or null",
    "wrong_type": "a field of another type than the layout says",
    "empty": "no instruction is left once blanks are taken away",
    "duplicate_id": "an id that an earlier row has",
    COPY: "a row without id that says the same as an earlier one: left out, and no fault",
    EVALUATION: "a question of a known evaluation set among other rows: left out, and no fault",
    "wrong_layout": "the row's fields are of none of the source's layouts",
    "unknown_role": "a turn of a role that is neither a person's, the system's, a model's nor a tool's",
    "prompt_mismatch": "a preference pair whose two replies do not answer the same turns",
    "unsupported_content": "an instruction that holds an image, a sound or a file beside its text",
}


@dataclass(frozen=True, slots=True)
class Row:
    """One object of a file; `line` is its first line, or its row number in Parquet, from 1."""

    file: str
    line: int
    value: dict[str, Any]
    may_hold_nul: ClassVar[bool] = False


@dataclass(frozen=True, slots=True)
class SuspectRow(Row):
    """A row of which some text may hold a NUL: who reads a part of it looks for one in what is kept."""

    may_hold_nul: ClassVar[bool] = True


@dataclass(frozen=True, slots=True)
class BadRow:
    """What could not be read, and why: `code` is a key of BAD_ROW_CODES, `raw` at most 2 kB of the bytes."""

    file: str
    line: int
    code: str
    detail: str
    raw: bytes = b""

    @property
    def is_fault(self) -> bool:
        """Whether it speaks against the input: an exact copy of a row does not, nor a question of an evaluation set."""
        return self.code not in (COPY, EVALUATION)


NUL = b"\\u0000"
"""A NUL as JSON writes it; as it stands no JSON holds one."""


class Unreadable(Exception):
    """Raised inside rows and sources by what reads one row; their loops turn it into a BadRow."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(code, detail)
        self.code, self.detail = code, detail

    def at(self, file: str, line: int, raw: bytes = b"") -> BadRow:
        """The BadRow of this problem at its place."""
        return BadRow(file, line, self.code, self.detail, raw[:MAX_RAW_BYTES])
