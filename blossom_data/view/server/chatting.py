"""The chat page: questions in, replies as server-sent events, the template as text, the conversation as a file."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any

import orjson
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from blossom_data.errors import BlossomError
from blossom_data.records import Message
from blossom_data.train.handoff.sampling import Sampling
from blossom_data.view.chat.conversations import as_record, read_messages, read_sampling
from blossom_data.view.chat.talkers import Talker
from blossom_data.view.server.browsing import attachment, form_of
from blossom_data.view.server.html import Pages


class Chatting:
    """The handlers of the chat page."""

    def __init__(self, talkers: Sequence[Talker], pages: Pages) -> None:
        self._talkers, self._pages = talkers, pages

    async def page(self, request: Request) -> Response:
        """The page itself."""
        return self._pages.show(request, "chat.html", talkers=self._talkers, usual=Sampling())

    async def reply(self, request: Request) -> Response:
        """The reply of one model, piece by piece."""
        talker, messages, sampling = await self._read(request)
        return StreamingResponse(_events(talker, messages, sampling), media_type="text/event-stream")

    async def template(self, request: Request) -> Response:
        """What one model is given for a conversation."""
        talker, messages, sampling = await self._read(request)
        try:
            return JSONResponse({"text": await talker.template(messages, sampling)})
        except BlossomError as why:
            return JSONResponse({"error": f"{why}"}, status_code=400)

    async def download(self, request: Request) -> Response:
        """A conversation as a record, to be saved."""
        form = dict(form_of(await request.body()))
        try:
            given = orjson.loads(form.get("conversation", ""))
            talker = self._talker(given)
            record = as_record(read_messages(given["messages"]), talker.name)
        except (ValueError, KeyError, TypeError) as why:
            raise HTTPException(400, f"no conversation that can be read: {why}") from why
        return attachment(record.to_line(), f"chat-{record.id[:12]}.jsonl")

    async def _read(self, request: Request) -> tuple[Talker, list[Message], Sampling]:
        try:
            given: Any = orjson.loads(await request.body())
            return self._talker(given), read_messages(given["messages"]), read_sampling(given.get("sampling", {}))
        except (ValueError, KeyError, TypeError, OverflowError) as why:
            raise HTTPException(400, f"no question that can be read: {why}") from why

    def _talker(self, given: Any) -> Talker:
        number = given.get("model", 0) if isinstance(given, dict) else None
        if not isinstance(number, int) or not 0 <= number < len(self._talkers):
            raise ValueError("there is no such model")
        return self._talkers[number]


async def _events(talker: Talker, messages: Sequence[Message], sampling: Sampling) -> AsyncIterator[bytes]:
    """Pieces as events; the last one says that the reply is whole, or why it is not."""
    try:
        async for piece in talker.reply(messages, sampling):
            if piece.text or piece.thinking:
                yield _event({"text": piece.text, "thinking": piece.thinking})
        yield _event({"done": True})
    except BlossomError as why:
        yield _event({"error": f"{why}" + (f" ({why.hint})" if why.hint else "")})


def _event(value: dict[str, Any]) -> bytes:
    return b"data: " + orjson.dumps(value) + b"\n\n"
