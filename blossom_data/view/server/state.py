"""What is looked at, as it stands in the address: filters, search and place; a link is a view, and can be sent on.

State.of({"source": ["gsm8k"], "lang": ["zh"], "q": ["二分"], "at": ["120"]}.items()) ...
state.query(at=170)          "source=gsm8k&lang=zh&q=%E4%BA%8C%E5%88%86&at=170"
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlencode

from blossom_data.view.index.facets import FACETS, TAG

MARK = "mark"
MARKED = ("keep", "drop", "fix", "stale")
_MOST_VALUES = 50
_MOST_CHARS = 1_000


@dataclass(frozen=True, slots=True)
class State:
    """The filters by facet, the marks that are wanted, the text that is searched, and the first row, from 0."""

    filters: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    marks: tuple[str, ...] = ()
    search: str = ""
    at: int = 0

    @classmethod
    def of(cls, items: Iterable[tuple[str, str]]) -> State:
        """The state of an address; what it does not know it leaves out."""
        values: dict[str, list[str]] = {}
        for name, value in items:
            values.setdefault(name, []).append(value[:_MOST_CHARS])
        # An empty field of a form says nothing; the value "" of a facet is written as "-".
        filters = {
            name: tuple(dict.fromkeys("" if value == "-" else value for value in values[name] if value))[:_MOST_VALUES]
            for name in (*FACETS, TAG)
            if any(values.get(name, ()))
        }
        marks = tuple(mark for mark in MARKED if mark in values.get(MARK, ()))
        return cls(filters, marks, next(iter(values.get("q", [])), "").strip(), _row(values.get("at", ["1"])[-1]))

    def query(self, *, at: int | None = None, search: str | None = None) -> str:
        """The address's query, with what is changed; rows are counted from 1 there."""
        pairs = [(name, value or "-") for name, values in self.filters.items() for value in values]
        pairs += [(MARK, mark) for mark in self.marks]
        text = self.search if search is None else search
        pairs += [("q", text)] if text else []
        row = self.at if at is None else at
        return urlencode([*pairs, *([("at", str(row + 1))] if row else [])])

    def without(self, facet: str, value: str) -> State:
        """The state without one value of a filter, from the first row."""
        rest = tuple(each for each in self.filters.get(facet, ()) if each != value)
        filters = {name: values for name, values in {**self.filters, facet: rest}.items() if values}
        marks = tuple(mark for mark in self.marks if facet != MARK or mark != value)
        return State(filters, marks, self.search)

    @property
    def is_plain(self) -> bool:
        """Whether all rows are meant."""
        return not self.filters and not self.marks and not self.search


def _row(text: str) -> int:
    """A row number from 1 as one from 0."""
    digits = text.replace(",", "").replace(" ", "")
    return max(0, int(digits) - 1) if digits.isascii() and digits.isdecimal() and len(digits) < 16 else 0
