"""The shapes that a column of a training row can have, and how the hub's card and Arrow spell them.

TEXT                      "..."
turns("role", "content")  [{"role": "...", "content": "..."}, ...]
TOOL_TURNS                the same with thinking, calls of tools, and whether a reply is learnt
PAIRS                     [["question", "answer"], ...]
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Shape:
    """One shape: a text, a list of objects with these keys, or (neither) a list of lists of texts."""

    keys: tuple[str, ...] = ()
    is_text: bool = False
    calls: bool = False
    """Its objects also have `tool_calls`, `tool_call_id` and `train`."""

    @property
    def void(self) -> dict[str, Any]:
        """What an object has where it says nothing; empty for what is no list of objects."""
        texts = dict.fromkeys(self.keys, "")
        return {**texts, "tool_calls": [], "tool_call_id": "", "train": True} if self.calls else texts


TEXT = Shape(is_text=True)
PAIRS = Shape()


TOOL_TURNS = Shape(("role", "content", "reasoning_content"), calls=True)
_CALL = {"id": "string", "type": "string", "function": {"name": "string", "arguments": "string"}}


def turns(*keys: str) -> Shape:
    """A list of objects, each with these texts."""
    return Shape(keys)


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a row."""

    name: str
    shape: Shape


_HUB_CALLS: list[dict[str, Any]] = [
    {
        "name": "tool_calls",
        "list": [
            {"name": "id", "dtype": "string"},
            {"name": "type", "dtype": "string"},
            {
                "name": "function",
                "struct": [{"name": "name", "dtype": "string"}, {"name": "arguments", "dtype": "string"}],
            },
        ],
    },
    {"name": "tool_call_id", "dtype": "string"},
    {"name": "train", "dtype": "bool"},
]


def hub_features(columns: Iterable[Column]) -> list[dict[str, Any]]:
    """The columns as `dataset_info.features` of a card; read alike by `datasets` 2.21, 4.0 and 5.2."""
    return [{"name": column.name, **_hub(column.shape)} for column in columns]


def _hub(shape: Shape) -> dict[str, Any]:
    if shape.is_text:
        return {"dtype": "string"}
    if shape.keys:
        texts: list[dict[str, Any]] = [{"name": key, "dtype": "string"} for key in shape.keys]
        return {"list": [*texts, *(_HUB_CALLS if shape.calls else [])]}
    return {"list": {"list": "string"}}


def arrow_schema(columns: Iterable[Column]) -> Any:
    """The columns as an Arrow schema in which nothing is ever null."""
    import pyarrow

    def struct(fields: dict[str, Any]) -> Any:
        kinds = {name: struct(kind) if isinstance(kind, dict) else pyarrow.string() for name, kind in fields.items()}
        return pyarrow.struct([pyarrow.field(name, kind, nullable=False) for name, kind in kinds.items()])

    def typed(shape: Shape) -> Any:
        if shape.is_text:
            return pyarrow.string()
        if shape.keys:
            fields = [pyarrow.field(key, pyarrow.string(), nullable=False) for key in shape.keys]
            if shape.calls:
                call = pyarrow.field("element", struct(_CALL), nullable=False)
                fields += [
                    pyarrow.field("tool_calls", pyarrow.list_(call), nullable=False),
                    pyarrow.field("tool_call_id", pyarrow.string(), nullable=False),
                    pyarrow.field("train", pyarrow.bool_(), nullable=False),
                ]
            return pyarrow.list_(pyarrow.field("element", pyarrow.struct(fields), nullable=False))
        text = pyarrow.field("element", pyarrow.string(), nullable=False)
        return pyarrow.list_(pyarrow.field("element", pyarrow.list_(text), nullable=False))

    return pyarrow.schema([pyarrow.field(column.name, typed(column.shape), nullable=False) for column in columns])
