"""Scores out of judgement files that another tool wrote; every row counts or is told.

    {"question_id": 81, "model": "vicuna", "turn": 1, "score": 8, "judgment": "... [[8]]", ...}     FastChat, MT-Bench
    {"question_id": 3, "model": "blossom", "category": "逻辑推理", "score": 7}                        AlignBench

Source: FastChat's `llm_judge` (`gen_judgment.py` writes them, `show_result.py` reads them).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from blossom_data.errors import InputError
from blossom_data.rows import BadRow, Row, read_rows

_MOST = 10
"""The best verdict of both suites."""
ERROR = "$ERROR$"
"""What FastChat writes in place of an answer or verdict that never came."""
_MODEL = ("model", "model_id", "model_name")
_SCORE = ("score", "rating")
_TEXTS = ("judgment", "judgement", "answer", "output")


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """One verdict; `score` is -1 where none could be read."""

    model: str
    question: str
    turn: int
    category: str
    score: float
    is_error: bool
    """The verdict or the answer is FastChat's mark of an error."""


def read_judgements(paths: Iterable[Path], *, needs_category: bool) -> Iterator[Judgement]:
    """The verdicts of JSONL, JSON or CSV files, in order.

    Raises:
        InputError: a row that cannot be read, or has no model, score or (where wanted) category; a pairwise file.
    """
    for path in paths:
        for row in read_rows(path):
            if isinstance(row, BadRow):
                raise InputError(
                    f"{row.file}:{row.line}: {row.code} {row.detail}", hint="mend the row; nothing is guessed"
                )
            yield _judgement(row, path, needs_category=needs_category)


def _judgement(row: Row, path: Path, *, needs_category: bool) -> Judgement:
    value, where = row.value, f"{row.file}:{row.line}"
    if "g1_winner" in value or "model_1" in value:
        raise InputError(f"{where} is a comparison of two models, not a score", hint="give the single-score file")
    category = str(value.get("category") or "").strip()
    if needs_category and not category:
        raise InputError(f"{where} has no category: it has {', '.join(map(str, value))}", hint="AlignBench has eight")
    model = next((" ".join(str(value[name]).split()) for name in _MODEL if value.get(name)), "") or path.stem
    texts = (str(value.get(name, "")) for name in _TEXTS)
    return Judgement(
        model=model,
        question=str(value.get("question_id", value.get("id", ""))),
        turn=_whole(value.get("turn", 1), where),
        category=category,
        score=_score(value, where),
        is_error=any(ERROR in text for text in texts),
    )


def _score(value: dict[str, Any], where: str) -> float:
    found = next((value[name] for name in _SCORE if name in value and not isinstance(value[name], dict)), None)
    if found is None:
        hint = "give verdicts, one a row: question_id, model, turn and score (a number, -1 for none)"
        raise InputError(f"{where} has no score: it has {', '.join(map(str, value))}", hint=hint)
    try:
        if isinstance(found, bool):
            raise ValueError("a flag")
        score = float(found)
    except (TypeError, ValueError) as why:
        raise InputError(f"{where}: the score {str(found)[:40]!r} is no number", hint="-1 stands for none") from why
    if score != -1 and not 0 <= score <= _MOST:  # true of what is no number, too
        raise InputError(f"{where}: the score {str(found)[:40]} is none of 0 to {_MOST}", hint="-1 stands for none")
    return score


def _whole(found: Any, where: str) -> int:
    try:
        return int(found)
    except (TypeError, ValueError) as why:
        raise InputError(f"{where}: the turn {str(found)[:40]!r} is no number", hint="1 or 2") from why
