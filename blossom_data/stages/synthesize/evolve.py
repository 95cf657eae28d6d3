"""Stage `evol`: a request is made harder, or another one of its field is made, by one operator of Evol-Instruct.

    user "Name three fruits."   ->   user "Name three fruits that ripen in winter, and say why.", assistant "..."

The evolved request is checked (elimination.py), a judge says whether it asks for more than the one before, and the
answer is written in the style of `annotate`, by the very questions of that stage: annotating the record later, with the
same model and prompt, buys nothing. A request that can be repaired is evolved once more, with what was wrong.
What is evolved goes to the model as data in a JSON document.
"""

from __future__ import annotations

import json
from collections.abc import Generator, Mapping
from dataclasses import dataclass, replace

from blossom_data.asks import Ask, Reply
from blossom_data.languages.tags import label_of
from blossom_data.llm.reply_models import ReplyFlag, ReplyText, read_reply, reply_model, reply_schema
from blossom_data.prompts import Prompt
from blossom_data.records import Lineage, Message, Record, Reject
from blossom_data.stages.annotate.stage import Annotate
from blossom_data.stages.synthesize.asking import ask_with, prompt_in
from blossom_data.stages.synthesize.elimination import MAX_CHARS, find_answer_fault, find_request_fault
from blossom_data.stages.synthesize.origin import OPERATOR, ROUND, first_request, made, seeds_of
from blossom_data.stages.typed_reply import ask_until_read

IN_DEPTH = ("constraints", "deepening", "concretizing", "reasoning", "complicate_input")
OPERATORS = (*IN_DEPTH, "breadth")
"""The operators of Evol-Instruct; what each does stands in the prompt."""
JUDGED_AS = "judge-evol"
REPAIRABLE = ("unchanged", "no_gain", "not_a_request", "copied_words", "wrong_language", "too_long", "only_stop_words")
REJECT_CODES = (*REPAIRABLE, "no_user_turn", "sorry_answer", "bad_answer", "unreadable", "content_filter")


@reply_model
class Evolved:
    """The new request."""

    request: ReplyText


@reply_model
class Comparison:
    """What a judge says of two requests: the reason comes first, so that the rest follows from it."""

    reason: ReplyText
    is_request: ReplyFlag
    asks_for_more: ReplyFlag


EVOLVED_SCHEMA, COMPARISON_SCHEMA = reply_schema(Evolved), reply_schema(Comparison)


@dataclass(frozen=True, slots=True, kw_only=True)
class Evolve:
    """Record -> a record with the evolved request and an answer, or a Reject."""

    prompts: Mapping[str, Prompt]
    """By language, "" for all others; `${document}` is the request and the operator, as JSON."""
    judge: Prompt
    annotate: Annotate
    operator: str
    """One of OPERATORS."""
    round: int = 1
    tries: int = 2
    """Evolutions of one request; those after the first are told what was wrong."""
    max_chars: int = MAX_CHARS
    temperature: float | None = 0.7
    judge_model: str = ""
    """The model that compares; "": the endpoint's."""
    name: str = "evol"
    version: int = 1

    def run(self, record: Record) -> Generator[Ask, Reply, Record]:
        """Evolves the first request of `record`; see the module docstring.

        Raises:
            Reject: with one of REJECT_CODES.
        """
        before = first_request(record)
        if not before:
            raise Reject("no_user_turn", "there is no request to evolve")
        history: list[str] = []
        problem = ""
        for attempt in range(self.tries):
            after, evolving = yield from self._evolve(record, before, problem)
            fault = find_request_fault(before, after, record.lang, self.max_chars)
            keys = [evolving.key]
            if fault is None:
                fault, judging = yield from self._compare(before, after)
                keys.append(judging.key)
            if fault is None:
                answered = yield from self._answered(record, after)
                if isinstance(answered, Record):
                    return self._made(record, answered, evolving, keys)
                fault = answered
            code, problem = fault
            history.append(f"try {attempt}: {self.operator}: {code}: {problem}")
            if code not in REPAIRABLE:
                break
        raise Reject(code, problem, reply=after, history=tuple(history))

    def _evolve(self, record: Record, before: str, problem: str) -> Generator[Ask, Reply, tuple[str, Reply]]:
        """The evolved request, and the reply that holds it."""
        document = {"task": "evolve", "operator": self.operator, "language": label_of(record.lang), "request": before}
        if problem:
            document["wrong_with_the_last_try"] = problem
        ask = ask_with(self, record.lang, document, EVOLVED_SCHEMA)
        found, reply = yield from ask_until_read(
            ask,
            lambda text: read_reply(Evolved, text).value,
            tries=2,
            wanted="evolution",
            again_temperature=self.temperature,
        )
        return found.request.strip(), reply

    def _compare(self, before: str, after: str) -> Generator[Ask, Reply, tuple[tuple[str, str] | None, Reply]]:
        """What a judge finds wrong with `after`, None for nothing, and its reply."""
        document = json.dumps({"task": "compare", "before": before, "after": after}, ensure_ascii=False)
        ask = Ask(
            stage=JUDGED_AS,
            version=self.version,
            messages=self.judge.fill(document=document),
            temperature=0.0,
            response_schema=COMPARISON_SCHEMA,
            prompt_hash=self.judge.hash,
            model=self.judge_model,
        )
        told, reply = yield from ask_until_read(
            ask,
            lambda text: read_reply(Comparison, text).value,
            tries=2,
            wanted="comparison",
            again_temperature=0.5,
        )
        if not told.is_request:
            return ("not_a_request", told.reason), reply
        return (None if told.asks_for_more else ("no_gain", told.reason)), reply

    def _answered(self, record: Record, after: str) -> Generator[Ask, Reply, Record | tuple[str, str]]:
        """The evolved request with its answer; or what is wrong with the answer."""
        asked = replace(record, messages=(Message("user", after),), lineage=(), tools="")
        try:
            answered = yield from self.annotate.run(asked)
        except Reject as why:
            return "sorry_answer" if why.code == "refusal" else "bad_answer", f"{why.code}: {why.detail}"
        return find_answer_fault(after, answered.messages[-1].content, record.lang) or answered

    def _made(self, record: Record, answered: Record, evolving: Reply, keys: list[str]) -> Record:
        prompt = prompt_in(self.prompts, record.lang)
        step = Lineage(self.name, self.version, prompt.hash, evolving.model, ",".join(keys))
        return made(
            self.name,
            record.lang,
            answered.messages,
            seeds=seeds_of(record),
            parent=record.id,
            tags=(f"{OPERATOR}{self.operator}", f"{ROUND}{self.round}"),
            # The answer of the request before is no part of this record.
            lineage=(*(each for each in record.lineage if each.stage != "annotate"), step, *answered.lineage),
        )
