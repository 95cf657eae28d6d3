"""What `dedup --semantic` finds: pairs that ask the same in other words, and pairs that only look so, at several cuts.

    python benchmarks/paraphrases.py

paraphrase_cases.jsonl holds 50 pairs of each kind in English and in Chinese, written before a score was seen: the
hard ones differ by a thing, a name, a side or a form in the same sentence. Each pair goes through the measure alone.
The cut and the share of common words were set on the cases of even places; those of odd ones are told apart.
"""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path

from blossom_data.curate.dedup.paraphrases import LEAST, Paraphrases
from blossom_data.records import Message, Record

CASES = Path(__file__).resolve().parent / "paraphrase_cases.jsonl"
CUTS = (0.60, 0.65, 0.70, 0.75, 0.80, 0.85, 0.88)


def scores() -> dict[tuple[int, str, bool], list[float]]:
    """The score of each pair by half, language and label; 0.0 where it is told to be none whatever the cut."""
    cases = [json.loads(line) for line in CASES.open(encoding="utf-8")]
    # Only texts with one gold label are compared: a label for each pair keeps pairs from each other.
    records = [
        Record(f"{place} {name}", "cases", case["lang"], (Message("user", case[name]),), gold=str(place))
        for place, case in enumerate(cases)
        for name in ("one", "other")
    ]
    measure = Paraphrases(is_removing=False, least=-1.0)
    list(measure((record, 0) for record in records))
    by_place = {int(pair["id"].split()[0]): pair["score"] for pair in measure.listed}
    found: dict[tuple[int, str, bool], list[float]] = defaultdict(list)
    for place, case in enumerate(cases):
        found[place % 2, case["lang"], case["is_same"]].append(by_place.get(place, 0.0))
    return found


def main() -> None:
    found = scores()
    for half, told in ((0, "half that the cut was set on"), (1, "the other half")):
        print(f"{told}\n  cut    en found  en wrong  zh found  zh wrong  precision")
        for cut in CUTS:
            over = {key[1:]: sum(score >= cut for score in group) for key, group in found.items() if key[0] == half}
            right, wrong = over["en", True] + over["zh", True], over["en", False] + over["zh", False]
            shares = [
                over[key] / len(found[half, *key]) for key in ((a, b) for a in ("en", "zh") for b in (True, False))
            ]
            cells = "".join(f"{share:10.0%}" for share in shares)
            print(f"  {cut:.2f}{cells}   {right / max(1, right + wrong):.2f}{'  <- the cut' if cut == LEAST else ''}")


if __name__ == "__main__":
    main()
