"""Strict, bounded reading of rows and records; whatever the bytes, a bad row is a value and never a crash.

    for row in read_rows("data.jsonl.zst"):
        match row:
            case Row(file, line, value): ...           # {"question": "...", "answer": "..."}
            case BadRow(file, line, code, detail): ... # data.jsonl.zst:17: duplicate_key: the key "id" stands twice

A module per concern: inputs.py finds and recognises files, compressed.py inflates them within bounds, lines.py,
array.py and parquet.py cut them into rows, strict.py decodes one, valid.py makes records of them, seen.py remembers ids
on disk. Nothing here writes a file that outlives the process.
"""

from __future__ import annotations

from blossom_data.rows.inputs import read_rows
from blossom_data.rows.row import BAD_ROW_CODES, BadRow, Row
from blossom_data.rows.seen import SeenIds
from blossom_data.rows.valid import gold_text, read_records

__all__ = [
    "BAD_ROW_CODES",
    "BadRow",
    "Row",
    "SeenIds",
    "gold_text",
    "read_records",
    "read_rows",
]
