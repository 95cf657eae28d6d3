"""The pages of one set: its rows with filters and search, one record, its marks, and a row as a file."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl

import orjson
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from blossom_data.records import Record
from blossom_data.report.codes import meaning
from blossom_data.report.page.html import visible
from blossom_data.review import MARKS, Mark, messages_hash
from blossom_data.review.marks import MOST_NOTE_CHARS
from blossom_data.view.index.facets import KEPT, TAG
from blossom_data.view.index.reading import Chosen
from blossom_data.view.index.searching import search
from blossom_data.view.record.conversation import conversation, pair_of, record_of, replies_of, snippet, tools_text
from blossom_data.view.server.html import Pages
from blossom_data.view.server.library import Library, OpenSet
from blossom_data.view.server.state import MARK, MARKED, State

PAGE_ROWS = 50
_SHOWN_VALUES = 40
_MOST_FIELDS = 4_000
_ORDER = ("kind", MARK, "source", "lang", "category", "score", TAG, "code", "model", "length")
_NO_FILE_NAME = re.compile(r"[^A-Za-z0-9._-]+")


@dataclass(frozen=True, slots=True)
class Facet:
    """One filter: its values with their counts, those that are chosen, and how many more there are."""

    name: str
    values: Sequence[tuple[str, int]]
    chosen: Sequence[str]
    further: int


@dataclass(frozen=True, slots=True)
class Listed:
    """One row of the list."""

    row: int
    kind: str
    source: str
    lang: str
    code: str
    question: str
    answer: str
    mark: str


class Browsing:
    """The handlers of one library's pages."""

    def __init__(self, library: Library, pages: Pages) -> None:
        self._library, self._pages = library, pages

    def home(self, request: Request) -> Response:
        """All sets; a single one at once."""
        if len(self._library.sets) == 1:
            return RedirectResponse("/s/0", status_code=303)
        return self._pages.show(request, "home.html", sets=self._library.sets)

    def rows(self, request: Request) -> Response:
        """A page of rows, by filters or by search."""
        opened = self._set(request)
        opened.refresh()
        state = State.of(request.query_params.multi_items())
        chosen = opened.choose(state)
        found = None
        if state.search:
            found = search(opened.index, chosen, state.search, start=state.at, most=PAGE_ROWS)
            numbers = found.rows
        else:
            numbers = opened.index.after(chosen, state.at, PAGE_ROWS)
        before = [] if state.search else opened.index.before(chosen, state.at, PAGE_ROWS)
        last = opened.index.before(chosen, opened.index.rows, PAGE_ROWS) if not state.search else []
        has_next = bool(numbers and last and numbers[-1] < last[-1])
        return self._pages.show(
            request,
            "browse.html",
            **self._named(request, opened),
            state=state,
            chosen=chosen,
            facets=self._facets(opened, state),
            listed=[self._listed(opened, number) for number in numbers],
            found=found,
            newer=self._first_of(opened, chosen, before),
            older=numbers[-1] + 1 if has_next else None,
            last=last[0] if has_next else None,
        )

    def _first_of(self, opened: OpenSet, chosen: Chosen, before: Sequence[int]) -> int | None:
        """Where the page of the rows `before` begins: at the first row of all, where it is the first page."""
        if not before:
            return None
        return before[0] if opened.index.before(chosen, before[0], 1) else 0

    def record(self, request: Request) -> Response:
        """One record: beside its original, with its mark, and how it came about."""
        opened, number, row = self._row(request)
        record = record_of(row)
        state = State.of(request.query_params.multi_items())
        replies = replies_of(row)
        original = self._original(opened, row, record) if not replies else None
        said = opened.marked().get(record.id) if record else None
        chosen = opened.choose(state)
        before, after = opened.index.before(chosen, number, 1), opened.index.after(chosen, number + 1, 1)
        return self._pages.show(
            request,
            "record.html",
            **self._named(request, opened),
            state=state,
            number=number,
            kind=opened.index.kind(number),
            is_marked=opened.index.kind(number) == KEPT and not replies,
            is_pair=bool(replies),
            row=_reject_view(row),
            record=record,
            raw=visible(orjson.dumps(row, option=orjson.OPT_INDENT_2).decode()) if record is None else "",
            tools=tools_text(record) if record else "",
            turns=replies or (conversation(record, original) if record else []),
            original=original,
            stories=opened.workshop.stories(row, record, original) if record else [],
            said=said,
            hash=messages_hash(record.messages, record.tools) if record else "",
            newer=before[0] if before else None,
            older=after[0] if after else None,
            show=visible,
        )

    def marks(self, request: Request) -> Response:
        """All marks, those that hold no longer first."""
        opened = self._set(request)
        marked = sorted(opened.marked().values(), key=lambda each: (not each.is_stale, each.row or 0))
        return self._pages.show(
            request, "marks.html", **self._named(request, opened), marked=marked, file=opened.review_path, show=visible
        )

    async def mark(self, request: Request) -> Response:
        """Takes up what a person says about a record."""
        return await run_in_threadpool(self._mark, request, form_of(await request.body()))

    def _mark(self, request: Request, given: Sequence[tuple[str, str]]) -> Response:
        opened, number, row = self._row(request)
        record, form = record_of(row), dict(given)
        if record is None or opened.index.kind(number) != KEPT or pair_of(row):
            raise HTTPException(400, "this row is no record that can be marked")
        known = messages_hash(record.messages, record.tools)
        if form.get("messages") != known:
            raise HTTPException(409, "the record has changed since the page was made: load it again")
        said = form.get("mark", "")
        if said not in MARKS:
            raise HTTPException(400, "no such mark")
        # A form sends line breaks as CRLF, whatever the text had.
        texts = tuple(value.replace("\r\n", "\n") for name, value in given if name == "text") if said == "fix" else ()
        if said == "fix" and len(texts) != len(record.messages):
            raise HTTPException(400, "an edited text has as many turns as the record")
        opened.add_mark(
            Mark(
                id=record.id,
                messages=known,
                mark=said,
                note=form.get("note", "").replace("\r\n", "\n").strip()[:MOST_NOTE_CHARS],
                texts=texts,
                at=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            )
        )
        query = State.of(request.query_params.multi_items()).query()
        return RedirectResponse(request.url.path.removesuffix("/mark") + (f"?{query}" if query else ""), 303)

    def download_row(self, request: Request) -> Response:
        """A row as a file."""
        _, number, row = self._row(request)
        return attachment(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE), f"row-{number + 1}.jsonl")

    def download_marks(self, request: Request) -> Response:
        """The review file as a file."""
        opened = self._set(request)
        file = opened.review_path
        return attachment(file.read_bytes() if file.exists() else b"", file.name)

    def _set(self, request: Request) -> OpenSet:
        number: int = request.path_params["set"]
        if number >= len(self._library.sets):
            raise HTTPException(404, "no such set is open")
        return self._library.sets[number]

    def _row(self, request: Request) -> tuple[OpenSet, int, dict[str, Any]]:
        opened, number = self._set(request), request.path_params["row"]
        if number >= opened.index.rows:
            raise HTTPException(404, "the set has no such row")
        return opened, number, opened.index.row(number)

    def _named(self, request: Request, opened: OpenSet) -> Mapping[str, Any]:
        return {"set": opened, "at": request.path_params["set"], "sets": self._library.sets}

    def _original(self, opened: OpenSet, row: Mapping[str, Any], record: Record | None) -> Record | None:
        return opened.original_of(record) if record is not None else None

    def _facets(self, opened: OpenSet, state: State) -> list[Facet]:
        counted: dict[str, list[tuple[str, int]]] = opened.index.facets(state.filters)
        marks = opened.mark_counts()
        counted[MARK] = [(mark, marks.get(mark, 0)) for mark in MARKED if marks.get(mark) or mark in state.marks]
        facets = []
        for name in _ORDER:
            values = counted[name]
            chosen = state.marks if name == MARK else state.filters.get(name, ())
            if not chosen and (not values or [value for value, _ in values] == [""]):
                continue
            if name in ("score", "length"):
                values = sorted(values, key=lambda each: int(each[0]) if each[0].isdecimal() else -1)
            shown = values[:_SHOWN_VALUES] + [each for each in values[_SHOWN_VALUES:] if each[0] in chosen]
            facets.append(Facet(name, shown, chosen, len(values) - len(shown)))
        return facets

    def _listed(self, opened: OpenSet, number: int) -> Listed:
        row = opened.index.row(number)
        record = record_of(row)
        said = opened.marked().get(record.id) if record else None
        reply = "" if record else str(row.get("reply") or row.get("detail") or "")
        return Listed(
            row=number,
            kind=opened.index.kind(number),
            source=visible(record.source if record else "")[:60],
            lang=visible(record.lang if record else "")[:20],
            code=visible(f"{row.get('stage', '')}/{row['code']}")[:60] if "code" in row else "",
            question=snippet(record, "user") or visible(reply[:160]),
            answer=snippet(record, "assistant"),
            mark=said.state if said else "",
        )


def _reject_view(row: Mapping[str, Any]) -> dict[str, Any]:
    """Of a reject: why, what was answered, and each try; {} of a record."""
    if "code" not in row:
        return {}
    stage, code = str(row.get("stage", "")), str(row["code"])
    history = row.get("history")
    return {
        "name": visible(f"{stage}/{code}"),
        "meaning": meaning(stage, code),
        "detail": visible(str(row.get("detail", ""))),
        "reply": visible(str(row.get("reply", ""))),
        "history": [visible(str(line)) for line in history] if isinstance(history, list) else [],
        "file": visible(f"{row['file']}:{row.get('line', '')}") if row.get("file") else "",
    }


def form_of(body: bytes) -> list[tuple[str, str]]:
    """The fields of a form that was sent as an address writes them.

    Raises:
        HTTPException: it is none.
    """
    try:
        return parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=_MOST_FIELDS)
    except ValueError as why:
        raise HTTPException(400, "no form that can be read") from why


def attachment(content: bytes, name: str) -> Response:
    """A file to be saved, which no browser shows or runs."""
    safe = _NO_FILE_NAME.sub("_", name).strip("._") or "file"
    return Response(
        content,
        media_type="application/octet-stream",
        headers={"Content-Disposition": f'attachment; filename="{safe}"'},
    )
