"""The JSON schemas of the files that people write, for editors: completion, and mistakes shown as one types.

    json_schema("pipeline")["properties"]["shard_records"]
        {"type": "integer", "minimum": 1, "default": 10000, "description": "Records read for one shard."}

Editors for TOML (Taplo, Even Better TOML) find a schema by the first line of a file: `#:schema ./pipeline.schema.json`.
They read draft 7, so that is what is given; the classes behind the schemas are those that check the files.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from pydantic import TypeAdapter

NAMES = ("pipeline", "mix", "recipe", "prompt", "record")
_DRAFT = "http://json-schema.org/draft-07/schema#"
_DEFINITIONS = "#/definitions/"


def json_schema(name: str) -> dict[str, Any]:
    """The JSON schema (draft 7) of one of NAMES; a KeyError for any other name."""
    # TOML has no null; in a record it means that a field is absent.
    schema = _for_editors(_MAKERS[name](), has_null=name == "record")
    return {"$schema": _DRAFT, "title": f"blossom-data {name}", **schema}


def schema_file(name: str) -> tuple[str, str]:
    """Name and text of the file that `#:schema` names beside a pipeline, recipe or prompt."""
    return f"{name}.schema.json", json.dumps(json_schema(name), indent=1, ensure_ascii=False) + "\n"


def _pipeline() -> dict[str, Any]:
    """The pipeline's own tables, with those of mixes and training in their places."""
    from blossom_data.pipelines.settings import PipelineTables

    schema = _of(PipelineTables)
    mixes, recipe = _mix(), _recipe()
    definitions = {**schema["$defs"], **mixes.pop("$defs"), **recipe.pop("$defs"), "Recipe": recipe}
    own = schema["properties"]
    own["mix"] = {**mixes["properties"]["mix"], "description": own["mix"]["description"]}
    own["train"] = {"$ref": "#/$defs/Recipe", "description": own["train"]["description"]}
    schema["required"] = [key for key in schema["required"] if key != "refresh"]
    return {**schema, "$defs": definitions}


def _mix() -> dict[str, Any]:
    from blossom_data.mix.recipe import MixFile

    return _of(MixFile)


def _recipe() -> dict[str, Any]:
    from blossom_data.train.recipe.recipe import Recipe

    return _of(Recipe)


def _prompt() -> dict[str, Any]:
    from blossom_data.prompts import PromptTable

    return _of(PromptTable)


def _record() -> dict[str, Any]:
    from blossom_data.rows.valid import RecordRow

    return _of(RecordRow)


_MAKERS: Mapping[str, Callable[[], dict[str, Any]]] = {
    "pipeline": _pipeline,
    "mix": _mix,
    "recipe": _recipe,
    "prompt": _prompt,
    "record": _record,
}


def _of(kind: Any) -> dict[str, Any]:
    return TypeAdapter(kind).json_schema()


def _for_editors(node: Any, *, has_null: bool) -> Any:
    """`node` in draft 7, without titles, which are made of key names, and without null where there is none."""
    if isinstance(node, list):
        return [_for_editors(each, has_null=has_null) for each in node]
    if not isinstance(node, dict):
        return node
    if "anyOf" in node and not has_null:
        kinds = [each for each in node["anyOf"] if each != {"type": "null"}]
        rest = {key: each for key, each in node.items() if key != "anyOf" and (key, each) != ("default", None)}
        node = {**kinds[0], **rest} if len(kinds) == 1 else {**rest, "anyOf": kinds}
    if "$ref" in node and len(node) > 1:
        # Draft 7 ignores what stands beside a $ref.
        node = {"allOf": [{"$ref": node["$ref"]}], **{key: each for key, each in node.items() if key != "$ref"}}
    made: dict[str, Any] = {}
    for key, each in node.items():
        if key in ("properties", "$defs"):
            made["definitions" if key == "$defs" else key] = {
                name: _for_editors(one, has_null=has_null) for name, one in each.items()
            }
        elif key == "$ref":
            made[key] = _DEFINITIONS + each.rsplit("/", 1)[1]
        elif key != "title" and not (key == "default" and each is None):
            made[key] = _for_editors(each, has_null=has_null)
    return made
