"""Recipes, schedules, draws, attention inside documents, and the loss, each against what it must equal."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from small import TWO_STAGES, build_model, make_model, make_workplace, write_recipe

from blossom_data.errors import ConfigError
from blossom_data.train.data.data_order import draw_stages
from blossom_data.train.data.store import PackedSet
from blossom_data.train.loop.loop import Plan
from blossom_data.train.loop.schedule import learning_rate
from blossom_data.train.model.loss import head_loss
from blossom_data.train.recipe.recipe import Recipe, load_recipe
from blossom_data.train.recipe.stages import StageRecipe

pytestmark = pytest.mark.slow

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_workplace(tmp_path_factory.mktemp("parts") / "work", first=120, second=40)


def opened(recipe: Recipe) -> dict[Path, PackedSet]:
    return {part.path: PackedSet.open(part.path) for stage in recipe.stages for part in stage.data}


@pytest.mark.parametrize(
    ("top", "stages", "told"),
    [
        ({"micro_bath": 2}, TWO_STAGES, "unknown key 'micro_bath'"),
        ({"dtype": "float8"}, TWO_STAGES, "dtype is 'float8'"),
        ({"micro_batch": 0}, TWO_STAGES, "micro_batch must be a whole number from 1"),
        ({"micro_batch": True}, TWO_STAGES, "micro_batch must be a whole number from 1"),
        ({"clip": 0}, TWO_STAGES, "clip must be a number above 0"),
        ({"eval": 1.5}, TWO_STAGES, "eval must be a number from 0 to 1"),
        ({"template": "chatlm"}, TWO_STAGES, "no template chatlm"),
        ({"base_model": "nowhere"}, TWO_STAGES, "no model folder"),
        ({}, "", "has no [[stage]]"),
        ({}, '[[stage]]\nname = "a"\n', "has no data"),
        ({}, '[[stage]]\nname = "a"\ndata = [{path = "nowhere"}]\n', "no data at"),
        ({}, '[[stage]]\nname = "a"\ndata = [{path = "first", count = 1, share = 0.5}]\n', "a count and a share"),
        ({}, TWO_STAGES.replace('stage = "one", share', 'stage = "three", share'), "no earlier stage"),
        ({}, TWO_STAGES.replace('schedule = "linear"', 'schedule = "linaer"'), "schedule is 'linaer'"),
        ({"deepspeed": {"stage": 1, "offload": "cpu"}}, TWO_STAGES, "offload needs stage 2 or 3"),
        ({"deepspeed": {"stage": 4}}, TWO_STAGES, "stage must be a whole number from 0 to 3"),
        ({"lora": {"rnk": 4}}, TWO_STAGES, "unknown key 'rnk'"),
    ],
)
def test_a_wrong_recipe_is_one_clear_line(place: Path, top: dict[str, object], stages: str, told: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_recipe(write_recipe(place / "wrong.toml", stages, **top))
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)


def test_what_does_not_decide_the_weights_does_not_change_the_digest(place: Path) -> None:
    base = load_recipe(write_recipe(place / "digest.toml", TWO_STAGES)).digest()
    assert load_recipe(write_recipe(place / "digest.toml", TWO_STAGES, log_every=7, keep=9)).digest() == base
    assert load_recipe(write_recipe(place / "digest.toml", TWO_STAGES, seed=7)).digest() != base


@given(
    kind=st.sampled_from(["cosine", "linear", "wsd", "constant"]),
    warmup=st.floats(0, 1),
    decay=st.floats(0, 1),
    floor=st.floats(0, 1),
    steps=st.integers(1, 300),
)
@settings(max_examples=80, deadline=None)
def test_learning_rates_rise_then_fall_between_floor_and_top(
    kind: str, warmup: float, decay: float, floor: float, steps: int
) -> None:
    stage = StageRecipe(name="a", learning_rate=2.0, schedule=kind, warmup=warmup, decay=decay, floor=floor)  # type: ignore[arg-type]
    rates = [learning_rate(stage, step, steps) for step in range(steps)]
    risen = math.ceil(warmup * steps)
    assert all(2.0 * floor - 1e-9 <= rate <= 2.0 + 1e-9 for rate in rates)
    assert rates[:risen] == sorted(rates[:risen])
    assert rates[risen:] == sorted(rates[risen:], reverse=True)
    assert rates[0] > 0


def test_replay_is_of_documents_that_the_earlier_stage_trained_on(place: Path) -> None:
    recipe = load_recipe(write_recipe(place / "draws.toml", TWO_STAGES, eval=0.2))
    one, two = draw_stages(recipe, opened(recipe))
    first, second = set(one.documents.hashes()), two.documents.hashes()
    replayed = [text for text in second if text in first]
    assert len(replayed) == two.counts["replay"] == round(0.2 * len(first))
    assert len(second) == two.counts["data"] + two.counts["replay"]
    held_out = {*one.held_out.hashes(), *two.held_out.hashes()}
    assert 10 < len(held_out) < 60
    assert held_out.isdisjoint(first)
    assert held_out.isdisjoint(second)


def test_every_epoch_has_every_document_once_in_rows_of_its_own(place: Path) -> None:
    recipe = load_recipe(write_recipe(place / "epochs.toml", TWO_STAGES))
    draw = draw_stages(recipe, opened(recipe))[1]
    expected = sorted(draw.documents.hashes())
    orders = []
    for number in range(2):
        rows = draw.epoch(number)
        seen = [rows.row(index) for index in range(len(rows))]
        assert sorted(text for row in seen for text in row.doc_hashes) == expected
        assert all(len(row.ids) <= recipe.seq_len for row in seen)
        taught = [int(row.supervised.sum() - row.supervised[row.starts].sum()) for row in seen]
        assert taught == [rows.targets(index, index + 1) for index in range(len(rows))]
        orders.append([text for row in seen for text in row.doc_hashes])
        again = draw_stages(recipe, opened(recipe))[1].epoch(number)
        assert [text for index in range(len(again)) for text in again.row(index).doc_hashes] == orders[-1]
    assert orders[0] != orders[1]


def test_counts_and_shares_are_exact_and_more_than_there_is_is_refused(place: Path) -> None:
    stages = '[[stage]]\nname = "a"\ndata = [{path = "first", count = 17}, {path = "second", share = 0.5}]\n'
    recipe = load_recipe(write_recipe(place / "counts.toml", stages))
    assert draw_stages(recipe, opened(recipe))[0].counts["data"] == 17 + 20
    recipe = load_recipe(write_recipe(place / "counts.toml", stages.replace("17", "170")))
    with pytest.raises(ConfigError, match="asks for 170"):
        draw_stages(recipe, opened(recipe))


def test_steps_take_every_row_once(place: Path) -> None:
    recipe = load_recipe(write_recipe(place / "steps.toml", TWO_STAGES))
    plan = Plan(draw_stages(recipe, opened(recipe))[1], 3)
    taken = [(epoch, row) for step in range(plan.steps) for epoch, rows in [plan.at(step)] for row in rows]
    assert taken == [(epoch, row) for epoch, rows in enumerate(plan.epochs) for row in range(len(rows))]


@pytest.mark.parametrize("family", ["qwen2", "llama", "mistral", "bloom"])
def test_a_packed_document_has_the_logits_that_it_has_alone(tmp_path: Path, family: str) -> None:
    (tmp_path / "d").mkdir()
    make_model(tmp_path / "base", family)
    recipe = load_recipe(write_recipe(tmp_path / "r.toml", '[[stage]]\nname = "a"\ndata = [{path = "d"}]\n'))
    _, found = build_model(recipe, device=CPU, tell=print)
    assert found.leak == 0.0
    assert found.deviation <= 1e-5
    assert found.head <= 1e-5


def test_a_model_that_leaks_is_not_packed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from blossom_data.train.model import attention

    (tmp_path / "d").mkdir()
    make_model(tmp_path / "base", "qwen2")
    stages = '[[stage]]\nname = "a"\ndata = [{path = "d"}]\n'
    joined = classmethod(lambda cls, starts, width, device: cls([[0, width] for _ in starts], width, device))
    monkeypatch.setattr(attention.Layout, "of", joined)
    with pytest.raises(ConfigError, match="reach each other"):
        build_model(load_recipe(write_recipe(tmp_path / "r.toml", stages)), device=CPU, tell=print)
    # One document a row needs no isolation.
    build_model(load_recipe(write_recipe(tmp_path / "r.toml", stages, packing=False)), device=CPU, tell=print)


def test_the_chunked_loss_has_the_loss_and_gradients_of_the_whole_one() -> None:
    torch.manual_seed(0)
    head = torch.nn.Linear(16, 50)
    hidden, targets = torch.randn(37, 16, requires_grad=True), torch.randint(0, 50, (37,))
    found = []
    for large in (1 << 30, 1500):
        head.zero_grad()
        hidden.grad = None
        loss = head_loss(head, hidden, targets, large_bytes=large)
        (loss * 0.37).backward()
        found.append([loss.detach(), hidden.grad.clone(), head.weight.grad.clone(), head.bias.grad.clone()])
    for whole, chunked in zip(*found, strict=True):
        assert float((whole - chunked).abs().max() / whole.abs().max()) <= 1e-6


@pytest.mark.filterwarnings("ignore:flex_attention called without")
def test_flex_attention_equals_one_attention_per_document() -> None:
    from blossom_data.train.model.attention import DocumentAttention, Layout, alibi_slopes

    torch.manual_seed(0)
    query, key, value = torch.randn(2, 4, 64, 16), torch.randn(2, 2, 64, 16), torch.randn(2, 2, 64, 16)
    for slopes, window in ((None, None), (None, 7), (alibi_slopes(4, CPU), None)):
        mixed = []
        for backend in ("sdpa", "flex"):
            attention = DocumentAttention(backend, alibi=slopes is not None)
            attention.layout = Layout.of([[0, 20, 50], [0, 33]], 64, CPU)
            with torch.no_grad():
                mixed.append(attention._attend(query, key, value, 0.25, 0.0, window, slopes))
        assert float((mixed[0] - mixed[1]).abs().max()) <= 1e-5


def test_checkpointed_activations_give_the_same_gradients(tmp_path: Path) -> None:
    from blossom_data.train.model.batches import make_batch

    place = make_workplace(tmp_path / "w", "bloom", first=20, second=5)
    grads = []
    for checkpointing in (False, True):
        path = write_recipe(place / "r.toml", TWO_STAGES, checkpointing=checkpointing)
        recipe = load_recipe(path)
        model, _ = build_model(recipe, device=CPU, tell=print)
        rows = draw_stages(recipe, opened(recipe))[0].epoch(0)
        batch = make_batch([rows.row(0), rows.row(1)], pad_id=0, width=96, device=CPU)
        model.attention.layout = batch.layout
        model(batch.ids, batch.positions, batch.places, batch.targets).backward()
        grads.append([one.grad for one in model.parameters()])
    for a, b in zip(*grads, strict=True):
        assert torch.equal(a, b)
