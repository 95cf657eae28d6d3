"""Says once, in a line of the summary, that replies hold thinking and no answer: a setting would change that."""

from __future__ import annotations

from blossom_data.asks import Reply
from blossom_data.counters import Counters
from blossom_data.llm.reply.thinking import split_thinking


class ReplyWatch:
    """Sees every reply that a stage is given."""

    def __init__(self, counters: Counters) -> None:
        self._counters = counters
        self._is_told = False

    def saw(self, reply: Reply) -> None:
        """Looks at one reply."""
        if self._is_told:
            return
        split = split_thinking(reply.text)
        if not split.text.strip() and (split.thinking or reply.reasoning):
            self._is_told = True
            told = "replies hold thinking and no answer: raise --max-tokens, or switch thinking off (docs/engines.md)"
            self._counters.notes[told] += 1
