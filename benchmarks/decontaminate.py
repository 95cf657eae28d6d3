"""What `decontaminate` finds: leaks planted in real rows, false alarms on rows that are none, and the cost of a row.

    python benchmarks/decontaminate.py [--data ../shared/data] [--meaning 1500]

Planted are all items of GSM8K's test split: verbatim, wrapped to eight words a line, with a word in ten replaced, in
upper case among three times as much other text. No leaks are GSM8K train, Math23K and Alpaca. By meaning (--meaning
rows of each; 0 leaves it out). Translations are the good ones of translation_cases/, of instructions: half of their
sources are the test set, and those of the other half are no leaks.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from blossom_data.curate import Ruled
from blossom_data.curate.decontaminate import Decontaminate, Meaning, TestItem, read_items
from blossom_data.curate.decontaminate.ngrams import Ngrams
from blossom_data.curate.tokens import Tokenizer
from blossom_data.records import Message, Record

CASES = Path(__file__).resolve().parent / "translation_cases"


def read(path: Path, *fields: str) -> list[str]:
    return ["\n".join(json.loads(line)[name] for name in fields) for line in path.open()]


def translations() -> list[tuple[str, str]]:
    pairs: dict[str, str] = {}
    for file in sorted(CASES.glob("fresh_*.jsonl")):
        for case in map(json.loads, file.open()):
            if (case["label"], case["direction"], case["level"]) == ("good", "en-zh", "value") and len(
                case["source"]
            ) > 40:
                pairs.setdefault(case["source"], case["output"])
    return list(pairs.items())


def edits(train: list[str], alpaca: list[str], draw: random.Random) -> dict[str, Callable[[str], str]]:
    vocabulary = [word for text in train[:2000] for word in text.split() if word.isalpha() and len(word) > 3]

    def edited(text: str) -> str:
        words = text.split()
        for place in draw.sample(range(len(words)), max(1, round(0.1 * len(words)))):
            words[place] = draw.choice(vocabulary)
        return " ".join(words)

    def wrapped(text: str) -> str:
        words = text.split()
        return "\n".join(" ".join(words[at : at + 8]) for at in range(0, len(words), 8))

    def diluted(text: str) -> str:
        return f"{draw.choice(train)} {text.upper()}\n{draw.choice(alpaca)} {draw.choice(train)}"

    return {
        "verbatim": lambda text: text,
        "wrapped": wrapped,
        "10 % of words replaced": edited,
        "diluted": diluted,
        "diluted and edited": lambda text: diluted(edited(text)),
    }


def share(hits: Sequence[Any]) -> float:
    """Of texts with a hit: one, or a list of them that is not empty."""
    return sum(bool(hit) for hit in hits) / len(hits)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, default=Path(__file__).resolve().parents[2] / "shared/data")
    parser.add_argument("--meaning", type=int, default=1500)
    given = parser.parse_args()
    train = read(given.data / "gsm8k/train.jsonl", "question")
    others = {
        "GSM8K train": train,
        "Math23K": read(given.data / "math23k/math23k.jsonl", "original_text"),
        "Alpaca": read(given.data / "raw/alpaca_en_2000.jsonl", "instruction", "input"),
    }
    draw, tokenizer = random.Random(1), Tokenizer()
    items = read_items("gsm8k-test", None)
    index = Ngrams([*items, *read_items("mt-bench", None)], tokenizer)
    for name, edit in edits(train, others["Alpaca"], draw).items():
        print(f"  words    found  {name:<24} {share([index.find([edit(item.text)]) for item in items]):.4f}")
    for name, texts in others.items():
        began = time.process_time()
        hits = [index.find([text]) for text in texts]
        cost = 1e6 * (time.process_time() - began) / len(texts)
        print(f"  words    false  {name:<24} {share(hits):.4f}   {cost:.0f} us a row, its words included")
    if given.meaning:
        measure_meaning(items, others, given.meaning, tokenizer)


def measure_meaning(items: list[TestItem], others: dict[str, list[str]], rows: int, tokenizer: Tokenizer) -> None:
    meaning = Meaning(items, tokenizer)
    for name in ("GSM8K train", "Math23K"):
        texts = list(others[name])
        random.Random(2).shuffle(texts)
        began = time.process_time()
        hits = meaning.find(texts[:rows])
        print(
            f"  meaning  false  {name:<24} {share(hits):.4f}   {1e3 * (time.process_time() - began) / rows:.1f} ms a row"  # noqa: E501
        )
    pairs = translations()
    random.Random(5).shuffle(pairs)
    half = len(pairs) // 2
    meaning = Meaning(
        [TestItem("cases", str(place), source) for place, (source, _) in enumerate(pairs[:half])], tokenizer
    )
    for kind, part in (("found", pairs[:half]), ("false", pairs[half:])):
        print(f"  meaning  {kind}  {'translations':<24} {share(meaning.find([text for _, text in part])):.4f}")
    measure_judge(pairs, others["Math23K"], rows, tokenizer)


def measure_judge(pairs: list[tuple[str, str]], math: list[str], rows: int, tokenizer: Tokenizer) -> None:
    """What a judge that is always right adds: 100 translations among rows that hold none of the items."""
    half = len(pairs) // 2
    items = [TestItem("cases", str(place), source) for place, (source, _) in enumerate(pairs[:half])]
    random.Random(9).shuffle(math)
    texts = {f"leak {place}": text for place, (_, text) in enumerate(pairs[: min(100, half)])}
    others = [*math[:rows], *(text for _, text in pairs[half:])]
    texts |= {f"none {place}": text for place, text in enumerate(others)}
    records = [Record(name, "bench", "zh", (Message("user", text),)) for name, text in texts.items()]
    random.Random(3).shuffle(records)
    for doubts in ({}, None):
        measure = Decontaminate(items, tokenizer, meaning=Meaning(items, tokenizer), doubts=doubts)
        gone = [item.record.id for item, _ in measure((one, 0) for one in records) if isinstance(item, Ruled)]
        told = [
            name
            for name, likely in (doubts or {}).items()
            if name.startswith("leak") and any(each.item.id == name.split()[1] for each in likely)
        ]
        found, false = (sum(name.startswith(kind) for name in [*gone, *told]) for kind in ("leak", "none"))
        sent = f"{len(doubts) / len(records):.1%} of the rows sent" if doubts is not None else "no judge"
        print(f"  {sent:<24} found {found} of {min(100, half)}, false {false} of {len(others):,}")


if __name__ == "__main__":
    main()
