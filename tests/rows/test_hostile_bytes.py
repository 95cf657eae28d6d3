"""Whatever the bytes and whatever the name: rows, bad rows, or one InputError; never another exception."""

from __future__ import annotations

import gzip
import tempfile
from pathlib import Path

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from blossom_data.errors import InputError
from blossom_data.records import Record
from blossom_data.rows import BAD_ROW_CODES, BadRow, Row, read_records, read_rows

PIECES = [
    *(b'{"messages": [{"role": "user", "content": "hi"}]}', b'{"id": "a", "messages": 1}', b'{"a": 1, "a": 2}'),
    *(b"{", b"}", b"[", b"]", b'"', b"\n", b"\r\n", b"\\", b",", b":", b" ", b"[" * 80, "中：".encode()),
    *(b"\xff", b"\0", b"\\u0000", b"\\ud800", b"NaN", b"1e999", b"9" * 40),
    *(b"\xef\xbb\xbf", b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"PAR1"),
]
NAMES = ["x.jsonl", "x.json", "x.jsonl.gz", "x.json.zst", "x.parquet", "x.txt", "x"]
SOUP = st.lists(st.sampled_from(PIECES) | st.binary(max_size=6), max_size=30).map(b"".join)


@settings(max_examples=300)
@given(SOUP, st.sampled_from(NAMES), st.sampled_from([bytes, gzip.compress, zstandard.compress]))
def test_any_bytes_under_any_name(data: bytes, name: str, pack: object) -> None:
    assert callable(pack)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(pack(data))
        for read, kind in ((read_rows, Row), (read_records, Record)):
            try:
                items = list(read(path))
            except InputError as refusal:
                assert str(refusal) and refusal.hint
                continue
            for item in items:
                assert isinstance(item, kind | BadRow)
                if isinstance(item, BadRow):
                    assert item.code in BAD_ROW_CODES and item.detail and item.line >= 1 and len(item.raw) <= 2048
                elif isinstance(item, Record):
                    item.to_line()


@pytest.mark.parametrize("name", ["x.jsonl", "x.json"])
def test_lines_are_conserved(tmp_path: Path, name: str) -> None:
    lines = [b'{"n": 1}', b"\xff", b'{"a": NaN}', b'{"n": 2}', b"[" * 100_000, b'{"a": 1, "a": 1}', b"0", b'{"n": 3}']
    (tmp_path / name).write_bytes(b"\n".join(lines))
    items = list(read_rows(tmp_path / name))
    assert [item.line for item in items] == list(range(1, 9))
    assert [item.value["n"] for item in items if isinstance(item, Row)] == [1, 2, 3]
