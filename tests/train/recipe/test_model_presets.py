"""From a pipeline file to weights: presets, what is published, models of the hub, and what a run keeps of both."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

from command import blossom as started
from command import write_lines
from forked import blossom
from model_hub import ModelHub
from small import chats, make_model, tokenizer
from transformers import BloomConfig, Qwen2Config

from blossom_data.errors import ConfigError, InputError
from blossom_data.prompts import bundled
from blossom_data.train.handoff.export import export
from blossom_data.train.preflight.plan import make_plan
from blossom_data.train.preflight.prepare import prepare
from blossom_data.train.recipe import revisions as pins
from blossom_data.train.recipe.recipe import load_recipe

pytestmark = pytest.mark.slow

# The shapes of the two models' own config.json, and how many weights they have.
SHAPES: dict[str, tuple[Any, int]] = {
    "qwen2.5-0.5b": (
        Qwen2Config(
            vocab_size=151936, hidden_size=896, num_hidden_layers=24, num_attention_heads=14, num_key_value_heads=2,
            intermediate_size=4864, max_position_embeddings=32768, tie_word_embeddings=True,
        ),
        494_032_768,
    ),
    "bloom-560m": (BloomConfig(vocab_size=250880, hidden_size=1024, n_layer=24, n_head=16), 559_214_592),
}  # fmt: skip


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace in which two mixes are published as blossom-v5, by the commands."""
    work = tmp_path_factory.mktemp("presets") / "work"
    work.mkdir()
    publish(work, 60)
    return work


def publish(work: Path, count: int) -> None:
    write_lines(work / "first.jsonl", chats(count, "first"))
    write_lines(work / "second.jsonl", chats(20, "second", 3))
    mixes = (
        ("first.jsonl", "-o", "train/stage1"),
        ("second.jsonl", "--replay", "train/stage1=20%", "-o", "train/stage2"),
    )
    for mix in mixes:
        shutil.rmtree(work / mix[-1], ignore_errors=True)
        done = blossom("mix", *mix, cwd=work)
        assert done.code == 0, done
    done = blossom(
        *("publish", "stage1=train/stage1", "stage2=train/stage2", "-o", "published", "--name", "blossom-v5"),
        *("--licence", "MIT", "--format", "jsonl"),
        cwd=work,
    )
    assert done.code == 0, done


@pytest.mark.parametrize("name", SHAPES)
def test_a_preset_fits_the_card_that_it_names(
    published: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    config, parameters = SHAPES[name]
    config.save_pretrained(tmp_path / "model")
    tokenizer().save_pretrained(tmp_path / "model")
    monkeypatch.chdir(published)
    monkeypatch.setattr(pins, "fetch", lambda *_, **__: tmp_path / "model")
    prepared = prepare(Path(name), None, tell=print, scratch=tmp_path / "packed")
    plan = make_plan(prepared, gpus=1, memory_gib=24e9 / 2**30, tokens_per_s=None)
    assert plan["parameters"] == parameters
    assert plan["memory"]["fits"], plan["memory"]
    assert [(stage["name"], stage["epochs"]) for stage in plan["stages"]] == [("stage1", 1), ("stage2", 3)]
    # Stage 2 holds a fifth of stage 1, drawn by the mix.
    documents = [stage["data"] + stage["held_out"] for stage in plan["stages"]]
    assert documents == [60, 20 + 12]


def test_the_shipped_recipes_are_listed_printed_and_read_by_name(tmp_path: Path) -> None:
    listed = blossom("train", "recipe", "--json", cwd=tmp_path).json["recipes"]
    assert sorted(SHAPES) == listed
    shown = blossom("train", "recipe", "bloom-560m", cwd=tmp_path)
    assert shown.out.strip() == (bundled("recipes") / "bloom-560m.toml").read_text().strip()
    unknown = blossom("train", "recipe", "bloom-7b", cwd=tmp_path)
    assert (unknown.code, "qwen2.5-0.5b" in unknown.err) == (2, True)


def test_a_pipeline_file_trains_on_what_it_published_and_a_model_of_the_hub(published: Path, tmp_path: Path) -> None:
    work = tmp_path / "work"
    shutil.copytree(published, work, symlinks=True)
    assert blossom("init", "v5", "--from", "blossom-v5", cwd=tmp_path).code == 0
    # Stage 2 teaches nothing new here: one epoch of it is enough.
    text = (tmp_path / "v5" / "blossom-v5.toml").read_text().replace("epochs = 3", "epochs = 1")
    (work / "blossom-v5.toml").write_text(text)
    make_model(tmp_path / "model", "llama")
    config = json.loads((tmp_path / "model" / "config.json").read_text())
    (tmp_path / "model" / "config.json").write_text(json.dumps({**config, "max_position_embeddings": 2048}))
    (tmp_path / "model" / "pytorch_model.bin").write_bytes(b"a pickle")
    with ModelHub({"Qwen/Qwen2.5-0.5B": tmp_path / "model"}) as hub:
        commit = hub.commit("Qwen/Qwen2.5-0.5B")
        environment = hub.environment(tmp_path / "cache")
        # The hub's client reads its address while it is imported.
        done = started("train", "run", "blossom-v5.toml", "-o", "run", "--json", cwd=work, env=environment)
        assert done.code == 0, done
        assert "model.safetensors" in hub.asked
        assert "pytorch_model.bin" not in hub.asked
        # The same command again takes what the run began with, whatever is newer by now.
        (tmp_path / "model" / "config.json").write_text(json.dumps({**config, "max_position_embeddings": 4096}))
        publish(work, 70)
        assert hub.commit("Qwen/Qwen2.5-0.5B") != commit
        again = started("train", "run", "blossom-v5.toml", "-o", "run", "--json", cwd=work, env=environment)
    assert again.code == 0, again
    assert again.json == done.json
    manifest = json.loads((work / "run" / "manifest.json").read_text())
    assert manifest["hub"] == f"Qwen/Qwen2.5-0.5B@{commit}"
    assert [source["version"] for source in manifest["sources"]] == [done_version(work)] * 2
    assert [stage["name"] for stage in manifest["stages"]] == ["stage1", "stage2"]
    export(work / "run", work / "model")
    told = json.loads((work / "model" / "manifest.json").read_text())
    assert told["base_model"] == f"Qwen/Qwen2.5-0.5B@{commit}"


def done_version(work: Path) -> str:
    """The version that the run in `work` pinned: the oldest."""
    (versions,) = json.loads((work / "run" / "pins.json").read_text())["versions"].values()
    assert versions == min(path.name for path in (work / "published/blossom-v5").iterdir() if path.name[:2] == "20")
    return str(versions)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"config": "stage3"}, "has no configuration 'stage3'"),
        ({"config": ""}, "has several configurations"),
        ({"path": "train"}, "holds no published version"),
    ],
)
def test_a_part_that_is_not_published_is_one_clear_line(
    published: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: dict[str, str], told: str
) -> None:
    make_model(tmp_path / "base", "llama")
    part = {"path": str(published / "published/blossom-v5"), "config": "stage1", **change}
    part["path"] = str(published / part["path"])
    listed = ", ".join(f"{key} = {json.dumps(value)}" for key, value in part.items() if value)
    recipe = tmp_path / "r.toml"
    recipe.write_text(
        f'base_model = "base"\ntemplate = "chatml"\nseq_len = 96\n[[stage]]\nname = "a"\ndata = [{{{listed}}}]\n'
    )
    with pytest.raises(ConfigError, match=told):
        prepare(recipe, tmp_path / "out", tell=print)


def test_a_changed_shard_of_a_version_is_refused(published: Path, tmp_path: Path) -> None:
    shutil.copytree(published / "published", tmp_path / "published", symlinks=True)
    make_model(tmp_path / "base", "llama")
    shard = next((tmp_path / "published/blossom-v5/current/").glob("stage1-*"))
    shard.write_bytes(shard.read_bytes() + b"\n")
    recipe = tmp_path / "r.toml"
    recipe.write_text(
        'base_model = "base"\ntemplate = "chatml"\nseq_len = 96\n[[stage]]\nname = "a"\n'
        'data = [{path = "published/blossom-v5/current", config = "stage1"}]\n'
    )
    with pytest.raises(InputError, match="is not the shard that was published"):
        prepare(recipe, tmp_path / "out", tell=print)


@pytest.mark.parametrize(
    ("name", "hub_id"),
    [
        ("Qwen/Qwen2.5-0.5B", "Qwen/Qwen2.5-0.5B"),
        ("hf:org/x", "org/x"),
        ("models/base", ""),
        ("base", ""),
        ("a/b/c", ""),
    ],
)
def test_what_counts_as_a_model_of_the_hub(tmp_path: Path, name: str, hub_id: str) -> None:
    (tmp_path / "models").mkdir()
    (tmp_path / "data").mkdir()
    (tmp_path / "r.toml").write_text(
        f'base_model = "{name}"\ntemplate = "chatml"\n[[stage]]\nname = "a"\ndata = [{{path = "data"}}]\n'
    )
    if not hub_id:
        with pytest.raises(ConfigError, match="no model folder"):
            load_recipe(tmp_path / "r.toml")
        return
    recipe = load_recipe(tmp_path / "r.toml")
    assert recipe.hub_id == hub_id
    # Where the files lie is no part of what was trained, the commit is.
    one, other = (replace(recipe, base_model=Path(place), revision="c") for place in ("/a", "/b"))
    assert one.digest() == other.digest() != replace(one, revision="d").digest()
