"""The pages of two sets side by side: what changed from one version to another, and how."""

from __future__ import annotations

import threading
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from blossom_data.publish.compare import causes_of_change, entry_of
from blossom_data.report.page.html import visible
from blossom_data.view.index.differences import KINDS, Differences
from blossom_data.view.record.conversation import Turn, conversation, pair_of, record_of, snippet
from blossom_data.view.server.html import Pages
from blossom_data.view.server.library import Library, OpenSet

_PAGE_ROWS = 50


class Comparing:
    """The handlers; what two sets have in common is found out once."""

    def __init__(self, library: Library, pages: Pages) -> None:
        self._library, self._pages = library, pages
        self._found: dict[tuple[int, int], tuple[Any, Differences]] = {}
        self._lock = threading.Lock()

    def overview(self, request: Request) -> Response:
        """Counts of each kind, and the records of one."""
        a, b = self._sides(request)
        kind = request.query_params.get("show", KINDS[0])
        kind = kind if kind in KINDS else KINDS[0]
        start = _number(request.query_params.get("from", "0"))
        old, new = self._library.sets[a], self._library.sets[b]
        found = self._differences(a, b)
        pairs = found.at(kind, start, _PAGE_ROWS)
        listed = [(*pair, *self._named(old, new, *pair)) for pair in pairs]
        return self._pages.show(
            request,
            "compare.html",
            sets=self._library.sets,
            a=a,
            b=b,
            counts=found.counts,
            kind=kind,
            kinds=KINDS,
            start=start,
            listed=listed,
            page_rows=_PAGE_ROWS,
            has_next=start + len(pairs) < found.counts[kind],
        )

    def record(self, request: Request) -> Response:
        """One record of both sides, with what differs."""
        a, b = self._sides(request)
        old, new = self._library.sets[a], self._library.sets[b]
        row_a, row_b = request.path_params["old"], request.path_params["new"]
        if row_a >= old.index.rows or row_b >= new.index.rows:
            raise HTTPException(404, "a set has no such row")
        before, after = record_of(old.index.row(row_a)), record_of(new.index.row(row_b))
        if before is None or after is None or before.id != after.id:
            raise HTTPException(404, "these rows are not one record")
        was, now = entry_of("", before), entry_of("", after)
        return self._pages.show(
            request,
            "compare_record.html",
            sets=self._library.sets,
            a=a,
            b=b,
            row_a=row_a,
            row_b=row_b,
            before=before,
            record=after,
            turns=conversation(after, before) + self._rejected(old.index.row(row_a), new.index.row(row_b)),
            causes=[visible(cause) for cause in causes_of_change(was.lineage, now.lineage)]
            if was.content != now.content
            else [],
            show=visible,
        )

    def _rejected(self, before: dict[str, Any], after: dict[str, Any]) -> list[Turn]:
        """Of two pairs, the rejected replies beside each other."""
        was, now = pair_of(before), pair_of(after)
        return conversation(now[1], was[1])[-1:] if was and now else []

    def _differences(self, a: int, b: int) -> Differences:
        old, new = self._library.sets[a].index, self._library.sets[b].index
        with self._lock:
            known = self._found.get((a, b))
            if known is None or known[0] != (id(old), id(new)):
                known = self._found[a, b] = ((id(old), id(new)), Differences(old, new))
            return known[1]

    def _named(self, old: OpenSet, new: OpenSet, row_a: int | None, row_b: int | None) -> tuple[str, str]:
        """The id of a record and how it begins."""
        row = new.index.row(row_b) if row_b is not None else old.index.row(row_a or 0)
        record = record_of(row)
        return visible(str(row.get("id", "")))[:64], snippet(record, "user")

    def _sides(self, request: Request) -> tuple[int, int]:
        a = _number(request.query_params.get("a", "0"))
        b = _number(request.query_params.get("b", "1"))
        if max(a, b) >= len(self._library.sets) or a == b:
            raise HTTPException(404, "two sets are compared: name both when you start view")
        return a, b


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 12 else 0
