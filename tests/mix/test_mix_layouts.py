"""Layouts: what goes in comes out the same, or is refused with a code of the closed list."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blossom_data.mix.files import shard_writer
from blossom_data.mix.layouts import LAYOUTS, REJECTS
from blossom_data.mix.shapes import arrow_schema
from blossom_data.records import Message, Reject
from blossom_data.rows import Row, read_rows

TEXT = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), max_size=12)
ANY_CHAT = st.lists(st.builds(Message, st.sampled_from(["system", "user", "assistant", "tool"]), TEXT), max_size=6)
TALK = st.lists(st.tuples(TEXT, TEXT), min_size=1, max_size=4).map(
    lambda pairs: [
        Message(role, text) for pair in pairs for role, text in zip(("user", "assistant"), pair, strict=True)
    ]
)
GOOD_CHAT = st.tuples(st.none() | TEXT.filter(bool), TALK).map(
    lambda both: ([] if both[0] is None else [Message("system", both[0])]) + both[1]
)


def plain(messages: list[Message]) -> list[dict[str, str]]:
    return [{"role": turn.role, "content": turn.content} for turn in messages]


@pytest.mark.parametrize("name", LAYOUTS)
@settings(deadline=None)
@given(messages=ANY_CHAT)
def test_a_conversation_comes_back_or_is_refused(name: str, messages: list[Message]) -> None:
    layout = LAYOUTS[name]
    try:
        row = orjson.loads(orjson.dumps(layout.encode(messages)))
    except Reject as why:
        assert why.code in REJECTS
        return
    assert layout.decode(row) == plain(messages)


@pytest.mark.parametrize("name", LAYOUTS)
@settings(deadline=None)
@given(messages=GOOD_CHAT)
def test_every_layout_holds_an_ordinary_chat(name: str, messages: list[Message]) -> None:
    layout = LAYOUTS[name]
    assert layout.decode(layout.encode(messages)) == plain(messages)


@settings(deadline=None, max_examples=30)
@given(chats=st.lists(GOOD_CHAT, min_size=1, max_size=5))
def test_parquet_keeps_every_row_and_has_no_null(tmp_path_factory: pytest.TempPathFactory, chats: Any) -> None:
    for layout in LAYOUTS.values():
        folder: Path = tmp_path_factory.mktemp("parquet")
        rows = [
            {"id": str(number), "source": "", "lang": "en", **layout.encode(messages)}
            for number, messages in enumerate(chats)
        ]
        writer = shard_writer("parquet", layout)(folder, 100)
        for number, row in enumerate(rows):
            writer.write(number, [orjson.dumps(row)])
        writer.close()
        read = [row.value for row in read_rows(folder / "part-00000.parquet") if isinstance(row, Row)]
        assert read == rows
        assert [layout.decode(row) for row in read] == [plain(messages) for messages in chats]


@pytest.mark.parametrize("name", LAYOUTS)
def test_the_arrow_schema_has_the_keys_of_a_row_and_allows_no_null(name: str) -> None:
    layout = LAYOUTS[name]
    schema = arrow_schema(layout.all_columns)
    row = layout.encode([Message("user", "q"), Message("assistant", "a")])
    assert schema.names == ["id", "source", "lang", *row]
    assert not any(field.nullable for field in schema)


@pytest.mark.parametrize(
    ("code", "roles"),
    [
        ("tool_turn", ["user", "tool", "user", "assistant"]),
        ("late_system", ["user", "assistant", "user", "system"]),
        ("not_alternating", ["assistant", "user"]),
        ("not_alternating", ["user", "assistant", "user"]),
        ("not_alternating", ["system"]),
    ],
)
@pytest.mark.parametrize("name", ["sharegpt", "alpaca"])
def test_what_llama_factory_would_skip_is_refused(name: str, code: str, roles: list[str]) -> None:
    with pytest.raises(Reject) as refused:
        LAYOUTS[name].encode([Message(role, "text") for role in roles])
    assert refused.value.code == code
