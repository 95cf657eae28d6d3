"""What it means when a transport brings no response: a Failure in words of our own.

    failure_of(ClientConnectorDNSError(...), "https://api.example.com/v1", route)
    ->  Failure(action=Action.RETRY, cause="connect", detail="cannot find the address of api.example.com: ...")

No text of a library is passed on: it may quote what the server sent, or the address of a proxy with its password.
"""

from __future__ import annotations

import os
import socket
import ssl
from urllib.parse import urljoin, urlsplit

import aiohttp

from blossom_data.llm.http.network import CERTIFICATE_HINT, Route
from blossom_data.llm.http.transport import CONNECT_S
from blossom_data.llm.policy import Action, Failure

_HOSTNAME_MISMATCH, _EXPIRED, _NOT_YET_VALID = 62, 10, 9
_HINTS = {
    _HOSTNAME_MISMATCH: "check the host in the base URL",
    _EXPIRED: "check the clock of this machine; else its owner has to renew it",
    _NOT_YET_VALID: "check the clock of this machine",
}


def failure_of(error: Exception, base_url: str, route: Route) -> Failure:
    """The failure of a call to `base_url` that ended with `error`."""
    shown = error.host if isinstance(error, aiohttp.ClientConnectorError) else urlsplit(base_url).hostname
    if (refusal := refused_certificate(error, str(shown)) or refused_tls(error, str(shown))) is not None:
        return refusal
    if route.proxy_url and (failure := _at_proxy(error, base_url, route)) is not None:
        return failure
    host = str(urlsplit(base_url).hostname)
    if isinstance(error, aiohttp.ConnectionTimeoutError):
        return unreachable(f"no connection to {host} within {CONNECT_S:g} s")
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        hint = f"check the host in the base URL, DNS and VPN ({base_url})"
        told = f"cannot find the address of {host}: {said(error)}"
        return unreachable(told, hint=hint, is_setting=_is_unknown_name(error))
    if isinstance(error, aiohttp.ClientConnectorError):
        return unreachable(f"cannot connect to {error.host}:{error.port}: {said(error)}")
    if isinstance(error, aiohttp.ClientPayloadError):
        return Failure(action=Action.RETRY, cause="body", detail="a response that broke off")
    if isinstance(error, aiohttp.ClientResponseError):
        return Failure(action=Action.RETRY, cause="body", detail="what came is no HTTP response that can be read")
    if isinstance(error, OSError | aiohttp.ClientConnectionError):
        detail = f"the connection ended before a response came: {said(error)}"
        return Failure(action=Action.RETRY, cause="reset", detail=detail)
    return Failure(action=Action.RETRY, cause="body", detail=f"a response that cannot be read ({type(error).__name__})")


def https_failure(failure: Failure, base_url: str, location: str) -> Failure:
    """The failure of a redirect; one from http to https of the same host says what to set."""
    try:
        here, there = urlsplit(base_url), urlsplit(urljoin(base_url, location))
        is_only_tls = here.scheme == "http" and there.scheme == "https" and here.hostname == there.hostname
        port = f":{there.port}" if there.port not in (None, 443) else ""
    except ValueError:
        return failure
    if not is_only_tls:
        return failure
    host = f"[{here.hostname}]" if ":" in str(here.hostname) else here.hostname
    address = f"https://{host}{port}{here.path.rstrip('/')}"
    return Failure(
        action=Action.NETWORK,
        cause=failure.cause,
        detail=f"HTTP {failure.status} redirects to https, which is not followed: the key would go in the clear",
        status=failure.status,
        hint=f"use {address}",
    )


def proxy_wants_name(route: Route) -> Failure:
    """The failure of a 407, which is the proxy's and not the endpoint's."""
    has_name = "@" in route.proxy_url
    what = "refuses the user name and password" if has_name else "wants a user name and password"
    rest = route.proxy_shown.partition("://")[2]
    return Failure(
        action=Action.NETWORK,
        cause="407",
        status=407,
        detail=f"the proxy {route.proxy_shown} {what} (407)",
        hint=f"put USER:PASSWORD@ before {rest} in {route.proxy_origin}; write @ as %40, # as %23, / as %2F",
    )


def proxy_refusal(status: int, base_url: str, route: Route) -> Failure:
    """The failure of a proxy that would not connect to the host, by the status that it answered; 0 for none."""
    proxy, host = f"the proxy {route.proxy_shown} ({route.proxy_origin})", urlsplit(base_url).hostname
    if status == 407:
        return proxy_wants_name(route)
    if 400 <= status < 500 and status not in (408, 425, 429):
        return Failure(
            action=Action.NETWORK,
            cause="connect",
            detail=f"{proxy} refuses to connect to {host} ({status})",
            hint=f"ask who runs it, or name {host} in NO_PROXY where it can be reached directly",
        )
    return unreachable(f"{proxy} did not connect to {host}" + (f" ({status})" if status else ""))


def _at_proxy(error: Exception, base_url: str, route: Route) -> Failure | None:
    """The failure of the proxy's own doing."""
    proxy, host = f"the proxy {route.proxy_shown} ({route.proxy_origin})", urlsplit(base_url).hostname
    if isinstance(error, aiohttp.ClientProxyConnectionError):
        return unreachable(f"{proxy} cannot be reached: {said(error)}", hint=proxy_hint(route, str(host)))
    if isinstance(error, aiohttp.ClientHttpProxyError):
        return proxy_refusal(error.status, base_url, route)
    if not route.is_socks or isinstance(error, aiohttp.ClientError):
        return None
    if "uthentication" in str(error):
        return proxy_wants_name(route)
    if type(error).__name__ in ("ProxyError", "ProxyConnectionError", "ProxyTimeoutError"):
        what = "cannot be reached" if type(error).__name__ == "ProxyConnectionError" else f"did not connect to {host}"
        return unreachable(f"{proxy} {what}", hint=proxy_hint(route, str(host)))
    return None


def proxy_hint(route: Route, host: str) -> str:
    return f"check {route.proxy_origin}, or name {host} in NO_PROXY where it can be reached directly"


def unreachable(detail: str, *, hint: str = "", is_setting: bool = False) -> Failure:
    """The failure of a call that was not sent."""
    return Failure(action=Action.RETRY, cause="connect", detail=detail, hint=hint, is_setting=is_setting)


def _is_unknown_name(error: BaseException) -> bool:
    """Whether the host has no address, in the words of whoever knows all names; not one that cannot be asked now."""
    why = getattr(error, "os_error", None)
    return isinstance(why, socket.gaierror) and why.errno == socket.EAI_NONAME


def said(error: BaseException) -> str:
    """What the system says of the error that lies behind `error`; texts of libraries are left out."""
    why: BaseException | None = error
    while why is not None:
        # aiohttp repeats the number of the error that it holds, without the words.
        why = getattr(why, "os_error", None) or why
        if isinstance(why, OSError) and why.errno:
            # Numbers of TLS and of names are not the system's; of the others asyncio hides the words.
            is_named_apart = isinstance(why, ssl.SSLError | socket.gaierror)
            return str(why.strerror) if is_named_apart else os.strerror(why.errno)
        if isinstance(why, TimeoutError):
            return "no answer in time"
        why = why.__cause__ or why.__context__
    return "it was closed at the other end"


def refused_tls(error: BaseException, host: str) -> Failure | None:
    """The failure of a host that answers https with something else, or takes none of our versions of it."""
    why: BaseException | None = error
    while why is not None:
        why = getattr(why, "os_error", None) or why
        # A connection that breaks off while TLS begins is the network's fault, and may pass.
        if type(why) is ssl.SSLError:
            is_plain = why.reason in ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE")
            told = "speaks no TLS at this port" if is_plain else f"takes no TLS connection of ours: {why.reason}"
            hint = "use http:// in the base URL, or the port of its https" if is_plain else "check the base URL"
            return Failure(action=Action.NETWORK, cause="connect", detail=f"{host} {told}", hint=hint)
        why = why.__cause__ or why.__context__
    return None


def refused_certificate(error: BaseException, host: str) -> Failure | None:
    """The failure of a certificate of `host` that was refused, where that lies behind `error`."""
    why: BaseException | None = error
    for _ in range(8):
        # aiohttp's error is of this class too, and holds the one that says why.
        inner = getattr(why, "certificate_error", None)
        if isinstance(inner, Exception):
            why = inner
        elif isinstance(why, ssl.SSLCertVerificationError):
            return Failure(
                action=Action.NETWORK,
                cause="connect",
                detail=f"the certificate of {host} is refused: {why.verify_message}",
                hint=_HINTS.get(why.verify_code, CERTIFICATE_HINT),
            )
        else:
            why = (why.__cause__ or why.__context__) if why is not None else None
    return None
