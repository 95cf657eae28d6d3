"""One ask on its way to a reply: what was reserved, learnt and tried for it so far; channel.py moves it along."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from blossom_data.asks import Ask, Reply
from blossom_data.llm.dialect import Dialect
from blossom_data.llm.money.budget import Hold

_LARGEST_CAP_TOKENS = 131_072
"""No answer is longer; one that is cut there repeats itself without end."""
TOO_LARGE = re.compile(
    r"\bmax_(?:completion_)?tokens\b|\bcontext\b|\btoo (?:large|long|many tokens)\b|\bexceed|上下文|超过|超出",
    re.IGNORECASE,
)
"""What a refusal says of a cap that is larger than the endpoint allows."""


@dataclass(slots=True)
class Call:
    """One ask on its way to a reply."""

    ask: Ask
    mode: str
    model: str
    encoded: bytes
    dialect: Dialect
    payload: bytes = b""
    learnt: set[str] = field(default_factory=set)
    tries: int = 0
    waits: int = 0
    sent_s: float | None = None
    """When its slot was given; None without one."""
    failed_s: float = 0.0
    hold: Hold | None = None
    cap: int = 0
    """Output tokens wanted of the budget, 0 for what is usual."""
    too_large: int = 0
    """A cap of the budget that the endpoint did not allow."""
    cut: Reply | None = None
    """The answer that the cap before this one has cut."""
    room: int = 0
    """Output tokens for thinking that were allowed beside the ask's own."""

    @property
    def is_document(self) -> bool:
        """Whether the ask's own cap is what a stage expects of a JSON document, thinking apart."""
        return self.ask.response_schema is not None and self.ask.max_tokens is not None

    def room_known(self) -> int:
        """The room that the model needs to think, by what is known just now."""
        return self.dialect.room if self.is_document else 0

    @property
    def wire_cap(self) -> int | None:
        """The limit of output tokens to send in place of the ask's."""
        if self.hold is not None and self.hold.is_ours:
            return self.hold.cap
        return self.ask.max_tokens + self.room if self.ask.max_tokens and self.room else None

    def is_cut_by(self, hold: Hold, reply: Reply) -> bool:
        """Whether the budget's own cap cut `reply`, and a larger one may bring more."""
        is_allowed = not self.too_large or 2 * hold.cap < self.too_large
        is_longer = not reply.usage.is_estimated or self.cut is None or len(reply.text) > 1.2 * len(self.cut.text)
        return is_allowed and is_longer and is_cut(hold, reply)


def is_cut(hold: Hold, reply: Reply) -> bool:
    """Whether the budget's own cap cut `reply`, and a larger one may be given."""
    if not hold.is_ours or reply.finish_reason != "length" or 2 * hold.cap > _LARGEST_CAP_TOKENS:
        return False
    return reply.usage.is_estimated or reply.usage.tokens_out >= 0.9 * hold.cap
