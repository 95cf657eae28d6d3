"""TRL's SFTTrainer for gpu_train.py: its defaults with packing, on the rows that ours trains on.

    train_with_trl(bench, micro_batch=8, steps=16, warm=5)      48213.7 tokens a second

The defaults are those of TRL 1.16: float32 weights under bfloat16 autocast, gradient checkpointing, AdamW, whatever
attention transformers picks. Rows come packed, so that none of its own packing is timed.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from itertools import pairwise
from typing import Any


def train_with_trl(bench: Any, micro_batch: int, steps: int, warm: int) -> float:
    """Tokens a second over the steps after `warm`, median step."""
    import torch
    from datasets import Dataset
    from tokenizers import Tokenizer, models
    from transformers import AutoModelForCausalLM, PreTrainedTokenizerFast, TrainerCallback
    from trl import SFTConfig, SFTTrainer

    seconds: list[float] = []

    class Clock(TrainerCallback):  # type: ignore[misc]
        begun = 0.0

        def on_step_begin(self, *_: Any, **__: Any) -> None:
            self.begun = now(bench.is_cuda)

        def on_step_end(self, *_: Any, **__: Any) -> None:
            seconds.append(now(bench.is_cuda) - self.begun)

    torch.manual_seed(0)
    with bench.group.device:
        model = AutoModelForCausalLM.from_config(bench.config, dtype=torch.float32)
    rows = bench.rows[: steps * micro_batch]
    words = Tokenizer(models.WordLevel({"a": 0, "</s>": 1}, unk_token="a"))
    with tempfile.TemporaryDirectory() as folder:
        settings = SFTConfig(
            folder,
            max_steps=len(rows) // micro_batch,
            per_device_train_batch_size=micro_batch,
            max_length=bench.recipe.seq_len,
            packing=True,
            dataset_kwargs={"skip_prepare_dataset": True},
            logging_steps=1 << 20,
            report_to=[],
            save_strategy="no",
            disable_tqdm=True,
            use_cpu=not bench.is_cuda,
        )
        trainer = SFTTrainer(
            model=model,
            args=settings,
            train_dataset=Dataset.from_list([described(row) for row in rows]),
            processing_class=PreTrainedTokenizerFast(tokenizer_object=words, eos_token="</s>", pad_token="</s>"),
            callbacks=[Clock()],
        )
        trainer.train()
    tokens = sum(len(row.ids) for row in rows) / (len(rows) // micro_batch)
    return tokens / statistics.median(seconds[warm:] or seconds)


def described(row: Any) -> dict[str, list[int]]:
    """A row as TRL takes packed ones."""
    borders = [*row.starts.tolist(), len(row.ids)]
    learnt = row.supervised.copy()
    learnt[row.starts] = False
    return {
        "input_ids": row.ids.tolist(),
        "labels": [token if on else -100 for token, on in zip(row.ids.tolist(), learnt.tolist(), strict=True)],
        "seq_lengths": [end - start for start, end in pairwise(borders)],
    }


def now(is_cuda: bool) -> float:
    """Seconds, once the device has done what it was given."""
    import torch

    if is_cuda:
        torch.cuda.synchronize()
    return time.perf_counter()
