"""Seed tasks as people have them: one instruction each, whatever the layout.

{"instruction": "...", "instances": [...], "is_classification": false}     the seed tasks of Self-Instruct and BELLE
{"instruction": "...", "input": "", "output": "..."}                       Alpaca
{"messages": [{"role": "user", "content": "..."}, ...]}                    a record: its first request
{"prompt": "..."}  {"question": "..."}                                     one text
a line of a .txt file                                                      the line
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from blossom_data.errors import InputError
from blossom_data.languages.detect import language_of
from blossom_data.object_store import path_of
from blossom_data.records import Record
from blossom_data.rows import BadRow, Row, read_rows
from blossom_data.rows.valid import is_record, records_of
from blossom_data.stages.synthesize.origin import first_request

_NAMES = ("instruction", "prompt", "question", "query", "input")


@dataclass(frozen=True, slots=True)
class SeedTask:
    """An instruction with the id that records made of it name."""

    id: str
    instruction: str
    lang: str


def read_seeds(path: str) -> tuple[list[SeedTask], list[BadRow]]:
    """The seed tasks of a file, each instruction once, and the rows that are none.

    Raises:
        InputError: it cannot be read, or holds no instruction.
    """
    found: dict[str, SeedTask] = {}
    bad: list[BadRow] = []
    if path.endswith(".txt"):
        for text in _lines(path_of(path)):
            found.setdefault(text, _task("", text))
    else:
        for row in read_rows(path):
            task = _read(row) if isinstance(row, Row) else row
            if isinstance(task, BadRow):
                bad.append(task)
            else:
                found.setdefault(task.instruction, task)
    if not found:
        first = f": {bad[0].file}:{bad[0].line}: {bad[0].detail}" if bad else ""
        raise InputError(
            f"{path} holds no seed task{first}",
            hint='a row such as {"instruction": "..."} or {"messages": [...]} each, or lines of a .txt file',
        )
    return list(found.values()), bad


def _lines(path: Path) -> list[str]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as why:
        raise InputError(f"cannot read {path}: {why.strerror}", hint="check the path") from why
    except UnicodeDecodeError as why:
        raise InputError(f"{path} is not UTF-8 at byte {why.start}", hint="convert it with iconv") from why
    return [line.strip() for line in text.splitlines() if line.strip()]


def _read(row: Row) -> SeedTask | BadRow:
    value: dict[str, Any] = row.value
    if is_record(value):
        record = next(iter(records_of([row])))
        if not isinstance(record, Record):
            return record
        text, identifier = first_request(record), record.id
    else:
        text = next((value[name] for name in _NAMES if isinstance(value.get(name), str)), "").strip()
        given = value.get("id")
        identifier = given if isinstance(given, str) else ""
    if not text:
        return BadRow(row.file, row.line, "missing_field", f"none of {', '.join(_NAMES)} holds an instruction")
    return _task(identifier, text)


def _task(identifier: str, text: str) -> SeedTask:
    own = hashlib.blake2b(text.encode(errors="surrogatepass"), digest_size=8).hexdigest()
    return SeedTask(identifier or own, text, language_of(text))
