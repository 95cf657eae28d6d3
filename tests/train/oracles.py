"""Other trainers on the very rows of a recipe: HF's Trainer and TRL's SFTTrainer, run in a process of their own.

hf("work/recipe.toml", "work/hf")      writes work/hf/losses.json and work/hf/model.safetensors
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from blossom_data.train.data.store import PackedRow
from blossom_data.train.preflight.prepare import prepare
from blossom_data.train.recipe.recipe import Recipe


def rows_of(recipe: str) -> tuple[Recipe, list[PackedRow]]:
    """The recipe, and the rows of its one epoch in the order of training."""
    prepared = prepare(Path(recipe), None, tell=print)
    table = prepared.draws[0].epoch(0)
    return prepared.recipe, [table.row(number) for number in range(len(table))]


def labels_of(row: PackedRow) -> list[int]:
    """The ids that are learnt, -100 elsewhere and at the first token of each document."""
    learnt = row.supervised.copy()
    learnt[row.starts] = False
    return [token if on else -100 for token, on in zip(row.ids.tolist(), learnt.tolist(), strict=True)]


def settings_of(recipe: Recipe, out: str) -> dict[str, Any]:
    """The recipe in the words of transformers' TrainingArguments."""
    stage = recipe.stages[0]
    assert stage.warmup == 0.0, "the two count the steps of a warm-up from different ends"
    return {
        "output_dir": out,
        "num_train_epochs": 1,
        "per_device_train_batch_size": recipe.micro_batch,
        "gradient_accumulation_steps": recipe.accumulation,
        "learning_rate": stage.learning_rate,
        "lr_scheduler_type": stage.schedule,
        "warmup_steps": 0,
        "weight_decay": recipe.weight_decay,
        "max_grad_norm": recipe.clip,
        "optim": "adamw_torch",
        "logging_steps": 1,
        "report_to": [],
        "use_cpu": True,
        "bf16": False,
        "save_strategy": "no",
        "disable_tqdm": True,
        "train_sampling_strategy": "sequential",
    }


def hf(recipe: str, out: str) -> None:
    """HF's Trainer: rows of one document, padded; the library's own masks and loss."""
    from transformers import AutoModelForCausalLM, Trainer, TrainingArguments

    read, rows = rows_of(recipe)
    assert all(len(row.starts) == 1 for row in rows)

    def collate(examples: list[dict[str, list[int]]]) -> dict[str, torch.Tensor]:
        width = max(len(example["input_ids"]) for example in examples)
        fill = {"input_ids": 0, "labels": -100, "attention_mask": 0}
        return {
            key: torch.tensor([example[key] + [blank] * (width - len(example[key])) for example in examples])
            for key, blank in fill.items()
        }

    data = [
        {"input_ids": row.ids.tolist(), "labels": labels_of(row), "attention_mask": [1] * len(row.ids)} for row in rows
    ]
    trainer = Trainer(
        model=AutoModelForCausalLM.from_pretrained(str(read.base_model), dtype=torch.float32),
        args=TrainingArguments(**settings_of(read, out), remove_unused_columns=False),
        train_dataset=data,
        data_collator=collate,
    )
    finish(trainer, out)


def trl(recipe: str, out: str) -> None:
    """TRL's SFTTrainer, padding-free: packed rows, positions that begin anew with each document."""
    from datasets import Dataset
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from trl import SFTConfig, SFTTrainer

    read, rows = rows_of(recipe)
    data = []
    for row in rows:
        ends = [*row.starts[1:].tolist(), len(row.ids)]
        lengths = [end - start for start, end in zip(row.starts.tolist(), ends, strict=True)]
        data.append({"input_ids": row.ids.tolist(), "labels": labels_of(row), "seq_lengths": lengths})
    own = {"packing": True, "max_length": read.seq_len, "dataset_kwargs": {"skip_prepare_dataset": True}}
    trainer = SFTTrainer(
        model=AutoModelForCausalLM.from_pretrained(str(read.base_model), dtype=torch.float32),
        args=SFTConfig(**settings_of(read, out), **own),
        train_dataset=Dataset.from_list(data),
        processing_class=AutoTokenizer.from_pretrained(str(read.base_model)),
    )
    finish(trainer, out)


def finish(trainer: Any, out: str) -> None:
    """Trains, and writes the losses and the weights."""
    trainer.train()
    folder = Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    losses = [line["loss"] for line in trainer.state.log_history if "loss" in line]
    (folder / "losses.json").write_text(json.dumps(losses))
    save_file(dict(weights_of(trainer.model)), folder / "model.safetensors")


def weights_of(model: Any) -> Iterator[tuple[str, torch.Tensor]]:
    """The parameters by name; what is tied stands once."""
    return ((name, parameter.detach().contiguous()) for name, parameter in model.named_parameters())
