"""Pages as tests read them: elements, attributes and text, by the parser of the standard library."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import orjson

from blossom_data.records import Lineage, Message, Record
from blossom_data.shards import DatasetWriter

VOID = {"meta"}


class Page(HTMLParser):
    """What stands in a page; `texts` are (enclosing elements, text)."""

    def __init__(self, html: bytes) -> None:
        super().__init__(convert_charrefs=True)
        self.source = html.decode()
        self.tags: set[str] = set()
        self.attributes: set[tuple[str, str]] = set()
        self.texts: list[tuple[tuple[str, ...], str]] = []
        self.unclosed: list[str] = []
        self.feed(self.source)
        self.close()

    def handle_starttag(self, tag: str, attrs: Sequence[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {(name, value or "") for name, value in attrs}
        if tag not in VOID:
            self.unclosed.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.unclosed.pop() == tag

    def handle_data(self, data: str) -> None:
        if data.strip():
            self.texts.append((tuple(self.unclosed), data))

    @property
    def text(self) -> str:
        """All that a reader can see, style sheet and title left out."""
        return "\n".join(text for inside, text in self.texts if inside[-1] not in ("style", "title"))


def record(number: int, *, source: str = "gsm8k", lang: str = "en", answer: str = "四。", **further: Any) -> Record:
    """A record with one turn of each, by its number."""
    messages = (Message("user", f"{number} 加 2 是多少？"), Message("assistant", answer))
    steps = (Lineage("pull", 1), Lineage("annotate", 3, "3fd5a0094ce4a2ec", "7", "ab"))
    return Record(id=f"r{number}", source=source, lang=lang, messages=messages, lineage=steps, **further)


def write_set(
    folder: Path, records: Iterable[Record], rejects: Iterable[dict[str, Any]] = (), **about: Any
) -> dict[str, Any]:
    """A finished data set; `about` is what its manifest says beside the counts."""
    kept = [each.to_line() for each in records]
    lost = [orjson.dumps(each, option=orjson.OPT_APPEND_NEWLINE) for each in rejects]
    said = {"blossom_data": "0.1.0", "stage": "annotate", "read": len(kept) + len(lost), "kept": len(kept)}
    nothing: dict[str, Any] = {"added": 0, "skipped": 0, "rejected": {}, "failed": {}}
    with DatasetWriter(folder) as writer:
        for place, line in enumerate(kept):
            writer.write(place, kept=[line], rejects=lost if place == 0 else [])
        return writer.finish({**nothing, **said, **about})


def reject(stage: str, code: str, original: Record, reply: str = "", **further: Any) -> dict[str, Any]:
    """A row of rejects/, as a run stores it."""
    empty = {"detail": "", "file": "", "line": 0, "history": [], "failed": False}
    told = {"id": original.id, "stage": stage, "code": code, "reply": reply, "record": original.to_dict()}
    return {**empty, **told, **further}
