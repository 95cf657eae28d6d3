"""Published tables come out of their own figures, and nothing about a verdict is swallowed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from statistics import fmean
from typing import Any

import pytest
from command import blossom, write_lines

TABLES = Path(__file__).resolve().parents[2].parent / "shared/data/bench/published_tables.json"


def evaluate(folder: Path, suite: str, *files: str) -> Any:
    flags = [part for file in files for part in ("--from-judgements", file)]
    return blossom("evaluate", "--suite", suite, *flags, "--json", cwd=folder)


@pytest.mark.skipif(not TABLES.exists(), reason="no shared data")
def test_the_published_alignbench_rows_come_out_of_their_categories(tmp_path: Path) -> None:
    published = json.loads(TABLES.read_text(encoding="utf-8"))["alignbench"]
    write_lines(
        tmp_path / "a.jsonl",
        (
            {"model": f"{row['table']} {row['model']}", "category": name, "score": score}
            for row in published
            for name, score in row["categories"].items()
        ),
    )
    models = evaluate(tmp_path, "alignbench", "a.jsonl").json["models"]
    assert len(models) == len(published) == 19
    for row in published:
        told = models[f"{row['table']} {row['model']}"]
        assert all(abs(told[key] - row[key]) <= 0.011 for key in ("overall", "reasoning", "language")), row["model"]


def fastchat() -> Iterator[dict[str, Any]]:
    """80 questions, two turns; question 81 stands twice, one verdict is none, and one is an error."""
    for question in range(81, 161):
        for turn in (1, 2):
            score = -1 if (question, turn) == (100, 2) else question % 10 + (turn == 1) * 0.5
            yield {"question_id": question, "model": "m", "turn": turn, "score": score, "judgment": f"[[{score}]]"}
    yield {"question_id": 81, "model": "m", "turn": 1, "score": 10, "judgment": "[[10]]"}
    yield {"question_id": 90, "model": "other", "turn": 1, "score": -1, "judgment": "$ERROR$"}
    yield {"question_id": 91, "model": "other", "turn": 1, "score": 4, "judgment": "[[4]]"}


def test_mt_bench_counts_as_show_result_does(tmp_path: Path) -> None:
    rows = list(fastchat())
    write_lines(tmp_path / "gpt-4_single.jsonl", rows)
    models = evaluate(tmp_path, "mt-bench", "gpt-4_single.jsonl").json["models"]
    mine = [row for row in rows if row["model"] == "m" and row["score"] != -1]
    assert list(models) == ["m", "other"]
    told = models["m"]
    assert told["turn_1"] == pytest.approx(fmean(row["score"] for row in mine if row["turn"] == 1), abs=1e-12)
    assert told["turn_2"] == pytest.approx(fmean(row["score"] for row in mine if row["turn"] == 2), abs=1e-12)
    assert told["average"] == pytest.approx(fmean(row["score"] for row in mine), abs=1e-12)
    assert told["average"] != pytest.approx((told["turn_1"] + told["turn_2"]) / 2, abs=1e-12)
    assert (told["n"], told["dropped"], told["double"], told["errors"]) == (160, 1, 1, 0)
    assert told["interval"][0] < told["average"] < told["interval"][1]
    other = models["other"]
    assert (other["average"], other["turn_2"], other["n"], other["dropped"], other["errors"]) == (4, None, 1, 1, 1)


def test_alignbench_averages_minus_one_in_and_says_so(tmp_path: Path) -> None:
    rows = [
        {"question_id": 1, "model": "m", "category": "逻辑推理", "score": 7},
        {"question_id": 2, "model": "m", "category": "逻辑推理", "score": -1},
        {"question_id": 3, "model": "m", "category": "文本写作", "score": 8},
        {"question_id": 3, "model": "m", "category": "文本写作", "score": 8},
    ]
    write_lines(tmp_path / "a.jsonl", rows)
    told = evaluate(tmp_path, "alignbench", "a.jsonl").json["models"]["m"]
    assert (told["reasoning"], told["language"], told["overall"]) == (3, 8, 5.5)
    assert (told["averaged_in"], told["double"]) == (1, 1)
    assert "数学计算" in told["missing"]
    shown = blossom("evaluate", "--suite", "alignbench", "--from-judgements", "a.jsonl", cwd=tmp_path)
    assert "| m | 5.50 | 3.00 | 8.00 |" in shown.out
    assert "m: no verdict on 数学计算" in shown.out


@pytest.mark.parametrize(
    ("row", "suite", "told"),
    [
        ({"model": "m", "turn": 1}, "mt-bench", "f.jsonl:2 has no score: it has model, turn"),
        ({"model": "m", "score": "good"}, "mt-bench", "f.jsonl:2: the score 'good' is no number"),
        ({"model": "m", "score": True}, "mt-bench", "f.jsonl:2: the score 'True' is no number"),
        ({"model": "m", "score": "nan"}, "mt-bench", "f.jsonl:2: the score nan is none of 0 to 10"),
        ({"model": "m", "score": -5}, "mt-bench", "f.jsonl:2: the score -5 is none of 0 to 10"),
        ({"model": "m", "score": 3, "category": None}, "alignbench", "f.jsonl:2 has no category"),
        ({"model": "m", "score": 3, "turn": "x"}, "mt-bench", "f.jsonl:2: the turn 'x' is no number"),
        ({"model": "m", "score": 3}, "alignbench", "f.jsonl:2 has no category"),
        ({"model_1": "a", "model_2": "b", "g1_winner": "tie"}, "mt-bench", "f.jsonl:2 is a comparison of two models"),
    ],
)
def test_a_row_that_is_no_verdict_is_told_and_nothing_guessed(
    tmp_path: Path, row: dict[str, Any], suite: str, told: str
) -> None:
    write_lines(tmp_path / "f.jsonl", [{"model": "m", "score": 3, "category": "逻辑推理"}, row])
    refused = evaluate(tmp_path, suite, "f.jsonl")
    assert (refused.code, told in refused.json["error"]["message"]) == (2, True), refused
