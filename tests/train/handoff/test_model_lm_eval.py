"""The leaderboard tasks run offline on local rows through lm-evaluation-harness; what is missing is named."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("lm_eval")

from command import blossom
from small import make_model

pytestmark = pytest.mark.slow


def test_local_rows_give_the_harness_numbers_without_a_network(tmp_path: Path) -> None:
    make_model(tmp_path / "model", "llama")
    rows = [
        {
            "id": str(number),
            "question": f"Which is {colour}?",
            "choices": {"text": ["red cat", "blue dog", "green tree"], "label": ["A", "B", "C"]},
            "answerKey": key,
        }
        for number, (colour, key) in enumerate([("red", "A"), ("blue", "B"), ("green", "C"), ("not red", "B")])
    ]
    (tmp_path / "bench/arc_easy").mkdir(parents=True)
    (tmp_path / "bench/arc_easy/test.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    command = ["evaluate", "lm-eval", "arc_easy", "--checkpoint", "model", "-o", "out", "--bench-dir", "bench"]
    done = blossom(*command, "--json", cwd=tmp_path)
    assert done.code == 0, done.err
    told = done.json["tasks"]["arc_easy"]
    assert told["acc"] in (0, 0.25, 0.5, 0.75, 1)
    assert "| arc_easy | acc |" in (tmp_path / "out/lm-eval.md").read_text()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["arc_easy", "mmlu", "--bench-dir", "."], "no rows in . for arc_easy (from allenai/ai2_arc, ARC-Easy); mmlu_"),
        (["arc_eesy", "--bench-dir", "."], "lm-eval has no task arc_eesy"),
        (["arc_easy"], "run on files that are here"),
        ([], "no task is named"),
    ],
)
def test_what_is_missing_is_named_with_where_it_is_had(tmp_path: Path, arguments: list[str], told: str) -> None:
    (tmp_path / "model").mkdir()
    done = blossom("evaluate", "lm-eval", *arguments, "--checkpoint", "model", "-o", "out", cwd=tmp_path)
    assert (done.code, told in done.err, "Traceback" in done.err) == (2, True, False), done.err
