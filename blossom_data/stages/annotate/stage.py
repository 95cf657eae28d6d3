"""Stage `annotate`: one model writes every assistant turn again, in one style, in order.

    user A, user B   ->   user A, assistant 1, user B, assistant 2

Each turn is asked with the answers already written above it, so a chat stays one conversation; what the model thought
is no part of them. What is there of assistant turns is dropped first. A record with tools is rejected, for no tool is
at hand, or answered without them where that is asked for. An answer that is cut off, refuses,
speaks of itself, is in the wrong language or loops is asked for again; a record whose turn never comes out right is
rejected whole.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, replace

from blossom_data.asks import Ask, Reply
from blossom_data.languages.tags import label_of
from blossom_data.prompts import Prompt
from blossom_data.records import Lineage, Message, Record, Reject
from blossom_data.stages.annotate.clean import Cleaned, asked_in, clean_reply
from blossom_data.stages.annotate.faults import FAULT_CODES, find_fault

_ANSWER_IN = "The user writes in {0}: answer in {0}, unless the last message asks for another language."
REJECT_CODES = ("no_user_turn", "unsupported_content", *FAULT_CODES)


@dataclass(frozen=True, slots=True, kw_only=True)
class Annotate:
    """Record with user turns -> the same record with an answer after each."""

    prompt: Prompt
    """Its `system` is the style; `${text}` in its `user` is a user turn."""
    other_prompt: Prompt | None = None
    """The same for records that are neither in English nor in Chinese; their language is named behind its `system`."""
    tries: int = 3
    """Samples per turn before the record is rejected."""
    temperature: float | None = 0.7
    max_tokens: int | None = None
    first_attempt: int = 0
    """Number of the first sample; another one gives another annotation."""
    keep_reasoning: bool = False
    """Keeps what the model thought as `reasoning_content` of its turn."""
    drop_tools: bool = False
    """Leaves definitions and calls of tools and what they gave out, in place of rejecting the record."""
    is_last_alone: bool = False
    """Keeps the answers that are there and writes the one to the last user turn alone."""
    name: str = "annotate"
    version: int = 1

    def run(self, record: Record) -> Generator[Ask, Reply, Record]:
        """Asks for one answer per user turn; see the module docstring.

        Raises:
            Reject: with one of REJECT_CODES.
        """
        if record.has_tools:
            if not self.drop_tools:
                raise Reject("unsupported_content", "it defines or calls tools, and none is at hand")
            record = record.without_tools()
        last = max((place for place, turn in enumerate(record.messages) if turn.role == "user"), default=-1)
        if last < 0:
            raise Reject("no_user_turn", "there is nothing to answer")
        prompt = self.prompt_for(record)
        style = self.style_of(record)
        told: list[Message] = []
        written: list[Message] = []
        keys: list[str] = []
        model = ""
        for place, turn in enumerate(record.messages):
            if turn.role == "assistant":
                if self.is_last_alone and place < last:
                    written.append(turn)
                    told.append(Message("assistant", turn.content))
                continue
            written.append(turn)
            if turn.role == "system":
                style = f"{style}\n\n{turn.content}".strip()
                continue
            told.append(self.as_told(record, turn.content))
            if self.is_last_alone and place < last:
                continue
            question = asked_in(record, turn.content)
            reply, cleaned = yield from self.answer(record, (Message("system", style), *told), question)
            told.append(Message("assistant", cleaned.text))
            written.append(cleaned.turn(keep_reasoning=self.keep_reasoning))
            keys.append(reply.key)
            model = reply.model
        step = Lineage(self.name, self.version, prompt.hash, model, ",".join(keys))
        return replace(record, messages=tuple(written), lineage=(*record.lineage, step))

    def calls_for(self, record: Record) -> int:
        """The calls that a record takes, where every first try is right: one for each turn of the user."""
        return max(1, sum(turn.role == "user" for turn in record.messages))

    def style_of(self, record: Record) -> str:
        """The system text for `record`, without what its own system turns add."""
        prompt = self.prompt_for(record)
        if prompt is self.prompt:
            return prompt.system
        return f"{prompt.system}\n\n{_ANSWER_IN.format(label_of(record.lang))}".strip()

    def as_told(self, record: Record, text: str) -> Message:
        """A turn of a person as the model is sent it."""
        return self.prompt_for(record).fill(text=text)[-1]

    def prompt_for(self, record: Record) -> Prompt:
        """The prompt for the language of `record`."""
        is_other = self.other_prompt is not None and record.lang not in ("en", "zh")
        return self.other_prompt if is_other and self.other_prompt else self.prompt

    def answer(
        self, record: Record, messages: tuple[Message, ...], question: str
    ) -> Generator[Ask, Reply, tuple[Reply, Cleaned]]:
        """One acceptable answer to the conversation `messages`, whose last turn asks `question`."""
        history: list[str] = []
        code = detail = ""
        for attempt in range(self.first_attempt, self.first_attempt + self.tries):
            reply = yield Ask(
                stage=self.name,
                version=self.version,
                messages=messages,
                attempt=attempt,
                temperature=self.temperature,
                max_tokens=self.max_tokens,
                prompt_hash=self.prompt_for(record).hash,
                because=code,
            )
            cleaned = clean_reply(reply, question)
            fault = find_fault(reply, cleaned, messages[-1].content, record)
            if fault is None:
                return reply, cleaned
            code, detail = fault
            history.append(f"try {attempt}: {code}: {detail}")
            if code == "content_filter":
                break
        raise Reject(code, detail, reply=reply.text, history=tuple(history))
