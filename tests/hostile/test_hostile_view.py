"""Hostile texts in the live view of a terminal: shown as they stand, within its width, and no control among them."""

from __future__ import annotations

import io
import re

import pytest
from hostile_texts import TEXTS, steering
from rich.cells import cell_len

from blossom_data.cli import live_view
from blossom_data.cli.progress import Progress
from blossom_data.counters import Counters

OF_RICH = re.compile("\x1b\\[[0-9;]*m")
"""The colours that the view itself sets."""


@pytest.mark.parametrize("columns", [20, 60, 120])
@pytest.mark.parametrize("text", TEXTS.values())
def test_no_text_steers_the_view_or_breaks_its_width(text: str, columns: int) -> None:
    counters = Counters(records_total=10, kept=3, paid_records=3, is_asking=True, unpriced_calls=1)
    counters.stages = {text: 9, "other": 9}
    counters.rejected[f"{text}/{text}"] += 4
    counters.failed[text] += 1
    counters.retries[text] += 1
    drawn = io.StringIO()
    live_view.Screen(drawn, columns).print(live_view.render(Progress(text, counters).view(), columns, 40))
    shown = OF_RICH.sub("", drawn.getvalue())
    assert not steering(shown)
    assert all(cell_len(line) <= columns for line in shown.split("\n"))
    assert "price unknown" in shown and "kept 3" in shown
    if text == TEXTS["markup"] and columns == 120:
        assert "[bold red]" in shown
    if text == TEXTS["clear"] and columns == 120:
        assert "\\x1b[31mowned" in shown
