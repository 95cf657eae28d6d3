"""Kernels that only a GPU has, as far as a processor can try them: what is checked before their use, and compiling."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

import torch
from small import TWO_STAGES, build_model, make_model, make_workplace, write_recipe
from torch import Tensor

from blossom_data.train.data import data_order as draws
from blossom_data.train.data import store
from blossom_data.train.model import attention, batches, model
from blossom_data.train.recipe import recipe

pytestmark = pytest.mark.slow

CPU = torch.device("cpu")


class Doubled(torch.autograd.Function):
    """The right numbers, with gradients that are not theirs."""

    @staticmethod
    def forward(ctx: Any, mixed: Tensor) -> Tensor:
        return mixed.clone()

    @staticmethod
    def backward(ctx: Any, *outer: Tensor) -> Tensor:
        return outer[0] * 2


def right(layout: Any, query: Tensor, key: Tensor, value: Tensor, scale: Any, window: Any, slopes: Any) -> Tensor:
    return attention._per_document(layout, query, key, value, scale, 0.0, window, slopes)


def wrong_gradients(*arguments: Any) -> Tensor:
    return Doubled.apply(right(*arguments))  # type: ignore[no-any-return, no-untyped-call]


def refusing(*_: Any) -> Tensor:
    raise RuntimeError("no kernel image is available for execution on the device")


@pytest.mark.parametrize(
    ("kernel", "chosen", "told"),
    [
        (right, "flex", ""),
        (wrong_gradients, "sdpa", "its output or gradients are off"),
        (refusing, "sdpa", "no kernel image"),
    ],
)
@pytest.mark.parametrize("family", ["mistral", "bloom"])
def test_a_kernel_that_is_wrong_or_missing_is_passed_over_and_told(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    family: str,
    kernel: Callable[..., Tensor],
    chosen: str,
    told: str,
) -> None:
    (tmp_path / "d").mkdir()
    make_model(tmp_path / "base", family)
    path = write_recipe(tmp_path / "r.toml", '[[stage]]\nname = "a"\ndata = [{path = "d"}]\n')
    monkeypatch.setattr(model, "usable_backends", lambda *_, **__: ["flex", "sdpa"])
    monkeypatch.setattr(attention, "_flex", kernel)
    said: list[str] = []
    _, found = build_model(recipe.load_recipe(path), device=CPU, tell=said.append)
    assert found.backend == chosen
    assert [told in line for line in said] == [True] * bool(told)


@pytest.mark.parametrize("has_flag", [True, False])
@pytest.mark.parametrize("window", [None, 7])
def test_the_flash_kernel_is_called_as_each_torch_wants_it(
    monkeypatch: pytest.MonkeyPatch, has_flag: bool, window: int | None
) -> None:
    """What it is given must mean the documents: a stand-in with the signature of torch 2.11, or of 2.12 and later."""
    import torch.nn.attention.varlen as varlen

    def attend(query: Tensor, key: Tensor, value: Tensor, borders: Tensor, left: int) -> Tensor:
        assert borders.dtype is torch.int32
        found = torch.zeros_like(query)
        groups = query.shape[1] // key.shape[1]
        for start, end in zip(borders.tolist(), borders.tolist()[1:], strict=False):
            distance = torch.arange(end - start)[:, None] - torch.arange(end - start)
            seen = (distance >= 0) & ((distance <= left) | (left < 0))
            parts = [one[start:end].transpose(0, 1)[None] for one in (query, key, value)]
            parts[1:] = [one.repeat_interleave(groups, 1) for one in parts[1:]]
            mixed = torch.nn.functional.scaled_dot_product_attention(*parts, attn_mask=seen, scale=0.25)
            found[start:end] = mixed[0].transpose(0, 1)
        return found

    def new(
        query: Tensor, key: Tensor, value: Tensor, cu_seq_q: Tensor, cu_seq_k: Tensor, max_q: int, max_k: int, *,
        scale: float | None = None, window_size: tuple[int, int] = (-1, -1), enable_gqa: bool = False,
    ) -> Tensor:  # fmt: skip
        assert enable_gqa
        return old(query, key, value, cu_seq_q, cu_seq_k, max_q, max_k, scale=scale, window_size=window_size)

    def old(
        query: Tensor, key: Tensor, value: Tensor, cu_seq_q: Tensor, cu_seq_k: Tensor, max_q: int, max_k: int, *,
        scale: float | None = None, window_size: tuple[int, int] = (-1, -1),
    ) -> Tensor:  # fmt: skip
        assert (scale, window_size[1]) == (0.25, 0)
        assert max_q >= int((cu_seq_q[1:] - cu_seq_q[:-1]).max())
        return attend(query, key, value, cu_seq_q, window_size[0])

    monkeypatch.setattr(varlen, "varlen_attn", new if has_flag else old)
    torch.manual_seed(0)
    query, key, value = torch.randn(2, 4, 64, 16), torch.randn(2, 2, 64, 16), torch.randn(2, 2, 64, 16)
    mixed = []
    for backend in ("sdpa", "varlen"):
        tried = attention.DocumentAttention(backend, alibi=False)
        tried.layout = attention.Layout.of([[0, 20, 50], [0, 33]], 64, CPU)
        mixed.append(tried._attend(query, key, value, 0.25, 0.0, window, None))
    assert float((mixed[0] - mixed[1]).abs().max()) <= 1e-5


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("family", ["qwen2", "bloom"])
def test_blocks_are_compiled_once_for_all_batches_with_checkpointing_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, family: str
) -> None:
    place = make_workplace(tmp_path / "w", family, first=30, second=5)
    graphs: list[int] = []

    def counted(graph: Any, _inputs: Any) -> Any:
        graphs.append(1)
        return graph.forward

    real = torch.compile
    monkeypatch.setattr(torch, "compile", lambda function, **_: real(function, backend=counted))
    torch._dynamo.reset()
    losses: list[list[float]] = []
    for settings in ({}, {"compile": True}, {"compile": True, "checkpointing": True}):
        loaded = recipe.load_recipe(write_recipe(place / "r.toml", TWO_STAGES, **settings))
        trained, _ = build_model(loaded, device=CPU, tell=print)
        sets = {part.path: store.PackedSet.open(part.path) for stage in loaded.stages for part in stage.data}
        rows = draws.draw_stages(loaded, sets)[0].epoch(0)
        losses.append([])
        counts = []
        for number in range(3):
            pair = [rows.row(2 * number), rows.row(2 * number + 1)]
            batch = batches.make_batch(pair, pad_id=0, width=96, device=CPU)
            trained.attention.layout = batch.layout
            loss = trained(batch.ids, batch.positions, batch.places, batch.targets)
            loss.sum().backward()
            losses[-1].append(float(loss))
            counts.append(len(graphs))
        gradient = [one.grad for one in trained.parameters()]
        assert all(one is not None for one in gradient)
        assert (counts[0] > 0) == bool(settings)
        assert counts[0] == counts[-1]
        graphs.clear()
        torch._dynamo.reset()
    assert losses[1] == pytest.approx(losses[0], rel=1e-5)
    assert losses[2] == pytest.approx(losses[0], rel=1e-5)


def test_rows_that_fill_up_a_batch_teach_nothing(tmp_path: Path) -> None:
    place = make_workplace(tmp_path / "w", first=20, second=5)
    loaded = recipe.load_recipe(write_recipe(place / "r.toml", TWO_STAGES))
    trained, _ = build_model(loaded, device=CPU, tell=print)
    sets = {part.path: store.PackedSet.open(part.path) for stage in loaded.stages for part in stage.data}
    rows = draws.draw_stages(loaded, sets)[0].epoch(0)
    losses = []
    for least in (1, 4):
        batch = batches.make_batch([rows.row(0)], pad_id=0, width=96, device=CPU, least=least)
        assert len(batch.ids) == least
        trained.attention.layout = batch.layout
        losses.append(float(trained(batch.ids, batch.positions, batch.places, batch.targets)))
    assert losses[0] == pytest.approx(losses[1], rel=1e-6)
