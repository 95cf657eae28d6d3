"""The training loop: stages, epochs, steps, and what happens between them.

    loop = Loop(recipe, draws, adapter, group, ...)
    loop.run(Position())          or from the position of a checkpoint

A step takes micro_batch x accumulation x processes rows in their order; loss and gradient are divided by the supervised
tokens of all of them, or by their preference pairs, which are known beforehand. Random numbers (dropout) are seeded by
the step, so a position is all that must be remembered. Losses stay on the device until they are logged; a loss that is
no number stops the run with the documents of its step, before anything is saved.
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
from blossom_data.train.data.data_order import EpochRows, StageDraw
from blossom_data.train.loop.best import Best
from blossom_data.train.loop.metrics import Metrics
from blossom_data.train.loop.samples import Samples
from blossom_data.train.loop.schedule import learning_rate
from blossom_data.train.loop.stage_batches import StageBatches
from blossom_data.train.model.flops import Flops, peak_of
from blossom_data.train.model.preference import figures_of, told_figures
from blossom_data.train.parallel.adapter import LEFT_OUT, Adapter
from blossom_data.train.parallel.checkpoint import Position, save
from blossom_data.train.parallel.processes import Group
from blossom_data.train.recipe.recipe import Recipe

_HASHES_SHOWN = 4
_SEED_STEP = 1 << 20


@dataclass(frozen=True, slots=True)
class Step:
    """A step that is done and not logged yet; `sums` are this process's, on the device: the loss, then FIGURES."""

    position: Position
    epoch: int
    rows: range
    sums: Tensor
    norm: Tensor
    rate: float
    tokens: int
    supervised: int
    squares: int
    divisor: int


@dataclass(slots=True)
class Plan:
    """The steps of one stage: which rows of which epoch each takes."""

    draw: StageDraw
    rows_per_step: int
    epochs: list[EpochRows] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.epochs = [self.draw.epoch(number) for number in range(self.draw.first_epoch, self.draw.recipe.epochs)]
        self.ends = list(accumulate(math.ceil(len(rows) / self.rows_per_step) for rows in self.epochs))

    @property
    def steps(self) -> int:
        """Steps of the stage."""
        return self.ends[-1]

    @property
    def sums(self) -> int:
        """How many numbers a batch is summed to."""
        return 1 + len(figures_of(self.draw.recipe.preference))

    def at(self, step: int) -> tuple[int, range]:
        """The epoch of `step`, and its rows there."""
        epoch = bisect_right(self.ends, step)
        first = (step - (self.ends[epoch - 1] if epoch else 0)) * self.rows_per_step
        return epoch, range(first, min(first + self.rows_per_step, len(self.epochs[epoch])))

    def divisor(self, table: EpochRows, rows: range) -> int:
        """What the loss of `rows` is a mean over: preference pairs, else supervised tokens."""
        if self.draw.recipe.preference:
            return len(table.places(rows.start, rows.stop))
        return max(1, table.targets(rows.start, rows.stop))


class Loop:
    """One run of a recipe.

    Args:
        about: what a checkpoint says besides its position.
        score: judges the model at each evaluation, called in every process, beside or without held-out documents;
            None: its loss does.
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
        samples: Samples | None,
        score: Callable[[], float] | None,
        flops: Flops,
        tell: Callable[[str], None],
        stop: Callable[[], int],
    ) -> None:
        self._recipe, self._adapter, self._group, self._out = recipe, adapter, group, out
        self._about, self._metrics, self._flops = about, metrics, flops
        self._score, self._best = score, Best(recipe, out, group, about)
        self._samples, self._tell, self._stop = samples, tell, stop
        self._rows_per_step = recipe.micro_batch * recipe.accumulation * group.world
        self._plans = [Plan(draw, self._rows_per_step) for draw in draws]
        self._batches = StageBatches(recipe, adapter, group, out=out, pad_id=pad_id, about=about, tell=tell, stop=stop)
        known = peak_of(group.device_name)
        self._peak = recipe.peak_tflops * 1e12 if recipe.peak_tflops is not None else known
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
        self._make_up(position)
        for index, plan in enumerate(self._plans):
            if (index, 0) < (position.stage, 0) or (index == position.stage and position.step >= plan.steps):
                continue
            if index > position.stage or position.step == 0:
                self._adapter.fresh_optimiser()
                position = Position(index, 0, position.total, position.tokens)
            self._begin(plan, position)
            while position.step < plan.steps and not self._is_over(plan, position):
                position = self._step(plan, position)
                is_last = position.step == plan.steps
                if is_last or position.total % self._recipe.log_every == 0:
                    self._flush(plan)
                stopped = self._group.any(bool(self._stop()))
                # Before the evaluation: that may take longer than who stops the run waits.
                if is_last or stopped or position.total % self._recipe.save_every == 0:
                    self._save(plan, position)
                if not stopped and self._is_due(plan, position):
                    self._evaluate(plan, position)
                if stopped:
                    number = self._stop() or 15
                    raise Interrupted(f"stopped after step {position.total:,}; saved", signal_number=number)
        return position

    def _is_over(self, plan: Plan, position: Position) -> bool:
        """Whether the stage gets no better; it is saved where it ends."""
        if not (position.step and self._is_due(plan, position) and self._best.is_exhausted(plan.draw.recipe.name)):
            return False
        self._tell(f"stage {plan.draw.recipe.name}: ends after step {position.total:,}, as it gets no better")
        if position.total % self._recipe.save_every:
            self._save(plan, position)
        return True

    def _is_due(self, plan: Plan, position: Position) -> bool:
        """Whether the held-out documents are looked at there."""
        every = self._recipe.eval_every
        return position.step == plan.steps or bool(every and position.total % every == 0)

    def _make_up(self, position: Position) -> None:
        """Evaluates at a checkpoint that was saved before its evaluation was done."""
        plan = self._plans[position.stage]
        if not position.total or not self._is_due(plan, position):
            return
        is_missing = self._metrics is not None and not self._metrics.has("eval", position.total)
        if self._group.any(is_missing):
            self._begin(plan, position)
            self._evaluate(plan, position)

    def _begin(self, plan: Plan, position: Position) -> None:
        """Takes up a stage where it stands."""
        stage = plan.draw.recipe
        self._adapter.model.smoothing, self._adapter.model.noise = stage.label_smoothing, stage.neftune
        self._batches.begin(plan.draw, plan.epochs[0], is_begun=position.step > 0)
        self._since = time.perf_counter()

    def _step(self, plan: Plan, position: Position) -> Position:
        """One step: forward and backward passes, and the update."""
        epoch, rows = plan.at(position.step)
        table = plan.epochs[epoch]
        divisor = plan.divisor(table, rows)
        micro, world, rank = self._recipe.micro_batch, self._group.world, self._group.rank
        sums = torch.zeros(plan.sums, dtype=torch.float32, device=self._group.device)
        drift = self._batches.drift(table, rows)
        for number in range(self._recipe.accumulation):
            first = rows.start + (number * world + rank) * micro
            mine = range(first, min(first + micro, rows.stop))
            torch.manual_seed((self._recipe.seed * _SEED_STEP + position.total) * 4096 + number * world + rank)
            is_last = number == self._recipe.accumulation - 1
            sums += self._adapter.backward(self._batches.of(table, mine, drift), scale=1 / divisor, is_last=is_last)
        rate = learning_rate(plan.draw.recipe, position.step, plan.steps)
        norm = self._adapter.step(rate)
        tokens = table.tokens(rows.start, rows.stop)
        position = Position(position.stage, position.step + 1, position.total + 1, position.tokens + tokens)
        supervised, squares = table.targets(rows.start, rows.stop), table.squares(rows.start, rows.stop)
        self._pending.append(Step(position, epoch, rows, sums, norm, rate, tokens, supervised, squares, divisor))
        return position

    def _flush(self, plan: Plan) -> None:
        """Looks at the losses of the steps since the last time, logs them, and stops where one is no number."""
        if not self._pending:
            return
        sums = self._group.sum(torch.stack([step.sums for step in self._pending]).double()).tolist()
        norms = torch.stack([step.norm.float() for step in self._pending]).tolist()
        now = time.perf_counter()
        elapsed, self._since = now - self._since, now
        means = [[one / step.divisor for one in row] for row, step in zip(sums, self._pending, strict=True)]
        for (loss, *_), norm, step in zip(means, norms, self._pending, strict=True):
            if not (math.isfinite(loss) and math.isfinite(norm) and loss <= self._most_loss):
                raise self._diverged(plan, step, loss, norm)
        rates = self._rates(elapsed)
        if self._metrics is not None:
            for mean, norm, step in zip(means, norms, self._pending, strict=True):
                self._metrics.write("train", step.position.total, self._line(plan, step, mean, norm, rates))
            last = self._pending[-1]
            margin = told_figures(plan.draw.recipe.preference, means[-1][1:]).get("reward_margin")
            self._tell(
                f"train step {last.position.total:,}/{self.steps:,} | stage {plan.draw.recipe.name} epoch "
                f"{last.epoch + plan.draw.first_epoch + 1}/{plan.draw.recipe.epochs} | loss {means[-1][0]:.4f}"
                f"{'' if margin is None else f' | margin {margin:.3f}'} | "
                f"lr {last.rate:.2e} | grad {norms[-1]:.2f} | {rates['tokens_per_s']:,.0f} tok/s | "
                f"eta {_clock(elapsed / len(self._pending) * (self.steps - last.position.total))}"
            )
        self._pending.clear()

    def _line(self, plan: Plan, step: Step, mean: list[float], norm: float, rates: dict[str, float]) -> dict[str, Any]:
        return {
            "stage": plan.draw.recipe.name,
            "epoch": step.epoch + plan.draw.first_epoch,
            "loss": mean[0],
            **told_figures(plan.draw.recipe.preference, mean[1:]),
            "learning_rate": step.rate,
            # Left out: the gradients were too large for float16, and the next step scales them less.
            "grad_norm": None if norm == LEFT_OUT else norm,
            "tokens": step.position.tokens,
            "step_tokens": step.tokens,
            "step_supervised": step.supervised,
            "fill": round(step.tokens / (len(step.rows) * plan.draw.seq_len), 6),
            **rates,
        }

    def _rates(self, elapsed: float) -> dict[str, float]:
        """Throughput over the pending steps, and what of the device it uses where its peak is known."""
        tokens = sum(step.tokens for step in self._pending)
        supervised = sum(step.supervised for step in self._pending)
        rates = {"tokens_per_s": round(tokens / elapsed, 1), "supervised_per_s": round(supervised / elapsed, 1)}
        rates["memory_gib"] = round(self._group.peak_bytes() / 2**30, 3)
        if self._peak is not None:
            squares = sum(step.squares for step in self._pending)
            budget = self._peak * self._group.world * elapsed
            rates["mfu"] = self._flops.conventional(tokens, self._recipe.seq_len) / budget
            rates["executed_utilisation"] = self._flops.executed(tokens, supervised, squares) / budget
        return rates

    def _diverged(self, plan: Plan, step: Step, loss: float, norm: float) -> BlossomError:
        table = plan.epochs[step.epoch]
        hashes = list(dict.fromkeys(text for number in step.rows for text in table.row(number).doc_hashes))
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
        """Measures the loss of the held-out documents and the score, whichever there are."""
        table, stage = plan.draw.evaluation(), plan.draw.recipe.name
        if table is None and self._score is None:
            return
        self._flush(plan)
        took: dict[str, float] = {}
        values: dict[str, Any] = {"stage": stage, **(self._held_out(plan, table) if table is not None else {})}
        if self._score is not None:
            began = time.perf_counter()
            values["score"] = self._score()
            took["score_s"] = round(time.perf_counter() - began, 3)
        # Before it is written: a run that is killed in between evaluates again.
        self._best.take(self._adapter, position, values)
        if self._metrics is not None:
            self._metrics.write("eval", position.total, values | took)
            told = "".join(f" | {key} {values[key]:.4f}" for key in ("loss", "score") if key in values)
            self._tell(f"eval step {position.total:,} | stage {stage}{told}")
        if self._samples is not None:
            self._adapter.model.eval()
            self._samples.take(self._adapter.model, plan.draw, position.total)
            self._adapter.model.train()
        self._since = time.perf_counter()

    def _held_out(self, plan: Plan, table: EpochRows) -> dict[str, float]:
        """The loss of the held-out documents, and what else their batches are summed to."""
        micro, world, rank = self._recipe.micro_batch, self._group.world, self._group.rank
        sums = torch.zeros(plan.sums, dtype=torch.float32, device=self._group.device)
        self._adapter.model.eval()
        drift = self._batches.drift(table, range(len(table)))
        for start in range(0, len(table), micro * world):
            first = min(start + rank * micro, len(table))
            rows = range(first, min(first + micro, len(table)))
            sums += self._adapter.evaluate(self._batches.of(table, rows, drift))
        self._adapter.model.train()
        divisor = plan.divisor(table, range(len(table)))
        loss, *figures = (one / divisor for one in self._group.sum(sums).tolist())
        figures_told = told_figures(plan.draw.recipe.preference, figures)
        return {"loss": loss, **figures_told, "supervised": table.targets(0, len(table))}

    def _save(self, plan: Plan, position: Position) -> None:
        self._flush(plan)
        save(self._out, self._adapter, self._group, position, self._about, self._recipe.keep)
        self._since = time.perf_counter()


def _clock(seconds: float) -> str:
    minutes, left = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{left:02}"
