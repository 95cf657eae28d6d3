"""MinHash signatures of a block of rows at once, cut into bands: rows that share a band key are worth comparing.

    keys = band_keys(codes, ends)        uint32 [BANDS, rows]

A row's shingles are its words and their bigrams; courtesy and punctuation are left out. Into each key goes the hash of
the row's numbers and negations: rows with other ones never meet. Two rows whose shingles have the Jaccard similarity j
share a band with the probability 1 - (1 - j**4)**32: 99.98 % at 0.7, 98.8 % at 0.6.

Source: Broder, On the resemblance and containment of documents (1997); Leskovec, Rajaraman, Ullman, Mining of Massive
Datasets, 3.4.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from blossom_data.curate.tokens import COURTESY, KIND_BITS, NUMBER

BANDS, ROWS = 32, 4
_LEAST_CONTENT = 2
"""A row with fewer content words is told by all of its words."""
_KIND = np.uint64((1 << KIND_BITS) - 1)
_MIX_A, _MIX_B = np.uint64(0xFF51AFD7ED558CCD), np.uint64(0xC4CEB9FE1A85EC53)
_BIGRAM = np.uint64(0x9E3779B97F4A7C15)
_SHIFT = np.uint64(32)
Array = Any
"""A numpy array."""


def _constants(seed: int, count: int) -> Array:
    return np.random.Generator(np.random.PCG64(seed)).integers(1, 2**31, count, dtype=np.uint32) * np.uint32(2) + 1


_FACTORS, _MASKS = _constants(1, BANDS * ROWS), _constants(2, BANDS * ROWS)


@dataclass(frozen=True, slots=True)
class Shingles:
    """The shingles of a block of rows: `hashes` uint64, those of row k from starts[k] to starts[k + 1]."""

    hashes: Array
    starts: Array


def mixed(values: Array) -> Array:
    """A hash of each 64-bit value.

    Source: the finaliser of MurmurHash3.
    """
    values = (values ^ (values >> np.uint64(33))) * _MIX_A
    values = (values ^ (values >> np.uint64(33))) * _MIX_B
    return values ^ (values >> np.uint64(33))


def shingles(codes: Array, rows: Array, count: int) -> Shingles:
    """The words and bigrams of `count` rows: `codes` uint64 of all their words, `rows` the row of each."""
    kinds = codes & _KIND
    is_content = kinds != COURTESY
    few = np.bincount(rows[is_content], minlength=count) < _LEAST_CONTENT
    is_told = is_content | few[rows]
    words, of = codes[is_told], rows[is_told]
    hashes = mixed(words)
    pairs = mixed(words[:-1] * _BIGRAM + words[1:])
    is_inside = of[:-1] == of[1:]
    # Behind the words of each row come its bigrams.
    together = np.concatenate([hashes, pairs[is_inside]])
    owner = np.concatenate([of, of[:-1][is_inside]])
    order = np.argsort(owner, kind="stable")
    starts = np.zeros(count + 1, np.int64)
    np.cumsum(np.bincount(owner, minlength=count), out=starts[1:])
    return Shingles(together[order], starts)


def facts(codes: Array, rows: Array, count: int) -> Array:
    """uint32 of each row: equal where the same numbers and negations stand in it, in any order."""
    is_fact = (codes & _KIND) >= NUMBER
    # The number 1 is as often an article.
    is_fact &= codes != _ONE_CODE
    sums = np.zeros(count, np.uint64)
    np.add.at(sums, rows[is_fact], mixed(codes[is_fact] + np.uint64(1)))
    return (mixed(sums) >> _SHIFT).astype(np.uint32)


def band_keys(found: Shingles, about: Array) -> Array:
    """uint32 [BANDS, rows]: the keys of each row; `about` goes into all of them. 0 for a row without shingles."""
    count = len(found.starts) - 1
    is_filled = found.starts[1:] > found.starts[:-1]
    keys = np.zeros((BANDS, count), np.uint32)
    if not is_filled.any():
        return keys
    starts = found.starts[:-1][is_filled]
    low = (found.hashes >> _SHIFT).astype(np.uint32)
    turned = np.empty_like(low)
    ahead = about[is_filled].astype(np.uint64)
    for band in range(BANDS):
        key = ahead + np.uint64(band + 1)
        for place in range(band * ROWS, (band + 1) * ROWS):
            np.bitwise_xor(low, _MASKS[place], out=turned)
            np.multiply(turned, _FACTORS[place], out=turned)
            key = mixed(key * _BIGRAM + np.minimum.reduceat(turned, starts))
        keys[band, is_filled] = np.maximum(key >> _SHIFT, np.uint64(1)).astype(np.uint32)
    return keys


def _one_code() -> np.uint64:
    from blossom_data.curate.tokens import Tokenizer

    return np.uint64(Tokenizer()["1"].code)


_ONE_CODE = _one_code()
