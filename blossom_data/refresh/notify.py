"""Tells somebody that a refresh begins, is done or failed: by webhook, by command, or both.

    {"event": "done", "pipeline": "math", "run": "000007-2026-01-31T030000Z", "exit_code": 0, "outcome": "published",
     "counts": {"read": 8792, "kept": 8001, ...}, "calls": 812, "cost_usd": 0.31, "version": "2026-...", ...}

A message holds counts and names of the pipeline's own, never data and never a key. A webhook that is busy or down for a
moment is told again, so a message may come twice. That it cannot be delivered is told, and changes nothing else.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import orjson

from blossom_data import __version__
from blossom_data.config import is_web_address
from blossom_data.errors import ConfigError
from blossom_data.pipelines.settings import NotifySettings

if TYPE_CHECKING:
    from blossom_data.llm.http.network import Route

URL_NAME = "BLOSSOM_NOTIFY_URL"
COMMAND_S = 30.0
_SECRET = ("BLOSSOM_API_KEY", "OPENAI_API_KEY", "HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", URL_NAME)


def webhook(settings: NotifySettings) -> str:
    """The address of the webhook, "" without one.

    Raises:
        ConfigError: it is not an http(s) address; what it is is not said, for it may hold a secret.
    """
    url = os.environ.get(URL_NAME, "").strip() or settings.url
    if url and not is_web_address(url):
        raise ConfigError("the webhook of [notify] is not an http(s) address", hint="set url, or BLOSSOM_NOTIFY_URL")
    return url


def tell(settings: NotifySettings, message: Mapping[str, Any], *, keys: tuple[str, ...] = ()) -> list[str]:
    """Delivers `message`, if it is of an event that is wanted; gives what went wrong, in words without a secret.

    Args:
        keys: further names of the environment that hold keys, which no command may see.
    """
    if message["event"] not in settings.on:
        return []
    body = orjson.dumps(dict(message), option=orjson.OPT_APPEND_NEWLINE)
    problems = []
    if url := webhook(settings):
        problems.append(_post(url, body))
    if settings.command:
        problems.append(_run(settings.command, body, keys))
    return [problem for problem in problems if problem]


def _post(url: str, body: bytes) -> str:
    """Posts `body`, again where that may help; gives what went wrong. No text of a library: it may hold the address."""
    import httpx2

    from blossom_data.llm.http.network import route_for
    from blossom_data.llm.http.plain_http import http_failure

    host = urlsplit(url).hostname
    try:
        route = route_for(url, os.environ)
        asyncio.run(_deliver(url, body, route))
    except httpx2.HTTPStatusError as why:
        return f"the webhook at {host} answered {why.response.status_code}"
    except TimeoutError:
        return f"the webhook at {host} could not be told in time"
    except ConfigError as why:
        return f"the webhook at {host} could not be told: {why}"
    except (httpx2.HTTPError, httpx2.InvalidURL, OSError, ValueError) as why:
        return f"the webhook at {host} could not be told: {http_failure(why, url, route).detail}"
    return ""


async def _deliver(url: str, body: bytes, route: Route) -> None:
    import httpx2

    from blossom_data.llm.http.plain_http import TRY_S, http_options, send_thrice

    headers = {"Content-Type": "application/json", "User-Agent": f"blossom-data/{__version__}"}
    async with httpx2.AsyncClient(**http_options(route), timeout=TRY_S, follow_redirects=False) as client:

        async def post() -> None:
            async with client.stream("POST", url, content=body, headers=headers) as response:
                response.raise_for_status()

        await send_thrice(post)


def _run(command: tuple[str, ...], body: bytes, keys: tuple[str, ...]) -> str:
    environment = {name: value for name, value in os.environ.items() if name not in (*_SECRET, *keys)}
    try:
        child = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=environment,
            start_new_session=True,
        )
    except (OSError, ValueError) as why:
        return f"the command {command[0]} of [notify] cannot be started: {getattr(why, 'strerror', None) or why}"
    try:
        child.communicate(body, timeout=COMMAND_S)
    except subprocess.TimeoutExpired:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        child.communicate()
        return f"the command {command[0]} of [notify] was not done within {COMMAND_S:g} s"
    return "" if child.returncode == 0 else f"the command {command[0]} of [notify] ended with {child.returncode}"
