"""Stage `classify`: what a record asks for, as tags; no record is dropped for what it asks.

    "Summarise this for a child: ..."   ->   tags category:summarization, difficulty:easy, constraints:1
    {"category": "summarization", "steps": 1, "constraints": 1}

One call a record, or none: with `rules` alone a category is given only where the request names it itself. Code, math
and language tasks are told by rules in both cases. Difficulty is how much there is to do: easy up to two steps and one
constraint, hard from five steps or four constraints on, else medium.
"""

from __future__ import annotations

import json
from collections.abc import Generator, Mapping
from dataclasses import dataclass, replace

from blossom_data.asks import Ask, Reply
from blossom_data.llm.decode import BadReply
from blossom_data.llm.reply_models import ReplyNumber, ReplyText, read_reply, reply_model, reply_schema
from blossom_data.prompts import Prompt
from blossom_data.records import Lineage, Record, Reject
from blossom_data.stages.classify.rules import Category, category_of, request_tags
from blossom_data.stages.typed_reply import ask_until_read

REJECT_CODES = ("unreadable", "content_filter", "no_user_turn")
OURS = ("category:", "difficulty:", "constraints:")
_MOST = 9
_EASY, _HARD = (2, 1), (5, 4)
"""Steps and constraints: at most so many are easy, at least so many of either are hard."""


@reply_model
class Sorted:
    """What the model says of a request."""

    category: ReplyText
    steps: ReplyNumber
    constraints: ReplyNumber


SORTED_SCHEMA = reply_schema(Sorted)


@dataclass(frozen=True, slots=True, kw_only=True)
class Classify:
    """Record -> the same record with tags."""

    prompt: Prompt
    """`${document}` in its `user` is the request and the categories, as JSON."""
    categories: Mapping[str, Category]
    rules: bool = False
    """Asks nobody."""
    tries: int = 3
    """Replies that are asked for until one can be read."""
    name: str = "classify"
    version: int = 1

    def run(self, record: Record) -> Generator[Ask, Reply, Record]:
        """Gives the tags; see the module docstring.

        Raises:
            Reject: with one of REJECT_CODES.
        """
        request = next((turn.content for turn in record.messages if turn.role == "user"), "")
        if not request.strip():
            raise Reject("no_user_turn", "nobody asks anything")
        tags = request_tags(request, record.lang)
        step = Lineage(self.name, self.version)
        if self.rules:
            found = category_of(request, self.categories)
            tags += [f"category:{found}"] if found else []
        else:
            told, reply = yield from self._ask(request)
            difficulty = _difficulty(told)
            tags += [f"category:{told.category}", f"difficulty:{difficulty}", f"constraints:{told.constraints}"]
            step = Lineage(self.name, self.version, self.prompt.hash, reply.model, reply.key)
        kept = [tag for tag in record.tags if not tag.startswith(OURS)]
        return replace(record, tags=tuple(dict.fromkeys((*kept, *tags))), lineage=(*record.lineage, step))

    def _ask(self, request: str) -> Generator[Ask, Reply, tuple[Sorted, Reply]]:
        """What the model says of `request`, and the reply that says it."""
        meanings = {name: category.meaning for name, category in self.categories.items()}
        document = json.dumps({"task": "sort", "categories": meanings, "request": request}, ensure_ascii=False)
        ask = Ask(
            stage=self.name,
            version=self.version,
            messages=self.prompt.fill(document=document),
            temperature=0.0,
            response_schema=SORTED_SCHEMA,
            prompt_hash=self.prompt.hash,
        )
        return (yield from ask_until_read(ask, self._read, tries=self.tries, wanted="reply", again_temperature=0.5))

    def _read(self, text: str) -> Sorted:
        told = read_reply(Sorted, text).value
        if told.category not in self.categories:
            raise BadReply("category", f"{told.category[:60]!r} is none of them")
        if not (0 <= told.steps <= _MOST and 0 <= told.constraints <= _MOST):
            raise BadReply("range", f"{told.steps} steps, {told.constraints} constraints")
        return told


def _difficulty(told: Sorted) -> str:
    if told.steps >= _HARD[0] or told.constraints >= _HARD[1]:
        return "hard"
    return "easy" if told.steps <= _EASY[0] and told.constraints <= _EASY[1] else "medium"
