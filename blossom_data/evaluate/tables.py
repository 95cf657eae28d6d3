"""Scores as tables, model by category, in the layout in which such tables are published; Markdown.

| model | overall | reasoning | language | 逻辑推理 | 数学计算 | ...
| model | turn 1 | turn 2 | average | 95 % | ...
| model | accuracy | 95 % | correct | n |
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from blossom_data.evaluate.aggregate import LANGUAGE, REASONING

Models = Mapping[str, Mapping[str, Any]]
Rows = list[list[str]]


def suite_rows(suite: str, models: Models) -> Rows:
    """Head and lines of the table of a suite."""
    told = next(iter(models.values()))
    if "accuracy" in told:
        return _accuracy_rows(models)
    if "wins" in told:
        return _pair_rows(models)
    if suite == "alignbench" and "reasoning" in told:
        return alignbench_rows(models)
    return mt_bench_rows(models) if "turn_1" in told else _mean_rows(models)


def mt_bench_rows(models: Models) -> Rows:
    """Turns, average and categories of MT-Bench."""
    head = ["model", "turn 1", "turn 2", "average", "95 %"]
    return _with_categories(
        models,
        head,
        lambda told: [*(score(told[key]) for key in ("turn_1", "turn_2", "average")), span(told)],
        ("n", "dropped", "double", "errors"),
    )


def alignbench_rows(models: Models) -> Rows:
    """The groups and categories of AlignBench, in the order of its own table."""
    listed = (*REASONING, *LANGUAGE)
    shown = [name for name in listed if any(name in told["categories"] for told in models.values())]
    head = ["model", "overall", "reasoning", "language", *shown, "n", "-1 averaged in", "double", "errors"]
    lines = [
        [
            name,
            *(score(told[key]) for key in ("overall", "reasoning", "language")),
            *(score(told["categories"].get(category)) for category in shown),
            *(str(told[key]) for key in ("n", "averaged_in", "double", "errors")),
        ]
        for name, told in models.items()
    ]
    return [head, *lines]


def _mean_rows(models: Models) -> Rows:
    head = ["model", "average", "95 %"]
    return _with_categories(models, head, lambda told: [score(told["average"]), span(told)], ("n", "dropped"))


def _accuracy_rows(models: Models) -> Rows:
    lines = [
        [name, percent(told["accuracy"]), span(told, percent), str(told["correct"]), str(told["n"])]
        for name, told in models.items()
    ]
    return [["model", "accuracy", "95 %", "correct", "n"], *lines]


def _pair_rows(models: Models) -> Rows:
    keys = ("wins", "losses", "ties", "inconsistent", "dropped", "n")
    lines = [
        [name, _win_rate(told), percent(told["win_rate_with_half_ties"]), *(str(told[key]) for key in keys)]
        for name, told in models.items()
    ]
    return [["model", "win rate", "ties as halves", *keys], *lines]


def _win_rate(told: Mapping[str, Any]) -> str:
    is_undecided = told["n"] and not told["wins"] + told["losses"]
    return "no decided pair" if is_undecided else percent(told["win_rate"])


def _with_categories(models: Models, head: list[str], first: Any, counts: Sequence[str]) -> Rows:
    names = sorted({name for told in models.values() for name in told.get("categories", ())})
    shown = [key for key in counts if any(key in told for told in models.values())]
    lines = [
        [
            name,
            *first(told),
            *(score(told.get("categories", {}).get(category)) for category in names),
            *(str(told.get(key, 0)) for key in shown),
        ]
        for name, told in models.items()
    ]
    return [[*head, *names, *shown], *lines]


def markdown(rows: Rows) -> str:
    """A Markdown table; what a name holds cannot break it."""
    lines = ["| " + " | ".join(_cell(cell) for cell in row) + " |" for row in rows]
    rule = "|---|" + "---:|" * (len(rows[0]) - 1)
    return "\n".join([lines[0], rule, *lines[1:]])


def _cell(text: str) -> str:
    return " ".join(text.replace("\\", "\\\\").replace("|", "\\|").split())


def score(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def percent(value: float | None) -> str:
    return "-" if value is None else f"{value:.1%}"


def span(told: Mapping[str, Any], tell: Any = score) -> str:
    """`6.90-7.41`, `-` for none."""
    return "-".join(tell(end) for end in told["interval"]) if told.get("interval") else "-"
