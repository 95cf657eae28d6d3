"""A record as segments: one for each line of its text that holds something to translate.

    user: "Explain this.\\n\\n```py\\nx = 1\\n```\\n"   ->   1 segment, "Explain this."; the rest is kept as it is

`Plan.rebuild` puts translated lines where the old ones stood: blank lines, indentation, line ends and everything
that was not sent come back byte for byte. It does not ask and does not check.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from blossom_data.records import Message
from blossom_data.stages.translate.lang_task import LangTask, find_lang_task
from blossom_data.stages.translate.masks import Span, find_spans, masked, restored, token, without_spans
from blossom_data.stages.translate.prose import material_of_asks
from blossom_data.stages.translate.script import needs_translation

KINDS = {"system": "background", "user": "instruction", "assistant": "answer"}
"""Roles whose text is translated, and what their segments are called in a request."""


@dataclass(frozen=True, slots=True)
class Segment:
    """One line to translate; its protected spans are numbered from `first` through the whole record."""

    index: int
    kind: str
    text: str
    spans: tuple[Span, ...]
    first: int
    is_lang_task: bool = False

    def masked(self, nonce: str) -> str:
        """The text as a request shows it."""
        return masked(self.text, self.spans, nonce, self.first)

    def restored(self, text: str, nonce: str) -> str:
        """A translated text with this segment's spans put back."""
        return restored(text, self.protected, nonce, self.first)

    @property
    def protected(self) -> list[str]:
        """What the spans hold."""
        return [self.text[span.start : span.end] for span in self.spans]

    def tokens(self, nonce: str) -> list[str]:
        """The tokens that stand in `masked(nonce)`, and must stand in its translation."""
        return [token(nonce, self.first + offset) for offset in range(len(self.spans))]

    @property
    def plain(self) -> str:
        """The text with its spans taken out, for the checks."""
        return without_spans(self.text, self.spans)


@dataclass(frozen=True, slots=True)
class Plan:
    """The turns of a record as pieces that are kept (text) and pieces that are sent (Segment)."""

    messages: tuple[Message, ...]
    pieces: tuple[tuple[str | Segment, ...], ...]
    segments: tuple[Segment, ...]
    lang_task: bool

    def rebuild(self, translations: Mapping[int, str]) -> tuple[Message, ...]:
        """The turns with each segment replaced by its translation (by Segment.index), without their thinking."""
        return tuple(
            replace(
                turn,
                content="".join(piece if isinstance(piece, str) else translations[piece.index] for piece in row),
                reasoning_content="",
            )
            for turn, row in zip(self.messages, self.pieces, strict=True)
        )


def plan_record(messages: Sequence[Message], source_lang: str) -> Plan:
    """Finds what of `messages` is to be translated from `source_lang`."""
    segments: list[Segment] = []
    rows: list[tuple[str | Segment, ...]] = []
    number, is_lang_task = 1, False
    for turn in messages:
        if turn.role not in KINDS or not turn.content:
            rows.append((turn.content,))
            continue
        spans = protected_spans(turn.content, source_lang)
        task = find_lang_task(turn.content, spans, lang=source_lang) if turn.role != "assistant" else LangTask()
        is_lang_task = is_lang_task or task.is_found
        spans = with_kept(spans, task.kept)
        row: list[str | Segment] = []
        for gap, text, inner in _lines(turn.content, spans):
            row.append(gap)
            if text and needs_translation(without_spans(text, inner), source_lang):
                segment = Segment(len(segments), KINDS[turn.role], text, inner, number, task.is_found)
                number += len(inner)
                segments.append(segment)
                row.append(segment)
            elif text:
                row.append(text)
        rows.append(tuple(row))
    return Plan(tuple(messages), tuple(rows), tuple(segments), is_lang_task)


def protected_spans(text: str, source_lang: str) -> list[Span]:
    """What of `text` is kept: its protected spans, and the Chinese material of an English ask over it."""
    spans = find_spans(text)
    return with_kept(spans, material_of_asks(text)) if source_lang == "en" else spans


def with_kept(spans: Sequence[Span], kept: Sequence[tuple[int, int]]) -> list[Span]:
    """`spans` and the kept stretches; a span inside a kept stretch goes."""
    if not kept:
        return list(spans)
    outside = [span for span in spans if not any(start < span.end and span.start < end for start, end in kept)]
    return sorted([*outside, *(Span(start, end, "material") for start, end in kept)], key=lambda span: span.start)


def _lines(text: str, spans: Sequence[Span]) -> Iterator[tuple[str, str, tuple[Span, ...]]]:
    """(white space and line ends before, line without them, spans within it), then the last white space.

    Beyond _MOST_LINES lines the rest of the text is one line, so that no text makes a plan without end.
    """
    gap, start, spans_left, count = "", 0, list(reversed(spans)), 0
    while start < len(text):
        if blank := _BLANK_LINES.match(text, start):
            gap += blank.group()
            start = blank.end()
            continue
        count += 1
        if count > _MOST_LINES:
            end, inner = len(text), spans_left[::-1]
        else:
            end, inner = _line_end(text, start, spans_left)
        line = text[start:end]
        body = line.strip()
        indent = len(line) - len(line.lstrip()) if body else len(line)
        gap += line[:indent]
        if body:
            offset = start + indent
            yield gap, body, tuple(Span(span.start - offset, span.end - offset, span.kind) for span in inner)
            gap = line[indent + len(body) :]
        start = end
    if gap:
        yield gap, "", ()


_MOST_LINES = 5000
_BLANK_LINES = re.compile(r"(?:[^\S\n]*+\n)++")


def _line_end(text: str, start: int, spans_left: list[Span]) -> tuple[int, list[Span]]:
    """Where the line from `start` ends, its line feed included, and the spans in it; one in a span ends no line."""
    inner: list[Span] = []
    position = start
    while True:
        feed = text.find("\n", position)
        feed = len(text) if feed < 0 else feed
        if not spans_left or spans_left[-1].start > feed:
            return min(feed + 1, len(text)), inner
        span = spans_left.pop()
        inner.append(span)
        position = max(position, span.end)


def estimate_tokens(text: str) -> int:
    """Tokens of `text`, rounded up: four ASCII characters or one other character each."""
    ascii_chars = len(text.encode("ascii", "ignore"))
    return (ascii_chars + 3) // 4 + len(text) - ascii_chars


def message_tokens(messages: Iterable[Message]) -> int:
    """Tokens of what `messages` say, estimated."""
    return sum(estimate_tokens(message.content) for message in messages)


def in_calls(segments: Sequence[Segment], max_tokens: int) -> list[tuple[Segment, ...]]:
    """`segments` in order, parted so that no call holds more than `max_tokens` of source (one long line excepted)."""
    calls: list[list[Segment]] = []
    room = 0
    for segment in segments:
        cost = estimate_tokens(segment.text)
        if not calls or cost > room:
            calls.append([])
            room = max_tokens
        calls[-1].append(segment)
        room -= cost
    return [tuple(call) for call in calls]
