"""Test items out of the training set: verbatim and edited ones by their n-grams, reworded and translated by meaning.

    step = Decontaminate(read_items("gsm8k-test", bench_dir), meaning=Meaning(items))
    Ruled("decontaminate", record, Reject("leak", "gsm8k-test 17: words, score 0.93: Natalia sold clips ..."))

test_sets.py finds and reads the items, ngrams.py is the lexical pass, meaning.py the one by embedding, sources.py knows
what a translated record was translated from, decontaminate.py puts it together.
"""

from __future__ import annotations

from blossom_data.curate.decontaminate.decontaminate import Decontaminate
from blossom_data.curate.decontaminate.meaning import Meaning
from blossom_data.curate.decontaminate.test_sets import TestItem, read_items

__all__ = ["Decontaminate", "Meaning", "TestItem", "read_items"]
