"""What a judge is sent: the published texts of MT-Bench, or a document of data behind a prompt of ours.

    Published(...).messages(record, turn=2)     the conversation up to the second answer, references where there are any
    Document(...).messages(record, turn=1)      {"task": "grade", "category": ..., "conversation": [...], "answer": ...}

In a document the answer is a JSON text and cannot end before it ends. In a published text it stands between marks, so
the marks that it holds itself lose their brackets; nothing else of it is changed.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from blossom_data.evaluate.answering import answers_of
from blossom_data.evaluate.judging.injection import without_delimiters
from blossom_data.prompts import Prompt, load_prompt
from blossom_data.records import Message, Record

_FOLDER = "mt_bench"
_BELLE = Path(__file__).with_name("belle_rubrics.json")


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """The prompts of MT-Bench, one for each turn."""

    prompts: tuple[Prompt, ...]
    references: tuple[str, ...] = ()
    is_typed = False

    @classmethod
    def load(cls, kind: str, turns: int, references: tuple[str, ...]) -> Published:
        """Those of `kind` single or pair; guided by references where there are as many as turns."""
        guided = "_reference" if len(references) >= turns else ""
        names = [f"{_FOLDER}/{kind}{guided}{ending}" for ending in ("", "_second_turn")][:turns]
        return cls(prompts=tuple(map(loaded_prompt, names)), references=references if guided else ())

    @property
    def turns(self) -> int:
        return len(self.prompts)

    def messages(self, record: Record, turn: int, rivals: tuple[tuple[str, ...], ...] = ()) -> tuple[Message, ...]:
        """What is sent about the answer to `turn`, from 1; `rivals` are the answers of A and of B."""
        asked = [message.content for message in record.messages if message.role == "user"][-self.turns :]
        said = [tuple(map(without_delimiters, answers)) for answers in rivals or (answers_of(record, self.turns),)]
        values = {"question": asked[turn - 1], "answer": said[0][turn - 1]}
        for number, question in enumerate(asked, 1):
            values[f"question_{number}"], values[f"answer_{number}"] = question, said[0][number - 1]
        for number, reference in enumerate(self.references, 1):
            values[f"ref_answer_{number}"] = reference
        for name, answers in zip(("answer_a", "answer_b"), said if rivals else (), strict=False):
            values[name] = answers[turn - 1]
            values |= {f"{name}_{number}": answer for number, answer in enumerate(answers, 1)}
        prompt = self.prompts[turn - 1]
        return prompt.fill(**{name: values[name] for name in prompt.placeholders})


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """One document about the last answer, behind a prompt that takes it as `${document}`."""

    prompt: Prompt
    category: str = ""
    rubric: str = ""
    references: tuple[str, ...] = ()
    is_typed = True
    turns = 1

    @property
    def prompts(self) -> tuple[Prompt, ...]:
        return (self.prompt,)

    def messages(self, record: Record, turn: int, rivals: tuple[tuple[str, ...], ...] = ()) -> tuple[Message, ...]:
        """As `Published.messages`; the one turn is the last."""
        said = {"answer": answers_of(record, 1)[-1]}
        if rivals:
            said = {"answer_a": rivals[0][-1], "answer_b": rivals[1][-1]}
        before = record.messages[:-1] if record.messages[-1].role == "assistant" else record.messages
        further = {"category": self.category, "rubric": self.rubric, "reference": "\n\n".join(self.references[-1:])}
        document: Mapping[str, Any] = {
            "task": "compare" if rivals else "grade",
            **{name: text for name, text in further.items() if text},
            "conversation": [{"role": message.role, "content": message.content} for message in before],
            **said,
        }
        return self.prompt.fill(document=json.dumps(document, ensure_ascii=False))


Asking = Published | Document


@functools.cache
def loaded_prompt(name: str) -> Prompt:
    """The prompt `name`, read once."""
    return load_prompt(name)


@functools.cache
def _belle_rubrics() -> dict[str, str]:
    rubrics: dict[str, str] = json.loads(_BELLE.read_bytes())["rubrics"]
    return rubrics


def belle_rubric(category: str) -> str:
    """What BELLE's own evaluation asks of an answer of this class; "" for a class that it has no text for."""
    return _belle_rubrics().get(category.lower(), "")
