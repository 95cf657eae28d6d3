"""Who may ask: pages that this server gave to whoever has its link, and nothing else on the machine or the web.

The link holds a random token; it is exchanged for a cookie that scripts cannot read and other sites cannot send. Host
is checked against the server's own (a name that was pointed at 127.0.0.1 is refused), Origin on everything that is no
plain reading. Every answer forbids what is not the page's own: scripts, styles, frames and forms of others, and any
request that leaves it.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Iterable
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qsl, urlencode

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MOST_BODY_BYTES = 32 << 20
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # With no-referrer a form would be sent with the origin "null".
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
_READING = ("GET", "HEAD")


class Guard:
    """An application around `app` that lets nobody through but the holder of `token`."""

    def __init__(self, app: ASGIApp, *, token: str, port: int, say: Callable[[str], str] = str) -> None:
        """`say` gives a refusal in the language of the pages."""
        self._app, self._token, self._say = app, token, say
        self._hosts = {f"127.0.0.1:{port}", f"localhost:{port}"}
        self._cookie = f"blossom-view-{port}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            return
        headers = Headers(scope=scope)
        answer = self._refusal(scope, headers)
        if answer is not None:
            await answer(scope, receive, _with_headers(send))
            return
        await self._app(scope, _bounded(receive), _with_headers(send))

    def _refusal(self, scope: Scope, headers: Headers) -> Response | None:
        """The answer where `app` is not asked: a refusal, or the cookie for a token; None where it is."""
        if headers.get("host", "") not in self._hosts:
            return self._forbidden("this address is not the one of the link")
        site = headers.get("sec-fetch-site", "same-origin")
        is_reading = scope["method"] in _READING
        if not is_reading and (headers.get("origin") not in self._origins() or site != "same-origin"):
            return self._forbidden("this request came from another page")
        if int(headers.get("content-length") or 0) > MOST_BODY_BYTES:
            return self._forbidden("too large")
        given = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        tokens = [value for name, value in given if name == "token"]
        if tokens and is_reading:
            if not self._is_token(tokens[0]):
                return self._forbidden("the token is not the one of this server: take the link that it printed last")
            rest = urlencode([(name, value) for name, value in given if name != "token"])
            answer = RedirectResponse(scope["path"] + (f"?{rest}" if rest else ""), status_code=303)
            answer.set_cookie(self._cookie, self._token, httponly=True, samesite="strict", path="/")
            return answer
        if not any(map(self._is_token, self._cookies(headers.getlist("cookie")))):
            return self._forbidden("open the link that blossom-data printed; it holds a token")
        return None

    def _forbidden(self, why: str) -> Response:
        return PlainTextResponse(f"403: {self._say(why)}\n", status_code=403)

    def _origins(self) -> set[str]:
        return {f"http://{host}" for host in self._hosts}

    def _is_token(self, text: str) -> bool:
        return hmac.compare_digest(text.encode(), self._token.encode())

    def _cookies(self, headers: Iterable[str]) -> Iterable[str]:
        for header in headers:
            try:
                found = SimpleCookie(header).get(self._cookie)
            except CookieError:
                continue
            if found is not None:
                yield found.value


def _with_headers(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers.setdefault(name, value)
        await send(message)

    return sending


def _bounded(receive: Receive) -> Receive:
    """`receive` that ends a body, also one without a length, when it is too large."""
    size = 0

    async def receiving() -> Message:
        nonlocal size
        message = await receive()
        size += len(message.get("body", b""))
        if size > MOST_BODY_BYTES:
            return {"type": "http.disconnect"}
        return message

    return receiving
