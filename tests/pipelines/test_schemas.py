"""The JSON schemas for editors: in step with the code, complete, and named by every file that comes along."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from forked import blossom

from blossom_data.config import SOURCE_KINDS
from blossom_data.prompts import bundled
from blossom_data.schemas import NAMES, json_schema, schema_file
from blossom_data.sources import SOURCES

SHIPPED = {"pipeline": "pipelines", "recipe": "recipes", "prompt": "prompts"}


def nodes(value: Any) -> Iterator[dict[str, Any]]:
    """Every object in a schema."""
    if isinstance(value, dict):
        yield value
        for each in value.values():
            yield from nodes(each)
    elif isinstance(value, list):
        for each in value:
            yield from nodes(each)


@pytest.mark.parametrize("name", NAMES)
def test_a_schema_is_whole_and_of_a_draft_that_editors_read(name: str) -> None:
    schema = json_schema(name)
    assert schema["$schema"] == "http://json-schema.org/draft-07/schema#"
    for node in nodes(schema):
        assert "$defs" not in node
        if "$ref" in node:
            assert list(node) == ["$ref"] and node["$ref"].split("/")[-1] in schema["definitions"]
        for key, each in node.get("properties", {}).items():
            assert each.get("description") or name == "prompt", key


@pytest.mark.parametrize("name", SHIPPED)
def test_what_comes_along_names_a_schema_that_is_beside_it_and_in_step(name: str) -> None:
    folder = bundled(SHIPPED[name])
    file, text = schema_file(name)
    assert (folder / file).read_text(encoding="utf-8") == text, "run: python tools/schemas.py"
    for path in folder.glob("*.toml"):
        assert path.read_text(encoding="utf-8").startswith(f"#:schema ./{file}\n"), path


def test_the_kinds_of_a_source_are_those_that_can_be_read() -> None:
    assert set(SOURCE_KINDS) == {*SOURCES, "custom"}


def test_a_new_workspace_has_the_schema_beside_its_pipeline(tmp_path: Path) -> None:
    for arguments in (["init", "plain"], ["init", "v5", "--from", "blossom-v5"]):
        assert blossom(*arguments, cwd=tmp_path).code == 0
        folder = tmp_path / arguments[1]
        (pipeline,) = folder.glob("*.toml")
        first = pipeline.read_text().split("\n")[0]
        assert first == "#:schema ./pipeline.schema.json"
        schema = json.loads((folder / "pipeline.schema.json").read_text())
        assert set(tomllib.loads(pipeline.read_text())) <= set(schema["properties"])
