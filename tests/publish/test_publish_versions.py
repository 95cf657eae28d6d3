"""A version is whole, immutable and named by its content; `current` moves only to what is new."""

from __future__ import annotations

import fcntl
from datetime import UTC, datetime
from pathlib import Path

import pytest
from datasets_made import MIT, make, record, tidy, whole, whole_version
from forked import blossom

from blossom_data.counters import Counters
from blossom_data.errors import BlossomError, ConfigError, InputError, Locked
from blossom_data.publish.names import current_version
from blossom_data.publish.reading import Part, parse_part
from blossom_data.publish.versions import Published, publish, version_names
from blossom_data.records import Message
from blossom_data.rows import read_records
from blossom_data.shards import read_manifest


def published(tmp_path: Path, *numbers: int, layout: str = "jsonl", now: datetime | None = None) -> Published:
    source = make(tmp_path / "in", [record(number) for number in numbers])
    return publish([Part(source)], root=tmp_path / "data", name="math", layout=layout, now=now)


@pytest.mark.parametrize("layout", ["jsonl", "parquet"])
def test_a_version_holds_the_records_as_they_were(tmp_path: Path, layout: str) -> None:
    done = published(tmp_path, *range(100), layout=layout)
    assert whole(tmp_path / "data/math") == [record(number) for number in range(100)]
    assert done.is_new
    assert done.manifest["by_source"] == {"gsm8k": {"kept": 100}}
    assert done.manifest["licences"] == {"gsm8k": "MIT"}
    assert done.manifest["rejected"] == {"annotate/refusal": 2}
    assert done.manifest["inputs"][0]["name"] == "in"
    assert str((tmp_path / "data/math/current").readlink()) == done.version
    assert tidy(tmp_path / "data/math")


def test_many_shards_make_the_same_version_as_one(tmp_path: Path) -> None:
    source = make(tmp_path / "in", [record(number) for number in range(100)])
    small = publish([Part(source)], root=tmp_path / "a", name="math", layout="parquet", shard_records=30)
    large = publish([Part(source)], root=tmp_path / "b", name="math", layout="parquet")
    assert [shard["records"] for shard in small.manifest["shards"]] == [30, 30, 30, 10]
    assert whole(tmp_path / "a/math") == whole(tmp_path / "b/math")
    assert small.manifest["content"] == large.manifest["content"]


def test_the_same_content_makes_no_new_version(tmp_path: Path) -> None:
    first = published(tmp_path, 1, 2)
    before = {path: path.stat().st_mtime_ns for path in first.path.iterdir()}
    again = published(tmp_path, 1, 2)
    assert (again.is_new, again.version, again.previous) == (False, first.version, first.version)
    assert {path: path.stat().st_mtime_ns for path in first.path.iterdir()} == before
    assert version_names(tmp_path / "data/math") == [first.version]


def test_content_that_comes_back_makes_its_old_version_current(tmp_path: Path) -> None:
    first, second = published(tmp_path, 1, 2), published(tmp_path, 1, 2, 3)
    assert (second.is_new, second.previous) == (True, first.version)
    back = published(tmp_path, 1, 2)
    assert (back.is_new, back.version, back.previous) == (False, first.version, second.version)
    assert len(whole(tmp_path / "data/math")) == 2


def test_a_damaged_version_is_not_taken_for_the_content(tmp_path: Path) -> None:
    first = published(tmp_path, 1, 2)
    shard = first.path / first.manifest["shards"][0]["file"]
    shard.write_bytes(shard.read_bytes()[:-1] + b"x")
    again = published(tmp_path, 1, 2)
    assert again.is_new
    assert again.version > first.version
    assert len(whole(tmp_path / "data/math")) == 2


def test_versions_stay_in_order_when_the_clock_goes_back(tmp_path: Path) -> None:
    names = [
        published(tmp_path, year, now=datetime(year, 1, 1, tzinfo=UTC)).version for year in (2031, 2030, 2029, 2032)
    ]
    assert names == sorted(names)
    assert names[1].startswith("2031-01-01T000001Z")
    assert names[3].startswith("2032-01-01T000000Z")


def test_a_licence_makes_another_version_and_a_reader_of_the_old_one_keeps_it(tmp_path: Path) -> None:
    first = published(tmp_path, 1)
    second = publish(
        [Part(tmp_path / "in")], root=tmp_path / "data", name="math", layout="jsonl", licences={"gsm8k": "CC-BY-4.0"}
    )
    assert second.is_new
    assert b'license: "cc-by-4.0"' in (second.path / "README.md").read_bytes()
    assert len(whole_version(first.path)) == 1


def test_configurations_may_share_records_and_one_configuration_may_not(tmp_path: Path) -> None:
    one, two = make(tmp_path / "s1", [record(1), record(2)]), make(tmp_path / "s2", [record(2), record(3)])
    parts = [parse_part(f"stage1={one}"), parse_part(f"stage2={two}")]
    done = publish(parts, root=tmp_path / "data", name="both", layout="parquet")
    files = [shard["file"] for shard in done.manifest["shards"]]
    assert files == ["stage1-00000.parquet", "stage2-00000.parquet"]
    assert list(read_records(done.path / files[1])) == [record(2), record(3)]
    again = publish([Part(done.path)], root=tmp_path / "data", name="copy", layout="parquet")
    assert again.manifest["shards"] == done.manifest["shards"]
    with pytest.raises(InputError, match="twice"):
        publish([Part(one), Part(two)], root=tmp_path / "data", name="one", layout="jsonl")
    assert not (tmp_path / "data/one/current").exists()


def test_load_dataset_reads_every_format_and_configuration_of_current(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    from datasets import load_dataset

    one, two = make(tmp_path / "s1", [record(1), record(2, gold="")]), make(tmp_path / "s2", [record(3)])
    rows = [record(1).to_dict(), record(2, gold="").to_dict()]
    for layout in ("parquet", "jsonl"):
        publish(
            [parse_part(f"stage1={one}"), parse_part(f"stage2={two}")], root=tmp_path / layout, name="x", layout=layout
        )
        publish([Part(one)], root=tmp_path / layout, name="y", layout=layout)
        cache = str(tmp_path / f"cache-{layout}")
        x, y = str(tmp_path / layout / "x/current"), str(tmp_path / layout / "y/current")
        assert list(load_dataset(x, "stage1", split="train", cache_dir=cache)) == rows
        assert list(load_dataset(x, "stage2", split="train", cache_dir=cache)) == [record(3).to_dict()]
        assert list(load_dataset(y, split="train", cache_dir=cache)) == rows


@pytest.mark.parametrize(
    ("about", "licences", "message"),
    [
        ({"sources": []}, {}, "no licence is known for the source gsm8k"),
        ({"sources": [{**MIT, "licence": "unknown"}]}, {}, "no licence is known"),
        ({"sources": [MIT, {**MIT, "name": "more.jsonl", "licence": ""}]}, {}, "no licence is known"),
        ({}, {"gsm8K": "MIT"}, "no record is of that source"),
        ({}, {"gsm8k": "unknown"}, "no licence is known"),
    ],
)
def test_a_source_without_a_licence_is_not_published(
    tmp_path: Path, about: dict[str, object], licences: dict[str, str], message: str
) -> None:
    source = make(tmp_path / "in", [record(1)], **about)
    with pytest.raises(ConfigError, match=message):
        publish([Part(source)], root=tmp_path / "data", name="math", layout="jsonl", licences=licences)
    assert [entry.name for entry in (tmp_path / "data/math").iterdir()] == [".lock"]


def test_licences_by_flag_reach_manifest_card_and_exit_code(tmp_path: Path) -> None:
    make(tmp_path / "in", [record(1), record(2, source="", id="b")], sources=[])
    command = ("publish", "in", "-o", "data", "--name", "math", "--format", "jsonl", "--json")
    refused = blossom(*command, cwd=tmp_path)
    assert refused.code == 2
    assert "--licence gsm8k=SPDX-ID" in refused.json["error"]["hint"]
    done = blossom(*command, "--licence", "gsm8k=MIT", "--licence", "CC0-1.0", cwd=tmp_path)
    assert (done.code, done.json["licences"]) == (0, {"": "CC0-1.0", "gsm8k": "MIT"})
    assert b'license: ["cc0-1.0", "mit"]' in (tmp_path / "data/math/current/README.md").read_bytes()
    again = blossom(*command[:-1], "--licence", "gsm8k=MIT", "--licence", "CC0-1.0", cwd=tmp_path)
    assert (again.code, again.err) == (0, "")
    assert again.out.startswith("nothing new")


def test_what_is_no_finished_data_set_of_records_is_not_published(tmp_path: Path) -> None:
    def refuse(source: Path, kind: type[BlossomError], message: str) -> None:
        with pytest.raises(kind, match=message):
            publish([Part(source)], root=tmp_path / "data", name="math", layout="jsonl")
        assert not (tmp_path / "data/math/current").exists()

    (tmp_path / "empty").mkdir()
    refuse(tmp_path / "empty", ConfigError, "no finished data set")
    none = make(tmp_path / "none", [record(1, messages=(Message("user", " "),))])
    refuse(none, InputError, "is no record")
    torn = make(tmp_path / "torn", [record(1)])
    next(torn.glob("part-*")).write_bytes(b"torn")
    refuse(torn, InputError, "not the one that its manifest names")


def test_an_input_that_changes_between_the_readings_is_not_published(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from blossom_data.publish import versions

    source = make(tmp_path / "in", [record(1)])

    def survey_then_change(parts: list[Part], counters: Counters) -> object:
        found = survey(parts, counters)
        make(source, [record(2)])
        return found

    survey = versions.survey
    monkeypatch.setattr(versions, "survey", survey_then_change)
    with pytest.raises(InputError, match="changed while it was read"):
        publish([Part(source)], root=tmp_path / "data", name="math", layout="jsonl")
    assert current_version(tmp_path / "data/math") is None
    assert tidy(tmp_path / "data/math")


def test_only_one_publishes_at_a_time(tmp_path: Path) -> None:
    done = published(tmp_path, 1)
    with (tmp_path / "data/math/.lock").open("r+") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(Locked, match="another run holds"):
            published(tmp_path, 1, 2)
    assert read_manifest(tmp_path / "data/math/current") == done.manifest
    assert published(tmp_path, 1, 2).is_new
