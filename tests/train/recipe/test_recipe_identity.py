"""A recipe that uses no key that was added later has the identity that it always had: runs that have begun go on."""

from __future__ import annotations

from pathlib import Path

import pytest

from blossom_data.settings_file import read_table
from blossom_data.toml_file import read_toml
from blossom_data.train.recipe.recipe import Recipe

HEAD = 'base_model = "/models/base"\ntemplate = "chatml"\n'
ONE = '[[stage]]\nname = "one"\ndata = [{path = "/data/one"}]\n'
STAGES = """
seq_len = 4096
seed = 3
eval = 0.01
eval_every = 50
samples = 2
weight_decay = 0.1
[[stage]]
name = "one"
data = [{path = "/data/one"}]
[[stage]]
name = "two"
epochs = 3
schedule = "wsd"
data = [{path = "/data/two", config = "chat", share = 0.5}]
replay = {stage = "one", share = 0.2}
"""
PREFER = '[[stage]]\nname = "prefer"\ndata = [{path = "/data/pairs"}]\ndpo = {beta = 0.2, label_smoothing = 0.1}\n'
ADAPTERS = '[lora]\nrank = 8\nmodules_to_save = ["lm_head"]\n[deepspeed]\nstage = 3\n'
# What the release said that had none of: optimisers, losses beside DPO, best, patience, float16, freeze, rope, suites.
KNOWN = {
    "plain": (HEAD + ONE, "689bc7378168b529e08025fd27dfc17f3e0c18f93158aa65d57ebf21537fc017"),
    "stages": (HEAD + STAGES, "ab8e87953d81f83cb07b01db825bcf445eba83d5040c333ca48df5cf1c916f7a"),
    "preference": (HEAD + ONE + PREFER, "6fae36efce755fd21e3f763a6242f9c95c756118e46418a819f4a66ffb477c37"),
    "adapters": (
        HEAD.replace("chatml", "qwen3") + ADAPTERS + ONE,
        "77cf16b4b7f1e51ef2e030be75488df179b9b71f65786b96247a35bd544d1b61",
    ),
}
DECISIVE = (
    '[optimiser]\nname = "lion"\n',
    'freeze = ["embed_tokens"]\n',
    "patience = 3\neval = 0.01\n",
    'eval_suites = ["gsm8k:8"]\n',
    'eval_suites = ["gsm8k:8"]\neval_tokens = 9\n',
)
FREE = ("best = true\neval = 0.0\n", "eval_every = 9\n", "samples = 1\n", "keep = 7\n", 'trackers = ["wandb"]\n')


def identity(folder: Path, text: str) -> str:
    file = folder / "recipe.toml"
    file.write_text(text)
    return read_table(read_toml(file, "recipe"), Recipe, at=(), context={"folder": folder}).digest()


@pytest.mark.parametrize("kind", KNOWN)
def test_a_recipe_of_before_keeps_its_identity(kind: str, tmp_path: Path) -> None:
    text, known = KNOWN[kind]
    assert identity(tmp_path, text) == known


def test_what_decides_the_weights_changes_it_and_nothing_else_does(tmp_path: Path) -> None:
    found = [identity(tmp_path, HEAD + keys + ONE) for keys in DECISIVE]
    assert len({*found, KNOWN["plain"][1]}) == len(DECISIVE) + 1
    assert {identity(tmp_path, HEAD + keys + ONE) for keys in FREE} == {KNOWN["plain"][1]}
