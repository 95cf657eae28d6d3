"""Preference training as others do it, on the pairs of a recipe: the textbook formula, and TRL's DPOTrainer.

textbook("work/recipe.toml", "work/out")     writes work/out/steps.json and work/out/model.safetensors
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM, AutoTokenizer

from blossom_data.train.data.data_order import StageDraw
from blossom_data.train.data.store import PackedRow
from blossom_data.train.preflight.prepare import prepare
from blossom_data.train.recipe.recipe import Recipe

KEYS = ("loss", "reward_margin", "accuracy", "chosen_log_prob", "rejected_log_prob")


def pairs_of(path: Path) -> dict[str, dict[str, str]]:
    """The pairs of a file, by their prompts."""
    return {row["prompt"]: row for row in map(json.loads, path.read_text().splitlines())}


def log_prob(model: Any, tokenizer: Any, prompt: str, reply: str) -> torch.Tensor:
    """The log-probability of `reply` and the stop token behind `prompt`, of all logits of the two as one text."""
    asked = f"<|im_start|>user\n{prompt}<|im_end|>\n<|im_start|>assistant\n"
    before = len(tokenizer(asked, add_special_tokens=False)["input_ids"])
    ids = torch.tensor([tokenizer(f"{asked}{reply}<|im_end|>", add_special_tokens=False)["input_ids"]])
    of_each = model(input_ids=ids).logits[0, :-1].log_softmax(-1).gather(1, ids[0, 1:, None])[:, 0]
    return of_each[before - 1 :].double().sum()


def both(model: Any, tokenizer: Any, pair: dict[str, str]) -> torch.Tensor:
    """float64 [2]: the log-probabilities of the chosen and the rejected reply."""
    return torch.stack([log_prob(model, tokenizer, pair["prompt"], pair[key]) for key in ("chosen", "rejected")])


def textbook(recipe: str, out: str) -> None:
    """Each pair by itself, all logits, a second model as the reference, one mean over the pairs of a step."""
    read, draw = drawn(recipe)
    stage = draw.recipe
    assert (stage.schedule, stage.warmup) == ("constant", 0.0)
    assert stage.dpo is not None
    model = AutoModelForCausalLM.from_pretrained(str(read.base_model), dtype=torch.float32)
    tokenizer = AutoTokenizer.from_pretrained(str(read.base_model))
    reference = copy.deepcopy(model).eval()
    optimiser = torch.optim.AdamW(model.parameters(), lr=stage.peak_rate, weight_decay=0.0)
    known, steps = pairs_of(Path(recipe).parent / "prefs.jsonl"), []
    for rows in steps_of(read, draw):
        asked = [text for row in rows for text in prompts_of(row, tokenizer)]
        of_model = torch.stack([both(model, tokenizer, known[prompt]) for prompt in asked])
        with torch.no_grad():
            of_reference = torch.stack([both(reference, tokenizer, known[prompt]) for prompt in asked])
        ratios = of_model - of_reference
        margins = stage.dpo.beta * (ratios[:, 0] - ratios[:, 1])
        eps = stage.dpo.label_smoothing
        loss = (-(1 - eps) * F.logsigmoid(margins) - eps * F.logsigmoid(-margins)).mean()
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), read.clip)
        optimiser.step()
        figures = [loss, margins.mean(), (margins > 0).double().mean(), *of_model.mean(0)]
        steps.append(dict(zip(KEYS, (one.item() for one in figures), strict=True)))
    write(out, model, steps)


def trl(recipe: str, out: str) -> None:
    """TRL's DPOTrainer on the same ids: a row is one pair."""
    from datasets import Dataset
    from oracles import settings_of
    from trl import DPOConfig, DPOTrainer

    class Trainer(DPOTrainer):
        def _prepare_dataset(self, dataset: Any, *_: Any, **__: Any) -> Any:
            return dataset

    read, draw = drawn(recipe)
    assert draw.recipe.dpo is not None
    data = []
    for rows in steps_of(read, draw):
        for row in rows:
            (first, begin, end), (second, other, last) = replies_of(row)
            ids = row.ids.tolist()
            assert ids[first:begin] == ids[second:other]
            data.append({"prompt_ids": ids[first:begin], "chosen_ids": ids[begin:end], "rejected_ids": ids[other:last]})
    trainer = Trainer(
        model=AutoModelForCausalLM.from_pretrained(str(read.base_model), dtype=torch.float32),
        args=DPOConfig(**settings_of(read, out), beta=draw.recipe.dpo.beta, gradient_checkpointing=False),
        train_dataset=Dataset.from_list(data),
        processing_class=AutoTokenizer.from_pretrained(str(read.base_model)),
    )
    trainer.train()
    names = ("loss", "rewards/margins", "rewards/accuracies", "logps/chosen", "logps/rejected")
    lines = [line for line in trainer.state.log_history if "loss" in line]
    write(out, trainer.model, [{key: line[name] for key, name in zip(KEYS, names, strict=True)} for line in lines])


def drawn(recipe: str) -> tuple[Recipe, StageDraw]:
    """The recipe and the draw of its one stage."""
    prepared = prepare(Path(recipe), None, tell=print)
    return prepared.recipe, prepared.draws[0]


def steps_of(recipe: Recipe, draw: StageDraw) -> Iterator[list[PackedRow]]:
    """The rows of each step, epoch by epoch."""
    size = recipe.micro_batch * recipe.accumulation
    for number in range(draw.recipe.epochs):
        table = draw.epoch(number)
        for start in range(0, len(table), size):
            yield [table.row(at) for at in range(start, min(start + size, len(table)))]


def prompts_of(row: PackedRow, tokenizer: Any) -> list[str]:
    """What the pairs of a row ask."""
    return re.findall(r"user\n(.*?)<\|im_end\|>", tokenizer.decode(row.ids), re.DOTALL)[::2]


def replies_of(row: PackedRow) -> list[tuple[int, int, int]]:
    """Of each document of a row: where it begins, and where its reply begins and ends."""
    ends = [*row.starts[1:].tolist(), len(row.ids)]
    found = []
    for start, end in zip(row.starts.tolist(), ends, strict=True):
        learnt = [at for at in range(start, end) if row.supervised[at]]
        found.append((start, learnt[0], learnt[-1] + 1))
    return found


def write(out: str, model: Any, steps: list[dict[str, float]]) -> None:
    """Writes what was measured in each step, and the weights."""
    folder = Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "steps.json").write_text(json.dumps(steps))
    weights = {name: one.detach().contiguous() for name, one in model.named_parameters()}
    save_file(weights, folder / "model.safetensors")
