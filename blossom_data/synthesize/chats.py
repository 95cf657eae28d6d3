"""Chats to be played: a persona with each of its goals, or the records of a user as goals, with personas drawn to them.

One round, for no chat depends on another. What a kept chat covers of the personas is counted trait by trait.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any

from blossom_data.engine import Outcome, Work
from blossom_data.errors import InputError
from blossom_data.records import Message, Record, content_id
from blossom_data.rows import BadRow, Row, read_rows
from blossom_data.stages.synthesize.chat import Chat
from blossom_data.stages.synthesize.keyed_draw import keyed_draw
from blossom_data.stages.synthesize.origin import PERSONA, SEED, first_request, seeds_of, values_of
from blossom_data.stages.synthesize.personas import Persona, read_persona
from blossom_data.stages.translate.segments import estimate_tokens, message_tokens
from blossom_data.synthesize.diversity import Figures
from blossom_data.synthesize.rounds import Expected

OURS = "bundled:personas.jsonl"
_NOT_COVERED = ("manner",)
_ANSWER_TOKENS, _TURN_TOKENS = 250, 40


def read_personas(path: str, lang: str) -> tuple[dict[str, Persona], list[BadRow]]:
    """The personas of a file in one language, by id, and the rows that are none.

    Raises:
        InputError: it cannot be read, or holds none.
    """
    found: dict[str, Persona] = {}
    bad: list[BadRow] = []
    for row in read_rows(Path(__file__).with_name("personas.jsonl") if path == OURS else path):
        if isinstance(row, BadRow):
            bad.append(row)
            continue
        try:
            persona = read_persona(row.value, lang)
        except ValueError as why:
            bad.append(BadRow(row.file, row.line, "missing_field", str(why)))
            continue
        if persona.id in found:
            bad.append(BadRow(row.file, row.line, "duplicate_id", persona.id))
        else:
            found[persona.id] = persona
    if not found:
        first = f": {bad[0].file}:{bad[0].line}: {bad[0].detail}" if bad else ""
        raise InputError(f"{path} holds no persona{first}", hint='rows such as {"age": 40, "goals": ["..."]}')
    return found, bad


def is_personas(path: str) -> bool:
    """Whether the first row of a file is a persona."""
    if path == OURS:
        return True
    first = next((row for row in read_rows(path) if isinstance(row, Row)), None)
    return first is not None and "messages" not in first.value and ("goals" in first.value or "goal" in first.value)


def scenes_of(personas: Mapping[str, Persona], lang: str) -> Iterator[Record]:
    """A record for each goal of each persona: first goals first, that a few chats are of many people."""
    for number in range(max(len(persona.goals) for persona in personas.values())):
        for persona in personas.values():
            if number < len(persona.goals):
                yield scene("chat", persona, persona.goals[number], persona.role, lang)


def scenes_from(
    records: Iterable[Record | BadRow], personas: Sequence[Persona], *, lang: str, seed: int
) -> Iterator[Record | BadRow]:
    """The first request of each record as a goal, with a persona that the seed draws; system turns are roles."""
    for record in records:
        if isinstance(record, BadRow):
            yield record
            continue
        persona = personas[keyed_draw(seed, record.id) % len(personas)]
        role = "\n\n".join(turn.content for turn in record.messages if turn.role == "system")
        made = scene(record.source, persona, first_request(record), role, lang or record.lang)
        tags = (*made.tags, *(f"{SEED}{name}" for name in seeds_of(record)))
        yield replace(made, source_id=record.id, tags=tags, lineage=record.lineage)


def scene(source: str, persona: Persona, goal: str, role: str, lang: str) -> Record:
    """What the stage plays: role and goal, and the persona by its tag."""
    turns = (*((Message("system", role),) if role else ()), Message("user", goal))
    identity = content_id(source, persona.id, turns, lang)
    return Record(id=identity, source=source, lang=lang, messages=turns, tags=(f"{PERSONA}{persona.id}",))


class Chats:
    """The one round (rounds.py) over `scenes`."""

    def __init__(self, scenes: Iterable[Record | BadRow], stage: Chat, *, bad: Sequence[BadRow] = ()) -> None:
        self._scenes, self._stage, self._bad = scenes, stage, bad
        self._is_begun = False
        self._covered: dict[str, Counter[str]] = {}
        self._personas: Counter[str] = Counter()
        self._turns: Counter[str] = Counter()
        self.figures = Figures()

    def begin(self) -> Iterator[Work] | None:
        """All scenes, once."""
        if self._is_begun:
            return None
        self._is_begun = True
        stages = [self._stage]
        return ((each, () if isinstance(each, BadRow) else stages) for each in chain(self._bad, self._scenes))

    def hear(self, work: Work, outcome: Outcome) -> tuple[Outcome, Sequence[Work]]:
        """Counts whom the chat covers."""
        if work[1]:
            self.figures.take(1, "", outcome)
        for record in outcome.kept:
            for name in values_of(record, PERSONA):
                self._personas[name] += 1
                for trait, value in self._stage.personas[name].traits:
                    if trait not in _NOT_COVERED:
                        self._covered.setdefault(trait, Counter())[value] += 1
            self._turns.update(values_of(record, "turns:"))
        return outcome, ()

    def describe(self) -> dict[str, Any]:
        """Figures, and what is covered of each trait: values with the chats that they are in, frequent ones first."""
        covered = {
            "personas": {"used": len(self._personas), "there": len(self._stage.personas)},
            **{
                trait: dict(sorted(counts.items(), key=lambda entry: (-entry[1], entry[0])))
                for trait, counts in sorted(self._covered.items())
            },
            "turns": dict(sorted(self._turns.items())),
        }
        return {**self.figures.describe(), "coverage": covered}

    def expected(self) -> list[Expected]:
        """Two calls for each turn of a user, over the mean number of turns; each sees the turns before it."""
        scenes = [each for each in self._scenes if isinstance(each, Record)]
        chats, turns = len(scenes), (self._stage.least + self._stage.most) / 2
        goals = sum(estimate_tokens(first_request(each)) for each in scenes)
        prompt = message_tokens(self._stage.prompts[""].prefix) + 100
        style = message_tokens(self._stage.annotate.prompt.prefix)
        before = (turns - 1) / 2 * (_ANSWER_TOKENS + _TURN_TOKENS)
        calls = round(chats * turns)
        return [
            Expected(
                stage=self._stage.name,
                calls=calls,
                tokens_in=round(calls * (prompt + before) + goals * turns),
                tokens_out=calls * _TURN_TOKENS,
                model=self._stage.simulator,
            ),
            Expected(
                stage="annotate",
                calls=calls,
                tokens_in=round(calls * (style + before + _TURN_TOKENS)),
                tokens_out=calls * _ANSWER_TOKENS,
            ),
        ]
