"""Starts the server: a free port of 127.0.0.1, a token, the link; and ends it on Ctrl-C.

with bound(0) as socket:  serve(library, talkers, socket=socket, lang="zh", tell=lambda link: ...)
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
import signal
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import uvicorn

from blossom_data.errors import ConfigError
from blossom_data.view.chat.talkers import Talker
from blossom_data.view.server.app import build_app
from blossom_data.view.server.library import Library

HOST = "127.0.0.1"
_ENDS = (signal.SIGINT, signal.SIGTERM)
_LAST_S = 2
"""So long replies that are under way may go on at the end."""


def bound(port: int) -> socket.socket:
    """A socket of this machine alone; port 0 takes a free one.

    Raises:
        ConfigError: the port cannot be had.
    """
    opened = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        opened.bind((HOST, port))
    except (OSError, OverflowError) as why:
        opened.close()
        told = getattr(why, "strerror", None) or str(why)
        raise ConfigError(f"port {port} cannot be used: {told}", hint="name another --port, or none") from why
    return opened


def serve(
    library: Library,
    talkers: tuple[Talker, ...],
    *,
    opened: socket.socket,
    lang: str,
    is_debug: bool,
    tell: Callable[[str], None],
) -> None:
    """Serves until SIGINT or SIGTERM; `tell` is given the link once the page answers."""
    if not is_debug:
        # What goes wrong stands on the page; what strangers send is nobody's business.
        logging.getLogger("uvicorn").setLevel(logging.CRITICAL + 1)
        logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL + 1)
    token, port = secrets.token_urlsafe(32), int(opened.getsockname()[1])
    app = build_app(library, talkers, lang=lang, token=token, port=port)
    link = f"http://{HOST}:{port}/?token={token}"
    asyncio.run(_serve(app, talkers, opened, lambda: tell(link)))


class _Server(uvicorn.Server):
    """A server whose end by a signal is its usual end, and no error."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        for number in _ENDS:
            loop.add_signal_handler(number, self.handle_exit, number, None)
        try:
            yield
        finally:
            for number in _ENDS:
                loop.remove_signal_handler(number)


async def _serve(app: Any, talkers: tuple[Talker, ...], opened: socket.socket, is_up: Callable[[], None]) -> None:
    async with _all(talkers):
        config = uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            lifespan="off",
            server_header=False,
            date_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=_LAST_S,
        )
        server = _Server(config)
        served = asyncio.create_task(server.serve(sockets=[opened]))
        while not server.started and not served.done():
            await asyncio.sleep(0.01)
        if server.started:
            is_up()
        await served


@contextlib.asynccontextmanager
async def _all(talkers: tuple[Talker, ...]) -> AsyncIterator[None]:
    """All who answer, opened side by side."""
    async with contextlib.AsyncExitStack() as stack:
        for talker in talkers:
            await stack.enter_async_context(talker)
        yield
