"""blossom-data evaluate."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from blossom_data.cli import output
from blossom_data.cli.flags.common import Common
from blossom_data.cli.flags.groups import as_command
from blossom_data.cli.flags.values import choice
from blossom_data.errors import InputError

SUITES = ("mt-bench", "alignbench")


@as_command("evaluate")
def command(
    common: Common,
    suite: Annotated[str, choice("--suite", among=SUITES, help="Whose rules count.")],
    judgements: Annotated[
        list[Path],
        typer.Option(
            "--from-judgements",
            metavar="FILE",
            exists=True,
            help="Verdicts that another tool wrote: FastChat's model_judgment, AlignBench's; again for more.",
        ),
    ],
) -> int:
    """Score models out of finished judgements, by the rules by which the suite's tables were published.

    MT-Bench averages over all verdicts but -1; AlignBench over categories, then over its two groups. What was dropped,
    stands twice or is an error is told beside the scores.

    Example: blossom-data evaluate --suite mt-bench --from-judgements gpt-4_single.jsonl
    """
    from blossom_data.evaluate.aggregate import alignbench, mt_bench
    from blossom_data.evaluate.judgements import read_judgements

    rows = read_judgements(judgements, needs_category=suite == "alignbench")
    models = mt_bench(rows) if suite == "mt-bench" else alignbench(rows)
    if not models:
        raise InputError(
            f"no verdict in {', '.join(map(str, judgements))}", hint="one JSON object a line, with a score"
        )
    if common.is_json:
        output.json_result({"suite": suite, "models": models})
    else:
        output.result(_mt_bench_table(models) if suite == "mt-bench" else _alignbench_table(models))
    return 0


def _mt_bench_table(models: dict[str, dict[str, Any]]) -> str:
    head = ["model", "turn 1", "turn 2", "average", "95 %", "n", "dropped", "double", "errors"]
    lines = []
    for name, told in models.items():
        interval = "{:.2f}-{:.2f}".format(*told["interval"]) if told["interval"] else "-"
        scores = [_score(told[key]) for key in ("turn_1", "turn_2", "average")]
        lines.append([name, *scores, interval, *(str(told[key]) for key in ("n", "dropped", "double", "errors"))])
    return _table([head, *lines])


def _alignbench_table(models: dict[str, dict[str, Any]]) -> str:
    from blossom_data.evaluate.aggregate import LANGUAGE, REASONING

    categories = [
        name for name in (*REASONING, *LANGUAGE) if any(name in told["categories"] for told in models.values())
    ]
    head = ["model", "overall", "reasoning", "language", *categories, "n", "-1 averaged in", "double", "errors"]
    lines = []
    for name, told in models.items():
        scores = [_score(told[key]) for key in ("overall", "reasoning", "language")]
        scores += [_score(told["categories"].get(category)) for category in categories]
        lines.append([name, *scores, *(str(told[key]) for key in ("n", "averaged_in", "double", "errors"))])
    notes = [f"{name}: no verdict on {', '.join(told['missing'])}" for name, told in models.items() if told["missing"]]
    return "\n".join([_table([head, *lines]), *notes])


def _table(rows: list[list[str]]) -> str:
    """A Markdown table."""
    lines = ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows]
    rule = "|---|" + "---:|" * (len(rows[0]) - 1)
    return "\n".join([lines[0], rule, *lines[1:]])


def _score(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"
