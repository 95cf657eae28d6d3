"""What a request is about, as a vector: its words and pairs of words, hashed into a fixed number of places.

    vectors(["Write a poem about cats.", "写一首关于猫的诗。"])     float32 [2, 512], each of length 1 (0 for no word)
    clusters(vectors, 8, seed=0)                              int [2], the cluster of each

Source: feature hashing (Weinberger et al. 2009), inverse document frequencies, spherical k-means (Dhillon and Modha
2001). A cluster groups requests that share words; it knows nothing of meaning.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np

from blossom_data.curate.tokens import CONTENT, NUMBER, Tokenizer

DIMENSIONS = 512
_ROUNDS = 8
_MOST_TOKENS = 400
_BLOCK = 8_192

Array: TypeAlias = "np.ndarray[Any, Any]"


def vectors(texts: Sequence[str]) -> Array:
    """One vector a text, weighted by how rare its words are among these texts."""
    tokenizer, rows = Tokenizer(), []
    for text in texts:
        codes = [token.code for token in tokenizer.tokens(text)[:_MOST_TOKENS] if token.kind in (CONTENT, NUMBER)]
        pairs = [(one * 31 + other) & (2**64 - 1) for one, other in itertools.pairwise(codes)]
        rows.append(np.fromiter(dict.fromkeys([*codes, *pairs]), dtype=np.uint64))
    # The low bits of a code are its kind: a multiplication spreads what tells codes apart over all of them.
    places = [(row * np.uint64(0x9E3779B97F4A7C15) >> np.uint64(40)).astype(np.int64) for row in rows]
    found = np.zeros((len(texts), DIMENSIONS), dtype=np.float32)
    for vector, place in zip(found, places, strict=True):
        np.add.at(vector, place % DIMENSIONS, np.where(place // DIMENSIONS % 2 == 0, 1.0, -1.0))
    rarity = np.log((1 + len(texts)) / (1 + (found != 0).sum(axis=0)))
    found *= rarity.astype(np.float32)
    lengths = np.linalg.norm(found, axis=1, keepdims=True)
    found /= np.where(lengths > 0, lengths, 1)
    return found


def clusters(points: Array, number: int, *, seed: int) -> Array:
    """The cluster of each point, at most `number` of them; the same for the same points and seed."""
    generator = np.random.default_rng(seed)
    centres = points[generator.choice(len(points), size=min(number, len(points)), replace=False)]
    nearest = _nearest(points, centres)
    for _ in range(_ROUNDS):
        sums = np.zeros_like(centres)
        np.add.at(sums, nearest, points)
        lengths = np.linalg.norm(sums, axis=1, keepdims=True)
        # One that nobody is near to stays where it is.
        centres = np.where(lengths > 0, sums / np.where(lengths > 0, lengths, 1), centres).astype(np.float32)
        again = _nearest(points, centres)
        if np.array_equal(again, nearest):
            break
        nearest = again
    return nearest


def _nearest(points: Array, centres: Array) -> Array:
    blocks = [(points[at : at + _BLOCK] @ centres.T).argmax(axis=1) for at in range(0, len(points), _BLOCK)]
    return np.concatenate(blocks)
