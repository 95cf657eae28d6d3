"""What `dedup --semantic` finds: pairs that ask the same in other words, and pairs that only look so, at several cuts.

    python benchmarks/paraphrases.py

paraphrase_cases.jsonl holds 50 pairs of each kind in English and in Chinese, written before a score was seen: the
hard ones differ by a thing, a name, a side or a form in the same sentence. Each pair goes through the measure alone.
"""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path

from blossom_data.curate.dedup.paraphrases import LEAST, Paraphrases
from blossom_data.records import Message, Record

CASES = Path(__file__).resolve().parent / "paraphrase_cases.jsonl"
CUTS = (0.75, 0.80, 0.84, 0.86, 0.88, 0.90, 0.92, 0.94, 0.96)


def scores() -> dict[tuple[str, bool], list[float]]:
    """The score of each pair by language and label; 0.0 where numbers or negations keep it apart."""
    cases = [json.loads(line) for line in CASES.open(encoding="utf-8")]
    found: dict[tuple[str, bool], list[float]] = defaultdict(list)
    for case in cases:
        # Only two texts with one gold label are compared: a label for each pair keeps it alone.
        measure = Paraphrases(is_removing=False, least=-1.0)
        pair = [Record(name, "cases", case["lang"], (Message("user", case[name]),)) for name in ("one", "other")]
        list(measure((record, 0) for record in pair))
        found[case["lang"], case["is_same"]].append(measure.listed[0]["score"] if measure.listed else 0.0)
    return found


def main() -> None:
    found = scores()
    print("  cut    en found  en wrong  zh found  zh wrong  precision")
    for cut in CUTS:
        over = {key: sum(score >= cut for score in group) for key, group in found.items()}
        right, wrong = over["en", True] + over["zh", True], over["en", False] + over["zh", False]
        shares = [over[lang, label] / len(found[lang, label]) for lang in ("en", "zh") for label in (True, False)]
        cells = "".join(f"{share:10.0%}" for share in shares)
        print(f"  {cut:.2f}{cells}   {right / max(1, right + wrong):.2f}{'  <- the cut' if cut == LEAST else ''}")


if __name__ == "__main__":
    main()
