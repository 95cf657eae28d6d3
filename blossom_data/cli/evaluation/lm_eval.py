"""What `evaluate lm-eval TASK...` does: the harness's tasks on a checkpoint, and their numbers as a table."""

from __future__ import annotations

from typing import Any

from blossom_data.cli import output
from blossom_data.cli.flags.common import Common
from blossom_data.cli.flags.evaluating import HarnessFlags, Tested
from blossom_data.errors import ConfigError


def run_harness(names: list[str], tested: Tested, harness: HarnessFlags, common: Common) -> int:
    """Runs the tasks `names`; gives the exit code."""
    from blossom_data.evaluate.harness import find_tasks, run_tasks
    from blossom_data.evaluate.tables import markdown
    from blossom_data.shards.dataset import write_atomic

    if not names:
        raise ConfigError("no task is named", hint="blossom-data evaluate lm-eval arc_easy hellaswag, or leaderboard")
    if tested.checkpoint is None or not tested.checkpoint.is_dir():
        hint = "--checkpoint FOLDER, as `train export` writes it; an endpoint is scored by evaluate's own suites"
        raise ConfigError("lm-eval tasks are run on a model folder", hint=hint)
    if tested.out is None:
        raise ConfigError("no output folder is named", hint="give -o FOLDER")
    tasks = find_tasks(names, tested.bench_dir)
    found = run_tasks(
        tasks,
        tested.checkpoint.resolve(),
        tested.out,
        limit=harness.limit,
        fewshot=harness.fewshot,
        batch=harness.batch_size,
    )
    table = markdown(_rows(found))
    write_atomic(tested.out / "lm-eval.md", f"# lm-eval: {tested.checkpoint.name}\n\n{table}\n".encode())
    if common.is_json:
        output.json_result({"model": tested.checkpoint.name, "tasks": found, "out": str(tested.out)})
    elif not common.is_quiet:
        output.result(table)
    return 0


def _rows(found: dict[str, dict[str, Any]]) -> list[list[str]]:
    """A line for each metric of each task, its standard error beside it."""
    rows = [["task", "metric", "value", "+/-"]]
    for task, metrics in found.items():
        for name, value in metrics.items():
            if "_stderr" in name or name in ("sample_len", "sample_count"):
                continue
            first, _, rest = name.partition(" ")
            error = metrics.get(f"{first}_stderr{f' {rest}' if rest else ''}")
            rows.append([task, name, f"{value:.4f}", f"{error:.4f}" if error is not None else "-"])
    return rows
