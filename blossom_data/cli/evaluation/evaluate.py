"""blossom-data evaluate."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from blossom_data.cli import output
from blossom_data.cli.flags.common import CommonOfLong
from blossom_data.cli.flags.endpoint import Asking
from blossom_data.cli.flags.evaluating import HarnessFlags, JudgeFlags, Tested
from blossom_data.cli.flags.groups import as_command
from blossom_data.cli.flags.values import choice, switch
from blossom_data.errors import ConfigError, InputError

SUITES = ("mt-bench", "alignbench")
HARNESS = "lm-eval"


@as_command("evaluate")
def command(
    tested: Tested,
    judging: JudgeFlags,
    asking: Asking,
    harness: HarnessFlags,
    common: CommonOfLong,
    given: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="SUITE|FILE",
            help="gsm8k, math23k, mt-bench, alignbench, belle, or a JSONL file of {prompt|messages, reference?, "
            "category?, rubric?, gold?}; NAME:N for its first N questions. With --compare: finished evaluations; "
            "behind lm-eval: tasks of lm-evaluation-harness.",
        ),
    ] = None,
    is_comparing: Annotated[
        bool, switch("--compare", help="Set finished evaluations (folders) side by side; nothing is asked.")
    ] = False,
    suite: Annotated[
        str | None, choice("--suite", among=SUITES, help="With --from-judgements: whose rules count.")
    ] = None,
    judgements: Annotated[
        list[Path] | None,
        typer.Option(
            "--from-judgements",
            metavar="FILE",
            exists=True,
            help="Score finished verdicts, also another tool's: FastChat's model_judgment, AlignBench's; again for "
            "more.",
        ),
    ] = None,
) -> int:
    """Score a model on suites and files of questions: with gold labels exactly, else by a judge.

    Answers and verdicts are bought through the ledger: the same command again asks for nothing twice. --compare says
    whether one model is better than another or the difference is noise; --from-judgements scores finished verdicts.

    Example: blossom-data evaluate gsm8k:100 -o eval/qwen --base-url http://127.0.0.1:8000/v1 --model qwen2.5-7b
    """
    if judgements or suite:
        if not (judgements and suite) or given or is_comparing:
            hint = "such as --suite mt-bench --from-judgements gpt-4_single.jsonl, and no suite beside it"
            raise ConfigError("--suite and --from-judgements belong together", hint=hint)
        return _score_judgements(judgements, suite, common)
    if not given:
        hint = "gsm8k, math23k, mt-bench, alignbench, belle, or a JSONL file; blossom-data evaluate --help"
        raise ConfigError("no suite is named", hint=hint)
    if given[0] == HARNESS:
        from blossom_data.cli.evaluation.lm_eval import run_harness

        return run_harness(given[1:], tested, harness, common)
    if harness.limit or harness.fewshot is not None:
        raise ConfigError("--limit and --fewshot are of lm-eval", hint="NAME:N takes the first N questions of a suite")
    if is_comparing:
        return _compare([Path(each) for each in given], common)
    from blossom_data.cli.evaluation.running import evaluate

    return evaluate(given, tested, judging, asking, common)


def _score_judgements(judgements: list[Path], suite: str, common: CommonOfLong) -> int:
    from blossom_data.evaluate.aggregate import alignbench, mt_bench
    from blossom_data.evaluate.judgements import read_judgements
    from blossom_data.evaluate.tables import markdown, suite_rows

    rows = read_judgements(judgements, needs_category=suite == "alignbench")
    models = mt_bench(rows) if suite == "mt-bench" else alignbench(rows)
    if not models:
        raise InputError(
            f"no verdict in {', '.join(map(str, judgements))}", hint="one JSON object a line, with a score"
        )
    if common.is_json:
        output.json_result({"suite": suite, "models": models})
    else:
        output.result("\n".join([markdown(suite_rows(suite, models)), *_missing(models)]))
    return 0


def _missing(models: dict[str, dict[str, Any]]) -> list[str]:
    """The categories of AlignBench that a model has no verdict on."""
    return [
        f"{name}: no verdict on {', '.join(told['missing'])}" for name, told in models.items() if told.get("missing")
    ]


def _compare(folders: list[Path], common: CommonOfLong) -> int:
    from blossom_data.evaluate.report import compare, compared_tables, told

    if len(folders) < 2:
        raise ConfigError("--compare takes two evaluations or more", hint="blossom-data evaluate --compare A B")
    compared = compare(folders)
    if common.is_json:
        output.json_result(compared)
    else:
        output.result(told(*compared_tables(compared)))
    return 0
