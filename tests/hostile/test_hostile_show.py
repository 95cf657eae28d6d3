"""Hostile texts in what `show` draws on a terminal: as they stand, within its width, and no control among them."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hostile_texts import TEXTS, steering
from rich.cells import cell_len

from blossom_data.cli.diagnose.record_view import draw
from blossom_data.report.pages import record_page, reject_page


@pytest.mark.parametrize("columns", [30, 72, 140])
@pytest.mark.parametrize("text", [text for text in TEXTS.values() if "\0" not in text])
def test_no_text_steers_what_is_drawn_or_breaks_its_width(text: str, columns: int) -> None:
    text = text[:3_000]
    turns: list[dict[str, Any]] = [{"role": "user", "content": text}, {"role": "assistant", "content": text + "."}]
    row = {"id": text[:20], "source": text, "lang": text, "messages": turns, "tags": [text], "gold": text}
    old = {"id": "o", "messages": [{"role": "user", "content": f"x {text}"}]}
    reject = {"id": text, "stage": text, "code": text, "detail": text, "reply": text, "record": row, "history": [text]}
    pages = [record_page(row, old), record_page(row, old, is_diff=True), reject_page(reject), record_page({"a": text})]
    shown = re.sub("\x1b\\[[0-9;]*m", "", draw(pages, columns))
    assert not steering(shown)
    assert all(cell_len(line) <= columns for line in shown.split("\n"))
