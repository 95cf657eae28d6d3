"""Stage `chat`: a simulated user, with a persona and a goal, talks to the model that answers.

    system "You are a strict running coach." (a role, if any), user "run a first marathon" (the goal)
    ->  system, user, assistant, user, assistant ... : three to six turns of the user

Two roles that may be two models: the user's turns are asked with persona, goal and conversation as data in a JSON
document; the answers by the very questions of `annotate`, so that annotating the chat later buys nothing. Each turn is
an Ask of its own: a chat that was cut off anywhere goes on from there. The user stops when the goal is met, after
the number of turns that its patience bears, and never merely to thank. A turn that is none of a user (simulator.py) is
asked for once more, with what was wrong.
"""

from __future__ import annotations

import json
from collections.abc import Generator, Mapping
from dataclasses import dataclass

from blossom_data.asks import Ask, Reply
from blossom_data.languages.tags import label_of
from blossom_data.llm.reply_models import ReplyFlag, ReplyText, read_reply, reply_model, reply_schema
from blossom_data.prompts import Prompt
from blossom_data.records import Lineage, Message, Record, Reject
from blossom_data.stages.annotate.clean import asked_in
from blossom_data.stages.annotate.stage import Annotate
from blossom_data.stages.synthesize.asking import ask_with, prompt_in
from blossom_data.stages.synthesize.keyed_draw import keyed_draw
from blossom_data.stages.synthesize.origin import PERSONA, SEED, first_request, made, values_of
from blossom_data.stages.synthesize.personas import PATIENCE, Persona
from blossom_data.stages.synthesize.simulator import find_turn_fault, is_farewell
from blossom_data.stages.typed_reply import ask_until_read

REPAIRABLE = ("answers_itself", "speaker_label", "repeats", "wrong_language", "empty", "short_chat")
REJECT_CODES = (*REPAIRABLE, "bad_answer", "unreadable", "content_filter")


@reply_model
class UserTurn:
    """What the simulated user says next; an empty message where there is nothing more to say."""

    goal_met: ReplyFlag
    message: ReplyText


USER_TURN_SCHEMA = reply_schema(UserTurn)


@dataclass(frozen=True, slots=True, kw_only=True)
class Chat:
    """Goal (and role) -> a chat of `least` to `most` turns of the user, or a Reject."""

    prompts: Mapping[str, Prompt]
    """By language, "" for all others; `${document}` is persona, goal and conversation, as JSON."""
    annotate: Annotate
    personas: Mapping[str, Persona]
    """By id; a record names its own in a tag."""
    least: int = 3
    most: int = 6
    seed: int = 0
    tries: int = 2
    """User turns that are asked for until one is fit."""
    temperature: float | None = 0.8
    simulator: str = ""
    """The model that plays the user; "": the endpoint's."""
    name: str = "chat"
    version: int = 1

    def run(self, record: Record) -> Generator[Ask, Reply, Record]:
        """Plays one chat; see the module docstring.

        Raises:
            Reject: with one of REJECT_CODES.
        """
        turns = [turn for turn in record.messages if turn.role == "system"]
        style = "\n\n".join(filter(None, [self.annotate.style_of(record), *(turn.content for turn in turns)]))
        told = [Message("system", style)]
        asked: list[Reply] = []
        answered: list[Reply] = []
        most = self._turns(record)
        for number in range(1, most + 1):
            said = yield from self._user_turn(record, turns, number, most, asked)
            if said is None:
                break
            turns.append(Message("user", said))
            told.append(self.annotate.as_told(record, said))
            try:
                reply, cleaned = yield from self.annotate.answer(record, tuple(told), asked_in(record, said))
            except Reject as why:
                raise Reject(
                    "bad_answer", f"turn {number}: {why.code}: {why.detail}", reply=why.reply, history=why.history
                ) from None
            told.append(Message("assistant", cleaned.text))
            turns.append(cleaned.turn(keep_reasoning=self.annotate.keep_reasoning))
            answered.append(reply)
        prompt, style_prompt = prompt_in(self.prompts, record.lang), self.annotate.prompt_for(record)
        lineage = (*record.lineage, _step(self.name, self.version, prompt, asked))
        lineage += (_step(self.annotate.name, self.annotate.version, style_prompt, answered),)
        persona = values_of(record, PERSONA)
        tags = (*(f"{PERSONA}{name}" for name in persona), f"turns:{sum(turn.role == 'user' for turn in turns)}")
        return made(
            self.name,
            record.lang,
            turns,
            seeds=values_of(record, SEED),
            parent=record.source_id or record.id,
            tags=tags,
            lineage=lineage,
        )

    def _turns(self, record: Record) -> int:
        """How many turns this user bears: a number between `least` and `most`, by the seed and the patience."""
        number, span = keyed_draw(self.seed, record.id), self.most - self.least
        patience = self._persona(record).patience
        if not patience:
            return self.least + number % (span + 1)
        # A third of the span for each patience, its ends shared.
        low, high = (span * (PATIENCE.index(patience) + end) / len(PATIENCE) for end in (0, 1))
        return self.least + round(low) + number % (round(high) - round(low) + 1)

    def _persona(self, record: Record) -> Persona:
        return self.personas[next(iter(values_of(record, PERSONA)))]

    def _user_turn(
        self, record: Record, turns: list[Message], number: int, most: int, asked: list[Reply]
    ) -> Generator[Ask, Reply, str | None]:
        """The user's next turn, None where the chat is over.

        Raises:
            Reject: none is fit, and the chat is too short to end here.
        """
        history: list[str] = []
        code = problem = ""
        for attempt in range(self.tries):
            told, reply = yield from self._ask(record, turns, number, most, problem)
            message = told.message.strip()
            is_end = number > 1 and (told.goal_met or is_farewell(message))
            if is_end and number > self.least:
                return None
            if is_end:
                fault: tuple[str, str] | None = (
                    "short_chat",
                    f"{number - 1} of at least {self.least} turns: ask on, for something that belongs to the goal",
                )
            else:
                fault = find_turn_fault(message, turns, record.lang)
            if fault is None:
                asked.append(reply)
                return message
            code, problem = fault
            history.append(f"turn {number}, try {attempt}: {code}: {problem}")
        if number > self.least:
            return None
        raise Reject(code, problem, reply=message, history=tuple(history))

    def _ask(
        self, record: Record, turns: list[Message], number: int, most: int, problem: str
    ) -> Generator[Ask, Reply, tuple[UserTurn, Reply]]:
        """What the simulator says."""
        persona = self._persona(record)
        document = {
            "task": "next_user_turn",
            "language": label_of(record.lang),
            "persona": json.loads(persona.about),
            "goal": first_request(record),
            "turns_left": most - number + 1,
            "conversation": [{"role": turn.role, "content": turn.content} for turn in turns if turn.role != "system"],
        }
        if problem:
            document["wrong_with_the_last_try"] = problem
        ask = ask_with(self, record.lang, document, USER_TURN_SCHEMA, model=self.simulator)
        return (
            yield from ask_until_read(
                ask,
                lambda text: read_reply(UserTurn, text).value,
                tries=2,
                wanted="user turn",
                again_temperature=self.temperature,
            )
        )


def _step(stage: str, version: int, prompt: Prompt, replies: list[Reply]) -> Lineage:
    return Lineage(stage, version, prompt.hash, replies[-1].model, ",".join(reply.key for reply in replies))
