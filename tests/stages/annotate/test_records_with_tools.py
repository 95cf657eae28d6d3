"""Records with tools: no tool is at hand when answers are written anew."""

from __future__ import annotations

import pytest

from blossom_data.prompts import load_prompt
from blossom_data.records import Message, Record, Reject, ToolCall
from blossom_data.stages.annotate.stage import Annotate

TURNS = (
    Message("user", "Weather?"),
    Message("assistant", "", tool_calls=(ToolCall("weather", "{}"),)),
    Message("tool", "21 degrees"),
    Message("assistant", "21 degrees."),
)


@pytest.mark.parametrize(
    "record",
    [
        Record("r", "t", "en", TURNS),
        Record("r", "t", "en", (TURNS[0], TURNS[2])),
        Record("r", "t", "en", TURNS[:1], tools='[{"type": "function", "function": {"name": "weather"}}]'),
    ],
)
def test_a_record_with_tools_is_rejected_or_answered_without_them(record: Record) -> None:
    prompt = load_prompt("annotate")
    with pytest.raises(Reject, match="unsupported_content"):
        next(Annotate(prompt=prompt).run(record))
    ask = next(Annotate(prompt=prompt, drop_tools=True).run(record))
    assert [turn.role for turn in ask.messages if turn.role != "system"] == ["user"]
