"""Hostile names, stray links and hostile texts: nothing outside the root is touched, no card is broken."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from datasets_made import MIT, make, record, whole
from forked import blossom
from hypothesis import given, settings
from hypothesis import strategies as st

from blossom_data.errors import ConfigError
from blossom_data.publish.reading import Part, parse_part
from blossom_data.publish.retention import collect
from blossom_data.publish.versions import publish
from blossom_data.report.card import render_card
from blossom_data.report.licences import hub_licence

GOOD = ["a", "math", "math-zh", "v1.2_x", "0", "a" * 64, "current"]
BAD = [
    *("", ".", "..", "../etc", "a/b", "/etc", "a\\b", "a..b", ".a", "a.", "-a", "a-", "_a", "a_", "A", "Math", "a b"),
    *("a\n", "a\0b", "a\x1b[2J", "math\u202e", "数学", "é", "a" * 65, "~", "$HOME", "a;rm -rf /", "a*", "a?", "%2e%2e"),
    *("a|b", "a:b", "'a'", '"a"', "a&b", "a#b", "a\tb", "con/../..", "...."),
]
HOSTILE = [
    '"]\n---\n# owned', "a: b\n- c", "!!python/object/apply:os.system ['x']", "*anchor", "&a [*a]", "NO", "12:30:45",
    "{{x}}", "<script>alert(1)</script>", "| a | b |", "\u2028\u2029\x85", "```", "\x1b]52;c;eA==\x07", "---", "%YAML",
    "[x](javascript:alert(1))", "![x](http://127.0.0.1/x.png)", "# heading", "\ufeff", "'", "\\", "\ud800", "null", "~",
]  # fmt: skip


def snapshot(folder: Path) -> dict[str, bytes | str]:
    return {
        str(path.relative_to(folder)): str(path.readlink()) if path.is_symlink() else path.read_bytes()
        for path in folder.rglob("*")
        if path.is_symlink() or path.is_file()
    }


def test_names_that_lead_elsewhere_are_refused_and_nothing_is_written(tmp_path: Path) -> None:
    source = make(tmp_path / "in", [record(1)])
    before = snapshot(tmp_path)
    for name in BAD:
        with pytest.raises(ConfigError, match="cannot be used"):
            publish([Part(source)], root=tmp_path / "data", name=name, layout="jsonl")
    assert snapshot(tmp_path) == before
    for name in GOOD:
        assert publish([Part(source)], root=tmp_path / "data", name=name, layout="jsonl").is_new
    assert sorted(entry.name for entry in (tmp_path / "data").iterdir()) == sorted(GOOD)


@pytest.mark.parametrize("config", ["..", "a/b", "part", "a-b", "A", "", "a" * 33, "a\n", "README.md"])
def test_configuration_names_that_lead_elsewhere_are_refused(config: str) -> None:
    with pytest.raises(ConfigError, match="configuration"):
        parse_part(f"{config}=out/math")


def test_a_hostile_name_on_the_command_line_is_an_error_without_escape_sequences(tmp_path: Path) -> None:
    make(tmp_path / "in", [record(1)])
    done = blossom("publish", "in", "-o", "data", "--name", "a\x1b[2J/../..", cwd=tmp_path)
    assert done.code == 2
    assert "\x1b" not in done.err
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("place", ["name", ".lock", "pins.json", "2026-01-01T000000Z-00000000", "current", "stray"])
def test_a_link_in_the_output_folder_is_refused_and_not_followed(tmp_path: Path, place: str) -> None:
    source = make(tmp_path / "in", [record(1)])
    outside = tmp_path / "outside"
    (outside / "folder").mkdir(parents=True)
    (outside / "file").write_text("precious")
    folder = tmp_path / "data/math"
    if place == "name":
        folder.parent.mkdir()
        folder.symlink_to(outside / "folder")
    else:
        folder.mkdir(parents=True)
        (folder / place).symlink_to(outside / ("file" if "." in place else "folder"))
    before = snapshot(outside)
    with pytest.raises(ConfigError, match=r"link|points to"):
        publish([Part(source)], root=tmp_path / "data", name="math", layout="jsonl")
    with pytest.raises(ConfigError, match=r"link|points to|no published"):
        collect(folder, keep=0, grace_h=0)
    assert snapshot(outside) == before


def test_dead_links_and_links_in_what_is_swept_are_not_followed(tmp_path: Path) -> None:
    source = make(tmp_path / "in", [record(1)])
    folder, outside = tmp_path / "data/math", tmp_path / "outside"
    (folder / ".building-1-dead").mkdir(parents=True)
    outside.mkdir()
    (outside / "file").write_text("precious")
    (folder / ".building-1-dead/link").symlink_to(outside)
    (folder / ".current-1-dead").symlink_to(outside)
    publish([Part(source)], root=tmp_path / "data", name="math", layout="jsonl")
    assert snapshot(outside) == {"file": b"precious"}
    assert whole(folder) == [record(1)]


def test_a_root_that_is_a_link_is_the_users_choice(tmp_path: Path) -> None:
    source = make(tmp_path / "in", [record(1)])
    (tmp_path / "disk").mkdir()
    (tmp_path / "data").symlink_to(tmp_path / "disk")
    publish([Part(source)], root=tmp_path / "data", name="math", layout="jsonl")
    assert whole(tmp_path / "disk/math") == [record(1)]


def front_matter(card: bytes) -> dict[str, Any]:
    """The front matter as YAML readers see it, and as the hub's client does."""
    from huggingface_hub import DatasetCard

    text = card.decode()
    found = yaml.safe_load(re.split(r"^---\n", text, maxsplit=2, flags=re.M)[1])
    assert isinstance(found, dict)
    theirs = DatasetCard(text, ignore_metadata_errors=False).data.to_dict()
    assert {key: theirs[key] for key in found} == found
    return found


def about(**changes: Any) -> dict[str, Any]:
    counts = {"read": 1, "added": 0, "kept": 1, "skipped": 0, "rejected": {}, "failed": {}}
    return {"blossom_data": "0.1.0", "stage": "publish", **counts, "sources": [MIT], **changes}


TEXT = st.one_of(st.sampled_from(HOSTILE), st.text(max_size=60).filter(lambda text: "\ud800" not in text))


@settings(max_examples=100, deadline=None)
@given(name=TEXT, source=TEXT, licence=TEXT, model=TEXT, code=TEXT)
def test_no_text_breaks_the_card(name: str, source: str, licence: str, model: str, code: str) -> None:
    step = {"stage": "annotate", "version": 1, "model": model, "prompt": model, "records": 1}
    card = render_card(
        about(
            sources=[{"source": source, "licence": licence, "name": model, "revision": model}],
            made_by=[step],
            rejected={f"annotate/{code}": 1},
            prompts={code: model},
            asked=[{"stage": code, "model": model, "replies": 1}],
        ),
        name,
    )
    found = front_matter(card)
    assert found["pretty_name"] == name.replace("\ud800", "?")
    assert set(found) <= {
        *("pretty_name", "language", "license", "license_name", "license_link", "annotations_creators", "tags"),
        *("language_creators", "source_datasets", "task_categories", "size_categories", "configs", "dataset_info"),
    }
    body = card.decode().split("\n---\n", 1)[1]
    assert "<" not in body
    assert "![" not in body and "](" not in body
    tables = [line for line in body.split("\n") if line.startswith("|")]
    assert len({line.count("|") for line in tables if "annotate" in line and line.count("|") > 5}) <= 1
    assert [line for line in body.split("\n") if line.startswith("# ")] == [body.split("\n")[1]]


def test_the_card_says_what_the_hub_asks_for(tmp_path: Path) -> None:
    hub = {"source": "orca", "licence": "CC-BY-4.0", "name": "org/orca", "revision": "9f2c" * 10}
    records = [record(n) for n in range(1200)] + [record(n, source="orca", lang="zh") for n in range(1200, 1300)]
    source = make(tmp_path / "in", records, sources=[MIT, hub])
    done = publish([Part(source)], root=tmp_path / "data", name="math", layout="parquet")
    card = (done.path / "README.md").read_bytes()
    found = front_matter(card)
    assert found["language"] == ["en", "zh"]
    assert found["license"] == ["cc-by-4.0", "mit"]
    assert found["size_categories"] == ["1K<n<10K"]
    assert found["annotations_creators"] == ["machine-generated"]
    assert found["source_datasets"] == ["extended|org/orca", "extended|other-gsm8k"]
    assert found["configs"][0]["data_files"] == [{"split": "train", "path": "part-*.parquet"}]
    text = card.decode()
    assert f"| orca | CC-BY-4.0 | org/orca | {'9f2c' * 10} | 100 |" in text
    assert "| gsm8k | MIT | train.jsonl | 17f347dc | 1200 |" in text
    assert "| annotate | 1 | m1 | p1 | 1300 |" in text
    assert "| annotate/refusal | 2 |" in text
    assert "## Known limits" in text


@pytest.mark.parametrize(
    ("licences", "front"),
    [
        (["MIT"], {"license": "mit"}),
        (["MIT", "Apache-2.0", "apache-2.0"], {"license": ["apache-2.0", "mit"]}),
        (["Apache-2.0, CC-BY-4.0, MIT (by row: NOTICE.md)"], {"license": ["apache-2.0", "cc-by-4.0", "mit"]}),
        (["GPL-3.0-or-later"], {"license": "gpl-3.0"}),
        (["MIT", "Our own terms"], {"license": "other", "license_name": "mit-our-own-terms"}),
        (["MIT", ""], {}),
        ([], {}),
    ],
)
def test_licences_are_spelled_as_the_hub_does(licences: list[str], front: dict[str, Any]) -> None:
    found = hub_licence(licences)
    assert {key: found[key] for key in found if key != "license_link"} == front


def test_a_manifest_steers_no_terminal_and_keeps_its_texts(tmp_path: Path) -> None:
    steering = "s\x9b2J\u202e\x7f\u2028"
    source = make(tmp_path / "in", [record(1, source=steering)], sources=[{**MIT, "source": steering}])
    done = publish([Part(source)], root=tmp_path / "data", name="x", layout="jsonl")
    written = "".join((done.path / name).read_text(encoding="utf-8") for name in ("manifest.json", "README.md"))
    assert not set("\x9b\u202e\x7f\u2028") & set(written)
    assert list(done.manifest["by_source"]) == [steering]
