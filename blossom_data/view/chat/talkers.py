"""Who answers a chat: an endpoint, the embedded engine with a GGUF file, or a folder that `train export` wrote.

    async with talker:
        async for piece in talker.reply([Message("user", "What is 6 times 7?")], Sampling()): ...
    talker.template([Message("user", "Hi")])        "<|im_start|>user\\nHi<|im_end|>\\n<|im_start|>assistant\\n"

All have the same face, so that the terminal and the browser, and two of them side by side, are one thing.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

import orjson

from blossom_data.asks import Ask
from blossom_data.config import Endpoint
from blossom_data.errors import BlossomError, ConfigError
from blossom_data.llm.engines.serve import Serving, started
from blossom_data.llm.streaming import Piece, Streaming
from blossom_data.records import Message
from blossom_data.train.handoff.sampling import Sampling


class Talker(Protocol):
    """Somebody who answers; open it with `async with` before the first question."""

    @property
    def name(self) -> str:
        """The model, as people and records call it."""
        ...

    @property
    def place(self) -> str:
        """Where it is: an address, a file or a folder."""
        ...

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self, kind: type[BaseException] | None, why: BaseException | None, at: TracebackType | None
    ) -> None: ...

    def reply(self, messages: Sequence[Message], sampling: Sampling) -> AsyncIterator[Piece]:
        """The reply to `messages`, piece by piece."""
        ...

    async def template(self, messages: Sequence[Message], sampling: Sampling) -> str:
        """What the model is given for `messages`: the text of its template, of an endpoint the request."""
        ...


class EndpointTalker:
    """A model behind an endpoint; where `serving` is given, that is started first and stopped at the end."""

    def __init__(self, endpoint: Endpoint, serving: Serving | None = None) -> None:
        self._endpoint, self._serving = endpoint, serving
        self._stack = contextlib.AsyncExitStack()
        self._streaming: Streaming | None = None

    @property
    def name(self) -> str:
        return self._endpoint.model

    @property
    def place(self) -> str:
        return self._serving.name if self._serving else self._endpoint.base_url

    async def __aenter__(self) -> Self:
        if self._serving is not None:
            await self._stack.enter_async_context(started(self._serving))
        self._streaming = await self._stack.enter_async_context(Streaming(self._endpoint))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, why: BaseException | None, at: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    def reply(self, messages: Sequence[Message], sampling: Sampling) -> AsyncIterator[Piece]:
        assert self._streaming is not None
        return self._streaming.reply(_ask(messages, sampling))

    async def template(self, messages: Sequence[Message], sampling: Sampling) -> str:
        body = {
            "model": self._endpoint.model,
            "messages": [{"role": turn.role, "content": turn.content} for turn in messages],
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
            "max_tokens": sampling.max_tokens,
            **self._endpoint.further,
        }
        return orjson.dumps(body, option=orjson.OPT_INDENT_2).decode()


class FolderTalker:
    """A model folder that this process runs; one reply at a time, made in a thread of its own."""

    def __init__(self, folder: Path, *, template: str = "") -> None:
        self._folder, self._template = folder, template
        self._talker: Any = None
        self._turn = asyncio.Lock()

    @property
    def name(self) -> str:
        return self._folder.resolve().name

    @property
    def place(self) -> str:
        return str(self._folder)

    async def __aenter__(self) -> Self:
        await asyncio.to_thread(self._open)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, why: BaseException | None, at: TracebackType | None
    ) -> None:
        self._talker = None

    def _open(self) -> None:
        from blossom_data.train.template.tokens import missing_extra

        try:
            from blossom_data.train.handoff import chat
        except ImportError as why:
            raise missing_extra() from why
        self._talker = chat.Talker.open(self._folder, template=self._template)

    async def reply(self, messages: Sequence[Message], sampling: Sampling) -> AsyncIterator[Piece]:
        async with self._turn:
            async for text in _threaded(lambda: self._talker.reply(messages, sampling)):
                yield Piece(text)

    async def template(self, messages: Sequence[Message], sampling: Sampling) -> str:
        text: str = await asyncio.to_thread(self._talker.prompt_text, messages)
        return text


def _ask(messages: Sequence[Message], sampling: Sampling) -> Ask:
    return Ask(
        stage="chat",
        version=1,
        messages=tuple(messages),
        temperature=sampling.temperature,
        top_p=sampling.top_p,
        max_tokens=sampling.max_tokens,
    )


async def _threaded(make: Callable[[], Any]) -> AsyncIterator[str]:
    """What a generator gives, that runs in a thread; it is ended when nobody listens any more."""
    loop = asyncio.get_running_loop()
    pieces: asyncio.Queue[str | BaseException | None] = asyncio.Queue()
    is_over = threading.Event()

    def work() -> None:
        end: BaseException | None = None
        try:
            for piece in make():
                if is_over.is_set():
                    return
                loop.call_soon_threadsafe(pieces.put_nowait, piece)
        except Exception as why:
            end = why
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody listens
            loop.call_soon_threadsafe(pieces.put_nowait, end)

    worker = threading.Thread(target=work, name="chat", daemon=True)
    worker.start()
    try:
        while (piece := await pieces.get()) is not None:
            if isinstance(piece, BlossomError):
                raise piece
            if isinstance(piece, BaseException):
                raise ConfigError(f"the model cannot answer: {piece}", hint="begin a new chat") from piece
            yield piece
    finally:
        is_over.set()
