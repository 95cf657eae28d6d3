"""httpx2 along a Route: what batches, webhooks and the probes of doctor open their connections with.

httpx2.Client(**http_options(route_for(url, os.environ)))       the same proxy and certificates as every other call
http_failure(error, url, route)                                 what it means that no response came
"""

from __future__ import annotations

import asyncio
import importlib.util
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar
from urllib.parse import urlsplit

from blossom_data.errors import ConfigError, extra_hint
from blossom_data.llm.http.connection_failures import (
    proxy_hint,
    proxy_refusal,
    refused_certificate,
    refused_tls,
    said,
    unreachable,
)
from blossom_data.llm.http.network import Route, ssl_context
from blossom_data.llm.policy import Action, Failure

TRIES = 3
TRY_S = 6.0
ALL_TRIES_S = 20.0
T = TypeVar("T")


def http_options(route: Route) -> dict[str, Any]:
    """Arguments of an httpx2 client or transport that goes this way, and reads nothing from the environment itself.

    Raises:
        ConfigError: a file of certificates cannot be read, or the proxy needs a package that is missing.
    """
    import httpx2

    if route.is_socks and importlib.util.find_spec("socksio") is None:
        raise ConfigError(
            f"{route.proxy_origin} names a SOCKS proxy, and socksio is not installed", hint=extra_hint("socks")
        )
    context, proxy = ssl_context(route), None
    if route.proxy_url:
        proxy = httpx2.Proxy(route.proxy_url, ssl_context=context if route.proxy_url.startswith("https:") else None)
    return {"verify": context, "proxy": proxy, "trust_env": False}


def http_failure(error: BaseException, base_url: str, route: Route) -> Failure:
    """The failure of a call to `base_url` that ended with `error`; no text of a library is passed on."""
    import httpx2

    host = str(urlsplit(base_url).hostname)
    if (refusal := refused_certificate(error, host) or refused_tls(error, host)) is not None:
        return refusal
    if isinstance(error, httpx2.ProxyError):
        # Its text begins with the status of a proxy that answered.
        status = str(error).partition(" ")[0]
        return proxy_refusal(int(status) if status.isdecimal() else 0, base_url, route)
    if isinstance(error, httpx2.ConnectError | httpx2.ConnectTimeout):
        if route.proxy_url:
            there = f"the proxy {route.proxy_shown} ({route.proxy_origin})"
            return unreachable(f"cannot connect to {there}: {said(error)}", hint=proxy_hint(route, host))
        return unreachable(f"cannot connect to {host}: {said(error)}")
    if isinstance(error, httpx2.TimeoutException):
        return Failure(action=Action.RETRY, cause="timeout", detail=f"{host} did not answer in time")
    if isinstance(error, httpx2.TransportError | OSError):
        detail = f"the connection ended before a whole response came: {said(error)}"
        return Failure(action=Action.RETRY, cause="reset", detail=detail)
    return Failure(action=Action.RETRY, cause="body", detail=f"a response that cannot be read ({type(error).__name__})")


async def send_thrice(send: Callable[[], Awaitable[T]]) -> T:
    """What `send` gives, within 20 s and three tries; it raises for a status that may pass, and may arrive twice.

    Raises:
        TimeoutError, httpx2.HTTPError: of the last try.
    """
    import tenacity

    tries = tenacity.AsyncRetrying(
        stop=tenacity.stop_after_attempt(TRIES),
        wait=tenacity.wait_exponential_jitter(multiplier=0.5, max=4.0),
        retry=tenacity.retry_if_exception(_may_pass),
        reraise=True,
    )
    async with asyncio.timeout(ALL_TRIES_S):
        return await tries(send)


def _may_pass(error: BaseException) -> bool:
    import httpx2

    if isinstance(error, httpx2.HTTPStatusError):
        return error.response.status_code in (408, 425, 429) or error.response.status_code >= 500
    return isinstance(error, httpx2.TransportError) and refused_certificate(error, "") is None
