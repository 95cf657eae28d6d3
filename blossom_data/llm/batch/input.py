"""The input file of a batch, and how its lines ask for JSON.

It is written to an unnamed temporary file, so that a batch of 200 MB stays out of memory and leaves nothing behind.
Its hash is the intent by which the batch is found again. It is sent by protocol.py.
"""

from __future__ import annotations

import asyncio
import hashlib
import tempfile
from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import Self

from blossom_data.asks import Ask, Reply
from blossom_data.counters import Counters
from blossom_data.errors import BlossomError, EndpointError, RecordRefused
from blossom_data.llm.batch.lines import encode_line
from blossom_data.llm.batch.protocol import BatchClient
from blossom_data.llm.dialect import Dialect
from blossom_data.llm.money.account import Account
from blossom_data.llm.policy import Action, backoff_s
from blossom_data.llm.structured import Negotiation

_CANARY_TRIES = 4


class BatchInput:
    """The lines of `asks`, put as `dialect` says, up to `most_bytes`; the rest is `left_over`.

    Args:
        cap: output tokens that each line may have, in place of what its ask says; 0: as the ask says.

    Raises:
        BlossomError: the temporary file cannot be written.
    """

    def __init__(
        self,
        asks: Mapping[bytes, Ask],
        client: BatchClient,
        mode: str,
        dialect: Dialect,
        most_bytes: int,
        cap: int = 0,
    ) -> None:
        self._cap = cap
        self.keys: set[bytes] = set()
        self.left_over: list[bytes] = []
        self.refused: dict[bytes, RecordRefused] = {}
        """Asks that cannot be sent: not encodable, or larger than a whole batch may be."""
        self._digest = hashlib.blake2b(digest_size=16)
        self.file = tempfile.TemporaryFile()  # noqa: SIM115
        try:
            self._write(asks, client, mode, dialect, most_bytes)
        except OSError as why:
            self.file.close()
            raise BlossomError(
                f"cannot write the input of a batch to {tempfile.gettempdir()}: {why.strerror}",
                hint="free some space there, or name another folder in TMPDIR; nothing was bought",
            ) from why

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, why: BaseException | None, at: TracebackType | None) -> None:
        self.file.close()

    def digest(self, number: int) -> str:
        """The intent: a hash of the content and of `number`, which tells equal inputs apart."""
        whole = self._digest.copy()
        whole.update(b"#%d" % number)
        return whole.hexdigest()

    def _write(
        self, asks: Mapping[bytes, Ask], client: BatchClient, mode: str, dialect: Dialect, most_bytes: int
    ) -> None:
        size = 0
        for key, ask in asks.items():
            try:
                payload = client.encode(ask, "off" if ask.response_schema is None else mode)
                line = encode_line(key, dialect.say(payload, frozenset(), self._cap or None))
            except RecordRefused as refusal:
                self.refused[key] = refusal
                continue
            if len(line) > most_bytes:
                told = f"the request has {len(line):,} bytes, a batch at most {most_bytes:,}"
                self.refused[key] = RecordRefused(told, status=413)
            elif size + len(line) > most_bytes:
                self.left_over.append(key)
            else:
                self.file.write(line)
                self._digest.update(line)
                self.keys.add(key)
                size += len(line)
        self.file.flush()


class Modes:
    """How JSON is asked for at each (endpoint, model); `structured = "auto"` costs one canary call online."""

    def __init__(self, counters: Counters, account: Account) -> None:
        self._counters, self._account = counters, account
        self._negotiations: dict[tuple[str, str], Negotiation] = {}

    async def of(self, client: BatchClient, model: str, asks: Iterable[Ask]) -> str:
        """The mode for `asks`, all of one model.

        Raises:
            EndpointError: the key or the address is refused.
        """
        if client.endpoint.structured != "auto":
            return client.endpoint.structured
        if all(ask.response_schema is None for ask in asks):
            return "off"
        negotiation = self._negotiations.setdefault(
            (client.endpoint.base_url, model), Negotiation(f"{client.endpoint.label} {model}", self._counters)
        )

        async def send(canary: Ask, mode: str) -> Reply:
            reply = await _ask_online(client, canary, mode)
            self._account.unreserved(reply.usage, canary.stage, model, is_kept=False)
            return reply

        return await negotiation.find(send, model)

    def downgrade(self, client: BatchClient, model: str) -> bool:
        """A line was refused for its format; gives whether it is worth sending without one."""
        known = self._negotiations.get((client.endpoint.base_url, model))
        if known is None or client.endpoint.structured != "auto":
            return False
        if known.mode != "off":
            known.downgrade(known.mode)
        return True


async def _ask_online(client: BatchClient, canary: Ask, mode: str) -> Reply:
    """One small call outside the batches; an endpoint that answers batches only refuses it, which is no error."""
    payload = client.encode(canary, mode)
    number = 0
    while not isinstance(outcome := await client.send(canary, payload), Reply):
        number += 1
        if outcome.action is Action.AUTH:
            raise client.fatal(outcome, "a call")
        if outcome.action in (Action.REFUSED, Action.ENDPOINT) or number == _CANARY_TRIES:
            if outcome.cause == "connect":
                raise EndpointError(
                    f"endpoint {client.endpoint.label} cannot be reached: {outcome.detail}",
                    hint="check the endpoint, then run the same command again: it goes on where it stopped",
                )
            body = outcome.body.decode("utf-8", "replace")[:4000]
            raise RecordRefused(f"the canary was not answered: {outcome.detail}", status=outcome.status, body=body)
        await asyncio.sleep(max(outcome.retry_after_s or 0.0, backoff_s(number, client.draw, client.patience)))
    return outcome
