"""The endpoint: name, connection, certificate, clock, key, model, usage, JSON modes; a few small calls.

    Finding("call", "ok", "qwen2.5-7b-instruct answered one token in 0.4 s")

What follows from a failure is left out: without a connection nothing is asked.
"""

from __future__ import annotations

import asyncio
import functools
import os
import socket
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

from blossom_data.asks import Ask, Reply
from blossom_data.config import Endpoint
from blossom_data.counters import Counters
from blossom_data.doctor import FAIL, OK, WARN, Finding
from blossom_data.doctor.route import check_route
from blossom_data.errors import BlossomError, EndpointError, RecordRefused
from blossom_data.llm.client import Client
from blossom_data.llm.http.connection_failures import proxy_wants_name
from blossom_data.llm.http.network import Route, is_this_machine, route_for
from blossom_data.llm.http.plain_http import TRY_S, http_failure, http_options, send_thrice
from blossom_data.llm.policy import Action, Patience
from blossom_data.llm.pool import Pool
from blossom_data.llm.reply.thinking import split_thinking
from blossom_data.llm.structured import Negotiation
from blossom_data.records import Message

_CALL_S = 60.0
_SKEW_S = 60.0
_PATIENCE = Patience(first_s=0.2, most_s=2.0, total_s=10.0, failures_in_a_row=2)
_JSON_TOKENS = 1_024
"""Room to think before the object."""
_JSON_SCHEMA = {
    "type": "object",
    "properties": {"word": {"type": "string"}},
    "required": ["word"],
    "additionalProperties": False,
}


def check_endpoint(endpoint: Endpoint, *, is_called: bool = True) -> list[Finding]:
    """All findings about one endpoint; nothing is paid for unless `is_called`."""

    async def collect() -> list[Finding]:
        return [finding async for finding in _look(endpoint, is_called)]

    return asyncio.run(collect())


async def _look(endpoint: Endpoint, is_called: bool) -> AsyncIterator[Finding]:
    yield _key(endpoint)
    way = check_route(endpoint.base_url, endpoint.ca_file)
    yield way
    if way.state == FAIL:
        return
    route = route_for(endpoint.base_url, os.environ, ca_file=endpoint.ca_file)
    name = await _name(route.proxy_url or endpoint.base_url)
    yield name
    if name.state == FAIL:
        return
    reach, date = await _reach(endpoint, route)
    yield reach
    if reach.state == FAIL:
        return
    parts = urlsplit(endpoint.base_url)
    if parts.scheme == "http" and not is_this_machine(host := str(parts.hostname)):
        yield Finding("tls", WARN, f"key and data travel to {host} in the clear", "use an https address")
    yield _clock(date)
    if not is_called:
        return
    call, reply = await _call(endpoint)
    yield call
    if reply is not None:
        yield _usage(reply)
        yield await _json(endpoint)


def _key(endpoint: Endpoint) -> Finding:
    if endpoint.api_key:
        return Finding("key", OK, f"read from {endpoint.api_key.origin}")
    return Finding("key", OK, "none is set (engines of your own want none); it would be read from OPENAI_API_KEY")


async def _name(url: str) -> Finding:
    """Whether the host that is connected to has an address; behind a proxy that is the proxy, which knows the rest."""
    parts = urlsplit(url)
    host = str(parts.hostname)
    try:
        found = await asyncio.to_thread(socket.getaddrinfo, host, parts.port or parts.scheme, type=socket.SOCK_STREAM)
    except OSError as why:
        fix = "check base_url, proxy, DNS and VPN"
        return Finding("name", FAIL, f"{host} is not found: {why.strerror or why}", fix)
    return Finding("name", OK, f"{host} is {found[0][4][0]}")


async def _reach(endpoint: Endpoint, route: Route) -> tuple[Finding, str]:
    """Asks for the list of models without the key; gives the server's Date."""
    import httpx2

    parts = urlsplit(endpoint.base_url)
    url = endpoint.base_url.rstrip("/") + "/models"

    try:
        async with httpx2.AsyncClient(**http_options(route), timeout=TRY_S, follow_redirects=False) as client:

            async def ask() -> httpx2.Response:
                async with client.stream("GET", url) as response:
                    return response if response.status_code < 500 else response.raise_for_status()

            response = await send_thrice(ask)
    except httpx2.HTTPStatusError as why:
        response = why.response
    except (httpx2.HTTPError, OSError, ValueError) as why:
        failure = http_failure(why, url, route)
        fix = failure.hint or "is the server running, and its port right? a firewall between?"
        return Finding("reach", FAIL, f"{parts.netloc} cannot be reached: {failure.detail}", fix), ""
    date, status = response.headers.get("Date", ""), response.status_code
    if status == 407 and route.proxy_url:
        failure = proxy_wants_name(route)
        return Finding("reach", FAIL, failure.detail, failure.hint), date
    if status in (502, 503, 504):
        told = f"{parts.netloc} answers, but with {status}, three times"
        return Finding("reach", WARN, told, "the server may be starting or have too much to do: try again"), date
    return Finding("reach", OK, f"{parts.netloc} answers ({'TLS' if parts.scheme == 'https' else 'no TLS'})"), date


def _clock(date: str) -> Finding:
    try:
        theirs = parsedate_to_datetime(date)
    except (ValueError, TypeError):
        return Finding("clock", OK, "the endpoint does not say what time it is")
    theirs = theirs if theirs.tzinfo else theirs.replace(tzinfo=UTC)
    ahead_s = (theirs - datetime.now(UTC)).total_seconds()
    if abs(ahead_s) <= _SKEW_S:
        return Finding("clock", OK, f"within {_SKEW_S:g} s of the endpoint's")
    told = f"the endpoint's clock is {abs(ahead_s):,.0f} s {'ahead' if ahead_s > 0 else 'behind'}"
    return Finding("clock", WARN, told, "set the clock of this machine: timedatectl set-ntp true")


async def _call(endpoint: Endpoint) -> tuple[Finding, Reply | None]:
    """One call for one token, in the way of a run: with all that it learns of an endpoint, and its errors."""
    ask = Ask(stage="doctor", version=1, messages=(Message("user", "Say hello."),), max_tokens=1, temperature=0.0)
    began_s = time.monotonic()
    counters = Counters()
    outcome = await _as_a_run_asks(endpoint, ask, counters)
    if isinstance(outcome, Finding):
        return outcome, None
    took_s = time.monotonic() - began_s
    named = f", and calls itself {outcome.model}" if outcome.model != endpoint.model else ""
    learnt = "".join(f"; {note}" for note in counters.notes)
    return Finding("call", OK, f"{endpoint.model} answered one token in {took_s:.1f} s{named}{learnt}"), outcome


async def _as_a_run_asks(endpoint: Endpoint, ask: Ask, counters: Counters, name: str = "call") -> Reply | Finding:
    """The reply to `ask`, or what a run would meet in its place."""
    alone = replace(endpoint, timeout_s=min(endpoint.timeout_s, _CALL_S), max_tries=1, roles=())
    try:
        async with Pool((alone,), counters=counters, patience=_PATIENCE) as pool:
            return await pool.complete(ask)
    except RecordRefused as why:
        told = f"{endpoint.model} did not answer: {why} (a run fails each record that meets this: exit 3)"
        return Finding(name, FAIL, told, "check the model and the server's log; what may pass: try again")
    except BlossomError as why:
        told = f"{endpoint.model} did not answer: {why} (a run ends with exit {why.exit_code})"
        return Finding(name, FAIL, told, why.hint or "check base_url and model")


def _usage(reply: Reply) -> Finding:
    if reply.usage.is_estimated:
        fix = "set a token budget with room, for costs are estimates here"
        return Finding("usage", WARN, "the endpoint does not report its tokens", fix)
    return Finding("usage", OK, "the endpoint reports its tokens")


async def _json(endpoint: Endpoint) -> Finding:
    """Which way of asking for JSON is honoured, and whether a run's own way is taken."""
    mode, why = endpoint.structured, "set"
    if mode == "auto":
        counters = Counters()
        negotiation = Negotiation(endpoint.label, counters)
        async with Client(replace(endpoint, timeout_s=min(endpoint.timeout_s, _CALL_S))) as client:
            try:
                mode = await negotiation.find(functools.partial(_send_once, client), endpoint.model)
            except EndpointError as failure:
                return Finding("json", WARN, f"it could not be found out: {failure}", failure.hint)
        why = next(iter(counters.notes), "")
        if why.endswith(f"{mode} honoured)"):
            return Finding("json", OK, f"{mode} is honoured")
    if mode == "off":
        fix = "translations are asked for by the prompt alone and decoded strictly; a guided engine loses fewer of them"
        told = "structured is set to off" if why == "set" else "the endpoint honours no JSON mode"
        return Finding("json", OK if why == "set" else WARN, told, fix)
    ask = Ask(
        stage="doctor",
        version=1,
        messages=(Message("user", 'Reply with this JSON object alone: {"word": "hello"}'),),
        max_tokens=_JSON_TOKENS,
        temperature=0.0,
        response_schema=_JSON_SCHEMA,
    )
    reply = await _as_a_run_asks(replace(endpoint, structured=mode), ask, Counters(), "json")
    if isinstance(reply, Finding):
        return reply
    if not split_thinking(reply.text, is_object=True).text.lstrip().startswith("{"):
        fix = 'set structured = "auto": a run finds out what is honoured' if why == "set" else "set structured"
        return Finding("json", WARN, f"{mode} is taken, and what came is no JSON object", fix)
    return Finding("json", OK, f"{mode} is taken, and gives JSON")


async def _send_once(client: Client, ask: Ask, mode: str) -> Reply:
    outcome = await client.send(ask, client.encode(ask, mode))
    if isinstance(outcome, Reply):
        return outcome
    if outcome.action is Action.REFUSED:
        body = outcome.body.decode("utf-8", "replace")
        raise RecordRefused(outcome.detail, status=outcome.status, body=body)
    raise EndpointError(f"{outcome.cause}: {outcome.detail}", hint=outcome.hint or "try again")
