"""The review file: where it lies, how it is read and written, and what mix and publish make of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from command import blossom, values
from view_server import talk, write_set

from blossom_data.errors import InputError
from blossom_data.publish.names import current_version
from blossom_data.publish.reading import Part
from blossom_data.publish.survey import distinct
from blossom_data.review import Mark, Review, messages_hash, review_file
from blossom_data.rows import read_records
from blossom_data.rows.valid import valid_record


def mark(number: int, said: str, **further: object) -> Mark:
    record = valid_record(talk(number))
    fields = {"id": record.id, "messages": messages_hash(record.messages), "mark": said, **further}
    return Mark(**fields)  # type: ignore[arg-type]


def test_it_lies_beside_a_set_and_in_reviews_for_a_version(tmp_path: Path) -> None:
    assert review_file(tmp_path / "out/math") == tmp_path / "out/math.review.jsonl"
    assert review_file(tmp_path / "a.jsonl") == tmp_path / "a.jsonl.review.jsonl"
    version = tmp_path / "data/math/2026-01-31T030000Z-ab12cd34"
    version.mkdir(parents=True)
    (tmp_path / "data/math/current").symlink_to(version.name)
    told = tmp_path / "data/math/reviews/2026-01-31T030000Z-ab12cd34.jsonl"
    assert review_file(version) == review_file(tmp_path / "data/math/current") == told


def test_the_last_mark_holds_and_a_torn_line_does_not(tmp_path: Path) -> None:
    write_set(tmp_path / "set", [talk(number) for number in range(4)])
    review = Review.of(tmp_path / "set")
    for each in (mark(0, "keep"), mark(0, "drop", note="no"), mark(1, "drop"), mark(1, "none")):
        review.add(each)
    with review.file.open("ab") as file:
        file.write(b'{"id": "00", "mess')
    assert {key: (each.mark, each.note) for key, each in Review.of(tmp_path / "set").marks.items()} == {
        f"{0:032x}": ("drop", "no")
    }
    Review.of(tmp_path / "set").add(mark(2, "keep"))
    lines = review.file.read_bytes()
    assert lines.endswith(b"\n")
    assert len([json.loads(line) for line in lines.splitlines()]) == 5
    # Who edits by hand may leave the last line break out.
    review.file.write_bytes(lines[:-1])
    assert len(Review.of(tmp_path / "set").marks) == 2
    Review.of(tmp_path / "set").add(mark(3, "keep"))
    assert len(Review.of(tmp_path / "set").marks) == 3


@pytest.mark.parametrize(
    "line", [b"[]", b"nonsense", b'{"id": "a", "messages": "b", "mark": "burn"}', b'{"mark": "drop"}', b'{"id": 1}']
)
def test_a_line_that_is_no_mark_is_told_with_its_place(tmp_path: Path, line: bytes) -> None:
    write_set(tmp_path / "set", [talk(1)])
    (tmp_path / "set.review.jsonl").write_bytes(mark(1, "keep").to_line() + line + b"\n")
    with pytest.raises(InputError, match=r"set\.review\.jsonl:2 is no mark"):
        Review.of(tmp_path / "set")
    done = blossom("mix", "set", "-o", "train", cwd=tmp_path)
    assert done.code == 2
    assert "set.review.jsonl:2" in done.err


def test_a_fix_changes_the_contents_and_nothing_else(tmp_path: Path) -> None:
    record = valid_record(
        talk(1, messages=[*talk(1)["messages"][:1], {"role": "assistant", "content": "2", "train": False}])
    )
    review = Review(tmp_path / "x")
    texts = ("1 + 1?", "Two.")
    review.marks[record.id] = Mark(
        id=record.id, messages=messages_hash(record.messages), mark="fix", texts=texts
    )  # fmt: skip
    said, fixed = review.apply(record)
    assert said == "fix"
    assert tuple(turn.content for turn in fixed.messages) == texts
    assert not fixed.messages[1].train
    assert (fixed.id, fixed.gold, fixed.tags) == (record.id, record.gold, record.tags)
    assert [step.stage for step in fixed.lineage] == ["review"]
    assert review.apply(fixed)[0] == "stale"


def test_publish_honours_marks_and_the_card_counts_them(tmp_path: Path) -> None:
    write_set(tmp_path / "set", [talk(number) for number in range(5)])
    arguments = ("publish", "set", "-o", "data", "--name", "math", "--licence", "MIT", "--json")
    first = blossom(*arguments, cwd=tmp_path)
    assert first.code == 0, first
    review = Review.of(tmp_path / "set")
    review.add(mark(0, "drop"))
    review.add(mark(1, "fix", texts=("1 + 1?", "Two.")))
    review.add(mark(2, "keep"))
    review.add(Mark(id=f"{3:032x}", messages="0" * 32, mark="drop"))
    second = blossom(*arguments, cwd=tmp_path)
    assert second.code == 0, second
    version = current_version(tmp_path / "data/math")
    assert version != first.json["version"]
    folder = tmp_path / "data/math" / str(version)
    assert [row["id"] for row in values(folder)] == [f"{number:032x}" for number in (1, 2, 3, 4)]
    assert values(folder)[0]["messages"][1]["content"] == "Two."
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["reviewed"] == {"drop": 1, "fix": 1, "keep": 1, "stale": 1}
    assert "| text edited | 1 |" in (folder / "README.md").read_text()
    # A version is marked in its own root, and published once more without what was marked.
    versioned = Review.of(folder)
    versioned.add(mark(4, "drop"))
    assert [record.id for _, record in distinct([Part(folder)])] == [f"{number:032x}" for number in (1, 2, 3)]
    again = blossom(*arguments, cwd=tmp_path)
    assert again.json["version"] == version


def test_a_set_without_marks_stays_as_it_was(tmp_path: Path) -> None:
    write_set(tmp_path / "set", [talk(1)])
    done = blossom("mix", "set", "-o", "train", "--json", cwd=tmp_path)
    manifest = json.loads((tmp_path / "train/manifest.json").read_text())
    assert done.code == 0
    assert "reviewed" not in manifest
    assert set(manifest["inputs"][0]) == {"name", "sha256"}


def test_a_folder_of_data_files_takes_no_review_for_data(tmp_path: Path) -> None:
    (tmp_path / "rows").mkdir()
    (tmp_path / "rows/a.jsonl").write_text(json.dumps(talk(1)) + "\n")
    Review.of(tmp_path / "rows/a.jsonl").add(mark(1, "keep"))
    assert (tmp_path / "rows/a.jsonl.review.jsonl").is_file()
    assert len(list(read_records(tmp_path / "rows"))) == 1
