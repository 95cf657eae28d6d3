"""How weights are changed: optimisers, loss scaling, noise, smoothing, frozen parts, stretched positions, 4 bits."""

from __future__ import annotations

import copy
import json
import math
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

import torch
import torch.nn.functional as F
from forked import blossom
from forks import call, run_group
from safetensors.torch import load_file
from small import build_model, make_model, make_packed, write_recipe

from blossom_data.errors import ConfigError
from blossom_data.train.loop.metrics import read_metrics
from blossom_data.train.model.attention import Layout
from blossom_data.train.model.loss import head_loss
from blossom_data.train.model.nf4 import NF4, Nf4Linear, pack, quantise, unpack
from blossom_data.train.parallel.adapter import LEFT_OUT
from blossom_data.train.parallel.optimisers import IS_HIDDEN, make_optimiser
from blossom_data.train.parallel.plain import PlainAdapter
from blossom_data.train.preflight.plan import make_plan
from blossom_data.train.preflight.prepare import prepare
from blossom_data.train.recipe.methods import Optimiser
from blossom_data.train.recipe.recipe import load_recipe

pytestmark = pytest.mark.slow

STAGE = (
    '[[stage]]\nname = "one"\nlearning_rate = 2e-3\nschedule = "constant"\nwarmup = 0.0\ndata = [{path = "first"}]\n'
)
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("methods") / "work"
    folder.mkdir()
    make_packed(folder / "first", make_model(folder / "base"), 40)
    return folder


def train_lines(out: Path) -> list[dict[str, Any]]:
    return [line for line in read_metrics(out) if line["kind"] == "train"]


def stored(out: Path) -> dict[str, torch.Tensor]:
    """The weights of the last checkpoint of a run."""
    last = json.loads((out / "manifest.json").read_text())["checkpoint"]
    return load_file(next((out / last / "model").glob("*.safetensors")))


# Each optimiser against what its paper writes, on one matrix and one vector.


def adamw(g: list[torch.Tensor], w: torch.Tensor, lr: float, b: tuple[float, float], eps: float, wd: float) -> Any:
    m = v = torch.zeros_like(w)
    for t, grad in enumerate(g, 1):
        m, v = b[0] * m + (1 - b[0]) * grad, b[1] * v + (1 - b[1]) * grad**2
        w = w - lr * wd * w
        w = w - lr * (m / (1 - b[0] ** t)) / ((v / (1 - b[1] ** t)).sqrt() + eps)
    return w


def lion(g: list[torch.Tensor], w: torch.Tensor, lr: float, b: tuple[float, float], wd: float) -> Any:
    m = torch.zeros_like(w)
    for grad in g:
        w = w - lr * (torch.sign(b[0] * m + (1 - b[0]) * grad) + wd * w)
        m = b[1] * m + (1 - b[1]) * grad
    return w


def adafactor(g: list[torch.Tensor], w: torch.Tensor, lr: float, decay: float, clip: float, wd: float) -> Any:
    rows, columns, whole = torch.zeros(w.shape[0]), torch.zeros(w.shape[-1]), torch.zeros_like(w)
    for t, grad in enumerate(g, 1):
        beta, square = 1 - t**decay, grad**2 + 1e-30
        if w.ndim == 2:
            rows = beta * rows + (1 - beta) * square.mean(1)
            columns = beta * columns + (1 - beta) * square.mean(0)
            update = grad / (rows[:, None] * columns[None, :] / rows.mean()).sqrt()
        else:
            whole = beta * whole + (1 - beta) * square
            update = grad / whole.sqrt()
        update = update / max(1.0, float(update.square().mean().sqrt()) / clip)
        w = w - lr * wd * w - lr * update
    return w


def muon(g: list[torch.Tensor], w: torch.Tensor, lr: float, momentum: float, wd: float) -> Any:
    m = torch.zeros_like(w)
    for grad in g:
        m = momentum * m + (1 - momentum) * grad
        x = (1 - momentum) * grad + momentum * m
        x = x / x.norm()
        for _ in range(5):
            a = x @ x.T
            x = 3.4445 * x + (-4.7750 * a + 2.0315 * a @ a) @ x
        w = w - lr * wd * w - lr * 0.2 * math.sqrt(max(w.shape)) * x
    return w


def adamw_default(g: list[torch.Tensor], w: torch.Tensor, wd: float) -> Any:
    return adamw(g, w, 0.01, (0.9, 0.999), 1e-8, wd)


OPTIMISERS: dict[str, tuple[Optimiser, Any, Any, float]] = {
    "adamw": (Optimiser(), adamw_default, adamw_default, 1e-5),
    "adamw-own": (
        Optimiser(betas=(0.8, 0.95), eps=1e-3),
        *[lambda g, w, wd: adamw(g, w, 0.01, (0.8, 0.95), 1e-3, wd)] * 2,
        1e-5,
    ),
    "lion": (Optimiser(name="lion"), *[lambda g, w, wd: lion(g, w, 0.01, (0.9, 0.99), wd)] * 2, 1e-5),
    "lion-own": (
        Optimiser(name="lion", betas=(0.95, 0.98)),
        *[lambda g, w, wd: lion(g, w, 0.01, (0.95, 0.98), wd)] * 2,
        1e-5,
    ),
    "adafactor": (
        Optimiser(name="adafactor"),
        *[lambda g, w, wd: adafactor(g, w, 0.01, -0.8, 1.0, wd)] * 2,
        1e-5,
    ),
    "adafactor-own": (
        Optimiser(name="adafactor", decay_rate=-0.5, clip_threshold=0.5),
        *[lambda g, w, wd: adafactor(g, w, 0.01, -0.5, 0.5, wd)] * 2,
        1e-5,
    ),
    # torch computes muon's iteration in bfloat16.
    "muon": (Optimiser(name="muon"), lambda g, w, wd: muon(g, w, 0.01, 0.95, wd), adamw_default, 3e-3),
}


@pytest.mark.parametrize("name", OPTIMISERS)
def test_an_optimiser_is_its_formula(name: str) -> None:
    settings, matrix, vector, most = OPTIMISERS[name]
    draw = torch.Generator().manual_seed(0)
    starts = [torch.randn(12, 8, generator=draw), torch.randn(8, generator=draw)]
    grads = [[torch.randn(one.shape, generator=draw) for _ in range(4)] for one in starts]
    weights = [torch.nn.Parameter(one.clone()) for one in starts]
    groups = [
        {"params": [weights[0]], "weight_decay": 0.1, IS_HIDDEN: True},
        {"params": [weights[1]], "weight_decay": 0.0, IS_HIDDEN: False},
    ]
    optimiser = make_optimiser(settings, groups, CPU)
    for step in range(4):
        if step == 2:
            # What a checkpoint keeps is all there is.
            state = optimiser.state_dict()
            optimiser = make_optimiser(settings, groups, CPU)
            optimiser.load_state_dict(state)
        for group in optimiser.param_groups:
            group["lr"] = 0.01
        for one, of_it in zip(weights, grads, strict=True):
            one.grad = of_it[step].clone()
        optimiser.step()
    for one, start, of_it, (formula, wd) in zip(weights, starts, grads, ((matrix, 0.1), (vector, 0.0)), strict=True):
        assert float((one.detach() - formula(of_it, start, wd)).abs().max()) <= most
        assert float((one.detach() - start).abs().max()) > 0.01


def test_runs_with_each_optimiser_learn_and_resume_with_the_same_bits(place: Path) -> None:
    names = ("adafactor", "lion", "muon")
    recipes = {
        name: write_recipe(place / f"{name}.toml", STAGE, weight_decay=0.01, optimiser={"name": name}, save_every=3)
        for name in names
    }
    runs = [(str(recipe), str(place / f"{name}-straight")) for name, recipe in recipes.items()]
    assert call(1, "forks", "train_several", runs) == [0]
    killed = {"muon": "step:5"}
    for name, kill in killed.items():
        assert run_group(recipes[name], place / f"{name}-killed", kill=kill) == [-9]
    again = [(str(recipes[name]), str(place / f"{name}-killed")) for name in killed]
    assert call(1, "forks", "train_several", again) == [0]
    for name in names:
        losses = [line["loss"] for line in train_lines(place / f"{name}-straight")]
        assert losses[-1] < losses[0] - 0.3, name
    for name in killed:
        one, other = stored(place / f"{name}-straight"), stored(place / f"{name}-killed")
        assert all(torch.equal(one[key], other[key]) for key in one), name


def test_8_bit_optimisers_are_those_of_bitsandbytes(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[tuple[str, dict[str, Any]]] = []
    for name in ("AdamW8bit", "PagedAdamW8bit"):
        monkeypatch.setitem(KERNELS, name, lambda groups, name=name, **given: made.append((name, given)))
    monkeypatch.setitem(sys.modules, "bitsandbytes", SimpleNamespace(optim=SimpleNamespace(**KERNELS)))  # type: ignore[arg-type]
    for name in ("adamw-8bit", "paged-adamw-8bit"):
        settings = Optimiser(name=name, betas=(0.9, 0.95))  # type: ignore[arg-type]
        make_optimiser(settings, [{"params": [], "weight_decay": 0.0, IS_HIDDEN: False}], torch.device("cuda"))
    assert made == [
        ("AdamW8bit", {"lr": 0.0, "betas": (0.9, 0.95)}),
        ("PagedAdamW8bit", {"lr": 0.0, "betas": (0.9, 0.95)}),
    ]


KERNELS: dict[str, Any] = {}


def test_smoothed_losses_are_those_of_torch_in_chunks_too() -> None:
    torch.manual_seed(0)
    head = torch.nn.Linear(16, 50)
    hidden, targets = torch.randn(37, 16, requires_grad=True), torch.randint(0, 50, (37,))
    expected = F.cross_entropy(head(hidden), targets, reduction="sum", label_smoothing=0.2)
    wanted = torch.autograd.grad(expected, [hidden, head.weight, head.bias])
    for large in (1 << 30, 1500):
        loss = head_loss(head, hidden, targets, smoothing=0.2, large_bytes=large)
        found = torch.autograd.grad(loss, [hidden, head.weight, head.bias])
        assert loss.item() == pytest.approx(expected.item(), rel=1e-6)
        for one, other in zip(found, wanted, strict=True):
            assert float((one - other).abs().max() / other.abs().max()) <= 1e-5


def test_noise_is_that_of_neftune_for_each_document_and_only_while_training(place: Path) -> None:
    recipe = load_recipe(write_recipe(place / "noise.toml", STAGE + "neftune = 5\n"))
    model, _ = build_model(recipe, device=CPU, tell=print)
    model.noise = 5.0
    ids, cuts = torch.arange(12)[None], [0, 4, 12]
    model.attention.layout = Layout.of([cuts[:-1]], 12, CPU)
    embed = model.network.get_input_embeddings()
    plain = F.embedding(ids, embed.weight)
    torch.manual_seed(3)
    noise = (embed(ids) - plain)[0].detach()
    width = plain.shape[-1]
    for start, end in ((0, 4), (4, 12)):
        # transformers draws evenly between -m and m, m = alpha / sqrt(tokens x width).
        most = 5.0 / math.sqrt((end - start) * width)
        assert 0.9 * most < float(noise[start:end].abs().max()) <= most * 1.0001
        assert abs(float(noise[start:end].std()) / (most / math.sqrt(3)) - 1) < 0.1
    model.eval()
    assert torch.equal(embed(ids), plain)
    model.train()
    with torch.no_grad():
        assert torch.equal(embed(ids), plain)


def test_noise_and_smoothing_change_training_and_nothing_that_is_measured(place: Path) -> None:
    runs = []
    for name, lines in {"plain": "", "smooth": "label_smoothing = 0.2\n", "noisy": "neftune = 20\n"}.items():
        recipe = write_recipe(place / f"{name}-m.toml", STAGE + lines, eval=0.2, eval_every=1, save_every=1000)
        runs.append((str(recipe), str(place / f"{name}-m")))
    assert call(1, "forks", "train_several", runs) == [0]
    found = {Path(out).name: train_lines(Path(out)) for _, out in runs}
    assert len({lines[0]["loss"] for lines in found.values()}) == 3
    # An untrained model is as wrong smoothed or not; what is held out is measured without either.
    evals = [[line["loss"] for line in read_metrics(Path(out)) if line["kind"] == "eval"] for _, out in runs]
    assert all(one[-1] < one[0] for one in evals)
    assert found["smooth-m"][-1]["loss"] > found["plain-m"][-1]["loss"] + 0.05
    assert abs(evals[1][0] - evals[0][0]) < 0.05


def test_frozen_parts_keep_their_bits_and_the_rest_is_trained(place: Path) -> None:
    recipe = write_recipe(place / "freeze.toml", STAGE, freeze=["embed_tokens", "layers.0-0"], save_every=1000)
    assert run_group(recipe, place / "freeze") == [0]
    before, after = load_file(place / "base" / "model.safetensors"), stored(place / "freeze")
    kept = {name for name in after if torch.equal(before[name], after[name])}
    assert kept == {name for name in after if "embed_tokens" in name or ".layers.0." in name}
    plan = make_plan(prepare(recipe, None, tell=print), gpus=1, memory_gib=None, tokens_per_s=None)
    whole = make_plan(
        prepare(write_recipe(place / "whole.toml", STAGE), None, tell=print), gpus=1, memory_gib=None, tokens_per_s=None
    )
    assert plan["trained"] < plan["parameters"] == whole["trained"]
    assert plan["memory"]["peak_gib"] < whole["memory"]["peak_gib"]
    assert plan["checkpoint_gib"] <= whole["checkpoint_gib"]


def test_float16_scales_the_loss_and_leaves_out_steps_that_overflow(place: Path) -> None:
    recipe = write_recipe(place / "half.toml", STAGE.replace("2e-3", "5e-4"), dtype="float16", save_every=3)
    assert run_group(recipe, place / "half", kill="step:5") == [-9]
    assert run_group(recipe, place / "half") == [0]
    straight = write_recipe(place / "full.toml", STAGE.replace("2e-3", "5e-4"), dtype="float32", save_every=1000)
    assert run_group(straight, place / "full") == [0]
    half, full = train_lines(place / "half"), train_lines(place / "full")
    assert [line["step"] for line in half] == [line["step"] for line in full]
    assert max(abs(a["loss"] - b["loss"]) for a, b in zip(half, full, strict=True)) < 0.02
    assert all(a["grad_norm"] == pytest.approx(b["grad_norm"], rel=0.05) for a, b in zip(half, full, strict=True))


def test_a_step_that_overflows_changes_nothing_and_halves_the_scale(place: Path) -> None:
    recipe = load_recipe(write_recipe(place / "over.toml", STAGE, dtype="float16"))
    model, _ = build_model(recipe, device=CPU, tell=print)
    adapter = PlainAdapter(recipe, model, SimpleNamespace(world=1, device=CPU, is_first=True))  # type: ignore[arg-type]
    before = copy.deepcopy(adapter.state())
    first = next(one for one in model.parameters() if one.requires_grad)
    first.grad = None
    (first.float().sum() * math.inf).backward()
    assert float(adapter.step(1e-3)) == LEFT_OUT
    after = adapter.state()
    assert after["scale"] == before["scale"] / 2 == 2**15
    assert all(torch.equal(a, b) for a, b in zip(before["masters"], after["masters"], strict=True))
    (first.float().sum() * 2**10).backward()
    assert 0 < float(adapter.step(1e-3)) < math.inf
    assert not torch.equal(before["masters"][0], adapter.state()["masters"][0])


def test_four_bits_are_the_nearest_of_sixteen_and_the_layer_has_their_gradients() -> None:
    torch.manual_seed(0)
    layer = torch.nn.Linear(70, 9)
    packed, scales = pack(layer.weight.detach())
    assert packed.dtype == torch.uint8 and packed.numel() == scales.numel() * 32
    made = unpack(packed, scales, (9, 70), torch.float32)
    flat = F.pad(layer.weight.detach().flatten(), (0, -630 % 64)).view(-1, 64)
    largest = flat.abs().amax(1, keepdim=True)
    table = torch.tensor(NF4)
    nearest = table[(flat / largest)[..., None].sub(table).abs().argmin(-1)] * largest
    assert torch.equal(made.flatten(), nearest.flatten()[:630])
    small = Nf4Linear(layer)
    given = torch.randn(5, 70, requires_grad=True)
    wanted = torch.autograd.grad(F.linear(given, made, layer.bias).square().sum(), given)[0]
    found = torch.autograd.grad(small(given).square().sum(), given)[0]
    assert torch.equal(found, wanted)
    assert [name for name, _ in small.named_parameters()] == ["bias"]


def test_adapters_over_four_bits_train_go_on_and_are_merged_into_the_whole_weights(place: Path) -> None:
    pytest.importorskip("peft")
    recipe = write_recipe(place / "qlora.toml", STAGE, lora={"rank": 4, "bits": 4}, save_every=3)
    assert run_group(recipe, place / "qlora", kill="step:5") == [-9]
    assert run_group(recipe, place / "qlora") == [0]
    losses = [line["loss"] for line in train_lines(place / "qlora")]
    assert losses[-1] < losses[0] - 0.1
    done = blossom("train", "merge", "qlora", "-o", "qlora-merged", cwd=place)
    assert done.code == 0, done
    before, merged = (load_file(place / name / "model.safetensors") for name in ("base", "qlora-merged"))
    moved = [name for name in before if not torch.equal(before[name], merged[name])]
    assert moved and all(".layers." in name and name.endswith("proj.weight") for name in moved)
    sizes = []
    for lora in ({"rank": 4, "bits": 4}, {"rank": 4}):
        prepared = prepare(write_recipe(place / "p.toml", STAGE, lora=lora, dtype="bfloat16"), None, tell=print)
        plan = make_plan(prepared, gpus=1, memory_gib=None, tokens_per_s=None)
        sizes.append(plan["memory"]["states_gib"])
    assert sizes[0] <= sizes[1]


def test_a_run_says_that_an_8_bit_optimiser_needs_a_gpu(place: Path) -> None:
    write_recipe(place / "bits.toml", STAGE, optimiser={"name": "adamw-8bit"})
    done = blossom("train", "run", "bits.toml", "-o", "bits", cwd=place)
    assert done.code == 2 and "the optimiser adamw-8bit needs a GPU" in done.err
    assert not (place / "bits" / "checkpoints").exists()
    # What it would take on one can still be planned.
    planned = blossom("train", "plan", "bits.toml", "--memory-gib", "80", "--json", cwd=place)
    assert planned.code == 0 and json.loads(planned.out)["memory"]["fits"]


def test_quantised_layers_are_those_of_the_blocks(place: Path) -> None:
    recipe = load_recipe(write_recipe(place / "q.toml", STAGE))
    model, _ = build_model(recipe, device=CPU, tell=print)
    network = model.network
    linear = sum(type(one) is torch.nn.Linear for one in network.modules())
    quantise(network, device=CPU)
    assert sum(type(one) is Nf4Linear for one in network.modules()) == linear - 1
    assert type(network.get_output_embeddings()) is torch.nn.Linear


def test_stretched_positions_are_in_the_checkpoint_and_in_what_adapters_are_merged_into(place: Path) -> None:
    pytest.importorskip("peft")
    rope = {"type": "yarn", "factor": 2.0}
    runs = []
    for name, more in {"whole": {}, "adapters": {"lora": {"rank": 2}}}.items():
        recipe = write_recipe(place / f"rope-{name}.toml", STAGE, rope=rope, save_every=1000, **more)
        runs.append((str(recipe), str(place / f"rope-{name}")))
    assert call(1, "forks", "train_several", runs) == [0]
    for name in ("whole", "adapters"):
        done = blossom("train", "export", f"rope-{name}", "-o", f"rope-{name}-model", cwd=place)
        assert done.code == 0, done
        config = json.loads((place / f"rope-{name}-model" / "config.json").read_text())
        assert config["max_position_embeddings"] == 512
        told = config["rope_parameters"]
        assert (told["rope_type"], told["factor"], told["original_max_position_embeddings"]) == ("yarn", 2.0, 256)
    # Twice as long rows fit the stretched model, and not the other.
    make_packed(place / "long", place / "base", 6, seq_len=400)
    text = STAGE.replace("first", "long")
    assert prepare(write_recipe(place / "l.toml", text, rope=rope, seq_len=400), None, tell=print)
    with pytest.raises(ConfigError, match="longer than the model takes"):
        prepare(write_recipe(place / "l.toml", text, seq_len=400), None, tell=print)


@pytest.mark.parametrize(
    ("top", "told"),
    [
        ({"optimiser": {"name": "sgd"}}, "[optimiser]: name is 'sgd'"),
        ({"optimiser": {"name": "lion", "eps": 1e-8}}, "eps is no parameter of lion"),
        ({"optimiser": {"betas": [0.9]}}, "betas"),
        ({"optimiser": {"betas": [0.9, 1.0]}}, "betas"),
        ({"optimiser": {"name": "muon"}, "deepspeed": {"stage": 2}}, "muon needs whole matrices"),
        ({"dtype": "float16", "deepspeed": {"stage": 2}}, "float16 is for the plain adapter"),
        ({"freeze": ["layers.7"]}, "freeze names layers.7, which the model does not have"),
        ({"freeze": ["model"]}, "nothing would be trained"),
        ({"freeze": ["norm"], "lora": {"rank": 2}}, "adapters leave all weights of the model as they are"),
        ({"lora": {"bits": 8}}, "bits"),
        ({"rope": {"type": "yarn", "factor": 1.0}}, "factor must be a number above 1"),
        ({"rope": {"type": "spiral", "factor": 2.0}}, "[rope]: type is 'spiral'"),
    ],
)
def test_what_does_not_fit_is_one_clear_line(place: Path, top: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigError) as caught:
        prepare(write_recipe(place / "wrong.toml", STAGE, **top), place / "wrong", tell=print)
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)


def test_positions_that_a_model_stretches_already_are_not_stretched_again(place: Path) -> None:
    recipe = write_recipe(place / "twice.toml", STAGE.replace("first", "first"), rope={"type": "linear", "factor": 2.0})
    config = json.loads((place / "base" / "config.json").read_text())
    other = place / "base-yarn"
    other.mkdir(exist_ok=True)
    for file in (place / "base").iterdir():
        (other / file.name).write_bytes(file.read_bytes())
    config["rope_parameters"] = {"rope_type": "yarn", "factor": 2.0, "rope_theta": 10000.0}
    (other / "config.json").write_text(json.dumps(config))
    recipe.write_text(recipe.read_text().replace('"base"', '"base-yarn"'))
    with pytest.raises(ConfigError, match="stretches its positions already"):
        prepare(recipe, None, tell=print)
