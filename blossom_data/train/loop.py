"""The training loop: stages, epochs, steps, and what happens between them.

    loop = Loop(recipe, draws, adapter, group, ...)
    loop.run(Position())          or from the position of a checkpoint

A step takes micro_batch x accumulation x processes rows in their order; loss and gradient are divided by the supervised
tokens of all of them, which are known beforehand. Random numbers (dropout) are seeded by the step, so a position is all
that must be remembered. Losses stay on the device until they are logged; a loss that is no number stops the run with
the documents of its step, before anything is saved.
"""

from __future__ import annotations

import math
import time
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from blossom_data.errors import BlossomError, Interrupted
from blossom_data.train.adapter import Adapter
from blossom_data.train.batches import Batch, make_batch, width_of
from blossom_data.train.checkpoint import Position, save
from blossom_data.train.draws import EpochRows, StageDraw
from blossom_data.train.flops import Flops, peak_of
from blossom_data.train.metrics import Metrics
from blossom_data.train.processes import Group
from blossom_data.train.recipe import Recipe
from blossom_data.train.schedule import learning_rate

_HASHES_SHOWN = 4
_SEED_STEP = 1 << 20


@dataclass(frozen=True, slots=True)
class Step:
    """A step that is done and not logged yet; `loss` is this process's sum, on the device."""

    position: Position
    epoch: int
    rows: range
    loss: Tensor
    norm: Tensor
    rate: float
    tokens: int
    supervised: int
    squares: int


@dataclass(slots=True)
class Plan:
    """The steps of one stage: which rows of which epoch each takes."""

    draw: StageDraw
    rows_per_step: int
    epochs: list[EpochRows] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.epochs = [self.draw.epoch(number) for number in range(self.draw.recipe.epochs)]
        self.ends = list(accumulate(math.ceil(len(rows) / self.rows_per_step) for rows in self.epochs))

    @property
    def steps(self) -> int:
        """Steps of the stage."""
        return self.ends[-1]

    def at(self, step: int) -> tuple[int, range]:
        """The epoch of `step`, and its rows there."""
        epoch = bisect_right(self.ends, step)
        first = (step - (self.ends[epoch - 1] if epoch else 0)) * self.rows_per_step
        return epoch, range(first, min(first + self.rows_per_step, len(self.epochs[epoch])))


class Loop:
    """One run of a recipe.

    Args:
        about: what a checkpoint says besides its position.
        stop: gives the number of the signal that asks the run to end, or 0.
    """

    def __init__(
        self,
        recipe: Recipe,
        draws: Sequence[StageDraw],
        adapter: Adapter,
        group: Group,
        *,
        out: Path,
        pad_id: int,
        about: Mapping[str, Any],
        metrics: Metrics | None,
        flops: Flops,
        tell: Callable[[str], None],
        stop: Callable[[], int],
    ) -> None:
        self._recipe, self._adapter, self._group, self._out = recipe, adapter, group, out
        self._pad_id, self._about, self._metrics, self._flops = pad_id, about, metrics, flops
        self._tell, self._stop = tell, stop
        self._rows_per_step = recipe.micro_batch * recipe.accumulation * group.world
        self._plans = [Plan(draw, self._rows_per_step) for draw in draws]
        self._pending: list[Step] = []
        self._since = time.perf_counter()
        # An untrained model's loss is log(vocabulary); twice that is no learning any more.
        self._most_loss = 2 * math.log(adapter.model.vocab_size) + 10

    @property
    def steps(self) -> int:
        """Steps of all stages."""
        return sum(plan.steps for plan in self._plans)

    def run(self, position: Position) -> Position:
        """Trains from `position` to the end and saves there; gives the last position.

        Raises:
            Interrupted: a signal asked the run to end; it was saved.
            BlossomError: the loss is no number, or the disk is full.
        """
        self._since = time.perf_counter()
        for index, plan in enumerate(self._plans):
            if (index, 0) < (position.stage, 0) or (index == position.stage and position.step >= plan.steps):
                continue
            if index > position.stage or position.step == 0:
                self._adapter.fresh_optimiser()
                position = Position(index, 0, position.total, position.tokens)
            while position.step < plan.steps:
                position = self._step(plan, position)
                is_last = position.step == plan.steps
                if is_last or position.total % self._recipe.log_every == 0:
                    self._flush(plan)
                every = self._recipe.eval_every
                if is_last or (every and position.total % every == 0):
                    self._evaluate(plan, position)
                stopped = self._group.any(bool(self._stop()))
                if is_last or stopped or position.total % self._recipe.save_every == 0:
                    self._save(plan, position)
                if stopped:
                    number = self._stop() or 15
                    raise Interrupted(f"stopped after step {position.total:,}; saved", signal_number=number)
        return position

    def _step(self, plan: Plan, position: Position) -> Position:
        """One step: forward and backward passes, and the update."""
        epoch, rows = plan.at(position.step)
        table = plan.epochs[epoch]
        supervised = table.targets(rows.start, rows.stop)
        micro, world, rank = self._recipe.micro_batch, self._group.world, self._group.rank
        total = torch.zeros((), dtype=torch.float32, device=self._group.device)
        for number in range(self._recipe.accumulation):
            first = rows.start + (number * world + rank) * micro
            mine = range(first, min(first + micro, rows.stop))
            torch.manual_seed((self._recipe.seed * _SEED_STEP + position.total) * 4096 + number * world + rank)
            is_last = number == self._recipe.accumulation - 1
            batch = self._batch(table, mine)
            total += self._adapter.backward(batch, scale=1 / max(1, supervised), is_last=is_last)
        rate = learning_rate(plan.draw.recipe, position.step, plan.steps)
        norm = self._adapter.step(rate)
        tokens = table.tokens(rows.start, rows.stop)
        position = Position(position.stage, position.step + 1, position.total + 1, position.tokens + tokens)
        lengths = table.documents.tokens[table.order[table.starts[rows.start] : table.starts[rows.stop]]]
        squares = int((lengths**2).sum())
        self._pending.append(Step(position, epoch, rows, total, norm, rate, tokens, supervised, squares))
        return position

    def _batch(self, table: EpochRows, numbers: range) -> Batch:
        rows = [table.row(number) for number in numbers]
        device = self._group.device
        return make_batch(rows, pad_id=self._pad_id, width=width_of(rows, self._recipe.seq_len, device), device=device)

    def _flush(self, plan: Plan) -> None:
        """Looks at the losses of the steps since the last time, logs them, and stops where one is no number."""
        if not self._pending:
            return
        sums = self._group.sum(torch.stack([step.loss for step in self._pending]).double()).tolist()
        norms = torch.stack([step.norm.float() for step in self._pending]).tolist()
        now = time.perf_counter()
        elapsed, self._since = now - self._since, now
        losses = [total / max(1, step.supervised) for total, step in zip(sums, self._pending, strict=True)]
        for loss, norm, step in zip(losses, norms, self._pending, strict=True):
            if not (math.isfinite(loss) and math.isfinite(norm) and loss <= self._most_loss):
                raise self._diverged(plan, step, loss, norm)
        rates = self._rates(elapsed)
        if self._metrics is not None:
            for loss, norm, step in zip(losses, norms, self._pending, strict=True):
                self._metrics.write("train", step.position.total, self._line(plan, step, loss, norm, rates))
            last = self._pending[-1]
            self._tell(
                f"train step {last.position.total:,}/{self.steps:,} | stage {plan.draw.recipe.name} epoch "
                f"{last.epoch + 1}/{plan.draw.recipe.epochs} | loss {losses[-1]:.4f} | lr {last.rate:.2e} | "
                f"grad {norms[-1]:.2f} | {rates['tokens_per_s']:,.0f} tok/s"
            )
        self._pending.clear()

    def _line(self, plan: Plan, step: Step, loss: float, norm: float, rates: dict[str, float]) -> dict[str, Any]:
        return {
            "stage": plan.draw.recipe.name,
            "epoch": step.epoch,
            "loss": loss,
            "learning_rate": step.rate,
            "grad_norm": norm,
            "tokens": step.position.tokens,
            "step_tokens": step.tokens,
            "step_supervised": step.supervised,
            "fill": round(step.tokens / (len(step.rows) * self._recipe.seq_len), 6),
            **rates,
        }

    def _rates(self, elapsed: float) -> dict[str, float]:
        """Throughput over the pending steps, and what of the device it uses where its peak is known."""
        tokens = sum(step.tokens for step in self._pending)
        supervised = sum(step.supervised for step in self._pending)
        rates = {"tokens_per_s": round(tokens / elapsed, 1), "supervised_per_s": round(supervised / elapsed, 1)}
        if self._group.device.type == "cuda":
            rates["memory_gib"] = round(torch.cuda.max_memory_allocated() / 2**30, 3)
            if peak := peak_of(torch.cuda.get_device_name()):
                squares = sum(step.squares for step in self._pending)
                budget = peak * self._group.world * elapsed
                conventional = self._flops.conventional(tokens, self._recipe.seq_len)
                rates["mfu"] = round(conventional / budget, 4)
                rates["executed_utilisation"] = round(self._flops.executed(tokens, supervised, squares) / budget, 4)
        return rates

    def _diverged(self, plan: Plan, step: Step, loss: float, norm: float) -> BlossomError:
        table = plan.epochs[step.epoch]
        hashes = [text for number in step.rows for text in table.row(number).doc_hashes]
        shown = " ".join(hashes[:_HASHES_SHOWN]) + (" ..." if len(hashes) > _HASHES_SHOWN else "")
        if self._metrics is not None:
            rows = {"rows": list(step.rows), "documents": hashes}
            told = {"stage": plan.draw.recipe.name, "epoch": step.epoch, "loss": str(loss), "grad_norm": str(norm)}
            self._metrics.write("diverged", step.position.total, {**told, **rows})
        return BlossomError(
            f"the loss diverged (loss {loss:.4g}, gradient {norm:.4g}) at step {step.position.total:,}: stage "
            f"{plan.draw.recipe.name}, epoch {step.epoch + 1}, rows {step.rows.start} to {step.rows.stop - 1}, "
            f"documents {shown}",
            hint="nothing of it was saved; look at those documents, or lower learning_rate, and name a new folder",
        )

    def _evaluate(self, plan: Plan, position: Position) -> None:
        """Measures the loss of the held-out documents."""
        table = plan.draw.evaluation()
        if table is None:
            return
        self._flush(plan)
        micro, world, rank = self._recipe.micro_batch, self._group.world, self._group.rank
        loss = torch.zeros((), dtype=torch.float32, device=self._group.device)
        self._adapter.model.eval()
        for start in range(0, len(table), micro * world):
            first = start + rank * micro
            loss += self._adapter.evaluate(self._batch(table, range(first, min(first + micro, len(table)))))
        self._adapter.model.train()
        supervised = table.targets(0, len(table))
        mean = float(self._group.sum(loss)) / max(1, supervised)
        if self._metrics is not None:
            values = {"stage": plan.draw.recipe.name, "loss": mean, "supervised": supervised}
            self._metrics.write("eval", position.total, values)
            self._tell(f"eval step {position.total:,} | stage {plan.draw.recipe.name} | loss {mean:.4f}")
        self._since = time.perf_counter()

    def _save(self, plan: Plan, position: Position) -> None:
        self._flush(plan)
        save(self._out, self._adapter, self._group, position, self._about, self._recipe.keep)
        self._since = time.perf_counter()
