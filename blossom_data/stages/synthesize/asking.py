"""How the stages here ask: a document of data, as JSON, in the prompt of the record's language.

ask = ask_with(self, record.lang, {"task": "evolve", "request": "Name a colour."}, EVOLVED_SCHEMA)
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Protocol

from blossom_data.asks import Ask
from blossom_data.prompts import Prompt


class Asking(Protocol):
    """A stage that asks with a document."""

    @property
    def prompts(self) -> Mapping[str, Prompt]: ...

    @property
    def temperature(self) -> float | None: ...

    @property
    def name(self) -> str: ...

    @property
    def version(self) -> int: ...


def prompt_in(prompts: Mapping[str, Prompt], lang: str) -> Prompt:
    """The prompt of a language, else the one of all others, under ""."""
    return prompts.get(lang) or prompts[""]


def ask_with(
    stage: Asking, lang: str, document: Mapping[str, Any], schema: Mapping[str, Any], *, model: str = ""
) -> Ask:
    """The Ask of `stage` for `document`.

    Args:
        model: who is asked; "": the endpoint's.
    """
    prompt = prompt_in(stage.prompts, lang)
    return Ask(
        stage=stage.name,
        version=stage.version,
        messages=prompt.fill(document=json.dumps(document, ensure_ascii=False)),
        temperature=stage.temperature,
        response_schema=schema,
        prompt_hash=prompt.hash,
        model=model,
    )
