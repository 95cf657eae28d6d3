"""Positions whose frequencies go by length: each document of a row has those that it has alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

import torch
from small import build_model, make_model, make_packed, write_recipe
from transformers import AutoModelForCausalLM

from blossom_data.train.model import model as models
from blossom_data.train.model.attention import DocumentAttention, Layout
from blossom_data.train.model.probes import positions_of
from blossom_data.train.preflight.plan import make_plan
from blossom_data.train.preflight.prepare import prepare
from blossom_data.train.recipe.recipe import load_recipe

pytestmark = pytest.mark.slow

STAGE = '[[stage]]\nname = "one"\ndata = [{path = "long"}]\n'
ROPES: dict[str, dict[str, Any]] = {
    "dynamic": {"rope_type": "dynamic", "factor": 4.0, "rope_theta": 10000.0},
    "longrope": {
        "rope_type": "longrope",
        "factor": 4.0,
        "rope_theta": 10000.0,
        "short_factor": [1.0] * 8,
        "long_factor": [1.0, 1.2, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0],
        "original_max_position_embeddings": 64,
    },
}


@pytest.fixture(scope="module", params=ROPES)
def place(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Llama whose positions go by length, 64 tokens at first, and rows of 200."""
    folder = tmp_path_factory.mktemp("positions") / "work"
    folder.mkdir()
    model = make_model(folder / "base", "llama")
    config = json.loads((model / "config.json").read_text())
    config["rope_parameters"] = ROPES[request.param]
    config["max_position_embeddings"] = 64 if request.param == "dynamic" else 256
    (model / "config.json").write_text(json.dumps(config))
    make_packed(folder / "long", model, 12, turns=6, seq_len=200)
    write_recipe(folder / "r.toml", STAGE, seq_len=200)
    return folder


def test_a_document_has_the_loss_that_it_has_alone_beside_longer_ones(place: Path) -> None:
    model, found = build_model(load_recipe(place / "r.toml"), device=torch.device("cpu"), tell=print)
    assert found.leak == 0 and found.deviation < 1e-4
    model.eval()
    alone = AutoModelForCausalLM.from_pretrained(str(place / "base"), dtype=torch.float32).eval()
    draw = torch.Generator().manual_seed(0)
    lengths = [40, 130, 20, 70]
    parts = [torch.randint(0, 300, (length,), generator=draw) for length in lengths]
    starts = [0, 40, 170, 190]
    ids = torch.cat(parts)
    model.attention.layout = Layout.of([starts], len(ids), ids.device)
    with torch.no_grad():
        hidden = model.hidden(ids[None], positions_of(starts, len(ids), ids.device)[None])[0]
        packed = model.head(hidden).split(lengths)
        for part, logits in zip(parts, packed, strict=True):
            # One that went before must not have left its frequencies behind.
            fresh = AutoModelForCausalLM.from_pretrained(str(place / "base"), dtype=torch.float32).eval()
            assert float((fresh(input_ids=part[None]).logits[0] - logits).abs().max()) < 1e-4
    assert type(alone).__name__ == "LlamaForCausalLM"


def test_the_probe_sees_a_model_whose_documents_would_change_each_other(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without factors of their own the short document of a full row is not what it is alone."""
    monkeypatch.setattr("blossom_data.train.model.attention._by_length", lambda model: [])
    with pytest.raises(Exception, match="documents of a packed row reach each other"):
        build_model(load_recipe(place / "r.toml"), device=torch.device("cpu"), tell=print)
    assert models.DocumentAttention is DocumentAttention


def test_their_memory_can_be_planned(place: Path) -> None:
    prepared = prepare(place / "r.toml", None, tell=print)
    assert make_plan(prepared, gpus=1, memory_gib=None, tokens_per_s=None)["memory"]["peak_gib"] > 0
