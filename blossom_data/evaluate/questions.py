"""The questions of a suite: rows of any layout that evaluation sets have, read strictly.

    {"question_id": 81, "category": "writing", "turns": ["Compose ...", "Rewrite ..."], "reference": ["...", "..."]}
    {"question": "...", "std_answer": "...", "class": "open qa"}                    BELLE
    {"prompt": "...", "reference": "...", "rubric": "Names both rivers."}           a user's own
    {"messages": [{"role": "user", "content": "..."}], "gold": "42"}                the same; gold: compared, not judged

Of messages that end with an answer, that answer is the reference. A row that cannot be read ends the evaluation: a
score over other questions than were named would be compared with the wrong ones.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from blossom_data.errors import InputError
from blossom_data.evaluate.suites import EXACT, Chosen, Suite
from blossom_data.languages.detect import chat_language
from blossom_data.records import ROLES, Message, Record, content_id
from blossom_data.rows import BadRow, gold_text, read_rows

_ASKED = ("prompt", "question", "instruction", "original_text", "problem", "query")
_FURTHER = ("input", "context")
_REFERENCES = ("reference", "std_answer", "reference_answer")
_GOLDS = ("gold", "ans")
_CATEGORIES = ("category", "class")
_IDS = ("question_id", "id")


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One question; a turn of the user that no answer follows is one that the model answers."""

    suite: Suite
    id: str
    """Its own in its file, else the number of its row."""
    category: str
    messages: tuple[Message, ...]
    references: tuple[str, ...] = ()
    """A good answer to each turn, or to the last; none: the judge knows of none."""
    gold: str = ""
    """The value that the answer must end in; "" for none: a judge scores it."""
    rubric: str = ""

    @property
    def is_exact(self) -> bool:
        return bool(self.gold)

    def to_record(self) -> Record:
        """The record that its stages work on."""
        asked = [turn.content for turn in self.messages if turn.role == "user"]
        tags = (f"suite:{self.suite.name}", *([f"category:{self.category}"] if self.category else []))
        return Record(
            id=content_id(self.suite.name, self.id, self.messages, self.gold),
            source=self.suite.name,
            source_id=self.id,
            lang=chat_language(asked, self.suite.lang),
            messages=self.messages,
            gold=self.gold,
            tags=tags,
        )


def read_questions(chosen: Chosen) -> list[Question]:
    """The questions of a suite, in the order of its file.

    Raises:
        InputError: a row that cannot be read or asks nothing, an id that stands twice, no row at all.
    """
    questions = list(itertools.islice(_distinct(chosen), chosen.limit))
    if len({question.is_exact for question in questions}) > 1:
        odd = next(question.id for question in questions if question.is_exact != questions[0].is_exact)
        raise InputError(
            f"{chosen.place}: some questions have a gold label and others none, such as {odd}",
            hint="make two files of it: one is compared with labels, the other judged",
        )
    return questions


def _distinct(chosen: Chosen) -> Iterator[Question]:
    seen: dict[str, int] = {}
    for row in read_rows(chosen.place):
        where = f"{row.file}:{row.line}"
        if isinstance(row, BadRow):
            raise InputError(f"{where}: {row.code} {row.detail}", hint="mend the row: an evaluation leaves none out")
        question = _question(row.value, chosen.suite, where, str(row.line))
        if question.id in seen:
            told = f"{where}: the question {question.id} stands in line {seen[question.id]} too"
            raise InputError(told, hint="give each question an id of its own")
        seen[question.id] = row.line
        yield question


def _question(row: Mapping[str, Any], suite: Suite, where: str, number: str) -> Question:
    messages = _messages(row, where)
    references = _texts(next((row[name] for name in _REFERENCES if row.get(name)), None))
    if messages[-1].role == "assistant":
        references = references or (messages[-1].content,)
        messages = messages[:-1]
    if not messages or messages[-1].role != "user":
        raise InputError(f"{where} does not end in a turn of the user", hint="that turn is what the model answers")
    gold = _gold(row) if suite.scoring == EXACT or not suite.test_set else ""
    if suite.scoring == EXACT and not gold:
        hint = "a row of GSM8K has question and answer (... #### 72), one of Math23K original_text and ans"
        raise InputError(f"{where} has no gold label", hint=hint)
    return Question(
        suite=suite,
        id=next((str(row[name]) for name in _IDS if isinstance(row.get(name), str | int)), number),
        category=next((" ".join(str(row[name]).split()) for name in _CATEGORIES if row.get(name)), ""),
        messages=messages,
        references=references,
        gold=gold,
        rubric=str(row.get("rubric") or ""),
    )


def _messages(row: Mapping[str, Any], where: str) -> tuple[Message, ...]:
    turns = next((row[name] for name in ("messages", "turns", "prompt") if isinstance(row.get(name), list)), None)
    if turns is None:
        text = next((row[name] for name in _ASKED if isinstance(row.get(name), str) and row[name].strip()), "")
        further = [row[name] for name in _FURTHER if isinstance(row.get(name), str) and row[name].strip()]
        turns = ["\n".join([text, *further])] if text else []
    read = [_turn(turn) for turn in turns]
    messages = tuple(turn for turn in read if turn is not None)
    if not messages or len(messages) < len(read):
        told = f"{where} asks nothing that can be read: it has {', '.join(map(str, row))[:200]}"
        raise InputError(told, hint="a row has prompt (a text) or messages ([{role, content}, ...])")
    return messages


def _turn(turn: Any) -> Message | None:
    if isinstance(turn, str) and turn.strip():
        return Message("user", turn)
    if isinstance(turn, dict) and turn.get("role") in ROLES and isinstance(turn.get("content"), str):
        return Message(turn["role"], turn["content"])
    return None


def _gold(row: Mapping[str, Any]) -> str:
    """The gold label of a row: a field for it, or what follows the last #### of a GSM8K solution."""
    for name in _GOLDS:
        if isinstance(row.get(name), str | int | float) and (gold := gold_text(row[name]).strip()):
            return gold
    answer = row.get("answer")
    label = answer.rpartition("####")[2].strip() if isinstance(answer, str) and "####" in answer else ""
    return label.replace(",", "") if "\n" not in label else ""


def _texts(value: Any) -> tuple[str, ...]:
    if isinstance(value, str):
        return (value,)
    return tuple("" if each is None else str(each) for each in value) if isinstance(value, list) else ()
