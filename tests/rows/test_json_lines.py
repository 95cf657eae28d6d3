"""JSON lines: what is read, what is refused with which code, and that no bad line costs another."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blossom_data.rows import BAD_ROW_CODES, BadRow, Row, read_rows
from blossom_data.rows.row import MAX_DEPTH, MAX_LINE_BYTES
from blossom_data.rows.strict import parse_object

GOOD = b'{"n": 1}\n'

REFUSED = [
    pytest.param(b'{"a": "\xff"}', "bad_utf8", id="stray byte"),
    pytest.param(b'{"a": "\xed\xa0\x80"}', "bad_utf8", id="surrogate as UTF-8"),
    pytest.param(b'{"a": "\\ud800"}', "bad_json", id="lone surrogate"),
    pytest.param(b'{"a": NaN}', "bad_json", id="NaN"),
    pytest.param(b'{"a": -Infinity}', "bad_json", id="infinity"),
    pytest.param(b'{"a": 1} {"b": 2}', "bad_json", id="trailing data"),
    pytest.param(b'{"a": "x\x00y"}', "bad_json", id="raw NUL"),
    pytest.param(b'{"a": "x\\u0000y"}', "nul", id="escaped NUL"),
    pytest.param(b'{"a": ["x\\u0000y"]}', "nul", id="escaped NUL inside"),
    pytest.param(b'{"a": {"x\\u0000y": 1}}', "nul", id="escaped NUL in a key"),
    pytest.param(b'{"a": 1e999}', "too_large_number", id="beyond a double"),
    pytest.param(b'{"a": ' + b"7" * 5000 + b"}", "too_large_number", id="5,000 digits"),
    pytest.param(b'{"a": 12345678901234567890123}', "too_large_number", id="beyond 64 bits"),
    pytest.param(b'{"a": [{"b": 18446744073709551616}]}', "too_large_number", id="beyond 64 bits, inside"),
    pytest.param(b'{"a": ' + b"[" * 100_000, "too_deep", id="100k deep"),
    pytest.param(b'{"a": ' + b"[" * MAX_DEPTH + b"]" * MAX_DEPTH + b"}", "too_deep", id="one too deep"),
    pytest.param(b'{"a": 1, "a": 1}', "duplicate_key", id="equal keys"),
    pytest.param(b'{"a": 1, "\\u0061": 2}', "duplicate_key", id="equal keys, one escaped"),
    pytest.param(b'{"a": "x:", "a": "\\u003a:"}', "duplicate_key", id="equal keys, colons made up for"),
    pytest.param(b'{"b": {"a": 1, "a": 1}}', "duplicate_key", id="equal keys inside"),
    pytest.param(b'{"a": {"x": 1}, "a": "\\u003a\\u003a"}', "duplicate_key", id="equal keys, object lost"),
    pytest.param(b"[1, 2]", "not_an_object", id="list"),
    pytest.param(b'"text"', "not_an_object", id="text"),
    pytest.param(b"null", "not_an_object", id="null"),
]


def rows_of(folder: Path, data: bytes, name: str = "x.jsonl") -> list[Row | BadRow]:
    path = folder / name
    path.write_bytes(data)
    return list(read_rows(path))


@pytest.mark.parametrize(("line", "code"), REFUSED)
def test_a_bad_line_is_a_counted_row_and_costs_no_other(tmp_path: Path, line: bytes, code: str) -> None:
    first, bad, last = rows_of(tmp_path, GOOD + line + b"\n" + GOOD)
    assert isinstance(bad, BadRow)
    assert (bad.code, bad.line, bad.file) == (code, 2, str(tmp_path / "x.jsonl"))
    assert code in BAD_ROW_CODES
    assert bad.detail
    assert bad.raw == line[:2048]
    assert isinstance(first, Row) and first.line == 1
    assert isinstance(last, Row) and last.line == 3


@pytest.mark.parametrize(
    "line",
    [
        b'{"a": "b: c: d", "e:f": ":::"}',
        b'{"a": "\\u003a", "b": "\\\\u003a", "c": 1e300, "d": -0.0}',
        b'{"a": 18446744073709551615, "b": -9223372036854775808, "c": 1e19}',
        b'{"a": ' + b"[" * (MAX_DEPTH - 1) + b"]" * (MAX_DEPTH - 1) + b"}",
        '{"问：": "时间 12:30", "x": {"y": [{"z": "：:"}, {"z": null}]}}'.encode(),
        b'{"a": "\\ud83d\\ude00 \\u2028", "b": "\xe2\x80\xa8\xc2\x85"}',
        b"{}",
    ],
)
def test_what_is_only_unusual_is_read_like_the_standard_library_reads_it(tmp_path: Path, line: bytes) -> None:
    (row,) = rows_of(tmp_path, line + b"\n")
    assert isinstance(row, Row)
    assert row.value == json.loads(line)


def test_line_ends_byte_order_mark_and_blank_lines(tmp_path: Path) -> None:
    rows = rows_of(tmp_path, b'\xef\xbb\xbf{"a": 1}\r\n\r\n   \n{"a": "x\xe2\x80\xa8y"}\r\n{"a": 3}')
    assert [(row.line, row.value["a"]) for row in rows if isinstance(row, Row)] == [(1, 1), (4, "x\u2028y"), (5, 3)]


def test_a_line_over_the_cap_is_skipped_whole(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    with path.open("wb") as file:
        file.write(GOOD + b'{"a": "')
        for _ in range(40):
            file.write(b"x" * (1 << 20))
        file.write(b'"}\n' + GOOD)
    first, bad, last = read_rows(path)
    assert isinstance(bad, BadRow) and isinstance(first, Row)
    assert (bad.code, bad.line, len(bad.raw)) == ("line_too_long", 2, 2048)
    assert isinstance(last, Row) and last.line == 3


def test_a_line_at_the_cap_is_read(tmp_path: Path) -> None:
    line = b'{"a": "' + b"x" * (MAX_LINE_BYTES - 9) + b'"}'
    (row,) = rows_of(tmp_path, line)
    assert isinstance(row, Row) and len(row.value["a"]) == MAX_LINE_BYTES - 9


def test_a_file_cut_anywhere_in_its_last_line_gives_one_torn_line(tmp_path: Path) -> None:
    line = '{"question": "多少：?", "n": [1, {"x": "é"}]}'.encode()
    for end in range(1, len(line)):
        good, torn = rows_of(tmp_path, GOOD + line[:end])
        assert isinstance(good, Row)
        assert isinstance(torn, BadRow) and torn.code == "torn_line", line[:end]
    assert isinstance(rows_of(tmp_path, GOOD + line)[1], Row)


def test_a_bad_line_with_its_newline_is_not_called_torn(tmp_path: Path) -> None:
    bad = rows_of(tmp_path, GOOD + b'{"a": \n')[1]
    assert isinstance(bad, BadRow) and bad.code == "bad_json"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab:\\\"é中", max_size=3), inner, max_size=3),
    max_leaves=12,
)  # fmt: skip


@given(st.dictionaries(st.text('ab:\\"é中\n', max_size=4), JSON, max_size=5), st.booleans())
def test_every_object_survives_the_round_trip(value: dict[str, object], is_ascii: bool) -> None:
    line = json.dumps(value, ensure_ascii=is_ascii).encode()
    assert parse_object(line) == json.loads(line)


@given(st.lists(st.tuples(st.sampled_from(["a", "\\u0061", "b", "a:", ":"]), JSON), min_size=1, max_size=4))
def test_equal_keys_are_found_exactly(pairs: list[tuple[str, object]]) -> None:
    line = ("{" + ", ".join(f'"{key}": {json.dumps(item, ensure_ascii=False)}' for key, item in pairs) + "}").encode()
    keys = [json.loads(f'"{key}"') for key, _ in pairs]
    try:
        parse_object(line)
        is_accepted = True
    except Exception as why:
        assert why.args[0] == "duplicate_key"
        is_accepted = False
    assert is_accepted == (len(set(keys)) == len(keys))
