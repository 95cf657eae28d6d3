"""CSV, TSV and Arrow, and what of a table is decoded."""

from __future__ import annotations

import gzip
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from blossom_data.pull import pull
from blossom_data.records import Record
from blossom_data.rows import BadRow, Row, read_records, read_rows
from blossom_data.rows.wanted import Wanted

pyarrow = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")


def read(folder: Path, data: bytes, name: str = "x.csv") -> list[Any]:
    (folder / name).write_bytes(data)
    return [row.value if isinstance(row, Row) else (row.line, row.code) for row in read_rows(folder / name)]


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("x.csv", b'\xef\xbb\xbfq,a\r\n"Say ""hi"",\r\ntwice",\r\nb,"c"\r\n'),
        ("x.csv", b'q;a\n"Say ""hi"",\r\ntwice";\nb;c'),
        ("x.tsv", b'q\ta\n"Say ""hi"",\r\ntwice"\t\n\nb\tc\n'),
        ("x.csv.gz", gzip.compress(b'q , a\n"Say ""hi"",\r\ntwice",\nb,c\n', mtime=0)),
    ],
)
def test_a_table_of_text_is_read_by_its_header(tmp_path: Path, name: str, data: bytes) -> None:
    assert read(tmp_path, data, name) == [{"q": 'Say "hi",\r\ntwice', "a": ""}, {"q": "b", "a": "c"}]


def test_a_bad_row_of_a_table_costs_no_other(tmp_path: Path) -> None:
    data = b'q,a\none\n"b"x,c\n\xff,d\na,b,c\ne\0,f\n5" pipe,g\n'
    codes = ["bad_table_row", "bad_table_row", "bad_utf8", "bad_table_row", "nul"]
    assert read(tmp_path, data) == [*zip(range(2, 7), codes, strict=True), {"q": '5" pipe', "a": "g"}]
    assert read(tmp_path, b'q,a\nb,"c\nd,e\n') == [(2, "torn_line")]


def test_a_row_without_end_is_bounded(tmp_path: Path) -> None:
    found = read(tmp_path, b'q,a\n1,2\n"' + b"x\n" * (9 << 20) + b'",3\n')
    assert found[:2] == [{"q": "1", "a": "2"}, (3, "line_too_long")]


COLUMNS = {
    "id": [1.0, None],
    "q": pyarrow.array(["a\0", "b"]).dictionary_encode(),
    "old": [b"text", "é".encode()],
    "at": [datetime(2024, 1, 1, tzinfo=UTC)] * 2,
    "image": [{"bytes": b"\xff\xd8", "path": "p"}] * 2,
    "embedding": [[0.5] * 3] * 2,
}


def write(folder: Path, kind: str) -> Path:
    table, path = pyarrow.table(COLUMNS), folder / f"x.{kind}"
    if kind == "parquet":
        parquet.write_table(table, path)
        return path
    new = pyarrow.ipc.new_file if kind == "feather" else pyarrow.ipc.new_stream
    with pyarrow.OSFile(str(path), "wb") as file, new(file, table.schema) as writer:
        writer.write_table(table)
    return path


@pytest.mark.parametrize("kind", ["parquet", "arrow", "feather"])
def test_of_a_table_what_is_wanted_is_decoded(tmp_path: Path, kind: str) -> None:
    wanted = Wanted(frozenset({"id", "q", "old"}), lambda row: True)
    found = [row.value for row in read_rows(write(tmp_path, kind), wanted) if isinstance(row, Row)]
    blank = dict.fromkeys(COLUMNS)
    assert found == [{**blank, "id": 1.0, "q": "a\0", "old": "text"}, {**blank, "q": "b", "old": "é"}]
    assert [list(row) for row in found] == [list(COLUMNS)] * 2


def test_columns_that_no_layout_reads_cost_no_row_and_whole_doubles_are_ids(tmp_path: Path) -> None:
    names = {"instruction": ["a", "b", "c"], "output": ["x\0"] * 3, "id": [1.0, None, 2.5]}
    path = tmp_path / "x.parquet"
    parquet.write_table(
        pyarrow.table({**names, "at": [datetime(2024, 1, 1, tzinfo=UTC)] * 3, "b": [b"\xff"] * 3}), path
    )
    first, second, third = pull("alpaca", path)
    assert isinstance(first, Record) and isinstance(second, Record) and isinstance(third, BadRow)
    assert (first.source_id, second.source_id, third.code) == ("1", "", "wrong_type")
    turns = [[{"role": "user", "content": "hi", "at": datetime(2024, 1, 1, tzinfo=UTC)}]]
    parquet.write_table(pyarrow.table({"id": [7.0], "messages": turns, "at": [b"\xff"]}), path)
    (record,) = read_records(path)
    assert isinstance(record, Record) and record.id == "7"


def test_the_dictionary_of_a_column_is_not_built_for_each_batch(tmp_path: Path) -> None:
    texts = pyarrow.array([f"text {number}" for number in range(40_000)]).dictionary_encode()
    parquet.write_table(pyarrow.table({"q": texts}), tmp_path / "x.parquet")
    rows = list(read_rows(tmp_path / "x.parquet"))
    assert [row.value["q"] for row in rows if isinstance(row, Row)] == texts.to_pylist()


def test_saved_sets_are_read_by_their_own_notes(tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    rows = [{"instruction": "a", "output": "x"}, {"instruction": "b", "output": "y"}]
    one = datasets.Dataset.from_list(rows)
    one.save_to_disk(tmp_path / "one")
    (tmp_path / "one" / "cache-0123.arrow").write_bytes(b"left behind")
    datasets.DatasetDict(train=one.select([0]), held=one.select([1])).save_to_disk(tmp_path / "both")
    assert len(list(read_rows(tmp_path / "one"))) == 2
    for path, split, asked in [("one", "train", ["a", "b"]), ("both", "train", ["a"]), ("both", "held", ["b"])]:
        found = pull("alpaca", tmp_path / path, split=split)
        assert [item.messages[0].content for item in found if isinstance(item, Record)] == asked
