"""Writes what an evaluation says: scores.json, scores.md and scores.html, and the same for a comparison of several."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import orjson

from blossom_data.errors import InputError
from blossom_data.evaluate.difference import Difference, differ, question_scores, read_scores
from blossom_data.evaluate.page import page
from blossom_data.evaluate.results import SCORES
from blossom_data.evaluate.tables import Rows, markdown, suite_rows
from blossom_data.shards.dataset import write_atomic


def tables_of(scores: Mapping[str, Any]) -> list[tuple[str, Rows]]:
    """The table of each suite of one evaluation."""
    model = scores["model"]
    return [(suite, suite_rows(suite, {model: told})) for suite, told in scores["suites"].items()]


def told(tables: Sequence[tuple[str, Rows]], remarks: Sequence[str]) -> str:
    """Tables and remarks as Markdown."""
    parts = [f"## {suite}\n\n{markdown(rows)}" for suite, rows in tables]
    if remarks:
        parts.append("\n".join(f"- {remark}" for remark in remarks))
    return "\n\n".join(parts)


def write_scores(folder: Path, scores: Mapping[str, Any]) -> None:
    """Writes the three files; scores.json last, for it is what a finished evaluation is known by."""
    tables, title = tables_of(scores), f"Scores of {scores['model']}"
    write_atomic(folder / "scores.md", f"# {title}\n\n{told(tables, scores['remarks'])}\n".encode())
    write_atomic(folder / "scores.html", page(title, tables, scores["remarks"]))
    write_atomic(folder / SCORES, orjson.dumps(scores, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))


def compare(folders: Sequence[Path]) -> dict[str, Any]:
    """Finished evaluations side by side: the scores of all models, and how each differs from the one before it.

    Raises:
        InputError: a folder that is none, or no suite that all have.
    """
    scores = {folder: read_scores(folder) for folder in folders}
    names = _names(scores)
    shared = [
        suite
        for suite, result in scores[folders[0]]["suites"].items()
        if "wins" not in result and all(suite in each["suites"] for each in scores.values())
    ]
    if not shared:
        listed = "; ".join(f"{folder}: {', '.join(each['suites'])}" for folder, each in scores.items())
        raise InputError(f"these evaluations share no suite ({listed})", hint="evaluate both models on the same suites")
    suites: dict[str, Any] = {}
    for suite in shared:
        differences = []
        for first, second in pairwise(folders):
            found = differ(question_scores(first, suite), question_scores(second, suite))
            differences.append(_described(names[first], names[second], found))
        models = {names[folder]: scores[folder]["suites"][suite] for folder in folders}
        suites[suite] = {"models": models, "differences": differences}
    return {"suites": suites}


def _described(first: str, second: str, found: Difference | None) -> dict[str, Any]:
    words = found.told(first, second) if found else f"{first} and {second} share no question that has a score"
    return {"first": first, "second": second, **(found.to_dict() if found else {"n": 0}), "told": words}


def compared_tables(compared: Mapping[str, Any]) -> tuple[list[tuple[str, Rows]], list[str]]:
    """Tables and sentences of a comparison."""
    tables = [(suite, suite_rows(suite, each["models"])) for suite, each in compared["suites"].items()]
    sentences = [f"{suite}: {one['told']}" for suite, each in compared["suites"].items() for one in each["differences"]]
    return tables, sentences


def _names(scores: Mapping[Path, Mapping[str, Any]]) -> dict[Path, str]:
    """What each evaluation is called: its model, with its folder where two have one name."""
    models = [each["model"] for each in scores.values()]
    return {
        folder: each["model"] if models.count(each["model"]) == 1 else f"{each['model']} ({folder})"
        for folder, each in scores.items()
    }
