"""How the answers of a set are written, source by source, and in how many voices they speak: of the records drawn.

voices = hear(facts.draw.groups())
voices.consistency.score, voices.profiles[("en", "gsm8k")]["words"]
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from blossom_data.curate.extra import is_there
from blossom_data.curate.style import LEAST_ANSWERS, Consistency, style_consistency
from blossom_data.curate.style_features import Voice, measure
from blossom_data.records import Message, Record
from blossom_data.report.dataset.draw import Drawn

MOST_GROUPS = 12
Group = tuple[str, str]
"""Language and source."""


@dataclass(frozen=True, slots=True)
class Voices:
    """What was heard; `consistency` is None where numpy is not installed."""

    consistency: Consistency | None = None
    profiles: dict[Group, dict[str, float]] = field(default_factory=dict)
    """Means over the answers of a group; of what an answer has or has not, its share."""
    answers: dict[Group, int] = field(default_factory=dict)
    """How many answers of each group were looked at."""
    left_out: int = 0
    """Groups with too few answers, or beyond the most."""


def hear(groups: Mapping[Group, Sequence[Drawn]]) -> Voices:
    """Measures the largest groups with enough answers."""
    spoken = {group: [one for one in drawn if one.answer.strip()] for group, drawn in groups.items()}
    enough = [group for group, drawn in spoken.items() if len(drawn) >= LEAST_ANSWERS]
    chosen = sorted(sorted(enough, key=lambda group: -len(spoken[group]))[:MOST_GROUPS])
    if not chosen:
        return Voices(left_out=sum(bool(drawn) for drawn in spoken.values()))
    measured = functools.cache(measure)
    profiles = {
        group: _profile([measured(one.answer, asked=one.request, lang=group[0]) for one in spoken[group]])
        for group in chosen
    }
    consistency = None
    if is_there("numpy"):
        consistency = style_consistency(
            (_record(*group, one) for group in chosen for one in spoken[group]), measuring=measured
        )
    return Voices(
        consistency,
        profiles,
        {group: len(spoken[group]) for group in chosen},
        sum(bool(drawn) for drawn in spoken.values()) - len(chosen),
    )


def _profile(voices: Sequence[Voice]) -> dict[str, float]:
    return {name: sum(float(each.numbers[name]) for each in voices) / len(voices) for name in voices[0].numbers}


def _record(lang: str, source: str, one: Drawn) -> Record:
    messages = (Message("user", one.request), Message("assistant", one.answer))
    return Record(id=one.id, source=source, lang=lang, messages=messages)
