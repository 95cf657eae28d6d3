"""The application: its addresses, what they show, and how an error looks."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from blossom_data.errors import BlossomError
from blossom_data.view.chat.talkers import Talker
from blossom_data.view.server.browsing import Browsing
from blossom_data.view.server.chatting import Chatting
from blossom_data.view.server.comparing import Comparing
from blossom_data.view.server.guard import Guard
from blossom_data.view.server.html import Pages
from blossom_data.view.server.library import Library

_TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
_SHARED = {"palette.css": files("blossom_data.report.page").joinpath("palette.css")}
"""What the pages of reports have, too."""


def build_app(library: Library, talkers: tuple[Talker, ...] = (), *, lang: str, token: str, port: int) -> ASGIApp:
    """The application for the sets of `library` and the models of `talkers`; asked by the holder of `token` alone."""
    pages = Pages(lang, has_chat=bool(talkers), sets=len(library.sets))
    browsing, comparing = Browsing(library, pages), Comparing(library, pages)
    routes = [
        Route("/", browsing.home if library.sets or not talkers else Chatting(talkers, pages).page),
        Route("/static/{name}", _static),
        Route("/s/{set:int}", browsing.rows),
        Route("/s/{set:int}/marks", browsing.marks),
        Route("/s/{set:int}/marks/file", browsing.download_marks),
        Route("/s/{set:int}/r/{row:int}", browsing.record),
        Route("/s/{set:int}/r/{row:int}/file", browsing.download_row),
        Route("/s/{set:int}/r/{row:int}/mark", browsing.mark, methods=["POST"]),
        Route("/compare", comparing.overview),
        Route("/compare/{old:int}/{new:int}", comparing.record),
    ]
    if talkers:
        chatting = Chatting(talkers, pages)
        routes += [
            Route("/chat", chatting.page),
            Route("/chat/reply", chatting.reply, methods=["POST"]),
            Route("/chat/template", chatting.template, methods=["POST"]),
            Route("/chat/file", chatting.download, methods=["POST"]),
        ]

    def refused(request: Request, why: Exception) -> Response:
        status = why.status_code if isinstance(why, HTTPException) else 500
        if isinstance(why, HTTPException):
            told = pages.text(str(why.detail))
        else:
            told = str(why) if isinstance(why, BlossomError) else f"{type(why).__name__}: {why}"
        return pages.show(request, "error.html", status=status, code=status, told=told)

    handlers: dict[Any, Any] = {HTTPException: refused, BlossomError: refused, Exception: refused}
    return Guard(Starlette(routes=routes, exception_handlers=handlers), token=token, port=port, say=pages.text)


def _static(request: Request) -> Response:
    """A file that comes along."""
    name = str(request.path_params["name"])
    file = _SHARED.get(name) or files("blossom_data.view").joinpath("static", name)
    kind = _TYPES.get(name[name.rfind(".") :])
    if "/" in name or name.startswith(".") or kind is None or not file.is_file():
        raise HTTPException(404, "no such file")
    return Response(file.read_bytes(), media_type=kind)
