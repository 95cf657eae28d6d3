"""Novelty of `synthesize self-instruct` against exhaustive ROUGE-L: the same kept set, and how many comparisons.

    python benchmarks/novelty.py [N] [FILE ...]       N instructions (5,000), out of seed files or made up

The oracle is rouge-score with the same tokens, over all pairs in order; its time is that of plain Python.
"""

from __future__ import annotations

import random
import sys
import time

from rouge_score.rouge_scorer import _score_lcs

from blossom_data.synthesize.novelty import THRESHOLD, Novelty, tokens
from blossom_data.synthesize.seeds import read_seeds

VERBS = [
    "Compare",
    "Rank",
    "Sketch",
    "Explain",
    "Outline",
    "Summarise",
    "Classify",
    "Plan",
    "Debate",
    "Review",
    "Draft",
    "Estimate",
    "Trace",
    "Audit",
]
THINGS = [
    "bridges",
    "tariffs",
    "sonnets",
    "glaciers",
    "recipes",
    "circuits",
    "taxes",
    "orchards",
    "tides",
    "ballads",
    "ledgers",
    "vaccines",
]
PLACES = [
    "in Norway",
    "for children",
    "before winter",
    "at sea",
    "on Mars",
    "in a village",
    "under stress",
    "for a museum",
]
HAN = "山水火木金土日月星云雨雪风花鸟鱼虫米面茶酒盐油酱醋书画琴棋"


def invented(number: int, dice: random.Random) -> list[str]:
    """Instructions of few patterns, many of them near to each other."""
    found = []
    for _ in range(number):
        if dice.random() < 0.3:
            found.append(f"写一篇关于{''.join(dice.choices(HAN, k=4))}和{''.join(dice.choices(HAN, k=3))}的短文。")
            continue
        things = dice.sample(THINGS, 3)
        told = f"{dice.choice(VERBS)} {things[0]}, {things[1]} and {things[2]} {dice.choice(PLACES)}"
        found.append(f"{told} in {dice.randrange(3, 60)} {dice.choice(('steps', 'words', 'lines'))}.")
    return found


def exhaustive(texts: list[str]) -> tuple[list[str], int]:
    """The texts that rouge-score finds new, one after the other, and the pairs that it scored."""
    kept: list[tuple[str, list[str]]] = []
    pairs = 0
    for text in texts:
        words = tokens(text)
        for _, other in kept:
            pairs += 1
            # A quotient of whole numbers: what is 0.7 to the last bit but one is 0.7.
            if words and other and _score_lcs(other, words).fmeasure >= THRESHOLD - 1e-9:
                break
        else:
            kept.append((text, words))
    return [text for text, _ in kept], pairs


def main() -> None:
    number = int(sys.argv[1]) if len(sys.argv) > 1 else 5_000
    dice = random.Random(7)
    texts = [task.instruction for file in sys.argv[2:] for task in read_seeds(file)[0]][:number]
    texts += invented(number - len(texts), dice)
    dice.shuffle(texts)
    novelty, kept = Novelty(), []
    start = time.process_time()
    for text in texts:
        if novelty.nearest(text) is None:
            novelty.add(text)
            kept.append(text)
    ours_s = time.process_time() - start
    start = time.process_time()
    oracle, pairs = exhaustive(texts)
    oracle_s = time.process_time() - start
    print(f"{number:,} instructions, {len(kept):,} new; the same set as the oracle: {kept == oracle}")
    print(f"pairs scored: oracle {pairs:,}, here {novelty.compared:,} ({pairs / max(1, novelty.compared):,.0f}x fewer)")
    print(f"shared tokens counted: {novelty.candidates:,} pairs ({pairs / max(1, novelty.candidates):,.0f}x fewer)")
    print(f"CPU: oracle {oracle_s:.1f} s, here {ours_s:.2f} s ({oracle_s / ours_s:,.0f}x)")
    sys.exit(kept != oracle)


if __name__ == "__main__":
    main()
