"""How much of what a set asks a sample covers; the same figures for any draw, so that two can be compared.

    Coverage(clusters=250, cluster_entropy_bits=7.9, verb_objects=1412, instruction_entropy_bits=14.1,
             input_entropy_bits=13.8)

Clusters and their entropy go together: outliers alone touch many clusters and have a low entropy. Instructions and
inputs are apart: a set may ask one thing of many texts, or many things of one.

Source: verb and object pairs as in Self-Instruct (Wang et al. 2023), by word order alone: the first content word of an
instruction, and the next one.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from blossom_data.curate.tokens import CONTENT, Tokenizer, is_single
from blossom_data.records import Record


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """Entropies are of the distribution of clusters, or of pairs of words, in bits."""

    clusters: int
    cluster_entropy_bits: float
    verb_objects: int
    instruction_entropy_bits: float
    input_entropy_bits: float


def instruction_and_input(record: Record) -> tuple[str, str]:
    """What the first turn of a person asks (its first paragraph), and what it is asked of."""
    first = next((turn.content for turn in record.messages if turn.role == "user"), "")
    instruction, _, given = first.strip().partition("\n")
    return instruction, given.strip()


def coverage(records: Sequence[Record], clusters: Iterable[int]) -> Coverage:
    """The figures of `records`, each of which lies in the cluster that stands at its place in `clusters`."""
    tokenizer = Tokenizer()
    split = [instruction_and_input(record) for record in records]
    by_cluster = Counter(clusters)
    return Coverage(
        clusters=len(by_cluster),
        cluster_entropy_bits=round(_entropy_bits(by_cluster), 3),
        verb_objects=len({pair for instruction, _ in split if (pair := _verb_object(tokenizer, instruction))}),
        instruction_entropy_bits=round(_entropy_bits(_pairs(tokenizer, (one for one, _ in split))), 3),
        input_entropy_bits=round(_entropy_bits(_pairs(tokenizer, (other for _, other in split))), 3),
    )


def _pairs(tokenizer: Tokenizer, texts: Iterable[str]) -> Counter[tuple[str, str]]:
    return Counter(
        pair for text in texts for pair in itertools.pairwise(token.text for token in tokenizer.tokens(text))
    )


def _verb_object(tokenizer: Tokenizer, instruction: str) -> tuple[str, str] | None:
    """The first two content words; of a script without blanks, the first two pairs of characters."""
    words: list[str] = []
    run = ""
    for token in tokenizer.tokens(instruction):
        if token.kind == CONTENT and is_single(token.text):
            run += token.text
            if len(run) < 2:
                continue
            words.append(run)
        elif token.kind == CONTENT:
            words.append(token.text)
        run = ""
        if len(words) == 2:
            return words[0], words[1]
    return None


def _entropy_bits(counts: Counter[int] | Counter[tuple[str, str]]) -> float:
    total = counts.total()
    return -sum(number / total * math.log2(number / total) for number in counts.values()) if total else 0.0
