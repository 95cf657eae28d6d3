"""One endpoint at work: slots, sending, retries, verdicts, and counts.

    reply = await channel.complete(ask)      a Reply, or RecordRefused (this record), or EndpointError (every record)

What may pass is sent again up to `max_tries` times; being told to wait, or not reaching the endpoint at all, is not
the record's fault and costs none of these tries. It does not choose between endpoints: pool.py does.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Coroutine
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from blossom_data.asks import Ask, Reply
from blossom_data.config import Endpoint
from blossom_data.counters import Counters
from blossom_data.errors import AuthError, EndpointError, EndpointMismatch, NetworkError, RecordRefused
from blossom_data.llm.access import CLOSED, KEY, what_to_do
from blossom_data.llm.call import TOO_LARGE, Call
from blossom_data.llm.client import Client
from blossom_data.llm.dialect import Dialect, more_room, not_taken
from blossom_data.llm.money.account import Account
from blossom_data.llm.money.budget import LEAST_CAP_TOKENS, Hold
from blossom_data.llm.policy import Action, Failure, Patience, backoff_s
from blossom_data.llm.rate_limits.governor import Governor
from blossom_data.llm.reading import estimate_prompt, read_failed_generation
from blossom_data.llm.refusals import MOST_ALIKE, Refusals, same_for_all
from blossom_data.llm.structured import CANARY, Memory, Negotiation, names_format

if TYPE_CHECKING:
    from blossom_data.llm.rate_limits.shared_window import SharedWindow
    from blossom_data.llm.whereabouts import Served

_BODY_CHARS = 4000
_TYPICAL_TOKENS_OUT = 300.0
_CHANCE_IN_A_ROW = 2
_UNTOLD_IN_A_ROW = 20


class Channel:
    """An endpoint with its client, governor and negotiated JSON modes."""

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        counters: Counters,
        patience: Patience,
        draw: random.Random,
        negotiations: dict[tuple[str, str], Negotiation],
        memory: Memory | None = None,
        account: Account | None = None,
        window: SharedWindow | None = None,
    ) -> None:
        """`negotiations` is shared by the endpoints of a pool, by (base URL, model); `window` by all processes."""
        self.endpoint = endpoint
        self.client = Client(endpoint)
        self.governor = Governor(endpoint, patience=patience, draw=draw, window=window)
        self._counters, self._patience, self._draw = counters, patience, draw
        self._negotiations, self._memory = negotiations, memory
        self._account = account
        self._dialects: dict[str, Dialect] = {}
        self._refusals = Refusals()
        self._looking: asyncio.Future[Served | None] | None = None
        self._untold = 0
        self._tokens_out = _TYPICAL_TOKENS_OUT
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """Sends nothing more: calls that wait for their turn end with an EndpointError, those under way go on."""
        self.governor.shut(EndpointError("the run is stopping", hint="run the same command again to go on"))
        self._stopping.set()

    def complete(self, ask: Ask) -> Coroutine[Any, Any, Reply]:
        """The reply to `ask`, with JSON asked for in the way that the endpoint understands.

        Raises:
            RecordRefused: this request will not be answered.
            EndpointError: no request will be answered.
        """
        if ask.response_schema is None:
            return self._call(ask, "off")
        if self.endpoint.structured != "auto":
            return self._call(ask, self.endpoint.structured)
        return self._negotiate(ask)

    async def _negotiate(self, ask: Ask) -> Reply:
        """The reply to an ask for JSON, where the endpoint's way of asking has to be found."""
        model = ask.model or self.endpoint.model
        key = (self.endpoint.base_url, model)
        if (negotiation := self._negotiations.get(key)) is None:
            name = f"structured {self.endpoint.base_url} {model}"
            label = f"{self.endpoint.label} {model}"
            negotiation = Negotiation(label, self._counters, name=name, memory=self._memory)
            self._negotiations[key] = negotiation
        mode = await negotiation.find(self._call, model)
        try:
            return await self._call(ask, mode)
        except RecordRefused as refusal:
            if mode == "off" or not names_format(refusal):
                raise
            negotiation.downgrade(mode)
            return await self._call(ask, "off")

    def _dialect(self, model: str) -> Dialect:
        if (known := self._dialects.get(model)) is None:
            known = Dialect.of(self.endpoint, model, self._counters, self._memory)
            self._dialects[model] = known
        return known

    async def _call(self, ask: Ask, mode: str) -> Reply:
        """Sends until there is a reply or no hope."""
        model = ask.model or self.endpoint.model
        call = Call(ask, mode, model, self.client.encode(ask, mode), self._dialect(model))
        tokens = self._estimate(ask) if self.governor.counts_tokens else 0.0
        while True:
            outcome = await self._try(call, tokens)
            if isinstance(outcome, Failure):
                outcome = self._about_one(outcome)
                outcome = read_failed_generation(outcome, ask, model) or outcome
            if isinstance(outcome, Reply):
                if (reply := self._take(call, outcome, tokens)) is not None:
                    return reply
                continue
            call.failed_s = call.failed_s or time.monotonic()
            is_learnt = self._has_learnt(call, outcome)
            if is_learnt and outcome.usage is None:
                continue
            if self._account is not None and call.hold is not None:
                self._account.failed(call.hold, outcome, ask, model)
                call.hold = None
            if is_learnt:
                self.governor.answered()
                call.sent_s = None
                continue
            if outcome.action is Action.ENDPOINT:
                raise self._shut(await self._mismatch(outcome))
            if outcome.action is Action.REFUSED:
                if self._account is not None and call.cut is not None and TOO_LARGE.search(outcome.detail):
                    # No larger cap than that is allowed: what was cut is all that this endpoint can give.
                    self.governor.answered()
                    self._account.keep_cut(call.cut, ask, model)
                    return call.cut
                raise self._refuse(ask, self._refused(outcome, "refused by"), mode)
            is_counted = outcome.action is Action.RETRY and outcome.cause != "connect"
            call.tries += is_counted
            call.waits += outcome.action is Action.WAIT
            alone_s = self._judge(outcome, call)
            call.sent_s = None
            self._counters.retries[outcome.cause] += 1
            await self._rest(self._back_off_s(outcome, call.tries) if is_counted else alone_s)

    async def _try(self, call: Call, tokens: float) -> Reply | Failure:
        """Reserves the money and waits for a slot, where it has none of them yet, and sends once."""
        account, ask = self._account, call.ask
        if account is not None and call.hold is None:
            call.hold = await account.reserve(ask, call.model, cap=call.cap, room=call.room_known)
        hold = call.hold
        try:
            if call.sent_s is None:
                call.sent_s = self.governor.take(tokens)
            if call.sent_s is None:
                call.sent_s = await self._wait_for_slot(tokens, first=call.failed_s > 0.0)
            # While it waited, another call may have learnt something.
            hold = self._with_room(call)
            call.payload = call.dialect.say(call.encoded, call.learnt, call.wire_cap)
            return await self._send(call)
        except BaseException:
            if account is not None and hold is not None:
                account.unsent(hold, call.model)
            raise

    def _with_room(self, call: Call) -> Hold | None:
        """The hold of `call`, with the room to think that is known by now; a limited budget has to have held it."""
        call.room, cap = call.room_known(), call.ask.max_tokens
        if self._account is None or call.hold is None or cap is None or call.hold.cap == cap + call.room:
            return call.hold
        if self._account.budget.is_limited:
            call.room = call.hold.cap - cap
        else:
            call.hold = self._account.budget.with_cap(call.hold, cap + call.room)
        return call.hold

    async def _send(self, call: Call) -> Reply | Failure:
        """Sends once, in the slot that was given."""
        self._counters.in_flight += 1
        began_s = time.monotonic()
        try:
            outcome = await self.client.send(call.ask, call.payload)
            if self._account is not None:
                self._account.timed(call.ask, call.model, outcome, time.monotonic() - began_s)
            return outcome
        except BaseException:
            self.governor.released()
            raise
        finally:
            self._counters.in_flight -= 1

    def _take(self, call: Call, reply: Reply, tokens: float) -> Reply | None:
        """Books a reply; None when the budget's own cap has cut it, and it is asked for again with a larger one."""
        assert call.sent_s is not None, "it was sent"
        account, hold = self._account, call.hold
        if account is not None and hold is not None:
            reply = account.believed(hold, reply, call.model)
        self._count(reply, call.sent_s, tokens)
        self._refusals.answered(call.ask.stage)
        self._note_finish(reply)
        more = more_room(call.room, reply) if call.is_document and call.ask.stage != CANARY else ""
        # What was cut while it thought needs no further proof: the calls behind it have the room at once.
        call.dialect.keep({*call.learnt, more} if more else call.learnt)
        if more:
            self._ask_for_more(call, reply)
            return None
        if account is None or hold is None:
            return reply
        if call.too_large and hold.is_ours:
            account.budget.shrink(hold.cap)
        if call.is_cut_by(hold, reply):
            call.cap = 2 * hold.cap
            self._ask_for_more(call, reply)
            return None
        account.answered(hold, reply, call.ask, call.model)
        return reply

    def _ask_for_more(self, call: Call, cut: Reply) -> None:
        """Books an answer that a cap which the user did not set has cut; the call goes on with a larger one."""
        if self._account is not None and call.hold is not None:
            self._account.cut(call.hold, cut, call.ask, call.model)
        call.cut, call.sent_s, call.hold = cut, None, None
        self._counters.retries["cap"] += 1

    def _note_finish(self, reply: Reply) -> None:
        """Says so once when the endpoint never tells how its answers ended."""
        if reply.text:
            self._untold = self._untold + 1 if reply.finish_reason == "unknown" else 0
        if self._untold == _UNTOLD_IN_A_ROW:
            told = f"{self.endpoint.label} never says how an answer ended ({_UNTOLD_IN_A_ROW} in a row)"
            self._counters.notes[f"{told}; if they are whole, --trust-finish takes them"] += 1

    def _about_one(self, failure: Failure) -> Failure:
        """`failure`; where others were answered with this key, no access in unknown words is about its record alone."""
        if failure.cause != CLOSED or not self.governor.has_answered:
            return failure
        return replace(failure, action=Action.REFUSED)

    def _has_learnt(self, call: Call, failure: Failure) -> bool:
        """Whether a refusal says what to leave out, or that our own cap is too large: sent again in the same slot."""
        if (what := not_taken(failure, call.payload)) and what not in call.learnt:
            call.learnt.add(what)
            return True
        hold = call.hold
        is_large = failure.action is Action.REFUSED and TOO_LARGE.search(failure.detail) is not None
        if self._account is None or hold is None or not hold.is_ours or not is_large or call.cut is not None:
            return False
        if hold.cap // 2 < LEAST_CAP_TOKENS:
            return False
        call.too_large = hold.cap
        call.hold = self._account.budget.with_cap(hold, hold.cap // 2)
        return True

    def _judge(self, failure: Failure, call: Call) -> float:
        """Tells the governor what a failure means; gives the seconds until the call may be sent again.

        Raises:
            RecordRefused, EndpointError: it may not.
        """
        alone_s, sent_s = 0.0, call.sent_s
        assert sent_s is not None, "it was sent"
        match failure.action:
            case Action.AUTH:
                # A key that was taken a moment ago is not wrong.
                is_taken = failure.cause == KEY and self.governor.has_answered
                cause, origin = CLOSED if is_taken else failure.cause, self.endpoint.api_key.origin
                told, hint = what_to_do(cause, self.endpoint.label, failure.detail, origin)
                raise self._shut(AuthError(told, hint=hint))
            case Action.NETWORK:
                raise self._shut(NetworkError(f"endpoint {self.endpoint.label}: {failure.detail}", hint=failure.hint))
            case Action.WAIT:
                if failure.cause == "loading":
                    self.governor.loading()
                else:
                    alone_s = self.governor.limited(sent_s, failure.retry_after_s, nth=call.waits)
            case Action.RETRY:
                self.governor.failed(
                    sent_s,
                    is_unreachable=failure.cause == "connect",
                    is_overload=failure.is_overload,
                    detail=failure.detail,
                    hint=failure.hint,
                    is_setting=failure.is_setting,
                )
        if (down := self.governor.down_error) is not None:
            raise down
        is_too_long = time.monotonic() - call.failed_s > self._patience.total_s
        if is_too_long and (failure.action is Action.WAIT or failure.cause == "connect"):
            waited_s = f"{self._patience.total_s:g} s"
            raise EndpointError(
                f"endpoint {self.endpoint.label} kept a call waiting for {waited_s}: {failure.detail}",
                hint="run the same command again later: it goes on where it stopped",
            )
        if call.tries >= self.endpoint.max_tries or is_too_long:
            raise self._refused(failure, "given up at")
        return alone_s

    def _refuse(self, ask: Ask, refusal: RecordRefused, mode: str) -> RecordRefused | EndpointError:
        """Gives the slot back after a refusal, and the error: of this record, or of all if many have met the same."""
        is_about_format = mode != "off" and names_format(refusal)
        if is_about_format and mode == self.endpoint.structured:
            return self._shut(self._wrong_mode(refusal))
        if not is_about_format and self._refusals.count(ask.stage, ask.messages, refusal) >= MOST_ALIKE:
            return self._shut(same_for_all(self.endpoint.label, ask.stage, refusal))
        self.governor.answered()
        return refusal

    async def _mismatch(self, failure: Failure) -> EndpointError:
        """The error of a wrong model or address; what is served instead is looked up once."""
        if 300 <= failure.status < 400:
            hint = "set the base URL to the real address"
            return EndpointMismatch(f"endpoint {self.endpoint.label}: {failure.detail}", hint=hint)
        from blossom_data.llm.whereabouts import look, mismatch

        if self._looking is None:
            self._looking = asyncio.ensure_future(look(self.endpoint))
        return mismatch(self.endpoint, failure.detail, await self._looking)

    async def _wait_for_slot(self, tokens: float, *, first: bool) -> float:
        self._counters.waiting += 1
        try:
            return await self.governor.acquire(tokens, first=first)
        finally:
            self._counters.waiting -= 1

    def _back_off_s(self, failure: Failure, tries: int) -> float:
        """How long a failed call waits: longer with each try, unless all goes well with the other calls."""
        in_a_row = self.governor.failures_in_a_row
        if failure.is_overload or in_a_row > _CHANCE_IN_A_ROW:
            failures = tries if failure.is_overload else min(tries, in_a_row)
            return backoff_s(failures, self._draw, self._patience)
        # The other calls are answered: this one met chance, and nobody gains by its waiting long.
        return backoff_s(tries, self._draw, self._patience) / 10.0

    async def _rest(self, wait_s: float) -> None:
        """Sleeps, without a slot, until it is time or the run stops."""
        if wait_s <= 0.0:
            return
        self._counters.waiting += 1
        try:
            async with asyncio.timeout(wait_s):
                await self._stopping.wait()
        except TimeoutError:
            pass
        finally:
            self._counters.waiting -= 1

    def _count(self, reply: Reply, sent_s: float, estimated: float) -> None:
        """Books a reply; the governor gets back what was estimated too high."""
        usage, counters = reply.usage, self._counters
        used = usage.tokens_in + usage.tokens_out
        counters.calls += 1
        counters.tokens_in += usage.tokens_in
        counters.tokens_out += usage.tokens_out
        counters.tokens_cached += usage.tokens_cached
        if usage.is_estimated:
            counters.tokens_estimated += used
        self._tokens_out += 0.02 * (usage.tokens_out - self._tokens_out)
        self.governor.succeeded(sent_s, estimated - used if estimated else 0.0)

    def _estimate(self, ask: Ask) -> float:
        """Tokens that a call will probably take: its prompt, and what replies took of late."""
        most = self._tokens_out if ask.max_tokens is None else min(self._tokens_out, ask.max_tokens)
        return estimate_prompt(ask) + most

    def _refused(self, failure: Failure, how: str) -> RecordRefused:
        body = self.endpoint.api_key.scrub(failure.body[: 4 * _BODY_CHARS].decode("utf-8", "replace"))[:_BODY_CHARS]
        return RecordRefused(f"{how} {self.endpoint.label}: {failure.detail}", status=failure.status, body=body)

    def _shut(self, error: EndpointError) -> EndpointError:
        """Closes the endpoint before the slot is given back, so that nobody takes it."""
        self.governor.shut(error)
        self.governor.released()
        return error

    def _wrong_mode(self, refusal: RecordRefused) -> EndpointError:
        return EndpointMismatch(
            f"endpoint {self.endpoint.label} does not take structured = {self.endpoint.structured!r}: {refusal}",
            hint='set structured = "auto" to let the endpoint decide',
        )
