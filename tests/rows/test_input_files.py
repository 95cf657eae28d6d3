"""Files, folders, data sets and standard input: what is found, in which order, and one clear line for what is not."""

from __future__ import annotations

import io
import json
import os
from pathlib import Path

import pytest

from blossom_data.errors import InputError
from blossom_data.rows import Row, read_rows
from blossom_data.shards import DatasetWriter


def numbers(path: Path | str) -> list[int]:
    return [row.value["n"] for row in read_rows(path) if isinstance(row, Row)]


def line(number: int) -> bytes:
    return b'{"n": %d}\n' % number


def test_the_files_of_a_folder_come_in_the_order_of_their_names(tmp_path: Path) -> None:
    (tmp_path / "b.jsonl").write_bytes(line(2))
    (tmp_path / "a.json").write_text(json.dumps([{"n": 0}, {"n": 1}]))
    (tmp_path / "c.ndjson").write_bytes(line(3))
    for name in ("README.md", ".hidden.jsonl", "_SUCCESS.json", "notes.txt"):
        (tmp_path / name).write_text('{"n": -1}')
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "d.jsonl").write_bytes(line(-1))
    assert numbers(tmp_path) == [0, 1, 2, 3]
    assert {row.file for row in read_rows(tmp_path)} == {str(tmp_path / n) for n in ("a.json", "b.jsonl", "c.ndjson")}


@pytest.fixture
def data_set(tmp_path: Path) -> Path:
    with DatasetWriter(tmp_path / "set", shard_records=2) as writer:
        for number in range(5):
            writer.write(number, kept=[line(number)], rejects=[line(-1)])
        writer.finish({"stage": "pull"})
    return tmp_path / "set"


def test_a_data_set_gives_the_shards_of_its_manifest(data_set: Path) -> None:
    (data_set / "part-00009.jsonl.zst").write_bytes(line(-1))
    assert numbers(data_set) == [0, 1, 2, 3, 4]


def test_a_data_set_without_records_is_no_error(tmp_path: Path) -> None:
    with DatasetWriter(tmp_path / "set") as writer:
        writer.finish({"stage": "pull"})
    assert numbers(tmp_path / "set") == []


def test_a_changed_or_missing_shard_is_refused(data_set: Path) -> None:
    shard = data_set / "part-00001.jsonl.zst"
    shard.write_bytes(shard.read_bytes()[:-1] + b"\0")
    with pytest.raises(InputError, match="not the one that its manifest names"):
        numbers(data_set)
    shard.unlink()
    with pytest.raises(InputError, match="missing"):
        numbers(data_set)


@pytest.mark.parametrize("name", ["../a.jsonl", "/etc/passwd", "x/../../a.jsonl", ""])
def test_a_manifest_cannot_point_out_of_its_folder(data_set: Path, name: str) -> None:
    (data_set.parent / "a.jsonl").write_bytes(line(1))
    manifest = json.loads((data_set / "manifest.json").read_bytes())
    manifest["shards"][0]["file"] = name
    (data_set / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(InputError, match="missing"):
        numbers(data_set)


def test_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(line(1) + b"x\n" + line(2))))
    rows = list(read_rows("-"))
    assert [(row.file, row.line) for row in rows] == [("<stdin>", 1), ("<stdin>", 2), ("<stdin>", 3)]


@pytest.mark.parametrize(
    ("data", "name", "message"),
    [
        (b"", "x.jsonl", "is empty"),
        (b"\n \r\n\n", "x.jsonl", "is empty"),
        (b"[]", "x.json", "is empty"),
        (b"\xef\xbb\xbf", "x.jsonl", "is empty"),
        (b"a,b\n1,2\n", "x.txt", "does not look like data: it begins with 'a,b"),
        (b"a,b\n", "x.csv", "is empty"),
        (b"a,a\n1,2\n", "x.csv", "names the column 'a' twice"),
        (b'a,"b\n', "x.csv", "header line cannot be read"),
        ("问题,答案\n一,二\n".encode("gbk"), "x.csv", "header line is not UTF-8"),
        (b"PK\x03\x04....", "x.jsonl", "zip archive"),
        (b"BZh91AY", "x.jsonl.bz2", "bzip2"),
        ('{"n": 1}'.encode("utf-16"), "x.jsonl", "UTF-16"),
        ('{"n": 1}'.encode("utf-16le"), "x.jsonl", "UTF-16"),
        ('[{"问题": "一"}]'.encode("utf-16be"), "x.json", "UTF-16"),
        ('{"n": 1}'.encode("utf-32"), "x.jsonl", "UTF-32"),
        ("n,m\n1,2\n".encode("utf-16le"), "x.csv", "UTF-16"),
        (b"version https://git-lfs.github.com/spec/v1\n", "x.jsonl", "Git LFS pointer"),
        (b"PAR1 and nothing more", "x.parquet", "Parquet file cannot be read"),
    ],
)
def test_what_is_no_data_is_refused_in_one_line(tmp_path: Path, data: bytes, name: str, message: str) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(InputError, match=message) as refusal:
        list(read_rows(tmp_path / name))
    assert str(tmp_path / name) in str(refusal.value)
    assert "\n" not in str(refusal.value) and refusal.value.hint


def test_paths_that_lead_nowhere(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "parent" / "train").mkdir(parents=True)
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    os.mkfifo(tmp_path / "pipe")
    for path, message in {
        tmp_path / "none.jsonl": "No such file",
        tmp_path / "none" / "x.jsonl": "No such file",
        tmp_path / "empty": "no data file",
        tmp_path / "parent": "no data file",
        tmp_path / "loop": "cannot read",
        tmp_path / "pipe": "neither a file nor a folder",
        Path("/dev/zero"): "neither a file nor a folder",
        Path("x\0y"): "cannot read",
    }.items():
        with pytest.raises(InputError, match=message) as refusal:
            read_rows(path)
        assert refusal.value.hint


def test_a_folder_that_holds_folders_names_one(tmp_path: Path) -> None:
    (tmp_path / "train").mkdir()
    with pytest.raises(InputError) as refusal:
        read_rows(tmp_path)
    assert "train" in refusal.value.hint


def test_a_file_that_grows_while_it_is_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_bytes(line(1) + line(2))
    rows = read_rows(path)
    next(rows)
    with path.open("ab") as file:
        file.write(line(3))
    with pytest.raises(InputError, match="changed while it was read"):
        list(rows)


def test_a_file_name_of_any_bytes_is_shown_as_text(tmp_path: Path) -> None:
    path = os.fsdecode(os.fsencode(tmp_path) + b"/\xff\xfe.jsonl")
    Path(path).write_bytes(line(1))
    (row,) = read_rows(path)
    row.file.encode()
    assert row.file.endswith(".jsonl")
