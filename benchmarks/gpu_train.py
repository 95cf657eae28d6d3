"""What training does on one GPU: kernels checked, speed, use of the device, and the memory plan against the truth.

    python benchmarks/gpu_train.py [--models 0.5b 1.5b 7b-lora bloom-560m] [--steps 20] [--tiny]

Weights and tokens are drawn, shapes are those of the real models: speed does not depend on what a model knows. Rows
hold 2,048 tokens of documents of about 500, 60 % supervised, bfloat16 with float32 masters. For each model:

    checks   every attention backend that runs here: leak and deviation on the model itself
    parity   losses of the first steps with the chosen backend against one attention per document
    table    tokens/s (median of steps after five), conventional MFU, executed-FLOP utilisation, memory planned and used

Without a CUDA device it says so and ends with 0; --tiny runs the same code on small models, on any device.
"""

from __future__ import annotations

import argparse
import importlib.util
import math
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

WARM, PARITY_STEPS = 5, 3
SHAPES: dict[str, dict[str, Any]] = {
    "0.5b": {"shape": (24, 896, 14, 2, 4864, 151936, True), "micro_batch": 16},
    "1.5b": {"shape": (28, 1536, 12, 2, 8960, 151936, True), "micro_batch": 8},
    "7b-lora": {"shape": (28, 3584, 28, 4, 18944, 152064, False), "micro_batch": 4, "lora": True},
    "bloom-560m": {"shape": (24, 1024, 16, 16, 4096, 250880, True), "micro_batch": 8},
    "tiny": {"shape": (2, 64, 4, 2, 128, 500, True), "micro_batch": 2},
    "tiny-lora": {"shape": (2, 64, 4, 2, 128, 500, False), "micro_batch": 2, "lora": True},
    "bloom-tiny": {"shape": (2, 64, 4, 4, 256, 500, True), "micro_batch": 2},
}


def config_of(name: str) -> Any:
    """The configuration of a model's shape."""
    from transformers import BloomConfig, Qwen2Config

    layers, width, heads, kv_heads, inner, vocabulary, tied = SHAPES[name]["shape"]
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


def make_rows(folder: Path, seq_len: int, vocabulary: int, documents: int) -> Any:
    """A packed set of drawn tokens."""
    import numpy as np

    from blossom_data.train.bins import pack_rows
    from blossom_data.train.store import ROW, PackedSet, PackedWriter

    draw = np.random.default_rng(0)
    with PackedWriter(folder, vocab_size=vocabulary) as writer:
        for number in range(documents):
            length = int(np.clip(draw.lognormal(math.log(seq_len / 5), 0.6), 8, seq_len))
            ids = draw.integers(0, vocabulary, length).tolist()
            learnt = max(1, length * 6 // 10)
            writer.add(ids, [length - learnt, learnt], number.to_bytes(16, "big"))
        lengths, supervised = writer.lengths()
        order, starts = pack_rows(lengths, seq_len, 0)
        rows = np.zeros(len(starts) - 1, dtype=ROW)
        rows["start"] = starts[:-1]
        rows["tokens"] = np.add.reduceat(lengths[order], starts[:-1])
        rows["supervised"] = np.add.reduceat(supervised[order], starts[:-1])
        about = {
            "seq_len": seq_len,
            "template": {"name": "none", "stop_ids": [0]},
            "tokenizer": {"pad_id": 0},
            "documents": documents,
        }
        writer.finish(about, order=order, rows=rows, tokenizer=b"{}")
    return PackedSet.open(folder)


class Bench:
    """One model on one device, its rows and its recipe."""

    def __init__(self, name: str, place: Path, steps: int, *, compiled: bool) -> None:
        import torch
        from transformers import AutoModelForCausalLM

        from blossom_data.train.draws import StageDraw, all_documents
        from blossom_data.train.flops import flops_of
        from blossom_data.train.prepare import meta_network
        from blossom_data.train.processes import join_group
        from blossom_data.train.recipe import Lora, Recipe, StageRecipe

        self.name, self.place, self.steps = name, place, steps
        self.group = join_group()
        self.config = config_of(name)
        seq_len = 128 if "tiny" in name else 2048
        micro = SHAPES[name]["micro_batch"]
        torch.manual_seed(0)
        with self.group.device:
            network = AutoModelForCausalLM.from_config(self.config, dtype=torch.bfloat16)
        network.save_pretrained(place / "base")
        del network
        lora = Lora() if SHAPES[name].get("lora") else None
        stage = StageRecipe(name="one", learning_rate=1e-5, schedule="constant", warmup=0.0)
        self.recipe = Recipe(
            base_model=place / "base",
            template="chatml",
            seq_len=seq_len,
            stages=(stage,),
            micro_batch=micro,
            log_every=1,
            save_every=1 << 30,
            checkpointing=lora is not None,
            compile=compiled,
            lora=lora,
        )
        packed = make_rows(place / "rows", seq_len, self.config.vocab_size, steps * micro * 6 + 40)
        documents = all_documents(packed)
        self.draw = StageDraw(
            recipe=stage,
            index=0,
            seed=0,
            seq_len=seq_len,
            packing=True,
            documents=documents,
            held_out=documents.take(documents.which[:0]),
            counts={},
        )
        self.flops = flops_of(meta_network(self.config), lora=lora is not None)

    def run(self, recipe: Any, steps: int) -> dict[str, Any]:
        """Losses, seconds and memory of `steps` steps."""
        import torch

        from blossom_data.train.adapter import make_adapter
        from blossom_data.train.batches import make_batch, width_of
        from blossom_data.train.model import build_model

        is_cuda = self.group.device.type == "cuda"
        model, found = build_model(recipe, device=self.group.device, tell=say)
        adapter = make_adapter(recipe, model, self.group)
        table = self.draw.epoch(0)
        seconds, losses, tokens, supervised, squares = [], [], 0, 0, 0
        if is_cuda:
            torch.cuda.reset_peak_memory_stats()
        for step in range(min(steps, len(table) // recipe.micro_batch)):
            begun = time.perf_counter()
            numbers = range(step * recipe.micro_batch, (step + 1) * recipe.micro_batch)
            rows = [table.row(number) for number in numbers]
            width = width_of(rows, recipe.seq_len, self.group.device)
            batch = make_batch(rows, pad_id=0, width=width, device=self.group.device)
            targets = table.targets(numbers.start, numbers.stop)
            loss = adapter.backward(batch, scale=1 / targets, is_last=True)
            adapter.step(1e-5)
            losses.append(float(loss) / targets)
            seconds.append(time.perf_counter() - begun)
            if step >= WARM:
                tokens += table.tokens(numbers.start, numbers.stop)
                supervised += targets
                lengths = table.documents.tokens[table.order[table.starts[numbers.start] : table.starts[numbers.stop]]]
                squares += int((lengths**2).sum())
        used = torch.cuda.max_memory_allocated() / 2**30 if is_cuda else None
        del adapter, model
        if is_cuda:
            torch.cuda.empty_cache()
        median = statistics.median(seconds[WARM:]) * max(1, len(seconds) - WARM)
        return {
            "backend": found.backend,
            "leak": found.leak,
            "deviation": found.deviation,
            "losses": losses,
            "tokens_per_s": tokens / median,
            "conventional": self.flops.conventional(tokens, recipe.seq_len) / median,
            "executed": self.flops.executed(tokens, supervised, squares) / median,
            "used_gib": used,
        }


def say(text: str) -> None:
    """A line on stderr."""
    print(text, file=sys.stderr, flush=True)


def measure(name: str, steps: int, *, compiled: bool) -> bool:
    """Checks and measures one model; gives whether everything held."""
    import torch

    from blossom_data.train.flops import peak_of
    from blossom_data.train.memory import step_memory

    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(name, Path(folder), steps, compiled=compiled)
        planned = step_memory(
            bench.recipe,
            bench.config,
            micro_batch=bench.recipe.micro_batch,
            checkpointing=bench.recipe.checkpointing,
            supervised=0.6,
        )
        plain = replace(bench.recipe, attention="sdpa", compile=False)
        reference = bench.run(plain, WARM + PARITY_STEPS)
        found = bench.run(bench.recipe, steps)
    pairs = zip(reference["losses"], found["losses"], strict=False)
    parity = max(abs(a - b) / a for a, b in pairs)
    peak = peak_of(torch.cuda.get_device_name()) if torch.cuda.is_available() else None
    share: Callable[[float], str] = lambda flops: f"{flops / peak:6.1%}" if peak else "     -"  # noqa: E731
    used = f"{found['used_gib']:.1f} GiB" if found["used_gib"] is not None else "-"
    off = f" ({planned.peak / 2**30 / found['used_gib'] - 1:+.1%})" if found["used_gib"] else ""
    print(
        f"{name:12} {found['backend']:7} leak {found['leak']:.0e}  parity {parity:.1e}  "
        f"{found['tokens_per_s']:10,.0f} tok/s  MFU {share(found['conventional'])}  "
        f"executed {share(found['executed'])}  planned {planned.peak / 2**30:.1f} GiB{off}, used {used}",
        flush=True,
    )
    # Half precision rounds differently in different kernels; a mask that is wrong is off by far more.
    return parity <= 2e-3


def main() -> None:
    """Runs what the flags name."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", default=["0.5b", "1.5b", "bloom-560m", "7b-lora"], choices=SHAPES)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--compile", action="store_true", help="Compile each block.")
    parser.add_argument("--tiny", action="store_true", help="Small models, on any device.")
    given = parser.parse_args()
    if importlib.util.find_spec("torch") is None:
        print("skipped: torch is not installed (extra: train)")
        return
    import torch

    if not torch.cuda.is_available() and not given.tiny:
        print("skipped: no CUDA device was found; nothing was measured (--tiny tries the code on the CPU)")
        return
    names = ["tiny", "tiny-lora", "bloom-tiny"] if given.tiny else given.models
    held = [measure(name, given.steps, compiled=given.compile) for name in names]
    if not all(held):
        sys.exit("a backend does not give the losses of one attention per document")


if __name__ == "__main__":
    main()
