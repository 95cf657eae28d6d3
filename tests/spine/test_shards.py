"""Data sets on disk: bytes depend on the input alone, and a reader sees a whole one or none."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
import zstandard

from blossom_data.errors import ConfigError
from blossom_data.shards import DatasetWriter, read_manifest


def write(folder: Path, lines: dict[int, list[bytes]], rejects: dict[int, list[bytes]] | None = None) -> None:
    with DatasetWriter(folder, shard_records=10) as writer:
        for index in range(25):
            writer.write(index, kept=lines.get(index, []), rejects=(rejects or {}).get(index, []))
        writer.finish({"stage": "test"})


def content(folder: Path) -> dict[str, bytes]:
    unpack = zstandard.ZstdDecompressor()
    return {file.name: unpack.stream_reader(file.read_bytes()).read() for file in sorted(folder.glob("part-*"))}


def test_a_shard_holds_what_came_of_its_input_records(tmp_path: Path) -> None:
    write(tmp_path / "out", {0: [b"a\n"], 9: [b"b\n", b"c\n"], 20: [b"d\n"]}, {11: [b"no\n"]})
    assert content(tmp_path / "out") == {"part-00000.jsonl.zst": b"a\nb\nc\n", "part-00002.jsonl.zst": b"d\n"}
    assert content(tmp_path / "out" / "rejects") == {"part-00001.jsonl.zst": b"no\n"}
    manifest = read_manifest(tmp_path / "out")
    assert manifest is not None
    assert manifest["records"] == 4
    for shard in manifest["shards"]:
        data = (tmp_path / "out" / shard["file"]).read_bytes()
        assert (shard["bytes"], shard["sha256"]) == (len(data), hashlib.sha256(data).hexdigest())


def test_a_smaller_result_leaves_nothing_of_a_larger_one(tmp_path: Path) -> None:
    write(tmp_path / "out", {index: [b"x\n"] for index in range(25)}, {3: [b"no\n"]})
    write(tmp_path / "out", {0: [b"y\n"]})
    assert content(tmp_path / "out") == {"part-00000.jsonl.zst": b"y\n"}
    assert not (tmp_path / "out" / "rejects").exists()


def test_an_unfinished_run_leaves_the_old_data_set_whole(tmp_path: Path) -> None:
    write(tmp_path / "out", {0: [b"old\n"]})
    before = read_manifest(tmp_path / "out")
    with pytest.raises(RuntimeError), DatasetWriter(tmp_path / "out", shard_records=10) as writer:
        writer.write(0, kept=[b"new\n"])
        raise RuntimeError("stopped")
    assert read_manifest(tmp_path / "out") == before
    assert content(tmp_path / "out") == {"part-00000.jsonl.zst": b"old\n"}


def test_a_folder_of_somebody_else_is_not_written_to(tmp_path: Path) -> None:
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter1.tex").write_text("...")
    with pytest.raises(ConfigError, match=r"chapter1\.tex"):
        DatasetWriter(tmp_path / "thesis")
    (tmp_path / "file").write_text("...")
    with pytest.raises(ConfigError, match="not a folder"):
        DatasetWriter(tmp_path / "file")
    (tmp_path / "link").symlink_to(tmp_path / "thesis")
    with pytest.raises(ConfigError, match="not a folder"):
        DatasetWriter(tmp_path / "link")
    assert [entry.name for entry in (tmp_path / "thesis").iterdir()] == ["chapter1.tex"]


def test_a_link_in_the_folder_of_the_unfinished_run_leads_nowhere(tmp_path: Path) -> None:
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter1.tex").write_text("...")
    (tmp_path / "out" / ".building").mkdir(parents=True)
    (tmp_path / "out" / ".building" / "rejects").symlink_to(tmp_path / "thesis")
    with pytest.raises(ConfigError, match="is a link"):
        write(tmp_path / "out", {0: [b"new\n"]}, {0: [b"reject\n"]})
    assert [entry.name for entry in (tmp_path / "thesis").iterdir()] == ["chapter1.tex"]


def test_a_settled_block_is_found_again_under_its_whole_number(tmp_path: Path) -> None:
    with DatasetWriter(tmp_path / "out", shard_records=1) as writer:
        writer.write(100_000, kept=[b"late\n"])
        writer.settle(100_000, {"digest": "d", "tally": {}, "bad_rows": []})
    with DatasetWriter(tmp_path / "out", shard_records=1) as writer:
        assert [[note.digest for note in writer.notes.of(block)] for block in (0, 100_000)] == [[], ["d"]]
