"""The measure `decontaminate`: records that hold an item of a test set go.

One pass; memory is that of the items, and of a block of records. A record is looked at turn by turn, a model's turns
too: an item may stand in any. What a translated record was translated from is looked at as well, where it is known
(`source_hits`), and where a pair of source and translation is in the set, both go.

Where somebody decides on them (`doubts`), records near the cut of the pass by meaning stay, and are noted with the
items that they are like: of each block the nearest ones, and never more than 3 % of it.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence

from blossom_data.curate.decontaminate.meaning import Likeness, Meaning
from blossom_data.curate.decontaminate.ngrams import Hit, Ngrams
from blossom_data.curate.decontaminate.test_sets import TestItem
from blossom_data.curate.item import Item, Ruled
from blossom_data.curate.tokens import Tokenizer
from blossom_data.records import Record, Reject

NAME = "decontaminate"
_BLOCK_RECORDS = 512
_DOUBTFUL_FROM, _DOUBTFUL_TO = -0.25, 0.1
"""Margins between which meaning alone is not sure: 99 % of translated items lie above the lower one."""
_DOUBTFUL_MOST = 0.03
"""Of a block of records: a judge is paid for each."""
_SHOWN = 3
"""Items that a judge is shown of a record."""
_PAIR = "pair:"
Doubts = dict[str, tuple[Likeness, ...]]
"""By the id of a record, the items that it may hold, the likeliest first."""


class Decontaminate:
    """A Step that rules out records with test items.

    Args:
        meaning: the pass by meaning; None: words alone.
        source_hits: by the id of a record, the item in what it was translated from.
        doubts: is filled with the records that are left to a judge; None: there is none, and the cut decides.
    """

    def __init__(
        self,
        items: Sequence[TestItem],
        tokenizer: Tokenizer | None = None,
        *,
        meaning: Meaning | None = None,
        source_hits: Mapping[str, Hit] | None = None,
        doubts: Doubts | None = None,
    ) -> None:
        self._ngrams = Ngrams(items, tokenizer or Tokenizer())
        self._meaning = meaning
        self._source_hits = source_hits or {}
        self._doubts = doubts

    def __call__(self, items: Iterable[Item]) -> Iterator[Item]:
        pairs: dict[str, Hit] = {}
        stream = iter(items)
        while block := list(itertools.islice(stream, _BLOCK_RECORDS)):
            records = [content for content, _ in block if isinstance(content, Record)]
            hits = dict(zip((record.id for record in records), self._judge(records), strict=True))
            for content, tag in block:
                hit = hits.get(content.id) if isinstance(content, Record) else None
                if not isinstance(content, Record):
                    yield content, tag
                    continue
                links = [name for name in content.tags if name.startswith(_PAIR)]
                if hit is None:
                    hit = next((pairs[link] for link in links if link in pairs), None)
                if hit is None:
                    yield content, tag
                    continue
                pairs.update(dict.fromkeys(links, hit))
                yield Ruled(NAME, content, Reject("leak", hit.told)), tag

    def _judge(self, records: Sequence[Record]) -> list[Hit | None]:
        """The item that each record holds."""
        found = self._ngrams.find_all([[turn.content for turn in record.messages] for record in records])
        hits = [hit or self._source_hits.get(source_id(record)) for hit, record in zip(found, records, strict=True)]
        if self._meaning is not None:
            self._judge_meaning(self._meaning, records, hits)
        return hits

    def _judge_meaning(self, meaning: Meaning, records: Sequence[Record], hits: list[Hit | None]) -> None:
        """Fills in the items that records say in other words."""
        open_places = [place for place, hit in enumerate(hits) if hit is None]
        texts = [records[place].asked for place in open_places]
        within = 0.0 if self._doubts is None else _DOUBTFUL_FROM
        likely = dict(zip(open_places, meaning.find(texts, within=within, most=_SHOWN), strict=True))
        unsure = [place for place, found in likely.items() if found and found[0].margin < _DOUBTFUL_TO]
        unsure.sort(key=lambda place: abs(likely[place][0].margin))
        if self._doubts is not None:
            for place in unsure[: max(1, int(_DOUBTFUL_MOST * len(records)))]:
                self._doubts[records[place].id] = tuple(likely.pop(place))
        for place, found in likely.items():
            if found and found[0].margin >= 0:
                hits[place] = Hit(found[0].item, "meaning", found[0].score)

    def find(self, record: Record) -> Hit | None:
        """The item whose words a record holds."""
        return self._ngrams.find(turn.content for turn in record.messages)


def source_id(record: Record) -> str:
    """The id of what a translated record was translated from; "" for one that is no translation."""
    if not any(step.stage == "translate" for step in record.lineage):
        return ""
    return record.id.removesuffix(f".{record.lang}")
