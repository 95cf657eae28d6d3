"""Finds out what an endpoint does serve, when it does not know the model or the address.

    await look(Endpoint(base_url="http://127.0.0.1:8000", model="qwen"))
        ->  Served(base_url="http://127.0.0.1:8000/v1", models=("Qwen/Qwen2.5-7B-Instruct",))

Asked after a first call was answered with "not found"; it lists models and asks for nothing that costs.
"""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass
from typing import Any

import orjson

from blossom_data.config import Endpoint
from blossom_data.errors import EndpointMismatch
from blossom_data.llm.http.network import route_for
from blossom_data.llm.http.plain_http import http_options

_LOOK_S = 5.0
_MOST_BYTES = 1 << 20
_SHOWN = 8
_ROUTE = "/chat/completions"


@dataclass(frozen=True, slots=True)
class Served:
    """An address that answers, and the models that it lists."""

    base_url: str
    models: tuple[str, ...]


async def look(endpoint: Endpoint) -> Served | None:
    """The nearest address that lists models, None where there is none."""
    import httpx2

    given = endpoint.base_url.rstrip("/")
    bare = given.removesuffix(_ROUTE)
    key = endpoint.api_key.reveal()
    route = route_for(endpoint.base_url, os.environ, ca_file=endpoint.ca_file)
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    async with httpx2.AsyncClient(**http_options(route), headers=headers, timeout=_LOOK_S) as client:
        for base_url in dict.fromkeys((given, bare, f"{bare}/v1", bare.removesuffix("/v1"))):
            try:
                async with asyncio.timeout(_LOOK_S):
                    models = await _models_at(client, base_url)
            # Whatever is wrong there, the error that is told is the one of the call itself.
            except Exception:
                continue
            if models:
                return Served(base_url, models)
    return None


async def _models_at(client: Any, base_url: str) -> tuple[str, ...]:
    """The models listed at `base_url`; none where nothing is listed."""
    body = b""
    async with client.stream("GET", f"{base_url}/models") as response:
        async for piece in response.aiter_bytes():
            if len(body := body + piece) > _MOST_BYTES:
                return ()
    found = orjson.loads(body) if response.status_code == 200 else None
    listed = found.get("data") if isinstance(found, dict) else None
    entries = listed if isinstance(listed, list) else []
    names = [entry.get("id") for entry in entries if isinstance(entry, dict)]
    return tuple(name for name in names if isinstance(name, str) and name)


def mismatch(endpoint: Endpoint, detail: str, served: Served | None) -> EndpointMismatch:
    """The error of a wrong model or address, with what is served instead."""
    label = endpoint.label
    if served is not None and served.base_url != endpoint.base_url.rstrip("/"):
        return EndpointMismatch(
            f"nothing takes requests at {endpoint.base_url}: {detail}", hint=f"give --base-url {served.base_url}"
        )
    if served is not None and endpoint.model not in served.models:
        more = f" and {len(served.models) - _SHOWN} more" if len(served.models) > _SHOWN else ""
        names = ", ".join(served.models[:_SHOWN])
        return EndpointMismatch(
            f"endpoint {label} does not serve model {endpoint.model!r}: {detail}", hint=f"it serves {names}{more}"
        )
    return EndpointMismatch(
        f"endpoint {label} does not serve model {endpoint.model!r} at this address: {detail}",
        hint=f"check the model and the base URL ({endpoint.base_url})",
    )
