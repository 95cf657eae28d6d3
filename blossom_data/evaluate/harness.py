"""The leaderboard tasks through lm-evaluation-harness, on files that are here: nothing is fetched.

    BENCH/arc_easy/test.jsonl        rows as its data set on the hub has them, one file a split: train, validation, test
    BENCH/hellaswag.jsonl            the split that is scored alone, where no examples are shown (--fewshot 0)

For each task a small YAML is written that includes the harness's own and says where the rows are: prompts, choices and
metrics stay the harness's. It runs in a process of its own, offline, and its numbers are taken as it says them.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from blossom_data.errors import BlossomError, ConfigError, extra_hint, near_hint

LEADERBOARD = ("arc_challenge", "hellaswag", "mmlu", "truthfulqa_mc2", "winogrande", "gsm8k")
"""The tasks of the first Open LLM Leaderboard."""
_SPLITS = ("train", "validation", "test", "dev")
_ENDINGS = (".jsonl", ".json", ".parquet")
_NAME = re.compile(r"[A-Za-z0-9_\-]{1,80}")
_TASK = re.compile(r"""^["']?task["']?:\s*["']?([A-Za-z0-9_\-]+)["']?\s*$""", re.MULTILINE)
_FIELD = r"""^["']?{}["']?:\s*["']?([^"'\n]+)["']?\s*$"""
_PREFIX = "local_"
_TAIL_LINES = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A task of the harness with the rows that it will be run on."""

    name: str
    file: Path
    """The harness's own YAML."""
    data: Mapping[str, Path]
    """By split."""

    def to_yaml(self) -> str:
        """The YAML that includes the harness's own, with local rows in place of the hub's."""
        files = "".join(f"    {split}: {json.dumps(str(path.resolve()))}\n" for split, path in self.data.items())
        kind = "parquet" if next(iter(self.data.values())).suffix == ".parquet" else "json"
        lines = [
            f"include: {json.dumps(str(self.file))}",
            f"task: {_PREFIX}{self.name}",
            f"dataset_path: {kind}",
            "dataset_name: null",
            "dataset_kwargs:",
            "  data_files:",
        ]
        scored = "test" if "test" in self.data else "validation" if "validation" in self.data else ""
        splits = {"test_split": scored or next(iter(self.data)), "validation_split": None}
        splits["training_split"] = next((name for name in ("train", "dev") if name in self.data), None)
        splits["fewshot_split"] = splits["training_split"]
        told = "".join(f"{name}: {value or 'null'}\n" for name, value in splits.items())
        return "\n".join(lines) + f"\n{files}{told}"


def find_tasks(names: Sequence[str], bench_dir: Path | None) -> list[Task]:
    """The tasks with their rows; `mmlu` is all of its subjects, `leaderboard` the six of the leaderboard.

    Raises:
        ConfigError: the extra is missing, there is no such task, or its rows are not here: all are named.
    """
    if find_spec("lm_eval") is None:
        raise ConfigError("lm-evaluation-harness is not installed", hint=extra_hint("lm-eval"))
    if bench_dir is None:
        raise ConfigError(
            "lm-eval tasks are run on files that are here", hint="name their folder with --bench-dir or BLOSSOM_BENCH"
        )
    wanted = [each for name in names for each in (LEADERBOARD if name == "leaderboard" else (name,))]
    known = _known_tasks()
    leaves = [leaf for name in dict.fromkeys(wanted) for leaf in _leaves(name, known)]
    missing = [leaf for leaf in leaves if not _rows_of(leaf, bench_dir)]
    if missing:
        shown = "; ".join(f"{name} (from {_origin(known[name])})" for name in missing[:8])
        more = f" and {len(missing) - 8} more" if len(missing) > 8 else ""
        raise ConfigError(
            f"no rows in {bench_dir} for {shown}{more}",
            hint=f"put them there as {missing[0]}/test.jsonl (and train.jsonl for examples), or as {missing[0]}.jsonl",
        )
    return [Task(name=leaf, file=known[leaf], data=_rows_of(leaf, bench_dir)) for leaf in leaves]


def run_tasks(
    tasks: Sequence[Task], model: Path, out: Path, *, limit: int | None, fewshot: int | None, batch: int
) -> dict[str, dict[str, Any]]:
    """Runs the tasks on the model folder `model`; by task, what the harness says of each metric.

    Raises:
        BlossomError: the harness failed; its last words are told, all of them are in `out`/lm-eval.log.
    """
    folder = out / "lm-eval"
    folder.mkdir(parents=True, exist_ok=True)
    for task in tasks:
        (folder / f"{_PREFIX}{task.name}.yaml").write_text(task.to_yaml(), encoding="utf-8")
    command = [
        *(sys.executable, "-m", "lm_eval", "run", "--model", "hf", "--model_args", f"pretrained={model},dtype=auto"),
        *("--include_path", str(folder), "--tasks", ",".join(f"{_PREFIX}{task.name}" for task in tasks)),
        *("--output_path", str(folder / "results"), "--batch_size", str(batch)),
        *(("--limit", str(limit)) if limit else ()),
        *(("--num_fewshot", str(fewshot)) if fewshot is not None else ()),
    ]
    log = out / "lm-eval.log"
    before = set(folder.rglob("results*.json"))
    with log.open("wb") as told:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, stdout=told, stderr=told, env=_offline(folder), check=False
        )
    written = sorted(set(folder.rglob("results*.json")) - before, key=lambda path: path.stat().st_mtime)
    if done.returncode or not written:
        lines = [line.strip() for line in log.read_text("utf-8", "replace").splitlines() if line.strip()]
        told_last = " | ".join(lines[-_TAIL_LINES:])[-600:] or "nothing"
        raise BlossomError(f"lm-eval failed (exit code {done.returncode}): {told_last}", hint=f"all of it is in {log}")
    results = json.loads(written[-1].read_bytes())["results"]
    return {task.name: _metrics(results.get(f"{_PREFIX}{task.name}", {})) for task in tasks}


def _metrics(told: Mapping[str, Any]) -> dict[str, Any]:
    """`acc,none` -> `acc`; of several filters each under its own name."""
    numbers = {name: value for name, value in told.items() if isinstance(value, int | float)}
    return {name.removesuffix(",none").replace(",", " "): value for name, value in numbers.items()}


def _offline(folder: Path) -> dict[str, str]:
    """The environment of the harness: offline, and what it caches beside its results."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("BLOSSOM_", "OPENAI_"))}
    return {**kept, "HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "HF_DATASETS_CACHE": str(folder / "cache")}


def _known_tasks() -> dict[str, Path]:
    """The YAML of each task that the harness has, by its name."""
    spec = find_spec("lm_eval")
    assert spec is not None and spec.origin is not None
    found: dict[str, Path] = {}
    for path in sorted((Path(spec.origin).parent / "tasks").rglob("*.yaml")):
        if name := _TASK.search(path.read_text("utf-8", "replace")):
            found.setdefault(name[1], path)
    return found


def _leaves(name: str, known: Mapping[str, Path]) -> list[str]:
    if name == "mmlu":
        return sorted(task for task, path in known.items() if path.parent.parts[-2:] == ("mmlu", "default"))
    if name in known:
        return [name]
    raise ConfigError(f"lm-eval has no task {name}", hint=near_hint(name, [*known, "mmlu", "leaderboard"], "such as"))


def _rows_of(name: str, bench_dir: Path) -> dict[str, Path]:
    """The files of a task's rows by split."""
    if not _NAME.fullmatch(name):
        return {}
    found = {
        split: path
        for split in _SPLITS
        for ending in _ENDINGS
        if (path := bench_dir / name / f"{split}{ending}").is_file()
    }
    alone = next((path for ending in _ENDINGS if (path := bench_dir / f"{name}{ending}").is_file()), None)
    return found or ({"test": alone} if alone is not None else {})


def _origin(file: Path) -> str:
    """The data set of the hub whose rows a task wants."""
    text, seen = file.read_text("utf-8", "replace"), {file}
    while not (path := re.search(_FIELD.format("dataset_path"), text, re.MULTILINE)):
        include = re.search(_FIELD.format("include"), text, re.MULTILINE)
        if include is None or (above := file.parent / include[1].strip()) in seen or not above.is_file():
            return "its own data set"
        seen.add(above)
        text += "\n" + above.read_text("utf-8", "replace").replace("include", "included", 1)
    named = re.search(_FIELD.format("dataset_name"), text, re.MULTILINE)
    return path[1].strip() + (f", {named[1].strip()}" if named and named[1].strip() != "null" else "")
