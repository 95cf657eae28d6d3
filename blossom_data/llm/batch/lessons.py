"""What refused lines of batches teach, by the rules of calls one by one: what a model does not take, and what it gives
every line.

    "Unsupported parameter: 'max_tokens' ... Use 'max_completion_tokens' instead"    the line goes into the next batch
    one sentence for twenty lines, and no answer in their batch                      the run ends, nothing more is sent

A line that is sent again for what it taught has not used up one of its batches.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from blossom_data.asks import Ask
from blossom_data.counters import Counters
from blossom_data.errors import EndpointMismatch, RecordRefused
from blossom_data.llm.batch.protocol import BatchClient
from blossom_data.llm.dialect import Dialect, not_taken
from blossom_data.llm.policy import Failure
from blossom_data.llm.refusals import MOST_ALIKE, Refusals, same_for_all
from blossom_data.llm.structured import Memory


class Lessons:
    """What was learnt of each endpoint and model."""

    def __init__(self, counters: Counters, memory: Memory) -> None:
        self._counters, self._memory = counters, memory
        self._dialects: dict[tuple[str, str], Dialect] = {}
        self._taught_by: defaultdict[bytes, set[str]] = defaultdict(set)
        self._refusals: defaultdict[str, Refusals] = defaultdict(Refusals)
        self.mended: set[bytes] = set()
        """Lines that taught something and have not been sent again since."""

    def dialect(self, client: BatchClient, model: str) -> Dialect:
        """How lines for `model` are put; shared with what is asked call by call, through the memory."""
        name = (client.endpoint.base_url, model)
        if name not in self._dialects:
            self._dialects[name] = Dialect.of(client.endpoint, model, self._counters, self._memory)
        return self._dialects[name]

    def learn(self, key: bytes, ask: Ask, client: BatchClient, model: str, failure: Failure) -> bool:
        """Whether a refused line tells what to leave out, so that it is worth sending again."""
        what = not_taken(failure, client.encode(ask, "off"))
        if not what or what in self._taught_by[key]:
            return False
        self._taught_by[key].add(what)
        self.mended.add(key)
        self.dialect(client, model).keep({what})
        return True

    def same_for_all(
        self, client: BatchClient, stage: str, answers: int, refusals: Mapping[bytes, RecordRefused]
    ) -> EndpointMismatch | None:
        """The error that ends the run, where twenty lines are refused alike and no batch brings an answer."""
        met = self._refusals[client.endpoint.base_url]
        if answers:
            met.answered(stage)
            return None
        alike = ((met.count(stage, key, refusal), refusal) for key, refusal in refusals.items())
        return next((same_for_all(client.endpoint.label, stage, why) for n, why in alike if n >= MOST_ALIKE), None)
