"""Says once, in a line of the summary, what many replies of an endpoint have in common and a setting would change.

20 replies in a row without a finish reason        -> --trust-finish
replies that hold thinking and no answer           -> more room, or no thinking
"""

from __future__ import annotations

from blossom_data.asks import Reply
from blossom_data.counters import Counters
from blossom_data.llm.reply.message_parts import UNKNOWN, finish_kind
from blossom_data.llm.reply.thinking import split_thinking

IN_A_ROW = 20


class ReplyWatch:
    """Sees every reply that a stage is given."""

    def __init__(self, counters: Counters) -> None:
        self._counters = counters
        self._unfinished = 0
        self._is_told = self._is_thinking_told = False

    def saw(self, reply: Reply) -> None:
        """Counts one reply."""
        split = split_thinking(reply.text)
        if not split.text.strip() and (split.thinking or reply.reasoning) and not self._is_thinking_told:
            self._is_thinking_told = True
            told = "replies hold thinking and no answer: raise --max-tokens, or switch thinking off (docs/engines.md)"
            self._counters.notes[told] += 1
        if finish_kind(reply.finish_reason) != UNKNOWN:
            self._unfinished = 0
        elif split.text.strip():
            self._unfinished += 1
        if self._unfinished == IN_A_ROW and not self._is_told:
            self._is_told = True
            told = (
                f"{IN_A_ROW} replies in a row told no finish_reason: such answers count as cut off, "
                "unless --trust-finish takes them for whole"
            )
            self._counters.notes[told] += 1
