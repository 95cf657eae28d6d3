"""Losses of preference stages as their papers write them, and TRL's trainers, on the very rows of a recipe.

formulas([("work/ipo.toml", "work/ipo-oracle"), ...])      writes FOLDER/steps.json for each
"""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import torch
from dpo_oracles import drawn, replies_of, steps_of
from transformers import AutoModelForCausalLM, AutoTokenizer

from blossom_data.train.data.data_order import StageDraw
from blossom_data.train.data.store import PackedRow
from blossom_data.train.recipe.recipe import Recipe


def reply_log_probs(model: Any, row: PackedRow) -> tuple[list[torch.Tensor], list[int]]:
    """Of each document of a row, run by itself: the log-probability of its reply, and how many tokens that has."""
    found, lengths = [], []
    for start, begin, end in replies_of(row):
        ids = torch.from_numpy(row.ids[start:end])
        of_each = model(input_ids=ids[None]).logits[0, :-1].log_softmax(-1).gather(1, ids[1:, None])[:, 0]
        found.append(of_each[begin - start - 1 :].double().sum())
        lengths.append(end - begin)
    return found, lengths


def pair_loss(stage: Any, chosen: Any, rejected: Any, ref_chosen: Any, ref_rejected: Any, n: int, m: int) -> Any:
    """One pair; n and m are the tokens of its replies."""
    if stage.dpo:
        margin = stage.dpo.beta * ((chosen - ref_chosen) - (rejected - ref_rejected))
        eps = stage.dpo.label_smoothing
        preferred = -(1 - eps) * torch.sigmoid(margin).log() - eps * torch.sigmoid(-margin).log()
        return preferred + stage.dpo.sft * -chosen / n
    if stage.ipo:
        return ((chosen - ref_chosen) / n - (rejected - ref_rejected) / m - 1 / (2 * stage.ipo.beta)) ** 2
    if stage.simpo:
        return -torch.sigmoid(stage.simpo.beta * (chosen / n - rejected / m) - stage.simpo.gamma).log()
    p, q = (chosen / n).exp(), (rejected / m).exp()
    odds = (p / (1 - p)) / (q / (1 - q))
    return -chosen / n + stage.orpo.beta * -torch.sigmoid(odds.log()).log()


def step_loss(draw: StageDraw, rows: list[PackedRow], labels: list[bool], model: Any, reference: Any) -> Any:
    """The mean over the pairs, or the judged replies, of a step."""
    stage = draw.recipe
    units: list[tuple[Any, ...]] = []
    for row in rows:
        own, lengths = reply_log_probs(model, row)
        with torch.no_grad():
            first, _ = reply_log_probs(reference, row)
        units += [
            (*own[number : number + 2], *first[number : number + 2], *lengths[number : number + 2])
            for number in range(0, len(own), 2)
        ]
    if not stage.kto:
        return torch.stack([pair_loss(stage, *unit) for unit in units]).mean()
    kl = max(0.0, sum((other - first).item() for _, other, _, first, *_ in units) / len(units))
    losses = []
    for (own, _, first, *_), is_good in zip(units, labels, strict=True):
        reward = stage.kto.beta * ((own - first) - kl)
        weight = stage.kto.desirable if is_good else stage.kto.undesirable
        losses.append(weight * (1 - torch.sigmoid(reward if is_good else -reward)))
    return torch.stack(losses).mean()


def labels_of(recipe: Recipe, draw: StageDraw) -> list[list[bool]]:
    """The labels of the judged replies of each step."""
    size, found = recipe.micro_batch * recipe.accumulation, []
    for number in range(draw.recipe.epochs):
        table = draw.epoch(number)
        for start in range(0, len(table), size):
            rows = range(start, min(start + size, len(table)))
            found.append(table.labels(rows).tolist() if table.documents.is_labelled else [])
    return found


def formulas(pairs: list[tuple[str, str]]) -> None:
    """Each recipe step by step with all logits, a second model as the reference, and AdamW."""
    for recipe, out in pairs:
        read, draw = drawn(recipe)
        model = AutoModelForCausalLM.from_pretrained(str(read.base_model), dtype=torch.float32)
        reference = copy.deepcopy(model).eval()
        optimiser = torch.optim.AdamW(model.parameters(), lr=draw.recipe.peak_rate, weight_decay=0.0)
        steps = []
        for rows, labels in zip(steps_of(read, draw), labels_of(read, draw), strict=True):
            loss = step_loss(draw, rows, labels, model, reference)
            optimiser.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), read.clip)
            optimiser.step()
            steps.append(loss.item())
        Path(out).mkdir()
        (Path(out) / "steps.json").write_text(json.dumps(steps))


def trl(runs: dict[str, tuple[str, str]]) -> None:
    """TRL's own trainers: runs maps `dpo`, `ipo` and `kto` to a recipe, whose rows are one unit each, and a folder."""
    for name, (recipe, out) in runs.items():
        read, draw = drawn(recipe)
        trainer = _kto(read, draw, out) if name == "kto" else _dpo(read, draw, out)
        trainer.train()
        losses = [line["loss"] for line in trainer.state.log_history if "loss" in line]
        Path(out).mkdir(exist_ok=True)
        (Path(out) / "steps.json").write_text(json.dumps(losses))


def _dpo(read: Recipe, draw: StageDraw, out: str) -> Any:
    from datasets import Dataset
    from oracles import settings_of
    from trl import DPOConfig, DPOTrainer

    class Trainer(DPOTrainer):
        def _prepare_dataset(self, dataset: Any, *_: Any, **__: Any) -> Any:
            return dataset

    stage, data = draw.recipe, []
    for row in (row for rows in steps_of(read, draw) for row in rows):
        (first, begin, end), (_, other, last) = replies_of(row)
        ids = row.ids.tolist()
        data.append({"prompt_ids": ids[first:begin], "chosen_ids": ids[begin:end], "rejected_ids": ids[other:last]})
    how: dict[str, Any] = {"loss_type": ["ipo"], "beta": stage.ipo.beta} if stage.ipo else {}
    if stage.dpo:
        how = {"loss_type": ["sigmoid", "sft"], "loss_weights": [1.0, stage.dpo.sft], "beta": stage.dpo.beta}
    return Trainer(
        model=AutoModelForCausalLM.from_pretrained(str(read.base_model), dtype=torch.float32),
        args=DPOConfig(**settings_of(read, out), gradient_checkpointing=False, **how),
        train_dataset=Dataset.from_list(data),
        processing_class=AutoTokenizer.from_pretrained(str(read.base_model)),
    )


def _kto(read: Recipe, draw: StageDraw, out: str) -> Any:
    from datasets import Dataset
    from oracles import settings_of
    from trl import KTOConfig, KTOTrainer

    class Trainer(KTOTrainer):
        def _prepare_dataset(self, dataset: Any, *_: Any, **__: Any) -> Any:
            return dataset

    kto, data = draw.recipe.kto, []
    assert kto is not None
    for rows, labels in zip(steps_of(read, draw), labels_of(read, draw), strict=True):
        for row, is_good in zip(rows, labels, strict=True):
            (first, begin, end), (_, other, last) = replies_of(row)
            ids = row.ids.tolist()
            unit = {"prompt_ids": ids[first:begin], "completion_ids": ids[begin:end], "label": is_good}
            data.append({**unit, "KL_completion_ids": ids[other:last]})
    weights = {"desirable_weight": kto.desirable, "undesirable_weight": kto.undesirable}
    return Trainer(
        model=AutoModelForCausalLM.from_pretrained(str(read.base_model), dtype=torch.float32),
        args=KTOConfig(**settings_of(read, out), beta=kto.beta, gradient_checkpointing=False, **weights),
        train_dataset=Dataset.from_list(data),
        processing_class=AutoTokenizer.from_pretrained(str(read.base_model)),
    )
