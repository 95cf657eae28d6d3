"""Which files of a folder are read, and that what models are evaluated on is not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from blossom_data.errors import BlossomError, ConfigError, InputError
from blossom_data.pull import pull
from blossom_data.records import Record
from blossom_data.rows import BadRow
from tests.command import blossom, values, write_lines

pytestmark = pytest.mark.slow


def row(text: str) -> dict[str, Any]:
    return {"instruction": text, "output": "o"}


def folder_of(root: Path, *names: str) -> Path:
    """A folder with one row in each file, which asks the file's name."""
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        write_lines(root / name, [row(name)])
    return root


def asked(path: Path, **settings: Any) -> list[str]:
    return [item.messages[0].content for item in pull("alpaca", path, **settings) if isinstance(item, Record)]


@pytest.mark.parametrize(
    ("names", "split", "read"),
    [
        (["train.jsonl", "test.jsonl", "dev.jsonl"], "train", ["train.jsonl"]),
        (["train.jsonl", "test.jsonl", "dev.jsonl"], "dev", ["dev.jsonl"]),
        (["train.jsonl", "test.jsonl", "dev.jsonl"], "validation", ["dev.jsonl"]),
        (["train.jsonl", "x-val.jsonl", "a_test.jsonl"], "train+valid", ["train.jsonl", "x-val.jsonl"]),
        (["train/b.jsonl", "train/a/c.jsonl", "test/a.jsonl"], "train", ["train/a/c.jsonl", "train/b.jsonl"]),
        (["data/train-00000-of-00002.jsonl", "data/train-00001-of-00002.jsonl", "data/test-00000-of-00001.jsonl"],
         "train", ["data/train-00000-of-00002.jsonl", "data/train-00001-of-00002.jsonl"]),
        (["train_sft-00000-of-00001.jsonl", "test_sft-00000-of-00001.jsonl"], "train_sft",
         ["train_sft-00000-of-00001.jsonl"]),
        (["a.jsonl", "latest.jsonl", "pretrain.jsonl"], "train", ["a.jsonl", "latest.jsonl", "pretrain.jsonl"]),
        (["TRAIN.jsonl", "notes.jsonl", "train_test.jsonl"], "train", ["TRAIN.jsonl"]),
        (["part-00000-of-00002.jsonl", "part-00001-of-00002.jsonl"], "train",
         ["part-00000-of-00002.jsonl", "part-00001-of-00002.jsonl"]),
    ],
)  # fmt: skip
def test_the_files_of_a_split_are_found_by_their_names(
    tmp_path: Path, names: list[str], split: str, read: list[str]
) -> None:
    assert asked(folder_of(tmp_path / "set", *names), split=split) == read


@pytest.mark.parametrize(
    ("names", "split", "told"),
    [
        (["test.jsonl", "dev.jsonl"], "train", ["no split train", "validation (dev.jsonl), test (test.jsonl)"]),
        (["dev.jsonl", "other.jsonl"], "train", ["--split validation", "other.jsonl"]),
        (["train.jsonl"], "tset", ["no split tset", "train (train.jsonl)"]),
        (["train.jsonl"], "train[:10]", ["--limit"]),
    ],
)
def test_a_folder_that_has_only_other_splits_asks(
    tmp_path: Path, names: list[str], split: str, told: list[str]
) -> None:
    with pytest.raises(InputError) as refusal:
        pull("alpaca", folder_of(tmp_path / "set", *names), split=split)
    assert all(part in f"{refusal.value} {refusal.value.hint}" for part in told)


def test_a_split_of_what_has_none_is_refused(tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "set", "a.jsonl", "train.jsonl")
    for path in (folder / "a.jsonl", folder / "train.jsonl", "-"):
        with pytest.raises(ConfigError, match="--split test"):
            pull("alpaca", path, split="test")


def test_what_is_left_out_is_told_and_another_split_is_another_input(tmp_path: Path) -> None:
    folder_of(tmp_path / "set", "train.jsonl", "dev.jsonl", "more.jsonl")
    (tmp_path / "set" / "dataset_infos.json").write_text("{}")
    done = blossom("pull", "alpaca", "set", "-o", "raw", cwd=tmp_path)
    assert done.code == 0 and "left out: validation (dev.jsonl), more.jsonl (of no split)" in done.err
    other = blossom("pull", "alpaca", "set", "-o", "raw", "--split", "dev", cwd=tmp_path)
    assert other.code == 2 and "would replace what is there" in other.err
    assert [value["messages"][0]["content"] for value in values(tmp_path / "raw")] == ["train.jsonl"]


def test_the_real_folder_gives_its_training_rows(shared: Path) -> None:
    folder = shared / "data" / "gsm8k"
    assert sum(isinstance(item, Record) for item in pull("gsm8k", folder)) == 7473
    with pytest.raises(InputError, match="test set of gsm8k"):
        pull("gsm8k", folder, split="test")
    assert sum(isinstance(item, Record) for item in pull("gsm8k", folder, split="test", allow_eval=True)) == 1319


@pytest.mark.parametrize(
    ("source", "file", "told"),
    [
        ("gsm8k", "gsm8k/test.jsonl", "test set of gsm8k"),
        ("math23k", "bench/math23k_test.json", "test set of math23k"),
        ("belle", "bench/belle_eval_set.json", "evaluation set of BELLE"),
        ("turns", "bench/mt_bench_question.jsonl", "MT-Bench"),
        ("turns", "bench/vicuna_bench_question.jsonl", "MT-Bench"),
        ("wizard", "raw/evol_wizardlm_testset.jsonl", "WizardLM"),
        ("alpaca", "raw/self_instruct_user_oriented.jsonl", "self-instruct"),
    ],
)
def test_evaluation_sets_are_refused_by_name_layout_and_content(
    tmp_path: Path, shared: Path, source: str, file: str, told: str
) -> None:
    with pytest.raises(InputError, match=told) as refusal:
        list(pull(source, shared / "data" / file))
    assert "--allow-eval" in refusal.value.hint
    renamed = tmp_path / f"rows{Path(file).suffix}"
    renamed.write_bytes((shared / "data" / file).read_bytes())
    with pytest.raises(InputError, match=r"(?i)" + told):
        list(pull(source, renamed))
    assert any(isinstance(item, Record) for item in pull(source, renamed, allow_eval=True, limit=3))


def test_alignbench_is_known_by_its_layout_whatever_the_source(tmp_path: Path) -> None:
    bench = {"question_id": 1, "category": "专业能力", "subcategory": "音乐", "question": "高音？", "reference": "r"}
    path = write_lines(tmp_path / "rows.jsonl", [bench])
    for source, settings in {"turns": {}, "custom": {"fields": {"instruction": "question"}}}.items():
        with pytest.raises(InputError, match="AlignBench"):
            list(pull(source, path, **settings))
    (record,) = pull("turns", path, allow_eval=True)
    assert isinstance(record, Record) and (record.source_id, record.messages[0].content) == ("1", "高音？")


def test_questions_of_an_evaluation_set_among_others_are_left_out(tmp_path: Path, shared: Path) -> None:
    lines = (shared / "data/gsm8k/train.jsonl").read_text().splitlines()[:200]
    tests = [json.loads(line) for line in (shared / "data/gsm8k/test.jsonl").read_text().splitlines()[:30]]
    asked = [json.dumps({"question": f"  {each['question']}\r\n", "answer": each["answer"]}) for each in tests]
    path = tmp_path / "all.jsonl"
    path.write_text("\n".join([*lines, *asked]) + "\n")
    pulled = pull("gsm8k", path)
    items = list(pulled)
    assert [item.code for item in items if isinstance(item, BadRow)] == ["evaluation"] * 30
    assert (pulled.counts.kept, pulled.counts.evaluation) == (200, {"the test set of GSM8K": 30})
    done = blossom("pull", "gsm8k", path, "-o", "raw", cwd=tmp_path)
    assert done.code == 0 and "30 rows are questions of the test set of GSM8K" in done.err


def test_a_published_set_with_its_test_set_inside_is_kept_and_told(shared: Path) -> None:
    pulled = pull("math23k", shared / "data/math23k")
    assert sum(isinstance(item, Record) for item in pulled) == 23162
    assert pulled.counts.evaluation["the test set of Math23K"] == 2320


def test_a_pipeline_reads_an_evaluation_set_only_where_it_says_so(tmp_path: Path, shared: Path) -> None:
    text = (
        'name = "p"\nout = "out"\n[[source]]\nkind = "turns"\nstages = []\n'
        f'path = "{shared.resolve()}/data/bench/mt_bench_question.jsonl"\n'
    )
    (tmp_path / "p.toml").write_text(text)
    refused = blossom("run", "p.toml", cwd=tmp_path)
    assert refused.code == 2 and "MT-Bench" in refused.err
    (tmp_path / "p.toml").write_text(text + "allow_eval = true\n")
    assert blossom("run", "p.toml", cwd=tmp_path).code == 0
    assert len(values(tmp_path / "out")) == 80


def test_every_error_has_a_way_out(tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    with pytest.raises(BlossomError) as refusal:
        list(pull("alpaca", tmp_path / "set"))
    assert refusal.value.hint


def test_lists_of_one_file_that_are_named_for_splits_are_its_splits(tmp_path: Path) -> None:
    lists = {name: [row(name)] for name in ("train", "dev", "test")}
    for file in (tmp_path / "all.json", tmp_path / "set" / "train.json", tmp_path / "set" / "val.json"):
        file.parent.mkdir(exist_ok=True)
        file.write_text(json.dumps({"version": "1", **lists}, indent=1))
    for split, read in (("train", ["train"]), ("validation", ["dev"]), ("test + train+test", ["train", "test"])):
        assert asked(tmp_path / "all.json", split=split) == read
    assert asked(tmp_path / "set", split="train+validation") == ["train", "dev"]
    plain = tmp_path / "plain.json"
    plain.write_text(json.dumps({"data": lists["train"]}))
    with pytest.raises(ConfigError, match="has no splits"):
        pull("alpaca", plain, split="validation")
