"""A question whose reply must be of a kind: asked again until one can be read; what is wrong is never guessed right.

grade, reply = yield from ask_until_read(Ask(stage="judge-answer", ...), read_grade, tries=3, wanted="verdict")
pairs = yield from side_by_side([ask_until_read(ask, ...) for ask in asks])
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from blossom_data.asks import Ask, Reply
from blossom_data.llm.decode import BadReply
from blossom_data.llm.reply.message_parts import finish_kind
from blossom_data.records import Reject

Made = TypeVar("Made")


def ask_until_read(
    ask: Ask, read: Callable[[str], Made], *, tries: int, wanted: str, again_temperature: float | None
) -> Generator[Ask, Reply, tuple[Made, Reply]]:
    """What `read` makes of the first reply that it can read, and that reply.

    Args:
        read: raises BadReply for a text that is not what was asked for.
        wanted: what the reply is, for people: "verdict".
        again_temperature: of every try but the first.

    Raises:
        Reject: content_filter, or unreadable with the last reply and a line for each try.
    """
    history: list[str] = []
    code = detail = ""
    for attempt in range(tries):
        temperature = again_temperature if attempt else ask.temperature
        reply = yield replace(ask, attempt=attempt, temperature=temperature, because=code)
        if finish_kind(reply.finish_reason) == "content_filter":
            raise Reject("content_filter", f"the endpoint filtered the {wanted}", reply=reply.text)
        try:
            if reply.refusal:
                raise BadReply("refusal", reply.refusal[:200])
            return read(reply.text), reply
        except BadReply as why:
            code, detail = why.code, why.detail
            history.append(f"try {attempt}: {why}")
    raise Reject("unreadable", detail, reply=reply.text, history=tuple(history))


def side_by_side(each: Sequence[Generator[Ask, Reply, Made]]) -> Generator[list[Ask], Any, list[Made]]:
    """What every one of `each` returns, in order; what they ask at one time is sent at one time."""
    made: dict[int, Made] = {}
    heard: dict[int, Reply | None] = dict.fromkeys(range(len(each)))
    while heard:
        asks: dict[int, Ask] = {}
        for place, reply in heard.items():
            try:
                asks[place] = next(each[place]) if reply is None else each[place].send(reply)
            except StopIteration as end:
                made[place] = end.value
        replies = (yield list(asks.values())) if asks else []
        heard = dict(zip(asks, replies, strict=True))
    return [made[place] for place in range(len(each))]
