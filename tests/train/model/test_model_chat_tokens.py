"""Chat tokens that a base does not know: rows trained whole beside adapters, rows added, rows that look untrained."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")
pytest.importorskip("peft")

import torch
from forked import blossom
from safetensors.torch import load_file
from small import make_model, make_packed, write_recipe
from transformers import AutoModelForCausalLM, AutoTokenizer

pytestmark = pytest.mark.slow

STAGE = '[[stage]]\nname = "one"\nlearning_rate = 3e-3\ndata = [{path = "first"}]\n'


@pytest.fixture(scope="module", params=["llama", "qwen2"])
def place(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A base with an output layer of its own, or with its embedding for one."""
    folder = tmp_path_factory.mktemp("tokens") / "work"
    folder.mkdir()
    make_packed(folder / "first", make_model(folder / "base", request.param), 12)
    return folder


def test_embedding_and_output_layer_are_trained_whole_beside_adapters(place: Path) -> None:
    lora = {"rank": 2, "modules_to_save": ["embed_tokens", "lm_head"]}
    write_recipe(place / "r.toml", STAGE, lora=lora)
    done = blossom("train", "run", "r.toml", "-o", "run", cwd=place)
    assert done.code == 0, done
    done = blossom("train", "export", "run", "-o", "model", cwd=place)
    assert done.code == 0, done
    base, trained = (AutoModelForCausalLM.from_pretrained(place / name) for name in ("base", "model"))
    for ends in ("get_input_embeddings", "get_output_embeddings"):
        before, after = (getattr(network, ends)().weight for network in (base, trained))
        assert not torch.equal(before, after)
    tied = base.config.tie_word_embeddings
    assert tied == torch.equal(trained.get_input_embeddings().weight, trained.get_output_embeddings().weight)
    # The same command goes on from what it saved: nothing is left to do, and nothing is refused.
    done = blossom("train", "run", "r.toml", "-o", "run", cwd=place)
    assert done.code == 0, done
    (adapter,) = (place / "run" / "checkpoints").glob("*/model/adapter_model.safetensors")
    assert any("embed_tokens" in name for name in load_file(adapter))


@pytest.mark.parametrize(
    ("lora", "told"),
    [
        ({"targets": ["q_proj", "lm_head"]}, "targets names lm_head"),
        ({"targets": ["embed_tokens"]}, "targets names embed_tokens"),
        ({"modules_to_save": ["wte"]}, "modules_to_save names wte, which the model does not have"),
    ],
)
def test_what_adapters_cannot_hold_is_refused_in_a_sentence(
    place: Path, lora: dict[str, object], told: str, tmp_path: Path
) -> None:
    write_recipe(place / "wrong.toml", STAGE, lora=lora)
    done = blossom("train", "run", "wrong.toml", "-o", tmp_path / "run", cwd=place)
    assert done.code == 2, done
    assert told in done.err
    assert "Traceback" not in done.err


def test_missing_and_untrained_chat_tokens_are_told_and_begin_with_the_mean(place: Path, tmp_path: Path) -> None:
    base = AutoModelForCausalLM.from_pretrained(place / "base")
    row = AutoTokenizer.from_pretrained(place / "base").convert_tokens_to_ids("<|im_start|>")
    for layer in (base.get_input_embeddings(), base.get_output_embeddings()):
        layer.weight.data[row] *= 0.01
    base.save_pretrained(tmp_path / "base")
    AutoTokenizer.from_pretrained(place / "base").save_pretrained(tmp_path / "base")
    shutil.copytree(place / "first", tmp_path / "first")
    write_recipe(tmp_path / "r.toml", STAGE, lora={"rank": 2})
    done = blossom("train", "run", "r.toml", "-o", "run", cwd=tmp_path)
    assert done.code == 0, done
    assert "the embedding row of <|im_start|> has the norm" in done.err
    assert "<|im_end|> has" not in done.err
    assert "modules_to_save" in done.err
    done = blossom(
        "train",
        "add-tokens",
        "base",
        "-o",
        "new",
        "--template",
        "chatml",
        "--token",
        "<|tool|>",
        "--json",
        cwd=tmp_path,
    )
    assert done.code == 0, done
    assert (done.json["added"], done.json["begun_anew"]) == (["<|tool|>"], ["<|im_start|>"])
    made, tokenizer = (
        AutoModelForCausalLM.from_pretrained(tmp_path / "new"),
        AutoTokenizer.from_pretrained(tmp_path / "new"),
    )
    added = tokenizer.convert_tokens_to_ids("<|tool|>")
    assert tokenizer("a<|tool|>", add_special_tokens=False)["input_ids"][-1] == added
    for new, old in zip(ends_of(made), ends_of(base), strict=True):
        assert len(new) >= added + 1
        rest = [place for place in range(len(tokenizer) - 1) if place != row]
        for place in (row, added):
            torch.testing.assert_close(new[place], old[rest].mean(0))
        torch.testing.assert_close(new[rest], old[rest])
    again = blossom("train", "add-tokens", "new", "-o", "none", "--template", "chatml", cwd=tmp_path)
    assert again.code == 2, again
    assert "knows all of these tokens" in again.err


def ends_of(network: object) -> list[torch.Tensor]:
    return [network.get_input_embeddings().weight.detach(), network.get_output_embeddings().weight.detach()]  # type: ignore[attr-defined]
