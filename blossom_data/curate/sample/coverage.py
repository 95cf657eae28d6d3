"""How much of what a set asks a sample covers; the same figures for any draw, so that two can be compared.

    Coverage(clusters=250, cluster_entropy_bits=7.9, verb_objects=1412, instruction_entropy_bits=14.1,
             input_entropy_bits=13.8)

Clusters and their entropy go together: outliers alone touch many clusters and have a low entropy. Instructions and
inputs are apart: a set may ask one thing of many texts, or many things of one.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from blossom_data.curate.tokens import Tokenizer
from blossom_data.curate.verb_objects import instruction_and_input, verb_object
from blossom_data.records import Record


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """Entropies are of the distribution of clusters, or of pairs of words, in bits."""

    clusters: int
    cluster_entropy_bits: float
    verb_objects: int
    instruction_entropy_bits: float
    input_entropy_bits: float


def coverage(records: Sequence[Record], clusters: Iterable[int]) -> Coverage:
    """The figures of `records`, each of which lies in the cluster that stands at its place in `clusters`."""
    tokenizer = Tokenizer()
    split = [instruction_and_input(record) for record in records]
    by_cluster = Counter(clusters)
    return Coverage(
        clusters=len(by_cluster),
        cluster_entropy_bits=round(_entropy_bits(by_cluster), 3),
        verb_objects=len({pair for instruction, _ in split if (pair := verb_object(tokenizer, instruction))}),
        instruction_entropy_bits=round(_entropy_bits(_pairs(tokenizer, (one for one, _ in split))), 3),
        input_entropy_bits=round(_entropy_bits(_pairs(tokenizer, (other for _, other in split))), 3),
    )


def _pairs(tokenizer: Tokenizer, texts: Iterable[str]) -> Counter[tuple[str, str]]:
    return Counter(
        pair for text in texts for pair in itertools.pairwise(token.text for token in tokenizer.tokens(text))
    )


def _entropy_bits(counts: Counter[int] | Counter[tuple[str, str]]) -> float:
    total = counts.total()
    return -sum(number / total * math.log2(number / total) for number in counts.values()) if total else 0.0
