"""Rounds of `self-instruct`: tasks are shown, new ones proposed, and those that are unlike all others are kept.

A prompt shows six tasks of people and two that were made in earlier rounds, drawn by the seed. What a round proposes is
looked at in order: one that ROUGE-L finds too near to a task that is there, seeds and tasks of this round included, is
a reject. Rounds double from 16 prompts to 256, and ask for no more than what is missing. Memory: all instructions.

Source: Self-Instruct (Wang et al. 2023), section 2.2.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import replace
from math import ceil
from typing import Any

from blossom_data.engine import Outcome, Rejected, Work
from blossom_data.records import Message, Record, content_id
from blossom_data.rows import BadRow
from blossom_data.stages.synthesize.keyed_draw import keyed_draw
from blossom_data.stages.synthesize.origin import OPERATOR, SEED, first_request, values_of
from blossom_data.stages.synthesize.propose import KIND, MakeInstance, Propose, find_candidate_fault
from blossom_data.stages.translate.segments import estimate_tokens, message_tokens
from blossom_data.synthesize.diversity import Figures
from blossom_data.synthesize.novelty import THRESHOLD, Novelty
from blossom_data.synthesize.rounds import Expected
from blossom_data.synthesize.seeds import SeedTask

HUMAN, MACHINE = 6, 2
"""Tasks in a prompt; without enough of the one kind, more of the other."""
_FIRST_PROMPTS, _MOST_PROMPTS = 16, 256
_BARREN = 3
"""Rounds without a new task after which there is nothing more to find."""
_YIELD = 4.0
"""New tasks of a prompt, before any is known."""


class SelfInstruct:
    """The rounds (rounds.py) until `number` records are kept.

    Args:
        bad: rows of the seed file that are no task: told, and counted.
        stop_below: smallest share of new clusters in a round after which another begins.
    """

    def __init__(
        self,
        seeds: Sequence[SeedTask],
        propose: Propose,
        instance: MakeInstance,
        *,
        number: int,
        lang: str,
        seed: int = 0,
        threshold: float = THRESHOLD,
        stop_below: float = 0.0,
        bad: Sequence[BadRow] = (),
    ) -> None:
        self._seeds, self._propose, self._instance = seeds, propose, instance
        self._number_wanted, self._lang, self._seed, self._stop_below = number, lang, seed, stop_below
        self._bad = bad
        self._made: list[str] = []
        self.novelty = Novelty(threshold)
        self.figures = Figures()
        self._round = self._barren = self._prompts = self._kept = self._pending = self._accepted = 0
        for task in seeds:
            self.novelty.add(task.instruction)
        self.figures.know(task.instruction for task in seeds)

    def begin(self) -> Iterator[Work] | None:
        """The prompts of the next round."""
        missing = self._number_wanted - self._kept
        if self._round:
            self._barren = self._barren + 1 if not self.figures.kept(self._round) else 0
            if self.figures.new_share(self._round) < self._stop_below:
                return None
        if missing <= 0 or self._barren >= _BARREN:
            return None
        self._round += 1
        self._pending = 0
        mean = self._accepted / self._prompts if self._accepted else _YIELD
        most = min(_FIRST_PROMPTS * 2 ** (self._round - 1), _MOST_PROMPTS)
        count = max(1, min(most, ceil(missing / mean)))
        self._prompts += count
        stages = [replace(self._propose, round=self._round)]
        bad = ((row, ()) for row in self._bad) if self._round == 1 else ()
        prompts = [self._prompt(number) for number in range(count)]
        return iter([*bad, *((prompt, stages) for prompt in prompts)])

    def hear(self, work: Work, outcome: Outcome) -> tuple[Outcome, Sequence[Work]]:
        """Of a prompt: what of its proposals is new; of an instance: whether it is kept."""
        stages = work[1]
        if not stages:
            return outcome, ()
        if not isinstance(stages[0], Propose):
            operator = next(iter(values_of(work[0], OPERATOR)), "") if isinstance(work[0], Record) else ""
            self._kept += len(outcome.kept)
            self.figures.take(self._round, operator, outcome)
            return outcome, ()
        accepted: list[Record] = []
        rejected = list(outcome.rejected)
        for candidate in outcome.kept:
            fault = self._fault(candidate)
            if fault is None:
                accepted.append(candidate)
                self._pending += 1
                self._accepted += 1
                self._made.append(first_request(candidate))
                self.novelty.add(first_request(candidate))
            else:
                rejected.append(Rejected(KIND, *fault, record=candidate))
        written = replace(outcome, kept=[], rejected=rejected, passed=[KIND] * len(accepted), untouched=[], added=0)
        self.figures.take(self._round, "", written)
        return written, [(candidate, [self._instance]) for candidate in accepted]

    def describe(self) -> dict[str, Any]:
        """Rounds and operators, and how much was compared."""
        novelty = {"pairs": self.novelty.pairs, "compared": self.novelty.compared}
        return {**self.figures.describe(), "novelty": novelty}

    def expected(self) -> list[Expected]:
        """A call for each prompt that is needed, and one for each record."""
        prompts = ceil(self._number_wanted / _YIELD)
        mean = sum(estimate_tokens(task.instruction) for task in self._seeds) / len(self._seeds)
        shown = message_tokens(self._propose.prompts[""].prefix)
        asked = message_tokens(self._instance.prompts[""].prefix)
        return [
            Expected(
                stage=KIND,
                calls=prompts,
                tokens_in=round(prompts * (shown + (HUMAN + MACHINE) * mean)),
                tokens_out=round(prompts * self._propose.number * (mean + 12)),
            ),
            Expected(
                stage=self._instance.name,
                calls=self._number_wanted,
                tokens_in=round(self._number_wanted * (asked + mean)),
                tokens_out=round(self._number_wanted * 4 * mean),
            ),
        ]

    def _prompt(self, number: int) -> Record:
        """The tasks of one prompt, as a record whose turns they are."""
        key = (self._seed, self._round, number)
        dice = random.Random(keyed_draw(*key))
        machine = min(MACHINE, len(self._made))
        human = min(HUMAN + MACHINE - machine, len(self._seeds))
        chosen = dice.sample(self._seeds, human)
        texts = [task.instruction for task in chosen] + dice.sample(self._made, machine)
        dice.shuffle(texts)
        turns = tuple(Message("user", text) for text in texts)
        tags = tuple(f"{SEED}{task.id}" for task in chosen)
        identity = content_id(KIND, "/".join(map(str, key)), turns, "")
        return Record(id=identity, source=KIND, lang=self._lang, messages=turns, tags=tags)

    def _fault(self, candidate: Record) -> tuple[str, str] | None:
        """Why a proposal is not taken; None for one that is."""
        text = first_request(candidate)
        if fault := find_candidate_fault(text, self._lang):
            return fault
        if self._pending >= self._number_wanted - self._kept:
            return "surplus", "as many as are wanted are at work"
        near = self.novelty.nearest(text)
        return ("similar", f"ROUGE-L {near.rouge_l:.2f}: {near.text[:160]}") if near else None
