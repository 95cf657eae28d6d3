"""Stages `self-instruct` and `instance`: new tasks after the pattern of some that are there, then what one is asked of.

    8 tasks   ->   up to 8 candidates: a record each, with the instruction as its only turn
    candidate ->   user "Classify the mood of the review.\\n\\nI would go again.", assistant "positive"

As in the paper, an instance of a classification is made from its label, that labels be even, and one of any other task
from its input. What is shown goes to the model as data in a JSON document.

Source: Self-Instruct (Wang et al. 2023), sections 2.1 and 2.2.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass, replace

from blossom_data.asks import Ask, Reply
from blossom_data.languages.detect import language_of
from blossom_data.languages.scripts import UNSPACED
from blossom_data.languages.tags import base_of, label_of, name_of, scripts_of
from blossom_data.llm.decode import BadReply
from blossom_data.llm.reply_models import ReplyFlag, ReplyText, read_reply, reply_model, reply_schema
from blossom_data.prompts import Prompt
from blossom_data.records import Lineage, Message, Record, Reject
from blossom_data.rows.normal import normal
from blossom_data.stages.synthesize.asking import ask_with
from blossom_data.stages.synthesize.elimination import has_content
from blossom_data.stages.synthesize.origin import OPERATOR, ROUND, SEED, first_request, made, values_of
from blossom_data.stages.synthesize.words import finds
from blossom_data.stages.typed_reply import ask_until_read

KIND = "self-instruct"
CLASSIFICATION, GENERATION = "classification", "generation"
CANDIDATE_CODES = ("too_short", "too_long", "beyond_text", "only_stop_words", "copied_words", "wrong_language")
_LEAST_WORDS, _MOST_WORDS = 3, 150
_LEAST_CHARS, _MOST_CHARS = 4, 300
"""Of a script that parts no words by blanks."""
_MOST_TASKS = 32


@reply_model
class ProposedTask:
    """One new task."""

    instruction: ReplyText
    is_classification: ReplyFlag


@reply_model
class Proposal:
    """New tasks."""

    tasks: tuple[ProposedTask, ...]


@reply_model
class Instance:
    """What an instruction is asked of, and a right answer."""

    input: ReplyText
    output: ReplyText


PROPOSAL_SCHEMA, INSTANCE_SCHEMA = reply_schema(Proposal), reply_schema(Instance)


@dataclass(frozen=True, slots=True, kw_only=True)
class Propose:
    """Record whose user turns are tasks -> candidates, one record each."""

    prompts: Mapping[str, Prompt]
    """By language, "" for all others; `${document}` is the tasks, as JSON."""
    number: int = 8
    """Tasks that are asked for."""
    round: int = 1
    temperature: float | None = 0.7
    tries: int = 2
    name: str = KIND
    version: int = 1

    def run(self, record: Record) -> Generator[Ask, Reply, tuple[Record, ...]]:
        """Asks for new tasks.

        Raises:
            Reject: unreadable, or content_filter.
        """
        document = {
            "task": "propose",
            "language": label_of(record.lang),
            "number": self.number,
            "tasks": [{"instruction": turn.content} for turn in record.messages],
        }
        ask = ask_with(self, record.lang, document, PROPOSAL_SCHEMA)
        told, reply = yield from ask_until_read(
            ask, _read_tasks, tries=self.tries, wanted="list of tasks", again_temperature=self.temperature
        )
        step = Lineage(self.name, self.version, ask.prompt_hash, reply.model, reply.key)
        return tuple(
            made(
                KIND,
                record.lang,
                (Message("user", task.instruction.strip()),),
                seeds=values_of(record, SEED),
                parent=record.id,
                tags=(
                    f"{OPERATOR}{CLASSIFICATION if task.is_classification else GENERATION}",
                    f"{ROUND}{self.round}",
                ),
                lineage=(step,),
            )
            for task in told.tasks[: self.number]
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class MakeInstance:
    """Candidate -> the same with its input and an answer, or a Reject."""

    prompts: Mapping[str, Prompt]
    temperature: float | None = 0.0
    tries: int = 2
    name: str = "instance"
    version: int = 1

    def run(self, record: Record) -> Generator[Ask, Reply, Record]:
        """Asks for one instance; one that has no output is asked for once more, and told why.

        Raises:
            Reject: no_output, unreadable or content_filter.
        """
        instruction = first_request(record)
        is_sorted = f"{OPERATOR}{CLASSIFICATION}" in record.tags
        history: list[str] = []
        problem = ""
        for attempt in range(self.tries):
            document = {
                "task": "instance",
                "kind": CLASSIFICATION if is_sorted else GENERATION,
                "language": label_of(record.lang),
                "instruction": instruction,
            }
            if problem:
                document["wrong_with_the_last_try"] = problem
            ask = ask_with(self, record.lang, document, INSTANCE_SCHEMA)
            told, reply = yield from ask_until_read(
                ask,
                lambda text: read_reply(Instance, text).value,
                tries=2,
                wanted="instance",
                again_temperature=0.5,
            )
            given, output = told.input.strip(), told.output.strip()
            problem = _fault(instruction, given, output)
            if not problem:
                break
            history.append(f"try {attempt}: no_output: {problem}")
        else:
            raise Reject("no_output", problem, reply=reply.text, history=tuple(history))
        step = Lineage(self.name, self.version, ask.prompt_hash, reply.model, reply.key)
        asked = f"{instruction}\n\n{given}" if given else instruction
        turns = (Message("user", asked), Message("assistant", output))
        whole = made(KIND, record.lang, turns, seeds=(), parent=record.source_id)
        return replace(record, id=whole.id, messages=turns, lineage=(*record.lineage, step))


def find_candidate_fault(instruction: str, lang: str) -> tuple[str, str] | None:
    """What is wrong with a proposed instruction before it is compared with others, as (code, detail)."""
    is_unspaced = bool(UNSPACED & set(scripts_of(lang)))
    size = len(instruction) if is_unspaced else len(instruction.split())
    least, most = (_LEAST_CHARS, _MOST_CHARS) if is_unspaced else (_LEAST_WORDS, _MOST_WORDS)
    unit = "characters" if is_unspaced else "words"
    if size < least:
        return "too_short", f"{size} {unit}, at least {least}"
    if size > most:
        return "too_long", f"{size} {unit}, at most {most}"
    if not has_content(instruction):
        return "only_stop_words", instruction[:60]
    if copied := finds("copied", instruction):
        return "copied_words", copied[:60]
    if beyond := finds("beyond_text", instruction):
        return "beyond_text", beyond[:60]
    if base_of(found := language_of(instruction, lang)) != base_of(lang):
        return "wrong_language", f"it is in {name_of(found)}"
    return None


def _read_tasks(text: str) -> Proposal:
    told = read_reply(Proposal, text).value
    if not told.tasks:
        raise BadReply("empty", "no task at all")
    if len(told.tasks) > _MOST_TASKS:
        raise BadReply("range", f"{len(told.tasks)} tasks")
    return told


def _fault(instruction: str, given: str, output: str) -> str:
    if not output:
        return "the output is empty"
    if normal(output) == normal(given):
        return "the output is the input"
    return "the output is the instruction" if normal(output) == normal(instruction) else ""
