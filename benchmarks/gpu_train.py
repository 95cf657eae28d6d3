"""What training does on a GPU: kernels checked, runs resumed, speed against its bars, TRL beside it, memory as planned.

    python benchmarks/gpu_train.py [--only 1.5b trl-1.5b] [--steps 20] [--minutes 8] [--wheels FOLDER] [--tiny]

Weights and tokens are drawn, shapes are those of the real models: speed does not depend on what a model knows. Rows
hold 2,048 tokens of documents of about 400, 60 % supervised, bfloat16 with float32 masters. Each line of the table is
measured in a process of its own: one that fails, hangs or runs out of memory is a line that says so, and the rest goes
on. Checks come first, side by side, then speeds one after the other; what the minutes do not suffice for is left out
with a line. Without a network, what the machine lacks (DeepSpeed, TRL) is taken from wheels in a folder, none compiled.

    kernels   output and gradients of each attention kernel against one attention per document, and a rough time
    parity    losses of a few steps, every way of computing a step against the plainest
    resume    a run stopped and gone on with, bit for bit, through the real loop and its checkpoints
    group     NCCL and gloo in a group of one; zero-2, zero-3: DeepSpeed's losses against the plain adapter's
    1.5b ...  tokens/s (median of steps after five), model-FLOP and executed-FLOP utilisation, memory planned and used
    trl-1.5b  TRL's SFTTrainer with its defaults on the same rows
    profile   the kernels that one step spends its time in

Without a CUDA device it says so and ends with 0; --tiny runs the same code on small models, on any device.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import math
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext, suppress
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

WARM, TIMEOUT_S, MINUTES, LEAST_S = 5, 230, 8.0, 20
SHOWN_KERNELS = 8
SHAPES: dict[str, dict[str, Any]] = {
    "0.5b": {"shape": (24, 896, 14, 2, 4864, 151936, True), "micro_batch": 16, "bar": 110_000},
    "1.5b": {"shape": (28, 1536, 12, 2, 8960, 151936, True), "micro_batch": 8, "bar": 42_000},
    "7b-lora": {"shape": (28, 3584, 28, 4, 18944, 152064, False), "micro_batch": 3, "bar": 13_500},
    "bloom-560m": {"shape": (24, 1024, 16, 16, 4096, 250880, True), "micro_batch": 8, "bar": 80_000},
    "tiny": {"shape": (3, 64, 4, 2, 128, 500, True), "micro_batch": 2},
    "tiny-lora": {"shape": (3, 64, 4, 2, 128, 500, False), "micro_batch": 2},
    "bloom-tiny": {"shape": (3, 64, 4, 4, 256, 500, True), "micro_batch": 2},
}
TRL_BAR, MEMORY_BAR, PARITY_BAR, KERNEL_BAR = 1.25, 0.08, 2e-3, 3e-2
Lines = list[dict[str, Any]]


def line(name: str, told: str, held: bool | None, **values: Any) -> dict[str, Any]:
    """A line of the table; `held` is None where there is nothing to hold."""
    return {"name": name, "told": told, "held": held, **values}


def one_line(why: BaseException) -> str:
    """An error as one line."""
    return f"{type(why).__name__}: {(str(why).strip().splitlines() or ['no message'])[0][:160]}"


def config_of(name: str, depth: int | None = None) -> Any:
    """The configuration of a model's shape, of `depth` blocks if given."""
    from transformers import BloomConfig, Qwen2Config

    layers, width, heads, kv_heads, inner, vocabulary, tied = SHAPES[name]["shape"]
    layers = depth or layers
    if name.startswith("bloom"):
        return BloomConfig(vocab_size=vocabulary, hidden_size=width, n_layer=layers, n_head=heads)
    return Qwen2Config(
        vocab_size=vocabulary,
        hidden_size=width,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        num_key_value_heads=kv_heads,
        intermediate_size=inner,
        tie_word_embeddings=tied,
        max_position_embeddings=32768,
    )


def make_rows(seq_len: int, vocabulary: int, count: int) -> list[Any]:
    """`count` packed rows of drawn tokens."""
    import numpy as np

    from blossom_data.train.data.bin_packing import pack_rows
    from blossom_data.train.data.store import PackedRow

    draw = np.random.default_rng(0)
    lengths = np.clip(draw.lognormal(math.log(seq_len / 5), 0.6, count * 6), 8, seq_len).astype(np.int64)
    order, starts = pack_rows(lengths, seq_len, 0)
    rows = []
    for row in range(min(count, len(starts) - 1)):
        taken = lengths[order[starts[row] : starts[row + 1]]]
        ends = np.cumsum(taken)
        begins = ends - taken
        place = np.arange(ends[-1]) - np.repeat(begins, taken)
        learnt = place >= np.repeat(taken * 4 // 10, taken)
        rows.append(PackedRow(draw.integers(0, vocabulary, int(ends[-1])), learnt, begins, ["0" * 32] * len(taken)))
    return rows


class Bench:
    """One shape on this device, its rows and its recipe."""

    def __init__(self, name: str, given: argparse.Namespace, *, depth: int | None = None, micro: int = 0) -> None:
        from blossom_data.train.parallel.processes import join_group
        from blossom_data.train.recipe.methods import Lora
        from blossom_data.train.recipe.recipe import Recipe
        from blossom_data.train.recipe.stages import StageRecipe

        self.name, self.depth, self.group, self.config = name, depth, join_group(), config_of(name, depth)
        self.is_cuda = self.group.device.type == "cuda"
        self.recipe = Recipe(
            base_model=Path(),
            template="chatml",
            seq_len=128 if "tiny" in name else 2048,
            stages=(StageRecipe(name="one"),),
            micro_batch=micro or SHAPES[name]["micro_batch"],
            lora=Lora() if "lora" in name else None,
        )
        self.rows = make_rows(self.recipe.seq_len, self.config.vocab_size, given.steps * self.recipe.micro_batch)

    def model(self, recipe: Any) -> tuple[Any, Any]:
        """A model with drawn weights, made on the device, and what its probes found."""
        import torch
        from transformers import AutoModelForCausalLM

        from blossom_data.train.model.attention import DocumentAttention
        from blossom_data.train.model.lora import add_adapters
        from blossom_data.train.model.loss_model import LossModel
        from blossom_data.train.model.model import settle

        torch.manual_seed(0)
        # A model's attention is written into its configuration: each model takes a fresh one.
        with self.group.device:
            network = AutoModelForCausalLM.from_config(config_of(self.name, self.depth), dtype=torch.bfloat16)
        adapters = add_adapters(network, recipe.lora) if recipe.lora else None
        network.to(self.group.device)
        model = LossModel(
            network, DocumentAttention("sdpa", alibi=self.config.model_type == "bloom"), adapters=adapters
        )
        return model, settle(model, recipe, device=self.group.device, tell=say)

    def run(self, recipe: Any, steps: int) -> dict[str, Any]:
        """Losses, speed and memory of `steps` steps."""
        import torch

        from blossom_data.train.model.batches import make_batch
        from blossom_data.train.parallel.adapter_choice import make_adapter

        model, found = self.model(recipe)
        adapter = make_adapter(recipe, model, self.group)
        if self.is_cuda:
            torch.cuda.reset_peak_memory_stats()
        seconds, losses, tokens, supervised, squares, micro = [], [], 0, 0, 0, recipe.micro_batch
        for step in range(min(steps, len(self.rows) // micro)):
            begun = time.perf_counter()
            rows = self.rows[step * micro : (step + 1) * micro]
            batch = make_batch(rows, pad_id=0, width=recipe.seq_len, device=self.group.device)
            targets = len(batch.targets)
            sums = adapter.backward(batch, scale=1 / targets, is_last=True)
            adapter.step(1e-5)
            losses.append(float(sums.reshape(-1)[0]) / targets)
            seconds.append(time.perf_counter() - begun)
            if step >= WARM:
                tokens += sum(len(row.ids) for row in rows)
                supervised += targets
                borders = [[*row.starts.tolist(), len(row.ids)] for row in rows]
                squares += sum((b - a) ** 2 for row in borders for a, b in pairwise(row))
        used = torch.cuda.max_memory_allocated() if self.is_cuda else None
        del adapter, model
        if self.is_cuda:
            torch.cuda.empty_cache()
        taken = statistics.median(seconds[WARM:] or seconds) * max(1, len(seconds) - WARM)
        return {
            "backend": found.backend, "leak": found.leak, "losses": losses, "tokens_per_s": tokens / taken,
            "taken_s": taken, "tokens": tokens, "supervised": supervised, "squares": squares, "used": used,
        }  # fmt: skip


def kernels(given: argparse.Namespace) -> Lines:
    """Each attention kernel against one attention per document: output, gradients, time."""
    import torch

    from blossom_data.train.model.attention import DocumentAttention, Layout, alibi_slopes, kernel_deviation
    from blossom_data.train.model.probes import usable_backends
    from blossom_data.train.parallel.processes import join_group

    device, lines = join_group().device, []
    for name in ("tiny", "bloom-tiny") if given.tiny else ("0.5b", "1.5b", "7b-lora", "bloom-560m"):
        config, alibi = config_of(name), name.startswith("bloom")
        heads, size = config.num_attention_heads, config.hidden_size // config.num_attention_heads
        keys, width = getattr(config, "num_key_value_heads", None) or heads, 128 if given.tiny else 2048
        shapes = [(4, heads, width, size)] + [(4, keys, width, size)] * 2
        for backend in usable_backends("auto", device=device, dtype=torch.bfloat16, alibi=alibi, dropout=0.0):
            try:
                attention = DocumentAttention(backend, alibi=alibi)
                off = kernel_deviation(attention, config, device, torch.bfloat16)
                attention.layout = Layout.of([[0, width // 5, width // 2]] * 4, width, device)
                parts = [torch.randn(shape, device=device, dtype=torch.bfloat16).requires_grad_() for shape in shapes]
                slopes = alibi_slopes(heads, device) if alibi else None
                taken = []
                for _ in range(8):
                    begun = time.perf_counter()
                    mixed = attention._attend(parts[0], parts[1], parts[2], size**-0.5, 0.0, None, slopes)
                    float(sum(one.float().sum() for one in torch.autograd.grad(mixed.float().square().sum(), parts)))
                    taken.append(time.perf_counter() - begun)
                told = f"off by {off:.1e}, forward and backward {1e3 * statistics.median(taken[3:]):.2f} ms"
                lines.append(line(f"{backend} {name}", told, off <= KERNEL_BAR))
            except Exception as why:
                lines.append(line(f"{backend} {name}", one_line(why), False))
    return lines


def parity(given: argparse.Namespace) -> Lines:
    """Losses of a few steps of shallow models, each way of computing against one plain attention per document."""
    ways: dict[str, dict[str, Any]] = {
        "as chosen": {},
        "compiled": {"compile": True},
        "checkpointed": {"checkpointing": True},
        "both": {"compile": True, "checkpointing": True},
    }
    lines = []
    for name in ("tiny", "tiny-lora", "bloom-tiny") if given.tiny else ("0.5b", "7b-lora", "bloom-560m"):
        bench = Bench(name, given, depth=3, micro=2)
        plain = bench.run(replace(bench.recipe, attention="sdpa"), 6)["losses"]
        for told, settings in ways.items():
            try:
                found = bench.run(replace(bench.recipe, **settings), 6)
                off = max(abs(a - b) / a for a, b in zip(plain, found["losses"], strict=True))
                text = f"{found['backend']}, leak {found['leak']:.0e}, losses within {off:.1e}"
                lines.append(line(f"{told} {name}", text, off <= PARITY_BAR))
            except Exception as why:
                lines.append(line(f"{told} {name}", one_line(why), False))
    return lines


def small_run(place: Path, out: str, stop_after: int = 0, **settings: Any) -> list[dict[str, Any]]:
    """A run of the real loop on a small model; stopped with SIGTERM after a step if asked; its lines of metrics."""
    from train import make_place

    from blossom_data.errors import Interrupted
    from blossom_data.train.loop.metrics import read_metrics
    from blossom_data.train.run import train

    if not (place / "recipe.toml").exists():
        make_place(place)
    text = (place / "recipe.toml").read_text().replace("save_every = 100000", "save_every = 5")
    text = text.replace('data = [{path = "packed"}]', 'data = [{path = "packed", count = 120}]')
    dtype = settings.pop("dtype", "bfloat16")
    text = text.replace('dtype = "float32"', f'dtype = "{dtype}"\n' + settings.pop("top", ""))
    recipe = place / f"{out}.toml"
    recipe.write_text(text + settings.pop("tables", ""))

    def tell(text: str) -> None:
        if stop_after and text.startswith(f"train step {stop_after}/"):
            os.kill(os.getpid(), signal.SIGTERM)

    with suppress(Interrupted):
        train(recipe, place / out, tell=tell)
    return [entry for entry in read_metrics(place / out) if entry["kind"] == "train"]


def resume(_given: argparse.Namespace) -> Lines:
    """A run stopped in the middle ends with the bits of one that was not."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        straight = small_run(place, "straight", top="deterministic = true\n")
        (place / "halves.toml").write_text("")
        small_run(place, "halves", stop_after=4, top="deterministic = true\n")
        small_run(place, "halves", top="deterministic = true\n")
        found = []
        for out in ("straight", "halves"):
            newest = json.loads((place / out / "manifest.json").read_text())["checkpoint"]
            found.append((place / out / newest / "model" / "model.safetensors").read_bytes())
    last = straight[-1]
    shown = {key: last.get(key) for key in ("tokens_per_s", "supervised_per_s", "mfu", "memory_gib", "fill")}
    same = found[0] == found[1]
    return [line("resume", f"bits {'equal' if same else 'DIFFER'} after {last['step']} steps; logged {shown}", same)]


def group(_given: argparse.Namespace) -> Lines:
    """Collectives in a group of one process, on the device and off it."""
    import torch

    from blossom_data.train.parallel.processes import join_group

    joined = join_group(always=True)
    total = joined.sum(torch.ones(4, device=joined.device))
    torch.distributed.all_reduce(total)
    held = float(total.sum()) == 4 and joined.gather("a") == ["a"] and joined.any(True)
    name = torch.distributed.get_backend_config()
    joined.leave()
    return [line("group", f"{name}: sums, gathers and leaves", held)]


def zero(stage: int) -> Lines:
    """DeepSpeed's losses against the plain adapter's, in float32."""
    if importlib.util.find_spec("deepspeed") is None:
        return [line(f"zero-{stage}", "DeepSpeed is not installed", None)]
    with tempfile.TemporaryDirectory() as folder:
        plain = small_run(Path(folder), "plain", dtype="float32")
        found = small_run(Path(folder), "zero", dtype="float32", tables=f"[deepspeed]\nstage = {stage}\n")
    off = max(abs(a["loss"] - b["loss"]) / a["loss"] for a, b in zip(plain, found, strict=True))
    return [line(f"zero-{stage}", f"losses of {len(plain)} steps within {off:.1e}", off <= 1e-5)]


def speed(name: str, given: argparse.Namespace) -> Lines:
    """Tokens a second as written and compiled, and the memory plan against what was allocated."""
    import torch

    from blossom_data.train.model.flops import flops_of, peak_of
    from blossom_data.train.preflight.memory import step_memory
    from blossom_data.train.preflight.prepare import meta_network

    bench, lines = Bench(name, given), []
    recipe, bar = bench.recipe, SHAPES[name].get("bar")
    flops = flops_of(meta_network(bench.config), lora=recipe.lora is not None)
    peak = peak_of(torch.cuda.get_device_name()) if bench.is_cuda else None
    for told, settings in (("", {}), (" compiled", {"compile": True})):
        try:
            found = bench.run(replace(recipe, **settings), given.steps)
        except Exception as why:
            lines.append(line(name + told, one_line(why), False))
            continue
        text = f"{found['backend']:6} {found['tokens_per_s']:10,.0f} tok/s"
        if peak is not None:
            conventional = flops.conventional(found["tokens"], recipe.seq_len) / found["taken_s"] / peak
            executed = flops.executed(found["tokens"], found["supervised"], found["squares"]) / found["taken_s"] / peak
            text += f", MFU {conventional:.1%}, executed {executed:.1%}"
        if found["used"] is not None:
            text += f", {found['used'] / 2**30:.1f} GiB"
        lines.append(line(name + told, text, None, tokens_per_s=found["tokens_per_s"]))
        if not settings:
            planned = step_memory(
                recipe, bench.config, micro_batch=recipe.micro_batch, checkpointing=False, supervised=0.6
            ).peak
            used, share = found["used"], None if found["used"] is None else planned / found["used"] - 1
            text = f"planned {planned / 2**30:.2f} GiB" + ("" if share is None else f", {share:+.1%} of what was used")
            lines.append(line(f"{name} memory", text, None if used is None else abs(share or 0) <= MEMORY_BAR))
    best = max((entry["tokens_per_s"] for entry in lines if "tokens_per_s" in entry), default=0.0)
    if bar is not None:
        lines.append(line(f"{name} best", f"{best:10,.0f} tok/s", best >= bar, bar=bar))
    return lines


def trl(name: str, given: argparse.Namespace) -> Lines:
    """TRL's SFTTrainer with its defaults on the same rows; the batch halves until it fits."""
    if importlib.util.find_spec("trl") is None:
        return [line(f"trl-{name}", "TRL is not installed", None)]
    from gpu_train_trl import train_with_trl

    bench = Bench(name, given)
    micro, told = 8, ""
    while micro:
        try:
            rate = train_with_trl(bench, micro, min(given.steps, 16), WARM)
        except Exception as why:
            told = one_line(why)
            micro = micro // 2 if "out of memory" in str(why) else 0
            continue
        return [line(f"trl-{name}", f"{rate:10,.0f} tok/s, {micro} rows a step", None, tokens_per_s=rate)]
    return [line(f"trl-{name}", told, False)]


def profile(name: str, given: argparse.Namespace) -> Lines:
    """What one step spends its time in, by the profiler of torch."""
    import torch
    from torch.profiler import ProfilerActivity, profile, record_function

    from blossom_data.train.model.batches import make_batch
    from blossom_data.train.parallel.adapter_choice import make_adapter

    bench = Bench(name, given)
    recipe, device = bench.recipe, bench.group.device
    model, found = bench.model(recipe)
    adapter = make_adapter(recipe, model, bench.group)
    kinds = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if bench.is_cuda else [])]
    for step in range(3):
        batch = make_batch(bench.rows[: recipe.micro_batch], pad_id=0, width=recipe.seq_len, device=device)
        with profile(activities=kinds) if step == 2 else nullcontext() as profiler, record_function("step"):
            adapter.backward(batch, scale=1 / len(batch.targets), is_last=True)
            adapter.step(1e-5)
            if bench.is_cuda:
                torch.cuda.synchronize()
    key = "self_device_time_total" if bench.is_cuda else "self_cpu_time_total"
    # Beside kernels the profiler lists the operators that started them, whose own time on the device is theirs again.
    spent = [(getattr(one, key), one.key) for one in profiler.key_averages() if one.key != "step"]
    whole = sum(taken for taken, _ in spent)
    told = [(taken, kernel) for taken, kernel in sorted(spent, reverse=True) if taken][:SHOWN_KERNELS]
    lines = [line("profile", f"{found.backend}, one step of {name}: {whole / 1e3:.1f} ms in what it lists", None)]
    return lines + [line("", f"{taken / whole:6.1%}  {kernel[:90]}", None) for taken, kernel in told]


def unpack_wheels(folder: Path, place: Path) -> str:
    """Installs the wheels of `folder` into `place`, nothing fetched and nothing compiled; what went wrong, or ""."""
    wheels = sorted(map(str, folder.glob("*.whl")))
    if not wheels:
        return f"{folder} holds no wheels"
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps", "--target", str(place)]
    done = subprocess.run(
        [*command, *wheels], capture_output=True, text=True, check=False, env={**os.environ, "DS_BUILD_OPS": "0"}
    )
    return "" if done.returncode == 0 else (done.stderr.strip().splitlines() or ["pip failed"])[-1][:200]


def say(text: str) -> None:
    """A line on stderr."""
    print(text, file=sys.stderr, flush=True)


def measurements(given: argparse.Namespace) -> tuple[dict[str, Callable[[], Lines]], dict[str, Callable[[], Lines]]]:
    """The checks, which may run side by side, and the speeds, which may not."""
    checks: dict[str, Callable[[], Lines]] = {
        "kernels": lambda: kernels(given),
        "parity": lambda: parity(given),
        "resume": lambda: resume(given),
        "group": lambda: group(given),
        "zero-2": lambda: zero(2),
        "zero-3": lambda: zero(3),
    }
    timed = ("tiny", "tiny-lora", "bloom-tiny") if given.tiny else ("1.5b", "0.5b", "7b-lora", "bloom-560m")
    beside = ("tiny",) if given.tiny else ("1.5b", "0.5b")
    speeds: dict[str, Callable[[], Lines]] = {name: lambda name=name: speed(name, given) for name in timed}  # type: ignore[misc]
    speeds |= {f"trl-{name}": lambda name=name: trl(name, given) for name in beside}  # type: ignore[misc]
    speeds["profile"] = lambda: profile(timed[0], given)
    return checks, speeds


def measured(name: str, given: argparse.Namespace, ends: float) -> Lines:
    """The lines of one measurement, made in a process of its own; none may go on behind `ends` (of time.monotonic)."""
    limit = min(given.timeout, ends - time.monotonic())
    if limit < LEAST_S:
        print(f"    {name:24} left out: the {given.minutes:g} minutes are over (--minutes, --only)", flush=True)
        return []
    flags = ["--steps", str(given.steps), *(["--tiny"] if given.tiny else [])]
    begun = time.perf_counter()
    try:
        done = subprocess.run(
            [sys.executable, __file__, "--one", name, *flags], capture_output=True, text=True, timeout=limit,
            check=False,
        )  # fmt: skip
        lines: Lines = json.loads(done.stdout.splitlines()[-1]) if done.returncode == 0 else []
        last = next(reversed([text for text in done.stderr.splitlines() if text.strip()]), "no message")
        lines = lines or [line(name, f"ended with {done.returncode}: {last[:200]}", False)]
    except subprocess.TimeoutExpired:
        lines = [line(name, f"not done after {limit:.0f} s", False)]
    for entry in lines:
        mark = {True: "ok", False: "NOT", None: ""}[entry["held"]]
        bar = f"   bar {entry['bar']:,}" if entry.get("bar") else ""
        print(f"{mark:4}{entry['name']:24} {entry['told']}{bar}", flush=True)
    say(f"{name}: {time.perf_counter() - begun:.0f} s")
    return lines


def main() -> None:
    """Runs what the flags name."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", default=[], help="names of checks and speeds; all without it")
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--timeout", type=int, default=TIMEOUT_S, help="seconds of one measurement")
    parser.add_argument("--minutes", type=float, default=MINUTES, help="of all together")
    parser.add_argument("--wheels", type=Path, help="a folder of wheels for what this machine lacks")
    parser.add_argument("--tiny", action="store_true", help="Small models, on any device.")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    given = parser.parse_args()
    sys.path += filter(None, [os.environ.get("BLOSSOM_GPU_WHEELS")])
    if importlib.util.find_spec("torch") is None:
        print("skipped: torch is not installed (extra: train)")
        return
    import torch

    if not torch.cuda.is_available() and not given.tiny:
        print("skipped: no CUDA device was found; nothing was measured (--tiny tries the code on the CPU)")
        return
    checks, speeds = measurements(given)
    if given.one:
        print("\n" + json.dumps({**checks, **speeds}[given.one]()), flush=True)
        os._exit(0)
    chosen = given.only or [*checks, *speeds]
    if unknown := [name for name in chosen if name not in {**checks, **speeds}]:
        parser.error(f"there is no {unknown[0]}; known: {', '.join([*checks, *speeds])}")
    ends = time.monotonic() + 60 * given.minutes
    say(f"{len(chosen)} measurements: {given.minutes:g} minutes at most, {given.timeout} s each at most; checks first")
    with tempfile.TemporaryDirectory() as unpacked:
        if given.wheels is not None:
            problem = unpack_wheels(given.wheels, Path(unpacked))
            print(f"    {'wheels':24} {problem or f'those of {given.wheels} are used'}", flush=True)
            # Behind what the machine has: its torch and transformers stay.
            os.environ["BLOSSOM_GPU_WHEELS"] = unpacked
        with ThreadPoolExecutor(4 if torch.cuda.is_available() else 1) as pool:
            named = [name for name in chosen if name in checks]
            lines = [*pool.map(lambda name: measured(name, given, ends), named)]
        lines += [measured(name, given, ends) for name in chosen if name in speeds]
    say(f"took {(time.monotonic() - ends) / 60 + given.minutes:.1f} minutes")
    found = {entry["name"]: entry["tokens_per_s"] for part in lines for entry in part if entry.get("tokens_per_s")}
    for name in [name.removeprefix("trl-") for name in found if name.startswith("trl-")]:
        ours = max((rate for known, rate in found.items() if known in (name, f"{name} compiled")), default=0.0)
        if ours:
            ratio = ours / found[f"trl-{name}"]
            # Models so small measure calls, not work.
            mark = "" if given.tiny else "ok" if ratio >= TRL_BAR else "NOT"
            print(f"{mark:4}{name + ' / TRL':24} x{ratio:.2f}   bar {TRL_BAR}")
    wrong = [entry["name"] for part in lines for entry in part if entry["held"] is False and not entry.get("bar")]
    if wrong:
        sys.exit(f"not as it must be: {', '.join(wrong)}")


if __name__ == "__main__":
    main()
