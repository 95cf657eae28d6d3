"""Slips of the pen in every kind of file: one line with file, line, table and what is known; a secret is never told."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from blossom_data.errors import ConfigError
from blossom_data.llm.money.prices import load_prices
from blossom_data.mix.recipe import load_recipe as load_mixes
from blossom_data.pipelines.load import load_pipeline
from blossom_data.prompts import load_prompt
from blossom_data.refresh.products import mixes_of
from blossom_data.schemas import json_schema
from blossom_data.train.recipe.recipe import load_recipe, recipe_of

SOURCE = '[[source]]\nkind = "gsm8k"\npath = "raw"\n'
TRAIN = 'base_model = "a/b"\ntemplate = "chatml"\n'
PRICED = 'as_of = "2026-11-01"\n[models]\n'
MANY = '[[endpoint]]\nbase_url = "http://a/v1"\nmodel = "m"\n[[endpoint]]\nmodel = "m"\n'

LOADERS: dict[str, Callable[[Path], object]] = {
    "mix": load_mixes,
    "recipe": load_recipe,
    "prices": load_prices,
    "prompt": lambda path: load_prompt(str(path)),
}


def load(kind: str, path: Path) -> None:
    """Reads `path` as what it is meant to be, with all that a plan would read of it."""
    if kind == "pipeline":
        pipeline = load_pipeline(path)
        mixes_of(pipeline)
        recipe_of(pipeline)
    else:
        LOADERS[kind](path)


def told(kind: str, folder: Path, text: str) -> str:
    """The error and its hint, which are one line each and name the file."""
    path = folder / f"{kind}.toml"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load(kind, path)
    assert "\n" not in str(caught.value) + caught.value.hint
    assert str(path) in str(caught.value)
    return f"{caught.value} | {caught.value.hint}"


@pytest.mark.parametrize(
    ("kind", "text", "said"),
    [
        ("pipeline", SOURCE + "allow_eval = 1\n", "[[source]] 1: allow_eval must be true or false, is 1"),
        (
            "pipeline",
            '[[source]]\nkind = "orka"\npath = "x"\n',
            "line 2: [[source]] 1: kind is 'orka' | did you mean 'orca'?",
        ),
        (
            "pipeline",
            f'{SOURCE}stages = ["translat"]\n',
            "line 4: [[source]] 1: stages names 'translat' | did you mean 'translate'?",
        ),
        (
            "pipeline",
            f"{SOURCE}[stage.translat]\n",
            "line 4: [stage]: unknown key 'translat' | did you mean 'translate'?",
        ),
        (
            "pipeline",
            f'{SOURCE}[stage.verify-math]\nresample = "3"\n',
            "line 5: [stage.verify-math]: resample must be a whole number from 0, is '3'",
        ),
        (
            "pipeline",
            f"{SOURCE}[refresh]\nmin_size_ratio = 90\n",
            "line 5: [refresh]: min_size_ratio must be a number from 0 to 1, is 90",
        ),
        (
            "pipeline",
            f'{SOURCE}[refresh]\nmin_lang = {{zh = "0.4"}}\n',
            "line 5: [refresh.min_lang]: zh must be a number from 0 to 1, is '0.4'",
        ),
        ("pipeline", f'{SOURCE}fields = {{instruktion = "q"}}\n', "line 4: [[source]] 1, fields: unknown key"),
        ("pipeline", f'{SOURCE}fields = {{gold = "q"}}\n', "line 4: [[source]] 1: fields are only for the kind custom"),
        ("pipeline", '[[source]]\nkind = "custom"\npath = "x"\n', "line 1: [[source]] 1: no field is named"),
        ("pipeline", "[endpoint]\nbase_url = 'ftp://x'\n" + SOURCE, "line 2: [endpoint]: base URL 'ftp://x'"),
        ("pipeline", MANY + SOURCE, "line 4: [[endpoint]] 2: has no base_url"),
        ("pipeline", "seed = 1979-05-27\n" + SOURCE, "line 1: seed must be a whole number from 0, is 1979-05-27"),
        ("pipeline", "shard_records = 99999999999999999999\n" + SOURCE, "line 1: shard_records must be a whole number"),
        ("pipeline", f"seed = {'9' * 5000}\n" + SOURCE, "is not valid TOML: Exceeds the limit"),
        ("pipeline", f"{'k' * 5000} = 1\n" + SOURCE, f"line 1: unknown key '{'k' * 79}..."),
        ("pipeline", "\ufeff" + SOURCE + "limit = 0\n", "line 4: [[source]] 1: limit must be a whole number from 1"),
        ("pipeline", "source = []\n", "line 1: has no [[source]] | such as [[source]]"),
        ("pipeline", "[[source]]\nkind = 'gsm8k'\n", "line 1: [[source]] 1: has no path"),
        ("pipeline", f"{SOURCE}[mix]\nname = 'a'\npart = {{cout = 3}}\n", "line 6: [mix.part]: unknown key 'cout'"),
        ("pipeline", f"{SOURCE}[[mix]]\nname = 'a'\n", "line 4: mix 'a': has no part"),
        (
            "pipeline",
            f"{SOURCE}[train]\n{TRAIN}[[train.stage]]\nname = 'a'\ndata = [{{path = 'x', count = '3'}}]\n",
            "line 9: [[train.stage]] 1 (a), data 1: count must be a whole number from 1, is '3'",
        ),
        ("mix", "[[mix]]\nnmae = 'a'\n", "line 2: [[mix]] 1: unknown key 'nmae' | did you mean 'name'?"),
        ("mix", "[[mix]]\nname = 'a'\nplain = 1\n", "line 3: [[mix]] 1 (a): plain must be true or false, is 1"),
        (
            "mix",
            "[[mix]]\nname = 'a'\n[[mix.part]]\ndata = 'd'\nlang = {en = 'half'}\n",
            "line 5: [[mix]] 1 (a), part 1, lang: en must be a number from 0 to 1, is 'half'",
        ),
        (
            "mix",
            "[[mix]]\nname = 'a'\n[[mix.part]]\ndata = 'd'\n[[mix.replay]]\nof = 'b'\n",
            "line 6: [[mix]] 1 (a), replay 1: of is 'b', which is no earlier mix",
        ),
        ("recipe", f"{TRAIN}dtype = 'float8'\n[[stage]]\nname = 'a'\n", "line 3: dtype is 'float8' | "),
        ("recipe", f"{TRAIN}lora = {{rnk = 4}}\n[[stage]]\nname = 'a'\n", "line 3: [lora]: unknown key 'rnk'"),
        ("recipe", f"{TRAIN}hub_id = 'a/b'\n[[stage]]\nname = 'a'\n", "line 3: unknown key 'hub_id'"),
        (
            "recipe",
            f"{TRAIN}[[stage]]\nname = 'a'\ndata = 'x'\n",
            "line 5: [[stage]] 1 (a): data must be a list of",
        ),
        ("prompt", "verzion = 1\nuser = 'x'\n", "line 1: unknown key 'verzion' | did you mean 'version'?"),
        ("prompt", "version = '1'\nuser = 'x'\n", "line 1: version must be a whole number from 0, is '1'"),
        ("prompt", "version = 1\nuser = 'x'\n[[example]]\nuser = 'a'\n", "line 3: [[example]] 1: has no assistant"),
        ("prices", f"{PRICED}m = {{in = 1, out = 'x'}}\n", "line 3: [models.m]: out must be a number from 0, is 'x'"),
        ("prices", f"{PRICED}m = {{in = 1, out = 1, cashed_in = 1}}\n", "did you mean 'cached_in'?"),
        ("prices", "[models]\n", "has no as_of | such as as_of ="),
    ],
)
def test_a_slip_is_told_with_its_place(tmp_path: Path, kind: str, text: str, said: str) -> None:
    assert said in told(kind, tmp_path, text)


@pytest.mark.parametrize(
    "table",
    [
        "[endpoint]\nkey_env = 'sk-SECRET key'\n",
        "[endpoint]\nkey_env = ['SECRET']\n",
        "[endpoint]\napi_key = 'SECRET'\n",
        "[endpoint]\nbase_url = 'https://me:SECRET@example.com/v1'\n",
        "[notify]\nurl = 'hooks.example.com/SECRET'\n",
        "[notify]\nurl = ['https://hooks.example.com/SECRET']\n",
        "[notify]\ncommand = 'curl -H SECRET'\n",
        "[notify]\ncommand = ['curl', {token = 'SECRET'}]\n",
    ],
)
def test_a_wrong_secret_is_not_repeated(tmp_path: Path, table: str) -> None:
    assert "SECRET" not in told("pipeline", tmp_path, table + SOURCE)


def places(name: str) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """(header of the table, key, schema) of everything that a pipeline may say in tables of its own."""
    schema = json_schema(name)

    def resolved(node: dict[str, Any]) -> dict[str, Any]:
        for each in (node, *node.get("allOf", ()), *node.get("anyOf", ())):
            if "$ref" in each:
                return dict(schema["definitions"][each["$ref"].rsplit("/", 1)[1]])
        return node

    def walk(header: str, node: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
        for key, each in node["properties"].items():
            yield header, key, each
            inner = resolved(each)
            if "properties" in inner:
                yield from walk(f"{header}.{key}" if header else key, inner)

    yield from walk("", schema)


@pytest.mark.parametrize(("header", "key", "schema"), list(places("pipeline")), ids=lambda part: str(part)[:20])
def test_a_value_of_a_wrong_type_is_told_for_every_key(
    tmp_path: Path, header: str, key: str, schema: dict[str, Any]
) -> None:
    wrong = f"{key} = 1979-05-27\n"
    text, line = (f"[{header}]\n{wrong}", 2) if header else (wrong, 1)
    text += "" if "source" in (header, header or key) else SOURCE
    said = told("pipeline", tmp_path, text)
    assert f"line {line}: " in said and key in said, said
    assert schema.get("description"), "every key has a line of doc"
