"""httpx2 along a Route: what batches, webhooks and the probes of doctor open their connections with.

httpx2.Client(**http_options(route_for(url, os.environ)))       the same proxy and certificates as every other call
certificate_fault(error)                                        "self-signed certificate", or ""
"""

from __future__ import annotations

import importlib.util
import ssl
from typing import TYPE_CHECKING, Any

from blossom_data.errors import ConfigError
from blossom_data.llm.network import Route, ssl_context

if TYPE_CHECKING:
    from collections.abc import Iterator


def http_options(route: Route) -> dict[str, Any]:
    """Arguments of an httpx2 client or transport that goes this way, and reads nothing from the environment itself.

    Raises:
        ConfigError: a file of certificates cannot be read, or the proxy needs a package that is missing.
    """
    import httpx2

    if route.is_socks and importlib.util.find_spec("socksio") is None:
        raise ConfigError(
            f"{route.proxy_origin} names a SOCKS proxy, and the package socksio is missing",
            hint="install blossom-data[socks]",
        )
    context = ssl_context(route)
    proxy = None
    if route.proxy_url:
        own_tls = context if route.proxy_url.startswith("https:") else None
        proxy = httpx2.Proxy(route.proxy_url, ssl_context=own_tls)
    return {"verify": context, "proxy": proxy, "trust_env": False}


def certificate_fault(error: BaseException) -> str:
    """Why a certificate was refused, where that is what lies behind `error`; else ""."""
    for cause in _causes(error):
        if isinstance(cause, ssl.SSLCertVerificationError):
            return str(cause.verify_message or cause)
    return ""


def _causes(error: BaseException) -> Iterator[BaseException]:
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        cause = cause.__cause__ or cause.__context__
