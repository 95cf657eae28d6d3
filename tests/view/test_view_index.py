"""The index beside a set: any row by its number, filters and counts, searches in parts, and when it is built anew."""

from __future__ import annotations

import gzip
import json
import os
from pathlib import Path

import pytest
from command import write_lines
from view_server import rejected, talk, write_set

from blossom_data.counters import Counters
from blossom_data.errors import BlossomError
from blossom_data.view.index.facets import FACETS
from blossom_data.view.index.opening import Source
from blossom_data.view.index.reading import Index
from blossom_data.view.index.searching import search

ROWS = 3_000


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Index:
    folder = tmp_path_factory.mktemp("index")
    kept = [
        talk(
            number,
            lang="zh" if number % 3 == 0 else "en",
            source=("gsm8k", "orca")[number % 2],
            tags=[f"category:{('math', 'chat')[number % 2]}", f"judge:{number % 10}", *(["rare"] * (number == 2_345))],
            answer="x" * 400 if number < ROWS - 1 else "The Needle in 干草堆",
        )
        for number in range(ROWS)
    ]
    rejects = [rejected(talk(ROWS + number), "translate", "speech_act") for number in range(7)]
    return Source(write_set(folder / "set", kept, rejects)).open(Counters())


def test_every_row_is_found_by_its_number_and_by_its_id(index: Index) -> None:
    assert index.rows == ROWS + 7
    assert [index.row(number)["id"] for number in (0, 1_999, ROWS - 1)] == [f"{n:032x}" for n in (0, 1_999, ROWS - 1)]
    assert index.row(ROWS)["code"] == "speech_act"
    assert [index.kind(number) for number in (0, ROWS)] == ["kept", "rejected"]
    assert index.find(f"{2_345:032x}") == [2_345]
    assert index.find("nobody") == []


def test_filters_and_their_counts_are_those_of_all_rows(index: Index) -> None:
    rows = [index.row(number) for number in range(ROWS)]
    wanted = {"source": ["orca"], "lang": ["zh"]}
    expected = [number for number, row in enumerate(rows) if row["source"] == "orca" and row["lang"] == "zh"]
    chosen = index.choose(wanted)
    assert chosen.total == len(expected)
    assert index.after(chosen, 0, ROWS) == expected
    assert index.after(chosen, 1_000, 20) == [number for number in expected if number >= 1_000][:20]
    assert index.before(chosen, 1_000, 20) == [number for number in expected if number < 1_000][-20:]
    facets = {name: dict(counts) for name, counts in index.facets(wanted).items()}
    # A facet counts by the filters of the others: what a further choice in it would give.
    assert facets["lang"] == {"zh": 500, "en": 1_000}
    assert facets["source"] == {"gsm8k": 500, "orca": 500}
    assert sum(facets["score"].values()) == len(expected)
    assert set(facets) == {*FACETS, "tag"}
    assert index.after(index.choose({"tag": ["rare"]}), 0, 5) == [2_345]
    assert index.choose({"code": ["translate/speech_act"]}).total == 7
    assert index.choose({"source": ["nobody"]}).total == 0


@pytest.mark.parametrize(
    ("text", "is_found"),
    [("needle", True), ("Needle", True), ("NEEDLE", False), ("草堆", True), ("row-2999", True), ("assistant", False)],
)
def test_any_part_of_a_text_is_found_in_any_script(index: Index, text: str, is_found: bool) -> None:
    found = search(index, index.choose({}), text, start=0, most=5, within_s=60)
    assert found.rows == ([ROWS - 1] if is_found else [])
    assert found.is_end


def test_a_search_answers_with_what_it_has_and_goes_on_from_there(index: Index) -> None:
    chosen, at, rows, parts = index.choose({"kind": ["kept"]}), 0, [], 0
    while at < index.rows:
        found = search(index, chosen, "needle", start=at, most=5, within_s=0)
        assert found.searched_to > at
        at, rows, parts = found.searched_to, rows + found.rows, parts + 1
    assert rows == [ROWS - 1]
    assert parts > 3


def test_a_search_keeps_to_the_filter(index: Index) -> None:
    found = search(index, index.choose({"lang": ["zh"]}), "等于多少", start=10, most=3, within_s=60)
    assert found.rows == [12, 15, 18]
    assert search(index, index.choose({"lang": ["en"]}), "等于多少", start=0, most=3, within_s=60).rows == []


def test_an_index_is_built_once_and_anew_when_the_set_is_another(tmp_path: Path) -> None:
    folder = write_set(tmp_path / "set", [talk(1)])
    before = sorted(path.name for path in folder.iterdir())
    counters = Counters()
    Source(folder).open(counters)
    assert counters.through["indexing"] == 1
    assert (tmp_path / ".set.view-index/meta.json").is_file()
    assert sorted(path.name for path in folder.iterdir()) == before
    counters = Counters()
    assert Source(folder).open(counters).rows == 1
    assert counters.through["indexing"] == 0
    write_set(folder, [talk(1), talk(2)])
    assert Source(folder).open(Counters()).rows == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == [".set.view-index", "set"]


def test_a_damaged_index_is_built_anew(tmp_path: Path) -> None:
    folder = write_set(tmp_path / "set", [talk(1)])
    Source(folder).open(Counters())
    (tmp_path / ".set.view-index/meta.json").write_bytes(b"{")
    assert Source(folder).open(Counters()).rows == 1


def test_where_nothing_can_be_written_the_index_lies_in_the_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write_set(tmp_path / "data/set", [talk(1)])
    (tmp_path / "data/.set.view-index.building").write_text("in the way")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert Source(folder).open(Counters()).rows == 1
    assert len(list((tmp_path / "cache/blossom-data").iterdir())) == 1


def test_files_of_every_kind_and_rows_without_ids_are_read(tmp_path: Path) -> None:
    rows = [{key: value for key, value in talk(number).items() if key != "id"} for number in range(3)]
    plain = write_lines(tmp_path / "a.jsonl", rows)
    packed = tmp_path / "b.jsonl.gz"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    array = tmp_path / "c.json"
    array.write_text(json.dumps(rows))
    pyarrow = pytest.importorskip("pyarrow")
    table = tmp_path / "d.parquet"
    from pyarrow import parquet

    parquet.write_table(pyarrow.Table.from_pylist([talk(number) for number in range(3)]), table)
    for file in (plain, packed, array, table):
        index = Source(file).open(Counters())
        assert [index.row(number)["messages"][1]["content"] for number in range(3)] == [
            "It is 0.",
            "It is 2.",
            "It is 4.",
        ]
        assert index.find(index.row(2)["id"]) == [2]
    write_lines(plain, rows[:1])
    os.utime(plain, (1, 1))
    assert Source(plain).open(Counters()).rows == 1


def test_rows_that_cannot_be_read_are_shown_and_an_empty_set_is_empty(tmp_path: Path) -> None:
    file = write_lines(tmp_path / "a.jsonl", [talk(1)])
    file.write_bytes(file.read_bytes() + b'{"id": 1, "id": 2}\n')
    index = Source(file).open(Counters())
    assert (index.rows, index.kind(1), index.row(1)["code"]) == (2, "unreadable", "duplicate_key")
    empty = Source(write_set(tmp_path / "empty", [])).open(Counters())
    assert (empty.rows, empty.after(empty.choose({}), 0, 5)) == (0, [])
    assert search(empty, empty.choose({}), "x", start=0, most=5).is_end


def test_values_beyond_thousands_are_counted_together(tmp_path: Path) -> None:
    rows = [talk(number, tags=[f"own-{number}", "all"], source=f"source {number}") for number in range(2_100)]
    index = Source(write_lines(tmp_path / "a.jsonl", rows)).open(Counters())
    facets = index.facets({})
    assert len(facets["source"]) == 2_001
    assert sum(count for _, count in facets["source"]) == 2_100
    assert index.choose({"tag": ["own-7"]}).total == 1


def test_what_is_no_set_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "a.bin").write_bytes(b"PK\x03\x04" + b"\0" * 100)
    with pytest.raises(BlossomError, match="zip archive"):
        Source(tmp_path / "a.bin").open(Counters())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.bin"]
