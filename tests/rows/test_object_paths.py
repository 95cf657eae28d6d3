"""URLs as paths, with a store in memory: what is read, followed, listed and refused; the S3 tests are in cluster/."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import random
import sys
from collections.abc import Callable
from pathlib import Path

import obstore
import pytest

from blossom_data.curate.clean_sets import left_out_of
from blossom_data.errors import BlossomError, ConfigError, InputError
from blossom_data.object_store import ObjectPath, is_url, path_of, paths
from blossom_data.object_store.reading import ObjectFile
from blossom_data.object_store.stores import store_of
from blossom_data.rows import BadRow, read_rows
from blossom_data.rows.facts import content_digest, count_records, fingerprint
from blossom_data.shards import DatasetWriter, read_manifest

ROWS = [{"id": f"r{number}", "text": "x" * 100} for number in range(3000)]
LINES = "".join(json.dumps(row) + "\n" for row in ROWS).encode()
Put = Callable[[str, bytes], str]


@pytest.fixture
def put(request: pytest.FixtureRequest) -> Put:
    """Writes an object into a store of the test's own."""
    paths._links.clear()
    bucket = hashlib.blake2b(request.node.name.encode(), digest_size=8).hexdigest()

    def write(key: str, data: bytes) -> str:
        obstore.put(store_of("memory", bucket), key, data)
        return f"memory://{bucket}/{key}"

    return write


def dataset_in_store(put: Put, folder: Path) -> str:
    with DatasetWriter(folder, shard_records=1000) as writer:
        for number, row in enumerate(ROWS):
            writer.write(number, kept=[json.dumps(row).encode() + b"\n"])
        writer.finish({"stage": "pull", "read": len(ROWS), "records": len(ROWS)})
    for file in folder.rglob("*"):
        if file.is_file():
            url = put(f"sets/math/{file.relative_to(folder)}", file.read_bytes())
    return url.partition("/sets/math/")[0] + "/sets/math"


def values(url: str) -> list[object]:
    return [row.value for row in read_rows(url) if not isinstance(row, BadRow)]


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_files_and_folders_are_read_as_from_a_disk(put: Put, pack: Callable[[bytes], bytes]) -> None:
    packed = pack(LINES)
    url = put("raw/a.jsonl", packed)
    assert values(url) == ROWS
    put("raw/b.jsonl", b'{"id": "last"}\n')
    put("raw/deeper/c.jsonl", b'{"id": "not read"}\n')
    assert values(url.rpartition("/")[0]) == [*ROWS, {"id": "last"}]
    assert next(iter(read_rows(url))).file == url
    assert fingerprint(url)["sha256"] == hashlib.sha256(packed).hexdigest()


def test_parquet_is_read_by_its_ranges(put: Put) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import ipc, parquet

    table, file, arrow = pyarrow.Table.from_pylist(ROWS), io.BytesIO(), io.BytesIO()
    parquet.write_table(table, file, row_group_size=500)
    assert values(put("x.parquet", file.getvalue())) == ROWS
    with ipc.new_stream(arrow, table.schema) as writer:
        writer.write_table(table)
    assert values(put("x.arrow", arrow.getvalue())) == ROWS


def test_a_data_set_is_read_shard_by_shard_and_a_damaged_one_refused(put: Put, tmp_path: Path) -> None:
    url = dataset_in_store(put, tmp_path / "math")
    assert values(url) == ROWS
    assert count_records(url) == len(ROWS)
    assert path_of(url).is_dir() and read_manifest(path_of(url)) == read_manifest(tmp_path / "math")
    assert content_digest(path_of(url)) == content_digest(tmp_path / "math")
    put("sets/math/part-00001.jsonl.zst", b"other")
    with pytest.raises(InputError, match="not the one that its manifest names"):
        values(url)
    obstore.delete(store_of("memory", url.split("/")[2]), "sets/math/part-00001.jsonl.zst")
    with pytest.raises(InputError, match="is missing"):
        values(url)
    obstore.delete(store_of("memory", url.split("/")[2]), "sets/math/manifest.json")
    with pytest.raises(InputError, match="not finished"):
        values(url)


def test_any_order_of_seeks_reads_what_is_there(put: Put) -> None:
    data = random.Random(1).randbytes(3 << 20)
    url = put("bytes", data)
    drawn = random.Random(2)
    with path_of(url).open("rb") as file:
        assert isinstance(file, ObjectFile)
        for _ in range(60):
            start, size = drawn.randrange(len(data)), drawn.choice([1, 1000, 1 << 20])
            file.seek(start)
            found = file.read(size)
            assert found == data[start : start + size]
        assert (file.seek(-3, io.SEEK_END), file.read(), file.read()) == (len(data) - 3, data[-3:], b"")


def test_an_object_that_changes_while_it_is_read_is_told(put: Put) -> None:
    url = put("raw.jsonl", LINES)
    rows = read_rows(url)
    next(rows)
    put("raw.jsonl", LINES.replace(b"x", b"y"))
    with pytest.raises(InputError, match="changed while it was read"):
        list(rows)


def test_current_is_followed_and_a_reader_stays_with_what_it_found(put: Put) -> None:
    old, new = "2026-01-30T030000Z-0f3e9a11", "2026-01-31T030000Z-ab12cd34"
    for version in (old, new):
        put(f"data/math/{version}/a.jsonl", json.dumps({"id": version}).encode())
    url = put("data/math/current", json.dumps({"version": old}).encode())
    path = path_of(url)
    assert path.is_symlink() and path.is_dir() and path.resolve().name == old
    assert values(url) == [{"id": old}]
    put("data/math/current", json.dumps({"version": new}).encode())
    assert values(url) == [{"id": old}]
    paths._links.clear()
    assert values(f"{url}/a.jsonl") == [{"id": new}]
    elsewhere = put("raw/current/a.jsonl", b'{"id": "no link"}')
    assert values(elsewhere) == [{"id": "no link"}]


def test_paths_are_joined_as_paths_are(put: Put) -> None:
    path = path_of("s3://bucket/sets//math/")
    assert (str(path), str(path / "../raw/x.jsonl")) == (
        "s3://bucket/sets/math",
        "s3://bucket/sets/math/../raw/x.jsonl",
    )
    assert (path / "../raw").address() == ("s3", "bucket", "sets/raw")  # type: ignore[attr-defined]
    assert str(path_of(Path("s3://bucket/sets/math"))) == str(path)
    assert (Path("here") / path, path / "gs://other/x", path / "/abs") == (path, path_of("gs://other/x"), Path("/abs"))
    assert [str(each) for each in path.parents] == ["s3://bucket/sets", "s3://bucket"]
    assert str(path.parent.parent.parent) == "s3://bucket"
    assert path_of("file:///data/a%20b") == Path("/data/a b")
    assert not isinstance(path_of("s3/x"), ObjectPath) and not is_url("./s3:/x")
    for write in (path.mkdir, path.touch, path.unlink, lambda: path.open("wb"), lambda: path.write_bytes(b"")):
        with pytest.raises(ConfigError, match="only read"):
            write()


@pytest.mark.parametrize("url", ["s3://", "s3://key:secret@bucket/x", "az://-/x", "gs://a b/x"])
def test_what_names_no_bucket_is_refused_without_being_told(url: str) -> None:
    with pytest.raises(ConfigError, match="names no bucket") as refused:
        path_of(url)
    assert "secret" not in f"{refused.value} {refused.value.hint}"


def test_what_is_not_there_is_told_in_a_line(put: Put) -> None:
    url = put("a/x.txt", b"text")
    for missing in (f"{url}.jsonl", url.rpartition("/")[0] + "/nothing"):
        with pytest.raises(InputError, match="no such object"):
            values(missing)
    with pytest.raises(InputError, match="no data file in the folder"):
        values(url.rpartition("/")[0])


def test_a_manifest_that_names_urls_is_followed(put: Put, tmp_path: Path) -> None:
    clean = json.dumps({"format": 1, "records": 0, "shards": [], "decontaminated": ["gsm8k-test"]}).encode()
    url = put("sets/clean/manifest.json", clean).removesuffix("/manifest.json")
    (tmp_path / "manifest.json").write_text(
        json.dumps({"format": 1, "made_of": {"command": "annotate", "inputs": [url]}})
    )
    assert left_out_of(tmp_path) == {"gsm8k-test"}


def test_the_extra_is_named_where_it_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "obstore", None)
    with pytest.raises(BlossomError, match="obstore is not installed") as told:
        values("s3://another-bucket/x.jsonl")
    assert "[objects]" in told.value.hint


@pytest.mark.parametrize("given", ["s3://bucket/data?X-Amz-Signature=HUSH", "gs://bucket/a/b.jsonl?sig=HUSH&x=1"])
def test_a_url_with_a_query_is_refused_and_not_shown(given: str) -> None:
    with pytest.raises(ConfigError, match="has a query") as refused:
        path_of(given)
    assert "HUSH" not in f"{refused.value} {refused.value.hint}"
