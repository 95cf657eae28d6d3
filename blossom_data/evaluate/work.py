"""What an evaluation does: its questions, each with the stages that it goes through.

plan = plan_work([parse_suite("gsm8k:100", None), ...], has_judge=True)
list(plan.work)      [(Record(...), (Answer(temperature=0.0), Check())), ...]
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from blossom_data.asks import Stage
from blossom_data.errors import ConfigError
from blossom_data.evaluate.answering import Answer
from blossom_data.evaluate.checking import Check
from blossom_data.evaluate.judging.grading import Grade
from blossom_data.evaluate.judging.judge_prompts import Asking, Document, Published, belle_rubric, loaded_prompt
from blossom_data.evaluate.judging.pairwise import Compare
from blossom_data.evaluate.questions import Question, read_questions
from blossom_data.evaluate.suites import PUBLISHED, Chosen
from blossom_data.records import Record

JUDGING = ("grade", "compare")
"""Stages that a judge answers, and so the roles of its endpoint."""
_PAIR_PROMPT = "compare_answers"
_BELLE = "belle"


@dataclass(frozen=True, slots=True, kw_only=True)
class Manner:
    """How questions are asked and judged."""

    temperature: float | None = None
    """Of every answer; None: what the suite's own program takes."""
    max_tokens: int | None = None
    """Of an answer, and of a verdict."""
    judge_prompt: str = ""
    """In place of the suites' own, where these take a document; "" for none."""
    rivals: Mapping[tuple[str, str], tuple[str, ...]] | None = None
    """By suite and question, another model's answers to compare with; None: answers are scored."""


@dataclass(frozen=True, slots=True)
class Planned:
    """The work of an evaluation."""

    work: list[tuple[Record, tuple[Stage, ...]]]
    stages: tuple[str, ...]
    counts: dict[str, int]
    """Questions of each suite."""
    prompts: dict[str, str]
    """Hash of each judge's prompt, by its name."""


def plan_work(chosen: Sequence[Chosen], manner: Manner, *, has_judge: bool) -> Planned:
    """Reads the questions of all suites; nothing is asked.

    Raises:
        InputError: see questions.py.
        ConfigError: a suite that needs a judge has none, or a question has no rival.
    """
    work: list[tuple[Record, tuple[Stage, ...]]] = []
    counts: dict[str, int] = {}
    prompts: dict[str, str] = {}
    for each in chosen:
        questions = read_questions(each)
        counts[each.suite.name] = len(questions)
        if not has_judge and (judged := next((one for one in questions if not one.is_exact), None)):
            raise ConfigError(
                f"{each.suite.name} needs a judge: question {judged.id} has no gold label to compare with",
                hint="give --judge-model NAME and --judge-base-url URL",
            )
        for question in questions:
            answer, scored = _answer(question, manner), _scoring(question, manner)
            work.append((question.to_record(), (answer, scored)))
            if isinstance(scored, Grade | Compare):
                prompts |= {prompt.name: prompt.hash for prompt in scored.asking.prompts}
    names = dict.fromkeys(stage.name for _, stages in work for stage in stages)
    return Planned(_sharing(work), tuple(names), counts, prompts)


def _sharing(
    work: Iterable[tuple[Record, tuple[Stage, ...]]],
) -> list[tuple[Record, tuple[Stage, ...]]]:
    """The same work, equal stages being one object: a run knows its stages by it."""
    known: dict[str, tuple[Stage, ...]] = {}
    return [(record, known.setdefault(repr(stages), stages)) for record, stages in work]


def _answer(question: Question, manner: Manner) -> Answer:
    suite = question.suite
    usual = suite.temperatures.get(question.category, suite.temperature)
    return Answer(temperature=usual if manner.temperature is None else manner.temperature, max_tokens=manner.max_tokens)


def _scoring(question: Question, manner: Manner) -> Stage:
    if question.is_exact:
        return Check()
    suite = question.suite
    kind = "single" if manner.rivals is None else "pair"
    asking: Asking
    if suite.scoring == PUBLISHED:
        turns = sum(turn.role == "user" for turn in question.messages)
        asking = Published.load(kind, turns, question.references)
    else:
        name = manner.judge_prompt or (suite.prompt if kind == "single" else _PAIR_PROMPT)
        prompt = loaded_prompt(name)
        if prompt.placeholders != ("document",):
            told = (
                f"the judge's prompt {name} takes {', '.join(prompt.placeholders) or 'nothing'}, not the document alone"
            )
            raise ConfigError(told, hint='set placeholders = ["document"], and put ${document} into its `user`')
        rubric = question.rubric or (belle_rubric(question.category) if suite.name == _BELLE else "")
        asking = Document(prompt=prompt, category=question.category, rubric=rubric, references=question.references)
    if manner.rivals is None:
        return Grade(asking=asking, least=suite.least, most=suite.most, max_tokens=manner.max_tokens)
    rival = manner.rivals.get((suite.name, question.id), ())
    if len(rival) < asking.turns:
        raise ConfigError(
            f"the evaluation that is compared with has no answer to question {question.id} of {suite.name}",
            hint="evaluate the other model on the same suites first",
        )
    return Compare(asking=asking, rival=rival[-asking.turns :], max_tokens=manner.max_tokens)
