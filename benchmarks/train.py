"""What the training loop costs on a CPU: ours against a bare loop over the same model, and TRL's trainer if installed.

    python benchmarks/train.py [--steps 14] [--rounds 3]

A Llama of 4 blocks (width 256, vocabulary 8,000) in float32, rows of 512 tokens, 4 a step, AdamW, clipping at 1. All
see the same packed rows in the same order, documents apart and the same positions supervised; so their losses must
agree, and the script fails where they do not. Rates are tokens per CPU second, median of the steps after three, on one
thread; each way runs in a process of its own, rounds interleaved, and ratios are of medians over the rounds.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import json
import os
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

WAYS = ("bare", "blossom-data", "trl")
SEQ_LEN, ROWS, VOCABULARY, WARM = 512, 4, 8000, 3


def make_place(place: Path) -> None:
    """A model folder, a packed set and a recipe in `place`."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    from blossom_data.train.data.pack import pack_dataset

    draw = random.Random(0)
    words = ["".join(draw.choices("abcdefghijklmnopqrstuvwxyz", k=draw.randint(2, 9))) for _ in range(5000)]
    with (place / "chats.jsonl").open("w") as file:
        for number in range(400):
            length = min(380, int(draw.lognormvariate(4.2, 0.6)) + 8)
            asked = f"{number} " + " ".join(draw.choices(words, k=length * 2 // 5))
            turns = [("user", asked), ("assistant", " ".join(draw.choices(words, k=length * 3 // 5)))]
            file.write(json.dumps({"messages": [{"role": a, "content": b} for a, b in turns]}) + "\n")
    model = Tokenizer(models.BPE())
    model.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    model.decoder = decoders.ByteLevel()
    specials = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY, special_tokens=specials, initial_alphabet=alphabet, show_progress=False
    )
    model.train_from_iterator([" ".join(words[start : start + 50]) for start in range(0, 5000, 50)] * 3, trainer)
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=model, eos_token=specials[0], pad_token=specials[0])
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=VOCABULARY,
        hidden_size=256,
        num_hidden_layers=4,
        num_attention_heads=4,
        num_key_value_heads=4,
        intermediate_size=688,
        max_position_embeddings=2048,
        tie_word_embeddings=False,
        bos_token_id=None,
        eos_token_id=0,
        pad_token_id=0,
    )
    LlamaForCausalLM(config).save_pretrained(place / "base")
    tokenizer.save_pretrained(place / "base")
    pack_dataset(
        [place / "chats.jsonl"], place / "packed", tokenizer=place / "base", template="chatml", seq_len=SEQ_LEN
    )
    (place / "recipe.toml").write_text(
        f'base_model = "base"\ntemplate = "chatml"\nseq_len = {SEQ_LEN}\ndtype = "float32"\nmicro_batch = {ROWS}\n'
        'log_every = 1\nsave_every = 100000\n[[stage]]\nname = "one"\nlearning_rate = 1e-3\nschedule = "constant"\n'
        'warmup = 0.0\ndata = [{path = "packed"}]\n'
    )


def prepared_rows(place: Path, steps: int) -> tuple[Any, list[Any]]:
    """The prepared recipe, and the rows of its first `steps` steps."""
    from blossom_data.train.preflight.prepare import prepare

    prepared = prepare(place / "recipe.toml", None, tell=print)
    table = prepared.draws[0].epoch(0)
    return prepared, [table.row(number) for number in range(min(len(table), steps * ROWS))]


def ours(place: Path, steps: int) -> tuple[list[float], list[float]]:
    """CPU seconds and loss of each step of the real loop, logging every step; what is around it is not counted."""
    from blossom_data.errors import Interrupted
    from blossom_data.train.loop.metrics import read_metrics
    from blossom_data.train.run import train

    times: list[float] = []

    def tell(line: str) -> None:
        if line.startswith("train step"):
            times.append(time.process_time())
            if len(times) == steps:
                os.kill(os.getpid(), signal.SIGTERM)

    out = Path(tempfile.mkdtemp(dir=place))
    with contextlib.suppress(Interrupted):
        train(place / "recipe.toml", out, tell=tell)
    # The first step has no beginning that is known; it is a warm-up step anyway.
    seconds = [0.0, *(b - a for a, b in pairwise(times))]
    return seconds, [line["loss"] for line in read_metrics(out) if line["kind"] == "train"][:steps]


def bare(place: Path, steps: int) -> tuple[list[float], list[float]]:
    """A loop as one writes it: the whole model's logits, positions that begin anew, the loss over labels."""
    import torch
    from transformers import AutoModelForCausalLM

    _, rows = prepared_rows(place, steps)
    model = AutoModelForCausalLM.from_pretrained(place / "base", dtype=torch.float32).train()
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.0)
    seconds, losses = [], []
    for step in range(len(rows) // ROWS):
        begun = time.process_time()
        ids = torch.zeros(ROWS, SEQ_LEN, dtype=torch.long)
        labels, positions = torch.full_like(ids, -100), torch.zeros_like(ids)
        for number, row in enumerate(rows[step * ROWS : (step + 1) * ROWS]):
            length = len(row.ids)
            learnt = row.supervised.copy()
            learnt[row.starts] = False
            ids[number, :length] = torch.from_numpy(row.ids)
            labels[number, :length] = torch.where(torch.from_numpy(learnt), ids[number, :length], -100)
            for start, end in zip(row.starts, [*row.starts[1:], length], strict=True):
                positions[number, start:end] = torch.arange(int(end - start))
        loss = model(input_ids=ids, position_ids=positions, labels=labels, use_cache=False).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        optimiser.zero_grad()
        losses.append(float(loss))
        seconds.append(time.process_time() - begun)
    return seconds, losses


def trl(place: Path, steps: int) -> tuple[list[float], list[float]]:
    """TRL's SFTTrainer on the rows as they are packed, padding-free."""
    import torch
    from datasets import Dataset
    from transformers import AutoModelForCausalLM, AutoTokenizer, TrainerCallback
    from trl import SFTConfig, SFTTrainer

    _, rows = prepared_rows(place, steps)
    seconds: list[float] = []

    class Clock(TrainerCallback):  # type: ignore[misc]
        begun = 0.0

        def on_step_begin(self, *_: Any, **__: Any) -> None:
            self.begun = time.process_time()

        def on_step_end(self, *_: Any, **__: Any) -> None:
            seconds.append(time.process_time() - self.begun)

    data = []
    for row in rows[: len(rows) // ROWS * ROWS]:
        ends = [*row.starts[1:].tolist(), len(row.ids)]
        lengths = [end - start for start, end in zip(row.starts.tolist(), ends, strict=True)]
        learnt = row.supervised.copy()
        learnt[row.starts] = False
        labels = [token if on else -100 for token, on in zip(row.ids.tolist(), learnt.tolist(), strict=True)]
        data.append({"input_ids": row.ids.tolist(), "labels": labels, "seq_lengths": lengths})
    settings = SFTConfig(
        str(place / "trl"),
        max_steps=len(data) // ROWS,
        per_device_train_batch_size=ROWS,
        learning_rate=1e-3,
        lr_scheduler_type="constant",
        logging_steps=1,
        report_to=[],
        use_cpu=True,
        bf16=False,
        packing=True,
        max_length=SEQ_LEN,
        dataset_kwargs={"skip_prepare_dataset": True},
        save_strategy="no",
        gradient_checkpointing=False,
        optim="adamw_torch",
        weight_decay=0.0,
        max_grad_norm=1.0,
        disable_tqdm=True,
        train_sampling_strategy="sequential",
    )
    trainer = SFTTrainer(
        model=AutoModelForCausalLM.from_pretrained(place / "base", dtype=torch.float32),
        args=settings,
        train_dataset=Dataset.from_list(data),
        processing_class=AutoTokenizer.from_pretrained(place / "base"),
        callbacks=[Clock()],
    )
    trainer.train()
    return seconds, [line["loss"] for line in trainer.state.log_history if "loss" in line]


def one(way: str, place: Path, steps: int) -> None:
    """Runs one way in this process; prints its result as JSON."""
    import torch

    torch.set_num_threads(1)
    seconds, losses = {"bare": bare, "blossom-data": ours, "trl": trl}[way](place, steps)
    _, rows = prepared_rows(place, steps)
    tokens = sum(len(row.ids) for row in rows) / (len(rows) / ROWS)
    rate = tokens / statistics.median(seconds[WARM:])
    print(json.dumps({"way": way, "tokens_per_cpu_s": rate, "losses": losses}))


def main() -> None:
    """Runs all ways and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=14)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--one", nargs=2)
    given = parser.parse_args()
    if given.one:
        one(given.one[0], Path(given.one[1]), given.steps)
        return
    missing = [name for name in ("torch", "transformers") if importlib.util.find_spec(name) is None]
    if missing:
        print(f"skipped: {missing[0]} is not installed (extra: train)")
        return
    ways = [way for way in WAYS if way != "trl" or importlib.util.find_spec("trl")]
    found: dict[str, list[dict[str, Any]]] = {way: [] for way in ways}
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        make_place(place)
        for _ in range(given.rounds):
            for way in ways:
                command = [sys.executable, __file__, "--one", way, folder, "--steps", str(given.steps)]
                done = subprocess.run(command, capture_output=True, text=True, check=False)
                if done.returncode:
                    sys.exit(f"{way} failed:\n{done.stderr[-2000:]}")
                found[way].append(json.loads(done.stdout.splitlines()[-1]))
    table(found)


def table(found: dict[str, list[dict[str, Any]]]) -> None:
    """Prints rates and ratios; exits where the losses differ."""
    expected = found["bare"][0]["losses"]
    rates = {way: statistics.median(run["tokens_per_cpu_s"] for run in runs) for way, runs in found.items()}
    for way, runs in found.items():
        spread = [run["tokens_per_cpu_s"] for run in runs]
        worst = max(abs(a - b) / b for run in runs for a, b in zip(run["losses"], expected, strict=True))
        print(
            f"{way:14} {rates[way]:8,.0f} tokens/CPU-s ({min(spread):,.0f} to {max(spread):,.0f})   "
            f"x{rates[way] / rates['bare']:.2f} of bare   losses within {worst:.1e}"
        )
        if worst > 1e-3:
            sys.exit(f"the losses of {way} are not those of the bare loop")
    if "trl" in rates:
        print(f"blossom-data is x{rates['blossom-data'] / rates['trl']:.2f} of TRL")
    else:
        print("trl is not installed: no ratio to it")


if __name__ == "__main__":
    main()
