"""pull: counts, duplicates, limits, samples, and what it says about rows of another source."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from blossom_data.errors import ConfigError, InputError
from blossom_data.pull import Pulled, pull
from blossom_data.records import Record
from blossom_data.rows import BadRow


def write(folder: Path, *lines: Any) -> Path:
    path = folder / "raw.jsonl"
    encoded = [line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines]
    path.write_bytes(b"\n".join(encoded) + b"\n")
    return path


def asked(text: str, **more: Any) -> dict[str, Any]:
    return {"instruction": text, "input": "", "output": "o", **more}


def texts(pulled: Pulled) -> list[str]:
    return [item.messages[-1].content for item in pulled if isinstance(item, Record)]


@pytest.fixture
def thousand(tmp_path: Path) -> Path:
    return write(tmp_path, *(asked(f"task {number}") for number in range(1000)))


def test_everything_read_is_accounted_for(tmp_path: Path) -> None:
    path = write(tmp_path, asked("a"), b"nonsense", asked("a"), asked(" "), {"x": 1}, asked("b"), asked("a", id=1))
    pulled = pull("alpaca", path)
    assert texts(pulled) == ["a", "b", "a"]
    counts = pulled.counts
    assert (counts.rows, counts.read, counts.kept, counts.duplicates) == (7, 7, 3, 1)
    assert counts.rejected == Counter(bad_json=1, empty=1, wrong_layout=1)


def test_equal_rows_of_different_files_are_duplicates_too(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.jsonl").write_text(json.dumps(asked("same")) + "\n")
    pulled = pull("alpaca", tmp_path)
    assert texts(pulled) == ["same"] and pulled.counts.duplicates == 1


def test_limit_takes_the_first_records_and_stops(thousand: Path) -> None:
    pulled = pull("alpaca", thousand, limit=3)
    assert texts(pulled) == ["task 0", "task 1", "task 2"]
    assert pulled.counts.read == 3


def test_a_sample_is_the_same_for_the_same_seed_and_in_source_order(thousand: Path) -> None:
    first = texts(pull("alpaca", thousand, sample=100, seed=5))
    assert len(first) == 100 == len(set(first))
    assert first == sorted(first, key=lambda text: int(text.split()[1]))
    assert first == texts(pull("alpaca", thousand, sample=100, seed=5))
    assert first != texts(pull("alpaca", thousand, sample=100, seed=6))
    assert set(texts(pull("alpaca", thousand, sample=40, seed=5))) < set(first)


def test_a_sample_is_uniform_over_the_whole_source(tmp_path: Path) -> None:
    path = write(tmp_path, *(asked(str(number)) for number in range(50)))
    drawn = Counter(text for seed in range(400) for text in texts(pull("alpaca", path, sample=10, seed=seed)))
    chi_square = sum((drawn[str(number)] - 80) ** 2 / (80 * 0.8) for number in range(50))
    assert chi_square < 85  # 49 degrees of freedom: passed by 99.9 % of all fair draws, and these seeds are fixed


def test_a_sample_larger_than_the_source_is_all_of_it(thousand: Path) -> None:
    pulled = pull("alpaca", thousand, sample=5000)
    assert len(texts(pulled)) == 1000 and pulled.counts.left_out == 0


def test_a_sample_counts_what_it_leaves_out_and_keeps_bad_rows(tmp_path: Path) -> None:
    path = write(tmp_path, asked("a"), b"{", asked("b"), asked("c"), asked("a"))
    pulled = pull("alpaca", path, sample=1)
    items = list(pulled)
    assert [type(item) for item in items] == [BadRow, Record]
    counts = pulled.counts
    assert (counts.read, counts.kept, counts.duplicates, counts.left_out, counts.rejected.total()) == (5, 1, 1, 2, 1)


def test_rows_of_another_source_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(InputError) as refusal:
        list(pull("gsm8k", write(tmp_path, asked("a"), asked("b"))))
    message = str(refusal.value)
    assert "raw.jsonl:1" in message and "instruction, input, output" in message
    assert "gsm8k (question, answer)" in message
    assert refusal.value.hint == "these fields look like alpaca or belle or wizard"


def test_rows_of_no_source_lead_to_custom(tmp_path: Path) -> None:
    with pytest.raises(InputError) as refusal:
        list(pull("gsm8k", write(tmp_path, {"frage": "x"})))
    assert "custom" in refusal.value.hint


def test_a_few_strange_rows_at_the_start_are_rejects(tmp_path: Path) -> None:
    pulled = pull("alpaca", write(tmp_path, {"x": 1}, b"{", {"y": 1}, asked("a")))
    assert texts(pulled) == ["a"]
    assert pulled.counts.rejected == Counter(wrong_layout=2, bad_json=1)


def test_a_file_of_bad_rows_alone_is_all_rejects(tmp_path: Path) -> None:
    pulled = pull("alpaca", write(tmp_path, b"{]", b"x"))
    assert texts(pulled) == [] and pulled.counts.rejected == Counter(bad_json=2)


def test_a_missing_own_field_names_those_that_are_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"has the fields instruction, input, output; custom knows .*frage"):
        list(pull("custom", write(tmp_path, asked("a")), fields={"instruction": "frage"}))


@pytest.mark.parametrize(
    ("source", "settings", "message"),
    [
        ("gsm9k", {}, "unknown source 'gsm9k'"),
        ("custom", {}, "no field is named for the instruction"),
        ("custom", {"fields": {"instruktion": "q"}}, "unknown key 'instruktion'"),
        ("custom", {"fields": {"instruction": "q", "input": "q"}}, "two purposes"),
        ("gsm8k", {"fields": {"instruction": "q"}}, "only for the source custom"),
        ("gsm8k", {"limit": 0}, "at least 1"),
        ("gsm8k", {"sample": -1}, "at least 1"),
        ("gsm8k", {"sample": 1, "limit": 1}, "contradict"),
        ("gsm8k", {"revision": "main"}, "for hub data sets"),
    ],
)
def test_settings_that_make_no_sense(tmp_path: Path, source: str, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message) as refusal:
        pull(source, write(tmp_path, asked("a")), **settings)
    assert "\n" not in str(refusal.value)


def test_a_mistyped_local_path_is_not_looked_for_on_the_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").mkdir()
    for path in ("data/train", "other/train.jsonl", "train.jsonl", "./gsm8k"):
        with pytest.raises(InputError, match="No such file"):
            pull("gsm8k", path)
