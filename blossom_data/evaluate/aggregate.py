"""Scores of models out of verdicts, by the rules by which they were published.

    mt_bench(judgements)["vicuna"]      {"turn_1": 8.08, "turn_2": 7.81, "average": 7.94, "n": 160, "dropped": 0, ...}
    alignbench(judgements)["blossom"]   {"overall": 6.78, "reasoning": 5.78, "language": 7.77, "categories": {...}, ...}

MT-Bench: a verdict of -1 is dropped, one that stands twice counts twice, and the average is over all rows, not over the
two turns. AlignBench: the mean of each category, of the categories of each of its two groups, and of the two groups;
a -1 is averaged in, as it was for the published tables. Both say how often that happened. Suites with gold labels are
a share of right answers, and any other file the mean of its verdicts.

Source: `show_result.py` of FastChat's `llm_judge` (display_result_single), and of AlignBench.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from statistics import fmean
from typing import Any

from blossom_data.evaluate.judgements import Judgement
from blossom_data.report.intervals import bootstrap, wilson

REASONING = ("逻辑推理", "数学计算")
LANGUAGE = ("专业能力", "中文理解", "基本任务", "文本写作", "综合问答", "角色扮演")
_NONE = -1


def mt_bench(judgements: Iterable[Judgement]) -> dict[str, dict[str, Any]]:
    """By model, best average first; a score is None where no verdict counts.

    `interval` are the 2.5 and 97.5 percentiles of the average over questions drawn anew (bootstrap, seed 0).
    """
    scored = {model: _mt_bench(rows) for model, rows in _by_model(judgements).items()}
    return dict(sorted(scored.items(), key=lambda entry: (-(entry[1]["average"] or 0), entry[0])))


def _mt_bench(rows: Sequence[Judgement]) -> dict[str, Any]:
    counted = [row for row in rows if row.score != _NONE]
    return {
        "turn_1": _mean(row.score for row in counted if row.turn == 1),
        "turn_2": _mean(row.score for row in counted if row.turn == 2),
        "average": _mean(row.score for row in counted),
        "interval": _interval(counted),
        "categories": _categories(counted),
        "n": len(counted),
        "dropped": len(rows) - len(counted),
        "double": len(rows) - len({(row.question, row.turn) for row in rows}),
        "errors": sum(row.is_error for row in rows),
    }


def accuracy(judgements: Iterable[Judgement]) -> dict[str, dict[str, Any]]:
    """By model, best first: the share of right answers (score 1) with its 95 % interval (Wilson)."""
    scored = {model: _accuracy(rows) for model, rows in _by_model(judgements).items()}
    return dict(sorted(scored.items(), key=lambda entry: (-(entry[1]["accuracy"] or 0), entry[0])))


def _accuracy(rows: Sequence[Judgement]) -> dict[str, Any]:
    right = sum(row.score == 1 for row in rows)
    return {
        "accuracy": right / len(rows) if rows else None,
        "interval": wilson(right, len(rows)),
        "correct": right,
        "n": len(rows),
        "categories": _categories(rows),
    }


def mean_score(judgements: Iterable[Judgement]) -> dict[str, dict[str, Any]]:
    """By model, best first: the mean of all verdicts other than -1, over all and by category, with its interval."""
    scored = {model: _mean_score(rows) for model, rows in _by_model(judgements).items()}
    return dict(sorted(scored.items(), key=lambda entry: (-(entry[1]["average"] or 0), entry[0])))


def _mean_score(rows: Sequence[Judgement]) -> dict[str, Any]:
    counted = [row for row in rows if row.score != _NONE]
    return {
        "average": _mean(row.score for row in counted),
        "interval": _interval(counted),
        "categories": _categories(counted),
        "n": len(counted),
        "dropped": len(rows) - len(counted),
    }


def _categories(rows: Iterable[Judgement]) -> dict[str, float]:
    found: dict[str, list[float]] = defaultdict(list)
    for row in rows:
        if row.category:
            found[row.category].append(row.score)
    return {name: fmean(scores) for name, scores in sorted(found.items())}


def alignbench(judgements: Iterable[Judgement]) -> dict[str, dict[str, Any]]:
    """By model, best overall score first; a group without any of its categories is None, and so is overall then."""
    scored = {model: _alignbench(rows) for model, rows in _by_model(judgements).items()}
    return dict(sorted(scored.items(), key=lambda entry: (-(entry[1]["overall"] or 0), entry[0])))


def _alignbench(rows: Sequence[Judgement]) -> dict[str, Any]:
    by_category: dict[str, list[float]] = defaultdict(list)
    for row in rows:
        by_category[row.category].append(row.score)
    categories = {name: fmean(scores) for name, scores in sorted(by_category.items())}
    groups = [_mean(categories[name] for name in group if name in categories) for group in (REASONING, LANGUAGE)]
    reasoning, language = groups
    return {
        "overall": (reasoning + language) / 2 if reasoning is not None and language is not None else None,
        "reasoning": reasoning,
        "language": language,
        "categories": categories,
        "n": len(rows),
        "averaged_in": sum(row.score == _NONE for row in rows),
        "double": len(rows) - len({(row.question or number, row.category) for number, row in enumerate(rows)}),
        "errors": sum(row.is_error for row in rows),
        "missing": [name for name in (*REASONING, *LANGUAGE) if name not in categories],
        "unknown": [name for name in categories if name not in (*REASONING, *LANGUAGE)],
    }


def _by_model(judgements: Iterable[Judgement]) -> dict[str, list[Judgement]]:
    found: dict[str, list[Judgement]] = defaultdict(list)
    for judgement in judgements:
        found[judgement.model].append(judgement)
    return found


def by_question(rows: Iterable[Judgement]) -> dict[str, list[float]]:
    """The scores of each question."""
    found: dict[str, list[float]] = defaultdict(list)
    for row in rows:
        found[row.question].append(row.score)
    return found


def _mean(scores: Iterable[float]) -> float | None:
    listed = list(scores)
    return fmean(listed) if listed else None


def _interval(rows: Sequence[Judgement]) -> tuple[float, float] | None:
    return bootstrap([scores for _, scores in sorted(by_question(rows).items())])
