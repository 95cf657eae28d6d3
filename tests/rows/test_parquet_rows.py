"""Parquet: rows as JSON knows them, and one clear line where they cannot be read."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from blossom_data.errors import ConfigError, InputError
from blossom_data.records import Record
from blossom_data.rows import BadRow, Row, read_records, read_rows

pyarrow = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")


def write(path: Path, columns: dict[str, object]) -> Path:
    parquet.write_table(pyarrow.table(columns), path, row_group_size=700)
    return path


def test_rows_keep_their_order_and_number(tmp_path: Path) -> None:
    texts = [f"问题 {number}" for number in range(2000)]
    rows = list(read_rows(write(tmp_path / "x.parquet", {"q": texts, "n": list(range(2000))})))
    assert [row.value for row in rows if isinstance(row, Row)] == [{"q": q, "n": n} for n, q in enumerate(texts)]
    assert [row.line for row in rows] == list(range(1, 2001))


def test_it_is_recognised_without_its_suffix(tmp_path: Path) -> None:
    assert len(list(read_rows(write(tmp_path / "x", {"q": ["a"]})))) == 1


def test_nested_messages_become_records(tmp_path: Path) -> None:
    turns = [[{"role": "user", "content": "2 + 2?"}], [{"role": "user", "content": "二加二？"}]]
    path = write(tmp_path / "x.parquet", {"messages": turns, "gold": [4.0, None]})
    first, second = read_records(path)
    assert isinstance(first, Record) and isinstance(second, Record)
    assert (first.gold, first.lang, second.gold, second.lang) == ("4.0", "en", "", "zh")


def test_what_json_has_no_word_for_is_null_and_costs_no_row(tmp_path: Path) -> None:
    now = datetime(2024, 1, 1, tzinfo=UTC)
    columns = {
        "q": ["a", "b", "c\0d", "e"],
        "bytes": [b"raw", None, None, None],
        "when": [None, now, None, None],
        "turns": [[{"role": "user", "at": now, "image": {"bytes": b"\xff", "path": "p"}}]] * 4,
    }
    path = write(tmp_path / "x.parquet", columns)
    found = [row.code if isinstance(row, BadRow) else row.value for row in read_rows(path)]
    turns = [{"role": "user", "image": {"path": "p"}}]
    assert found[:2] == [{"q": q, "bytes": None, "when": None, "turns": turns} for q in ("a", "b")]
    assert found[2] == "nul" and len(found) == 4


def test_nan_is_null(tmp_path: Path) -> None:
    (row,) = read_rows(write(tmp_path / "x.parquet", {"gold": [float("nan")]}))
    assert isinstance(row, Row) and row.value == {"gold": None}


def test_text_that_is_not_utf8_spoils_no_other_row(tmp_path: Path) -> None:
    column = pyarrow.array([b"ok", b"\xff\xfe", b"fine"]).cast(pyarrow.binary()).view(pyarrow.string())
    rows = list(read_rows(write(tmp_path / "x.parquet", {"q": column})))
    assert [row.code if isinstance(row, BadRow) else row.value["q"] for row in rows] == ["ok", "bad_utf8", "fine"]


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "x.parquet", {"q": [f"{number * 7919}" for number in range(5000)]})
    data = bytearray(path.read_bytes())
    data[200:1200] = bytes(1000)
    path.write_bytes(data)
    with pytest.raises(InputError, match="cannot be read"):
        list(read_rows(path))
    path.write_bytes(data[:-20])
    with pytest.raises(InputError, match="cannot be read"):
        list(read_rows(path))


def test_two_columns_of_one_name_are_refused(tmp_path: Path) -> None:
    table = pyarrow.Table.from_arrays([pyarrow.array(["a"]), pyarrow.array(["b"])], names=["q", "q"])
    parquet.write_table(table, tmp_path / "x.parquet")
    with pytest.raises(InputError, match="same name"):
        list(read_rows(tmp_path / "x.parquet"))


def test_without_pyarrow_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "x.parquet", {"q": ["a"]})
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ConfigError, match="pyarrow is not installed") as refusal:
        list(read_rows(path))
    assert ".[hub]" in refusal.value.hint
