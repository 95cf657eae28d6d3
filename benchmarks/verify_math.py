"""Measure the final-answer check: speed, hostile inputs, accuracy on labelled cases, and the self-test on all golds.

    python benchmarks/verify_math.py            speed, hostile inputs, cases
    python benchmarks/verify_math.py --full     also every gold in 30 styles with all perturbations (minutes)
    python benchmarks/verify_math.py --json

The ordinary answers are the solutions of both data sets with endings as models write them; the ratio is to the
line that a user would otherwise write: a regex for the last number, compared as text. Exit status 1 when a bar
is missed.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "answers")]

from gold_forms import STYLES, failures, load_golds  # noqa: E402
from hostile_answers import hostile  # noqa: E402

from blossom_data.answers import check_answer, parse_gold  # noqa: E402

Row = tuple[str, str, str]
LAST_NUMBER = re.compile(r"-?[0-9][0-9,]*(?:\.[0-9]+)?")
ENDINGS = (
    "\n#### {}",
    "\nThe answer is {}.",
    "\n\n**Final Answer:** {}",
    "\n\nTherefore, the final answer is $\\boxed{{{}}}$.",
    "\n\nSo the total is {} in the end.",
    "\n答案是{}。",
    "\n答：一共{}个。",
    "\n\n因此，一共有 {} 个。",
)
MIN_CHECKS_PER_S = 30_000
LIMITS_S = {100_000: 0.050, 1_000_000: 0.300}


def ordinary_answers(shared: Path) -> list[Row]:
    """Return answers of ordinary length: GSM8K solutions and Math23K equations with eight kinds of ending."""
    rows: list[Row] = []
    for name in ("test", "train"):
        path = shared / "data" / "gsm8k" / f"{name}.jsonl"
        for line in path.read_text(encoding="utf-8").splitlines()[:1500]:
            record = json.loads(line)
            body, _, gold = record["answer"].rpartition("\n####")
            ending = ENDINGS[len(rows) % 5]
            rows.append((body + ending.format(gold.strip()), gold.strip(), record["question"]))
    lines = (shared / "data" / "math23k" / "math23k.jsonl").read_text(encoding="utf-8").splitlines()
    for line in lines[:3000]:
        record = json.loads(line)
        ending = ENDINGS[5 + len(rows) % 3]
        rows.append((f"解：{record['equation']}{ending.format(record['ans'])}", record["ans"], record["original_text"]))
    return rows


def is_last_number(answer: str, gold: str, _: str) -> bool:
    """Compare the last number of the answer with the gold label as text."""
    found = LAST_NUMBER.findall(answer)
    return bool(found) and found[-1].replace(",", "") == gold


def per_second(check: Callable[[str, str, str], object], rows: Sequence[Row], rounds: int) -> float:
    """Return the best rate of several rounds over all rows, in processor time of this one thread."""
    best_s = float("inf")
    for _ in range(rounds):
        start = time.process_time()
        for answer, gold, question in rows:
            check(answer, gold, question)
        best_s = min(best_s, time.process_time() - start)
    return len(rows) / best_s


def measure_speed(shared: Path, rounds: int) -> dict[str, float]:
    """Return checks per second, those of the last-number regex, and how many rows each accepts."""
    rows = ordinary_answers(shared)
    checks = per_second(check_answer, rows, rounds)
    naive = per_second(is_last_number, rows, rounds)
    accepted = sum(check_answer(answer, gold, question).verdict == "correct" for answer, gold, question in rows)
    return {
        "rows": len(rows),
        "checks_per_s": round(checks),
        "last_number_per_s": round(naive),
        "ratio": round(checks / naive, 3),
        "accepted_share": round(accepted / len(rows), 5),
        "last_number_accepted_share": round(sum(is_last_number(*row) for row in rows) / len(rows), 5),
    }


def measure_hostile() -> dict[str, float | str]:
    """Return the slowest hostile input of each length, and the peak memory of the long ones."""
    result: dict[str, float | str] = {}
    for length in LIMITS_S:
        worst_s, worst = 0.0, ""
        for name, text in hostile(length):
            start = time.process_time()
            check_answer(text, "18", question=text)
            parse_gold(text)
            spent_s = time.process_time() - start
            if spent_s > worst_s:
                worst_s, worst = spent_s, name
        result[f"worst_{length}_ms"] = round(1000 * worst_s, 2)
        result[f"worst_{length}_input"] = worst
    tracemalloc.start()
    for _, text in hostile(1_000_000):
        before, _ = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        check_answer(text, "18", question=text)
        growth = (tracemalloc.get_traced_memory()[1] - before) / 2**20
        result["memory_growth_mb"] = max(float(result.get("memory_growth_mb", 0.0)), round(growth, 2))
    tracemalloc.stop()
    return result


def measure_cases() -> dict[str, float]:
    """Return how many of the labelled cases get their verdict, and how many wrong ones are accepted."""
    files = [
        ROOT / "tests" / "answers" / name
        for name in ("cases.jsonl", "cases_fresh.jsonl", "cases_blind.jsonl", "cases_unseen.jsonl")
    ]
    lines = [line for file in files for line in file.read_text(encoding="utf-8").splitlines()]
    right = false_accepts = false_rejects = 0
    for case in map(json.loads, lines):
        finish_reason = case.get("finish_reason", "stop")
        verdict = check_answer(case["answer"], case["gold"], case["question"], finish_reason).verdict
        is_accepted, should_be = verdict == "correct", case["verdict"] == "correct"
        right += verdict == case["verdict"] or (case["verdict"] == "rejected" and not is_accepted)
        false_accepts += is_accepted and not should_be
        false_rejects += should_be and not is_accepted
    return {"cases": len(lines), "right": right, "false_accepts": false_accepts, "false_rejects": false_rejects}


def measure_import() -> float:
    """Return the best time of importing the package in a fresh interpreter with bytecode, as installed, in ms."""
    code = "import time; s = time.perf_counter(); import blossom_data.answers; print(time.perf_counter() - s)"
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "PYTHONPYCACHEPREFIX": folder, "PYTHONDONTWRITEBYTECODE": ""}
        runs = [
            subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, check=True)
            for _ in range(6)
        ]
    return round(1000 * min(float(run.stdout) for run in runs), 1)


def self_test(shared: Path, is_full: bool) -> dict[str, object]:
    """Run the self-test: every gold once, or every gold in every style."""

    def verdict(answer: str, gold: str, question: str) -> str:
        return check_answer(answer, gold, question).verdict

    forms = list(load_golds(shared))
    found: list[str] = []
    start = time.perf_counter()
    for index, form in enumerate(forms):
        found += failures([form], _styles(index, is_full), verdict)
    return {
        "golds": len(forms),
        "styles_each": len(STYLES) if is_full else 1,
        "failures": len(found),
        "examples": found[:5],
        "seconds": round(time.perf_counter() - start, 1),
    }


def _styles(index: int, is_full: bool) -> range:
    style = index % len(STYLES)
    return range(len(STYLES)) if is_full else range(style, style + 1)


def missed_bars(report: dict[str, dict[str, object]]) -> list[str]:
    """Return the bars that the measurements miss."""
    speed, cases, worst = report["speed"], report["cases"], report["hostile"]
    missed = []
    if float(str(speed["checks_per_s"])) < MIN_CHECKS_PER_S:
        missed.append(f"speed {speed['checks_per_s']}/s < {MIN_CHECKS_PER_S}/s")
    for length, limit_s in LIMITS_S.items():
        if float(str(worst[f"worst_{length}_ms"])) > 1000 * limit_s:
            missed.append(f"{length} characters: {worst[f'worst_{length}_ms']} ms > {1000 * limit_s:.0f} ms")
    if float(str(worst["memory_growth_mb"])) >= 50:
        missed.append(f"memory growth {worst['memory_growth_mb']} MB")
    if cases["false_accepts"] or float(str(cases["right"])) < 0.985 * float(str(cases["cases"])):
        missed.append(f"cases: {cases}")
    if report["self_test"]["failures"]:
        missed.append(f"self-test: {report['self_test']['failures']} failures")
    if float(str(report["import"]["ms"])) > 50:
        missed.append(f"import {report['import']['ms']} ms")
    return missed


def main() -> int:
    """Measure, print, and return 1 when a bar is missed."""
    parser = argparse.ArgumentParser(description="Measure the final-answer check.")
    parser.add_argument("--shared", type=Path, default=ROOT.parent / "shared", help="folder that holds data/")
    parser.add_argument("--rounds", type=int, default=5, help="rounds of the speed test; the best one counts")
    parser.add_argument("--full", action="store_true", help="self-test with all golds in all styles (minutes)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    report: dict[str, dict[str, object]] = {
        "import": {"ms": measure_import()},
        "speed": {**measure_speed(options.shared, options.rounds)},
        "hostile": {**measure_hostile()},
        "cases": {**measure_cases()},
        "self_test": self_test(options.shared, options.full),
    }
    missed = missed_bars(report)
    if options.json:
        lines = json.dumps({**report, "missed": missed}, ensure_ascii=False)
    else:
        shown = [f"{part}.{name} = {value}" for part, values in report.items() for name, value in values.items()]
        lines = "\n".join([*shown, *(f"MISSED {bar}" for bar in missed)])
    sys.stdout.write(lines + "\n")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
