"""What the measures that read every text cost, beside cutting the same texts into words, in one run.

    python benchmarks/measures.py [--data ../shared/data] [--rows 10000] [--rounds 3]

The baseline is one pass of `re.findall(r"\\w+")` over the same questions. Each figure is microseconds of CPU a row, the
median over the rounds, and the ratio to the baseline of the same round.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import re
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from blossom_data.curate.pii import find_pii
from blossom_data.curate.sample import Sample
from blossom_data.curate.style import style_consistency
from blossom_data.records import Message, Record

_WORD = re.compile(r"\w+")


def read(data: Path, rows: int) -> list[Record]:
    """GSM8K and Math23K questions, each with a solution, half of each."""
    made = []
    with (data / "gsm8k/train.jsonl").open(encoding="utf-8") as file:
        for line in itertools.islice(file, rows // 2):
            row = json.loads(line)
            made.append(("gsm8k", "en", row["question"], row["answer"]))
    with (data / "math23k/math23k.jsonl").open(encoding="utf-8") as file:
        for line in itertools.islice(file, rows - len(made)):
            row = json.loads(line)
            made.append(("math23k", "zh", row["original_text"], f"{row['equation']}，答案是{row['ans']}。"))
    return [
        Record(
            id=str(at),
            source=f"{source}-{at % 2}",
            lang=lang,
            messages=(Message("user", asked), Message("assistant", answer)),
        )
        for at, (source, lang, asked, answer) in enumerate(made)
    ]


def words(records: Sequence[Record]) -> None:
    for record in records:
        _WORD.findall(record.messages[0].content)


def pii(records: Sequence[Record]) -> None:
    for record in records:
        find_pii(record.messages[0].content, record.lang)


def diverse(records: Sequence[Record]) -> None:
    list(Sample(len(records) // 10, by="diversity")((record, 0) for record in records))


def style(records: Sequence[Record]) -> None:
    style_consistency(records)


def cpu_s(work: Callable[[Sequence[Record]], None], records: Sequence[Record]) -> float:
    began = time.process_time()
    work(records)
    return time.process_time() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    if not asked.data.exists():
        print(f"{asked.data} is not there: nothing was measured")
        return
    records = read(asked.data, asked.rows)
    figures: dict[str, list[tuple[float, float]]] = {}
    for _ in range(asked.rounds):
        bare_s = cpu_s(words, records)
        for name, work in (("words", words), ("pii", pii), ("sample by diversity", diverse), ("style", style)):
            took_s = cpu_s(work, records)
            figures.setdefault(name, []).append((1e6 * took_s / len(records), took_s / bare_s))
    print(f"{len(records):,} rows, {asked.rounds} rounds")
    for name, rounds in figures.items():
        each, ratio = (statistics.median(values) for values in zip(*rounds, strict=True))
        print(f"  {name:<22} {each:8.1f} us a row   {ratio:6.1f} x words")


if __name__ == "__main__":
    main()
