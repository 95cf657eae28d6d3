"""JSON arrays and objects over several lines: read element by element, with the next one found behind a bad one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blossom_data.rows import BadRow, Row, read_rows
from blossom_data.rows.array import read_elements

CHAT = {"messages": [{"role": "user", "content": 'a "b" [c] {d'}, {"role": "assistant", "content": "x\\"}], "n": {}}


def rows_of(folder: Path, data: bytes, name: str = "x.json") -> list[Row | BadRow]:
    path = folder / name
    path.write_bytes(data)
    return list(read_rows(path))


def values(rows: list[Row | BadRow]) -> list[Any]:
    return [row.value if isinstance(row, Row) else row.code for row in rows]


@pytest.mark.parametrize("indent", [None, 0, 2, "\t"])
@pytest.mark.parametrize("name", ["x.json", "x.jsonl", "x"])
def test_an_array_is_read_whatever_its_indent_and_name(tmp_path: Path, indent: int | str | None, name: str) -> None:
    data = [{"a": 1}, CHAT, {}, {"b": [[], {}]}]
    assert values(rows_of(tmp_path, json.dumps(data, indent=indent).encode(), name)) == data


def test_line_numbers_are_those_of_the_elements(tmp_path: Path) -> None:
    rows = rows_of(tmp_path, b'\n[\n  {\n    "a": 1\n  },\n  {"a": 2}, {"a": 3}\n]\n')
    assert [row.line for row in rows] == [3, 6, 6]


def test_objects_over_several_lines_follow_each_other(tmp_path: Path) -> None:
    data = json.dumps(CHAT, indent=4).encode()
    assert values(rows_of(tmp_path, data)) == [CHAT]
    assert values(rows_of(tmp_path, data + b"\n" + data)) == [CHAT, CHAT]


@pytest.mark.parametrize(
    ("element", "code"),
    [
        ('{"a": NaN}', "bad_json"),
        ('{"a": 1, "a": 2}', "duplicate_key"),
        ('{"a": "\\u0000"}', "nul"),
        ('{"a": ' + "[" * 70 + "]" * 70 + "}", "too_deep"),
        ('{"a": "no end}', "bad_json"),
        ('{"a": [1}', "bad_json"),
        ('{"a": 1', "bad_json"),
        ('{"a": {"b": {', "bad_json"),
        ("[1, 2]", "not_an_object"),
        ('"a, ]}{ text"', "not_an_object"),
        ("17", "not_an_object"),
        ("nonsense", "bad_json"),
    ],
)
@pytest.mark.parametrize("separator", [",\n", ",\n  ", ",\n\t"])
def test_a_bad_element_costs_no_other(tmp_path: Path, element: str, code: str, separator: str) -> None:
    good = json.dumps(CHAT)
    text = "[" + separator[1:] + separator.join([good, element, good, good]) + "\n]\n"
    assert values(rows_of(tmp_path, text.encode())) == [CHAT, code, CHAT, CHAT]


def test_a_bad_element_of_one_long_line_costs_no_other_where_its_brackets_match(tmp_path: Path) -> None:
    text = '[{"a": 1},{"a": NaN},{"a": {"b": tru}},{"a": 2, {"a": 3}]'
    assert values(rows_of(tmp_path, text.encode())) == [{"a": 1}, "bad_json", "bad_json", "bad_json", {"a": 3}]


def test_an_element_over_the_cap_is_skipped_in_one_piece(tmp_path: Path) -> None:
    long = b'{"a": "' + b'x\\"{[' * (5 << 20) + b'", "b": [' + b"1," * (1 << 20) + b"1]}"
    rows = rows_of(tmp_path, b'[{"a": 1},' + long + b',{"a": 2}]')
    assert values(rows) == [{"a": 1}, "line_too_long", {"a": 2}]
    assert isinstance(rows[1], BadRow) and rows[1].raw == long[:2048]


@pytest.mark.parametrize("end", range(1, 40))
def test_a_cut_array_says_so(tmp_path: Path, end: int) -> None:
    text = b'[\n  {"a": "xy"},\n  {"a": [1, {"b": 2}]}\n]'
    rows = rows_of(tmp_path, text[:end], "x.json")
    assert values(rows)[-1] == "torn_line"
    assert sum(isinstance(row, BadRow) for row in rows) == 1


def test_data_behind_the_array_is_told_and_still_read(tmp_path: Path) -> None:
    assert values(rows_of(tmp_path, b'[{"a": 1}]\n{"a": 2}\n')) == [{"a": 1}, "bad_json", {"a": 2}]
    assert values(rows_of(tmp_path, b'[{"a": 1}][{"a": 2}]')) == [{"a": 1}, "bad_json", {"a": 2}]


@given(st.binary(max_size=400), st.integers(1, 50))
def test_any_bytes_are_read_to_their_end_in_blocks_of_any_size(data: bytes, size: int) -> None:
    blocks = [data[start : start + size] for start in range(0, len(data), size)]
    for row in read_elements(iter(blocks), "x"):
        assert isinstance(row, Row | BadRow)


@given(st.text('[]{},:"\\ \n1a', max_size=120), st.integers(1, 7))
def test_the_size_of_the_blocks_changes_nothing(text: str, size: int) -> None:
    data = b"[" + text.encode()
    blocks = [data[start : start + size] for start in range(0, len(data), size)]
    small, whole = list(read_elements(iter(blocks), "x")), list(read_elements(iter([data]), "x"))
    assert [row.line for row in small] == [row.line for row in whole]
    assert values(small) == values(whole)


@given(st.lists(st.dictionaries(st.text(max_size=5), st.text(max_size=9) | st.lists(st.text(max_size=3)))), st.data())
def test_every_array_survives_the_round_trip(elements: list[dict[str, Any]], data: st.DataObject) -> None:
    nul_free = [element for element in elements if "\\u0000" not in json.dumps(element)]
    text = json.dumps(nul_free, indent=data.draw(st.sampled_from([None, 1]))).encode()
    size = data.draw(st.integers(1, 64))
    blocks = [text[start : start + size] for start in range(0, len(text), size)]
    assert values(list(read_elements(iter(blocks), "x"))) == nul_free
