"""The shapes that a column of a training row can have, and how the hub's card and Arrow spell them.

TEXT                      "..."
turns("role", "content")  [{"role": "...", "content": "..."}, ...]
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


TEXT = Shape(is_text=True)
PAIRS = Shape()


def turns(*keys: str) -> Shape:
    """A list of objects, each with these texts."""
    return Shape(keys)


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a row."""

    name: str
    shape: Shape


def hub_features(columns: Iterable[Column]) -> list[dict[str, Any]]:
    """The columns as `dataset_info.features` of a card; read alike by `datasets` 2.21, 4.0 and 5.2."""
    return [{"name": column.name, **_hub(column.shape)} for column in columns]


def _hub(shape: Shape) -> dict[str, Any]:
    if shape.is_text:
        return {"dtype": "string"}
    if shape.keys:
        return {"list": [{"name": key, "dtype": "string"} for key in shape.keys]}
    return {"list": {"list": "string"}}


def arrow_schema(columns: Iterable[Column]) -> Any:
    """The columns as an Arrow schema in which nothing is ever null."""
    import pyarrow

    def typed(shape: Shape) -> Any:
        if shape.is_text:
            return pyarrow.string()
        if shape.keys:
            fields = [pyarrow.field(key, pyarrow.string(), nullable=False) for key in shape.keys]
            return pyarrow.list_(pyarrow.field("element", pyarrow.struct(fields), nullable=False))
        text = pyarrow.field("element", pyarrow.string(), nullable=False)
        return pyarrow.list_(pyarrow.field("element", pyarrow.list_(text), nullable=False))

    return pyarrow.schema([pyarrow.field(column.name, typed(column.shape), nullable=False) for column in columns])
