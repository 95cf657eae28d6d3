"""Brings the results of one ended batch home: every reply into the ledger first, then to the call that waits for it.

A download that breaks off begins again; lines that are in the ledger by then are passed over. What stays open in
`StoredBatch.keys` afterwards has no answer: expired, cancelled, failed for a while, or lost by the provider. Whether
such a line is sent again is asker.py's part.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from blossom_data.asks import Ask, Reply
from blossom_data.counters import Counters
from blossom_data.errors import BlossomError, RecordRefused
from blossom_data.ledger.store import Ledger
from blossom_data.llm.batch.line_budget import LineBudget
from blossom_data.llm.batch.lines import judge_line, read_line
from blossom_data.llm.batch.protocol import BatchClient, CutShort, RemoteBatch, Tries
from blossom_data.llm.batch.store import StoredBatch
from blossom_data.llm.policy import Action, Failure

MOST_FETCHES = 3
"""Times that results which should be there are looked for before their lines count as lost."""
_AT_ONCE = 256
_BODY_CHARS = 4000
_WRAPPER_BYTES = 1 << 16


class Results:
    """Reads the files of one batch.

    Args:
        ask_of: the ask that waits for a key, None when nobody does (yet).
        budget: books what each line was billed.
        deliver: gets each reply, durable by then; None for a line that a cap has cut, and that goes out again.
        may_go_again: whether a refused line stays open, to be sent again in another way.
    """

    def __init__(
        self,
        client: BatchClient,
        stored: StoredBatch,
        *,
        ledger: Ledger,
        counters: Counters,
        budget: LineBudget,
        ask_of: Callable[[bytes], Ask | None],
        deliver: Callable[[bytes, Reply | None], None],
        may_go_again: Callable[[bytes, RecordRefused, Failure], bool],
    ) -> None:
        self._client, self._stored, self._ledger, self._counters = client, stored, ledger, counters
        self._budget = budget
        self._ask_of, self._deliver, self._may_go_again = ask_of, deliver, may_go_again
        self._unused = Ask(stage=stored.stage, version=0, messages=(), model=stored.model)
        self._bought: dict[bytes, Reply] = {}
        self._booked: set[bytes] = set()
        """Lines without an answer that were billed."""
        self.answers = 0
        self.refusals: dict[bytes, RecordRefused] = {}
        """The lines that are given up in this run."""
        self.fatal: BlossomError | None = None
        """What the lines say about all further calls: a refused key, a spent quota."""

    async def read(self, remote: RemoteBatch) -> None:
        """Takes in all that `remote` has.

        Raises:
            EndpointError: the files cannot be had for now.
            LedgerError: a reply could not be made durable.
        """
        tries = Tries(self._client, f"fetching the results of batch {remote.id}")
        fetches = 0
        while True:
            fetches += 1
            try:
                answers = await self._file(remote.output_file_id)
                await self._file(remote.error_file_id)
                if answers >= remote.completed:
                    return
                missing = f"{remote.completed - answers:,} answers are missing in the output file"
            except CutShort as cut:
                if cut.failure.status not in (404, 410):
                    await tries.bear(cut.failure)
                    fetches = 0
                    continue
                missing = f"a result file is gone ({cut.failure.detail})"
            if fetches == MOST_FETCHES:
                self._counters.notes[f"batch {remote.id}: {missing}"] += 1
                return
            await tries.bear(Failure(action=Action.RETRY, cause="body", detail=missing))
            remote = await self._client.retrieve(remote.id)

    async def _file(self, file_id: str) -> int:
        """Reads one file; gives how many result lines it holds."""
        if not file_id:
            return 0
        count = 0
        lines = self._client.lines(file_id, most_line_bytes=self._client.endpoint.max_body_bytes + _WRAPPER_BYTES)
        try:
            async for raw in lines:
                count += self._take(raw)
                if len(self._bought) >= _AT_ONCE:
                    await self._store()
        finally:
            await lines.aclose()
            await self._store()
        return count

    def _take(self, raw: bytes) -> bool:
        """Sorts one line; gives whether it is a result."""
        line = read_line(raw)
        if line is None:
            if raw.strip():
                self._counters.notes[f"batch {self._stored.batch_id}: lines that are no results"] += 1
            return False
        if line.key not in self._stored.keys or line.key in self._bought:
            return True
        judged = judge_line(line, self._ask_of(line.key) or self._unused, self._stored.model)
        outcome = self._client.endpoint.api_key.scrub_fields(judged)
        if isinstance(outcome, Failure) and line.key not in self._booked:
            # A download that begins anew brings the same line once more.
            self._booked.add(line.key)
            self._budget.failed(line.key, outcome, self._stored)
        if isinstance(outcome, Reply):
            self._bought[line.key] = outcome
        elif outcome.action is Action.REFUSED:
            refusal = self._refusal(outcome)
            if not self._may_go_again(line.key, refusal, outcome):
                self._stored.keys.discard(line.key)
                self.refusals[line.key] = refusal
        else:
            self._counters.retries[outcome.cause] += 1
            if outcome.action in (Action.AUTH, Action.ENDPOINT):
                self.fatal = self.fatal or self._client.fatal(outcome, f"a line of batch {self._stored.batch_id}")
        return True

    async def _store(self) -> None:
        """Makes what was taken durable, then hands it on."""
        bought, self._bought = self._bought, {}
        whole = {key for key, reply in bought.items() if self._budget.answered(key, reply, self._stored)}
        await asyncio.gather(
            *(self._ledger.put(key, self._ask_of(key) or self._unused, bought[key]) for key in bought if key in whole)
        )
        counters = self._counters
        self.answers += len(bought)
        counters.retries["cap"] += len(bought) - len(whole)
        for key, reply in bought.items():
            usage = reply.usage
            counters.calls += 1
            counters.tokens_in += usage.tokens_in
            counters.tokens_out += usage.tokens_out
            counters.tokens_cached += usage.tokens_cached
            if usage.is_estimated:
                counters.tokens_estimated += usage.tokens_in + usage.tokens_out
            self._stored.keys.discard(key)
            self._deliver(key, reply if key in whole else None)

    def _refusal(self, failure: Failure) -> RecordRefused:
        body = failure.body.decode("utf-8", "replace")[:_BODY_CHARS]
        label = self._client.endpoint.label
        return RecordRefused(f"refused by {label}: {failure.detail}", status=failure.status, body=body)
