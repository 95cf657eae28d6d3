"""Raw rows where records should be: the command that makes records of them.

{"instruction": "...", "input": "", "output": "..."}      blossom-data pull alpaca x.json -o raw/alpaca
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

from blossom_data.errors import InputError
from blossom_data.records import Record
from blossom_data.rows import BadRow, Row, read_rows
from blossom_data.rows.valid import WANTED, is_record, records_of
from blossom_data.sources import look_alikes

_PROBE_ROWS = 20
_SHOWN_FIELDS = 12


def read_only_records(path: Path | str) -> Iterator[Record | BadRow]:
    """As read_records; an input that holds raw rows is refused.

    Raises:
        InputError: as read_rows; none of the first rows is a record.
    """
    return records_of(_refusing_raw(read_rows(path, WANTED), path))


def _refusing_raw(rows: Iterator[Row | BadRow], path: Path | str) -> Iterator[Row | BadRow]:
    """The rows; an InputError in their place where the first 20, or all that there are, are no records."""
    probe: list[Row | BadRow] = []
    strangers: list[Row] = []
    for row in rows:
        probe.append(row)
        if isinstance(row, Row):
            if is_record(row.value):
                strangers = []
                break
            strangers.append(row)
        if len(strangers) == _PROBE_ROWS or len(probe) == _PROBE_ROWS * 50:
            break
    if strangers:
        raise _raw(strangers[0], path)
    yield from chain(probe, rows)


def _raw(row: Row, path: Path | str) -> InputError:
    names = [name[:40] for name in row.value]
    shown = ", ".join(names[:_SHOWN_FIELDS]) or "(none)"
    source = next(iter(look_alikes(row.value)), "")
    chosen = source or "custom"
    fields = "" if source else " --fields instruction=FIELD"
    return InputError(
        f'{row.file}:{row.line} is a raw row of the fields {shown}, no record ({{"messages": [...]}})',
        hint=f"make records of it: blossom-data pull {chosen} {shlex.quote(str(path))}{fields} -o raw/{chosen}",
    )
