"""People that a user simulator plays: who they are, how they write, what they want.

    {"id": "p017", "age": 67, "work": {"en": "retired teacher", "zh": "退休教师"}, "literacy": "college",
     "patience": "long", "goals": {"en": ["learn to send photographs"], "zh": [...]}, "role": {"en": "You are ..."}}

Only goals are required. Any value may be a text, a number, or one text for each language; what is no key of ours is
shown to the simulator as it is.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from blossom_data.languages.tags import base_of

_OURS = ("id", "goals", "goal", "role")
PATIENCE = ("short", "medium", "long")


@dataclass(frozen=True, slots=True)
class Persona:
    """One row of a persona file, in one language."""

    id: str
    about: str
    """JSON text of what the simulator is told: age, work, manner ..."""
    goals: tuple[str, ...]
    role: str = ""
    """What the one who answers is to be, "" for nothing in particular."""
    traits: tuple[tuple[str, str], ...] = ()
    """By what coverage is counted: (work, retired teacher), (literacy, college) ..."""

    @property
    def patience(self) -> str:
        """How many turns this person bears: one of PATIENCE, "" where nothing is said of it."""
        found = dict(self.traits).get("patience", "")
        return found if found in PATIENCE else ""


def read_persona(row: Mapping[str, Any], lang: str) -> Persona:
    """The persona of `row` in the language `lang`, in English where it is not given in it.

    Raises:
        ValueError: with what is wrong.
    """
    plain = {name: _in_language(value, lang) for name, value in row.items()}
    goals = plain.get("goals", plain.get("goal", ()))
    listed = [goals] if isinstance(goals, str) else goals
    if not isinstance(listed, list) or not listed or not all(isinstance(goal, str) and goal.strip() for goal in listed):
        raise ValueError("`goals` is no list of texts, or empty")
    if not isinstance(role := plain.get("role", ""), str):
        raise ValueError("`role` is no text")
    about = {name: value for name, value in plain.items() if name not in _OURS}
    traits = {
        name: str(value) for name, value in about.items() if isinstance(value, str | int) and len(str(value)) <= 60
    }
    if isinstance(age := about.get("age"), int):
        traits["age"] = f"{age // 10 * 10}-{age // 10 * 10 + 9}"
    text = orjson.dumps(about, option=orjson.OPT_SORT_KEYS).decode()
    identifier = str(plain.get("id") or hashlib.blake2b(orjson.dumps(row), digest_size=6).hexdigest())
    return Persona(
        identifier, text, tuple(goal.strip() for goal in listed), role.strip(), tuple(sorted(traits.items()))
    )


def _in_language(value: Any, lang: str) -> Any:
    """The value for `lang` of a value by language, any other as it is."""
    if not isinstance(value, dict) or not value:
        return value
    for name in (lang, base_of(lang), "en"):
        if name in value:
            return value[name]
    return next(iter(value.values()))
