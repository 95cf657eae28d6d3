"""The types that settings are made of; each says in one place what a value may be, its bounds and its JSON schema.

    @with_config(STRICT)
    @dataclass(frozen=True, slots=True, kw_only=True)
    class SourceSettings:
        kind: Text
        limit: Count | None = None

pydantic reads such classes at the edge (settings_file.py); inside they are plain frozen dataclasses. Nothing is
converted silently: "3" is no number, 1 is not true.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    Strict,
    ValidationInfo,
    WithJsonSchema,
)
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from blossom_data.errors import ConfigError
from blossom_data.languages.tags import canonical
from blossom_data.object_store import ObjectPath, path_of

STRICT = ConfigDict(extra="forbid", allow_inf_nan=False, use_attribute_docstrings=True, validate_default=True)
"""Keys that there are not are refused, and so are inf and nan; the line under a field is its description."""
REFUSED = "settings"
"""The pydantic error type of what `refuse` makes."""
SECRET = Field(json_schema_extra={"writeOnly": True})
"""A value that no message repeats."""

LARGEST = 10**15
"""No count is larger."""

Value = TypeVar("Value")


class OneOf:
    """One of these texts: `Annotated[str, OneOf("jsonl", "parquet")]`."""

    def __init__(self, *names: str) -> None:
        self._names = names

    def __get_pydantic_core_schema__(self, _: Any, __: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.literal_schema(list(self._names))


def refuse(problem: str, hint: str = "") -> PydanticCustomError:
    """What a validator raises: `problem` is told as it stands, behind file, line and table."""
    return PydanticCustomError(REFUSED, "{problem}", {"problem": problem, "hint": hint})


def checked(check: Callable[[Any], object]) -> AfterValidator:
    """A validator of what raises ConfigError; the value stays."""

    def validate(value: Value) -> Value:
        try:
            check(value)
        except ConfigError as why:
            raise refuse(str(why), why.hint) from why
        return value

    return AfterValidator(validate)


def _without_nul(text: str) -> str:
    if "\0" in text:
        raise refuse("a text holds a NUL character")
    return text


def language_tag(text: str) -> str:
    """A validator: the BCP-47 tag as records have it."""
    try:
        return canonical(text)
    except ConfigError as why:
        raise refuse(str(why), why.hint) from why


def _one_is_a_list(value: object) -> object:
    return [value] if isinstance(value, dict | str) else value


def _located(folder: str, *, may_be_url: bool = True) -> Callable[[object, ValidationInfo], Path]:
    def locate(value: object, info: ValidationInfo) -> Path:
        if isinstance(value, Path):
            path = value
        elif isinstance(value, str) and value:
            path = path_of(_without_nul(value))
            if isinstance(path, ObjectPath) and may_be_url:
                return path
            if isinstance(path, ObjectPath):
                raise refuse("must be a local folder", "sets are made locally, and published to a URL: [publish] root")
        else:
            raise PydanticCustomError("string_type", "no text")
        home: Path = (info.context or {}).get(folder, Path())
        return (home / path).absolute()

    return locate


LANGUAGE_SCHEMA = {"type": "string", "examples": ["en", "zh", "zh-Hant", "pt-BR"]}
Language = Annotated[str, Strict(), AfterValidator(language_tag), WithJsonSchema(LANGUAGE_SCHEMA)]
"""A BCP-47 tag as records have it, however it was written."""
FreeText = Annotated[str, Strict(), AfterValidator(_without_nul)]
Text = Annotated[str, Strict(), Field(min_length=1), AfterValidator(_without_nul)]
Flag = Annotated[bool, Strict()]
Whole = Annotated[int, Strict(), Field(ge=0, le=LARGEST)]
Count = Annotated[int, Strict(), Field(ge=1, le=LARGEST)]
Amount = Annotated[float, Strict(), Field(ge=0)]
Positive = Annotated[float, Strict(), Field(gt=0)]
Share = Annotated[float, Strict(), Field(ge=0, le=1)]
StyleScore = Annotated[float, Strict(), Field(ge=0.5, le=1)]
FilePath = Annotated[Path, BeforeValidator(_located("folder")), WithJsonSchema({"type": "string", "minLength": 1})]
"""A path, relative to the `folder` of the validation's context, absolute afterwards."""
TargetPath = Annotated[
    Path,
    BeforeValidator(_located("target", may_be_url=False)),
    WithJsonSchema({"type": "string", "minLength": 1}),
]
"""A path of what is written, relative to the `target` of the context."""
RootPath = Annotated[Path, BeforeValidator(_located("target")), WithJsonSchema({"type": "string", "minLength": 1})]
"""The same where a URL of an object store will do."""


def one_or_list(kind: Any) -> BeforeValidator:
    """Of a list of `kind` (a table or a text): one alone may stand for a list of one."""
    return BeforeValidator(_one_is_a_list, json_schema_input_type=kind | list[kind])
