"""A record with two replies to its last turn, one of them preferred: a row that `train pack --pairs` reads.

{"id": "9f2c...", "source": "orca", "source_id": "", "lang": "en",
 "prompt": [{"role": "user", "content": "Name two rivers."}],
 "chosen": [{"role": "assistant", "content": "Volga, Danube."}],
 "rejected": [{"role": "assistant", "content": "A river."}],
 "gold": "", "tags": ["judge:9", "rejected:3"], "lineage": [...]}
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any

from blossom_data.records import Message, Record


@dataclass(frozen=True, slots=True)
class PreferenceRecord(Record):
    """A record whose last turn is the chosen reply."""

    rejected: Message = field(default_factory=lambda: Message("assistant", ""))
    """The other reply to the same turns."""

    def to_dict(self) -> dict[str, Any]:
        """The row as plain data; keys in the order of a record's."""
        plain = Record.to_dict(self)
        *prompt, chosen = plain.pop("messages")
        pair = {"prompt": prompt, "chosen": [chosen], "rejected": [self.rejected.to_dict()]}
        names = list(plain)
        before = names.index("lang") + 1
        return {name: plain[name] for name in names[:before]} | pair | {name: plain[name] for name in names[before:]}


def preferring(record: Record, rejected: Message) -> PreferenceRecord:
    """`record`, whose last turn is preferred to `rejected`."""
    return PreferenceRecord(**{each.name: getattr(record, each.name) for each in fields(Record)}, rejected=rejected)
