"""Stage `judge-leak`: whether a record asks what an item of a test set asks; asked where the measure is not sure.

{"task": "leak", "text": "珍妮特的鸭子每天下16颗蛋……", "items": [{"number": 1, "text": "Janet's ducks ..."}]}
{"reason": "The same problem in Chinese.", "item": 1}      ->  Reject("leak", "gsm8k-test 1: ...; judged: ...")
{"reason": "Other quantities are asked for.", "item": 0}   ->  the record as it is
"""

from __future__ import annotations

import json
from collections.abc import Generator
from dataclasses import dataclass

from blossom_data.asks import Ask, Reply
from blossom_data.llm.decode import BadReply
from blossom_data.llm.reply_models import ReplyNumber, ReplyText, read_reply, reply_model, reply_schema
from blossom_data.prompts import Prompt
from blossom_data.records import Record, Reject
from blossom_data.stages.typed_reply import ask_until_read

REJECT_CODES = ("leak", "unreadable", "content_filter")


@reply_model
class Verdict:
    """The reason comes first, so that the number follows from it; 0 is none of the items."""

    reason: ReplyText
    item: ReplyNumber


VERDICT_SCHEMA = reply_schema(Verdict)


@dataclass(frozen=True, slots=True)
class Suspect:
    """An item that a record may hold; `told` is how a reject names it."""

    text: str
    told: str


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgeLeak:
    """One doubtful record -> itself, or a Reject."""

    prompt: Prompt
    """`${document}` in its `user` is the text with the items, as JSON."""
    suspects: tuple[Suspect, ...] = ()
    """The items that the record may hold, the likeliest first."""
    tries: int = 3
    """Verdicts that are asked for until one can be read."""
    name: str = "judge-leak"
    version: int = 1

    def run(self, record: Record) -> Generator[Ask, Reply, Record]:
        """Asks which of the suspects the record holds.

        Raises:
            Reject: with one of REJECT_CODES.
        """
        items = [{"number": number, "text": suspect.text} for number, suspect in enumerate(self.suspects, 1)]
        document = json.dumps({"task": "leak", "text": record.asked, "items": items}, ensure_ascii=False)
        ask = Ask(
            stage=self.name,
            version=self.version,
            messages=self.prompt.fill(document=document),
            temperature=0.0,
            response_schema=VERDICT_SCHEMA,
            prompt_hash=self.prompt.hash,
        )
        verdict, reply = yield from ask_until_read(
            ask, self._read, tries=self.tries, wanted="verdict", again_temperature=0.0
        )
        if verdict.item:
            raise Reject("leak", f"{self.suspects[verdict.item - 1].told}; judged: {verdict.reason}", reply=reply.text)
        return record

    def _read(self, text: str) -> Verdict:
        verdict = read_reply(Verdict, text).value
        if not 0 <= verdict.item <= len(self.suspects):
            raise BadReply("range", f"item {verdict.item}")
        return verdict
