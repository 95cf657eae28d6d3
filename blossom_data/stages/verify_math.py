"""Stage `verify-math`: keep a record only when its final answer equals its gold label.

The stored answer is checked without any call. With `resample`, one that is not correct is asked for again, with a
prompt that wants one marked last line and never shows the gold. Records without a gold label pass untouched.
When three or more samples agree with each other and not with the gold, the gold is the suspect, not the model.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator
from dataclasses import dataclass, replace

from blossom_data.answers import check_answer, parse_gold

from blossom_data.asks import Ask, Reply
from blossom_data.checks.annotation import find_fault
from blossom_data.prompts import Prompt
from blossom_data.records import Lineage, Message, Record, Reject

REJECT_CODES = (
    "wrong",
    "approx",
    "ambiguous",
    "no_answer",
    "truncated",
    "bad_gold",
    "suspect_gold",
)
AGREEING_SAMPLES = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyMath:
    """Record with gold and answer -> the same record, its last answer replaced by a correct sample where needed."""

    prompt: Prompt
    """Asks for another sample; `${question}` in its `user` is the last user turn."""
    resample: int = 0
    """Most new samples per record; 0 makes no call."""
    temperature: float | None = 0.7
    max_tokens: int | None = None
    name: str = "verify-math"
    version: int = 1

    def run(self, record: Record) -> Generator[Ask, Reply, Record]:
        """Checks the last answer, and samples again where it is not correct.

        Raises:
            Reject: with one of REJECT_CODES.
        """
        if not record.gold:
            return record
        if parse_gold(record.gold) is None:
            raise Reject("bad_gold", f"the gold label {record.gold[:80]!r} is not a number that can be compared")
        question, answer = _last(record, "user"), _last(record, "assistant")
        result = check_answer(answer, record.gold, question=question)
        seen = Counter([result.value] if result.value is not None else [])
        because = str(result.verdict)
        history = [f"stored answer: {result.verdict}: {result.answer[:80]}"]
        for attempt in range(self.resample if result.verdict != "correct" else 0):
            reply = yield self._ask(question, attempt, because)
            if fault := find_fault(reply, question, record):
                because = fault[0]
                history.append(f"sample {attempt}: {fault[0]}: {fault[1]}")
                continue
            result = check_answer(reply.text, record.gold, question=question, finish_reason=reply.finish_reason)
            answer = reply.text
            if result.verdict == "correct":
                return self._with_answer(record, reply)
            because = str(result.verdict)
            history.append(f"sample {attempt}: {because}: {result.answer[:80]}")
            if result.value is not None:
                seen[result.value] += 1
        if result.verdict == "correct":
            return replace(record, lineage=(*record.lineage, Lineage(self.name, self.version)))
        value, times = seen.most_common(1)[0] if seen else (None, 0)
        if times >= AGREEING_SAMPLES:
            raise Reject(
                "suspect_gold",
                f"{times} samples agree on {value}, the gold is {record.gold[:80]}",
                reply=answer,
                history=tuple(history),
            )
        raise Reject(
            str(result.verdict),
            f"final answer {result.answer[:80]!r}, gold {record.gold[:80]!r}",
            reply=answer,
            history=tuple(history),
        )

    def _ask(self, question: str, attempt: int, because: str) -> Ask:
        return Ask(
            stage=self.name,
            version=self.version,
            messages=self.prompt.fill(question=question),
            attempt=attempt,
            temperature=self.temperature,
            max_tokens=self.max_tokens,
            prompt_hash=self.prompt.hash,
            because=because,
        )

    def _with_answer(self, record: Record, reply: Reply) -> Record:
        """`record` with its last assistant turn replaced (or added)."""
        turns = list(record.messages)
        if turns and turns[-1].role == "assistant":
            turns.pop()
        turns.append(Message("assistant", reply.text.strip()))
        step = Lineage(self.name, self.version, self.prompt.hash, reply.model, reply.key)
        return replace(record, messages=tuple(turns), lineage=(*record.lineage, step))


def _last(record: Record, role: str) -> str:
    return next((turn.content for turn in reversed(record.messages) if turn.role == role), "")
