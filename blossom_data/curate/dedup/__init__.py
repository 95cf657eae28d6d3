"""Exact and near copies of what people ask: signatures propose, a comparison of what differs decides.

    for content, tag in Dedup(threshold=0.7)(items): ...
    Ruled("dedup", record, Reject("near", "stays: 9f2c... score 0.91 differs: clips|clip"))

request.py makes the tokens of a record, signatures.py its band keys, candidates.py pairs of them, known_words.py counts
words, difference.py compares two requests, dedup.py puts it together.
"""

from __future__ import annotations

from blossom_data.curate.dedup.dedup import Dedup

__all__ = ["Dedup"]
