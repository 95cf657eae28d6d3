"""Runs a local engine for as long as its answers are needed: starts it, waits, restarts it, stops it.

    serving = Serving(name="vllm", argv=("vllm", "serve", "Qwen/Qwen2.5-7B-Instruct", "--port", "8123"),
                      base_url="http://127.0.0.1:8123/v1", log=Path(".blossom/engine.log"))
    async with Served(serving, pool, counters=counters) as asker:
        reply = await asker.complete(ask)      # the first question starts the engine; a run that replays never does

Any program that speaks the protocol will do; it is started without a shell. Questions wait while the engine starts or
comes back; those that it took down with it are sent again by the client. It asks nothing itself: the pool does.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shlex
import shutil
import socket
import sys
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from blossom_data.asks import Ask, Reply
from blossom_data.config import Secret
from blossom_data.counters import Counters
from blossom_data.errors import AuthError, ConfigError, EndpointError, EndpointMismatch, system_hint

if TYPE_CHECKING:
    from aiohttp import ClientSession

    from blossom_data.llm.pool import Pool
from blossom_data.redaction.commands import shown_command

START_S = 600.0
REVIVE_S = 1.0
"""The `Patience.revive_s` of the pool: how soon it tries again after its breaker closed while the engine was away."""
_KEPT_OUT = ("BLOSSOM_", "OPENAI_")
_GUARD = Path(__file__).with_name("supervisor.py")
_TAIL_LINES = 12
_TAIL_BYTES = 1 << 14
_FIRST_LOOK_S, _LAST_LOOK_S = 0.02, 1.0
_PROBE_S = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Serving:
    """One engine: how it is started, and where it then answers."""

    name: str
    """For people: the program without its arguments, which may hold a secret."""
    argv: tuple[str, ...]
    base_url: str
    """Where it answers, `/v1` included."""
    log: Path
    """What it prints goes here; readable by the user alone, begun anew by each run."""
    start_s: float = START_S
    """Longest time from its start to its first sign of health."""
    restarts: int = 3
    """So many times it is started again after it died; then the run stops."""
    grace_s: float = 10.0
    """Time between SIGTERM and SIGKILL."""
    is_ours: bool = False
    """A module of blossom-data, run by this very Python."""
    api_key: Secret = field(default_factory=Secret)
    """What must not be shown when the end of the log is."""
    variables: Mapping[str, str] = field(default_factory=dict)
    """What its environment holds beside ours."""
    beside: tuple[Serving, ...] = ()
    """Further engines of the same kind, at addresses of their own."""


def fill_command(command: str, *, port: int, model: str) -> tuple[str, ...]:
    """The arguments of an engine's command line, `{port}` and `{model}` filled in; no shell ever sees it.

    Raises:
        ConfigError: unbalanced quotes, nothing to run, a program that is not there, or no model to fill in.
    """
    try:
        words = shlex.split(command)
    except ValueError as why:
        raise ConfigError(f"the engine's command cannot be read: {why}", hint="check its quotes") from why
    if not words:
        raise ConfigError("the engine's command is empty", hint='such as --serve "vllm serve {model} --port {port}"')
    if "{model}" in command and not model:
        raise ConfigError("the engine's command wants a {model}", hint="give --model or set BLOSSOM_MODEL")
    if shutil.which(words[0]) is None:
        raise ConfigError(
            f"no program {shown_command(words[0])!r} to serve with", hint="install the engine, or give the whole path"
        )
    return tuple(word.replace("{port}", str(port)).replace("{model}", model) for word in words)


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Served:
    """A pool whose engines run while questions are asked; the pool's endpoints are theirs, in their order."""

    def __init__(self, serving: Serving, pool: Pool, *, counters: Counters) -> None:
        self._serving, self._pool, self._counters = serving, pool, counters
        self._engines = (serving, *serving.beside)
        self._keepers: list[asyncio.Task[None]] = []
        self._starts = 0
        """How many times an engine became healthy."""
        self._healthy: set[int] = set()
        self._awaited = set(range(len(self._engines)))
        """Those that were neither healthy nor lost yet."""
        self._left = len(self._engines)
        self._is_stopping = False
        self._changed = asyncio.Event()
        self._lost: EndpointError | None = None

    async def __aenter__(self) -> Served:
        return self

    async def __aexit__(self, *_: object) -> None:
        for keeper in self._keepers:
            keeper.cancel()
        await asyncio.gather(*self._keepers, return_exceptions=True)

    def model_for(self, stage: str) -> str:
        """As the pool's."""
        return self._pool.model_for(stage)

    def stop(self) -> None:
        """As the pool's; who waits for the engine is cancelled too."""
        self._is_stopping = True
        self._pool.stop()
        self._wake()

    async def complete(self, ask: Ask) -> Reply:
        """The pool's reply to `ask`; an engine that is away meanwhile is waited for.

        Raises:
            RecordRefused: as the pool's.
            EndpointError: the engine does not start or does not stay up, or the pool says so of a healthy one.
        """
        if not self._keepers:
            self._keepers = [asyncio.create_task(self._keep(number)) for number in range(len(self._engines))]
        while True:
            start = await self._up()
            call = asyncio.create_task(self._pool.complete(ask))
            try:
                await self._unless_lost(call)
                return await call
            except (AuthError, EndpointMismatch):
                raise
            except EndpointError:
                # The pool may know of a death before we do, and its breaker stays closed for so long.
                await self._unless_lost(asyncio.create_task(asyncio.sleep(REVIVE_S)))
                if self._is_stopping or (self._healthy and self._starts == start):
                    raise
            finally:
                if not call.done():
                    call.cancel()
                    await asyncio.gather(call, return_exceptions=True)

    async def _up(self) -> int:
        """Waits until an engine is healthy, at first all of them; gives the number of starts."""
        while not self._healthy or self._awaited or self._is_stopping:
            if self._is_stopping:
                raise asyncio.CancelledError
            if self._lost is not None:
                raise self._again()
            await self._changed.wait()
        return self._starts

    async def _unless_lost(self, call: asyncio.Task[Any]) -> None:
        """Waits for `call`, but not when the engine is gone for good: then nobody will answer it.

        Raises:
            EndpointError: it is gone.
        """
        while not call.done():
            change = asyncio.create_task(self._changed.wait())
            try:
                await asyncio.wait({call, change}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                change.cancel()
            if self._lost is not None and not call.done():
                raise self._again()

    def _again(self) -> EndpointError:
        """A fresh copy: one exception raised in many tasks would collect all their tracebacks."""
        assert self._lost is not None
        return EndpointError(str(self._lost), hint=self._lost.hint)

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    async def _keep(self, number: int) -> None:
        """Keeps an engine up until it is cancelled, or died too often; the run goes on while another one is left."""
        serving = self._engines[number]
        try:
            with open_log(serving.log) as log:
                await self._live(number, serving, log)
        except EndpointError as why:
            self._lose(number, why)
        except OSError as why:
            self._lose(number, EndpointError(f"engine {serving.name} cannot be run: {why}", hint=system_hint(why)))
        finally:
            self._healthy.discard(number)
            self._wake()

    async def _live(self, number: int, serving: Serving, log: IO[bytes]) -> None:
        """All lives of one engine.

        Raises:
            EndpointError: it does not start, or has died too often.
        """
        notes, is_proven = self._counters.notes, False
        for life in range(serving.restarts + 1):
            async with _process(serving, log) as process:
                begun_s = time.monotonic()
                try:
                    await _until_healthy(serving, process, log)
                except EndpointError:
                    if not is_proven or life == serving.restarts:
                        raise
                    continue
                notes[f"engine {serving.name} was ready after {time.monotonic() - begun_s:.1f} s"] += 1
                is_proven = True
                self._starts += 1
                self._healthy.add(number)
                self._awaited.discard(number)
                self._wake()
                code = await process.wait()
                self._healthy.discard(number)
            notes[f"engine {serving.name} died ({_told(code)}) and was started again"] += life < serving.restarts
        raise _failure(serving, log, f"died {serving.restarts + 1} times, the last time with {_told(code)}")

    def _lose(self, number: int, why: EndpointError) -> None:
        """One engine is gone for good; with the last one nobody answers any more."""
        self._awaited.discard(number)
        self._left -= 1
        if not self._left:
            self._lost = why
        else:
            self._counters.notes[f"engine {self._engines[number].name} was lost; the run went on with the others"] += 1
            self._pool.governors[number].shut(why)


@contextlib.asynccontextmanager
async def started(serving: Serving) -> AsyncIterator[None]:
    """The engine, healthy, for as long as the block lasts; it is not started again when it dies.

    Raises:
        EndpointError: it ended, or gave no sign in time.
    """
    with open_log(serving.log) as log:
        async with _process(serving, log) as process:
            await _until_healthy(serving, process, log)
            yield


def open_log(path: Path) -> IO[bytes]:
    """The log file at `path`, emptied, readable by its owner alone."""
    path.parent.mkdir(parents=True, exist_ok=True)
    flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_TRUNC | os.O_NOFOLLOW
    log = os.open(path, flags, 0o600)
    os.fchmod(log, 0o600)
    return os.fdopen(log, "r+b", buffering=0)


def _clean(environment: Mapping[str, str], *, is_ours: bool) -> dict[str, str]:
    """What an engine gets of our environment: no key or address of ours, and nothing that changes how its Python runs.

    Our own module is found and run as this process was.
    """
    kept_out = _KEPT_OUT if is_ours else (*_KEPT_OUT, "PYTHON")
    return {name: value for name, value in environment.items() if not name.startswith(kept_out)}


@contextlib.asynccontextmanager
async def _process(serving: Serving, log: IO[bytes]) -> AsyncIterator[asyncio.subprocess.Process]:
    """The engine under its guard; at the end of the block nothing of it is left."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-I",
        str(_GUARD),
        str(serving.grace_s),
        *serving.argv,
        stdin=asyncio.subprocess.PIPE,
        stdout=log,
        stderr=log,
        env={**_clean(os.environ, is_ours=serving.is_ours), "PYTHONUNBUFFERED": "1", **serving.variables},
        start_new_session=True,
    )
    try:
        yield process
    finally:
        await asyncio.shield(_end(process, serving.grace_s))


async def _end(process: asyncio.subprocess.Process, grace_s: float) -> None:
    """Closes the guard's pipe, which ends the engine, and waits for both."""
    assert process.stdin is not None
    process.stdin.close()
    try:
        await asyncio.wait_for(process.wait(), grace_s + 5.0)
    except TimeoutError:
        process.kill()
        await process.wait()


async def _until_healthy(serving: Serving, process: asyncio.subprocess.Process, log: IO[bytes]) -> None:
    """Waits for the engine's first sign of health.

    Raises:
        EndpointError: it ended, or gave no sign in time.
    """
    import aiohttp

    until_s = time.monotonic() + serving.start_s
    pause_s = _FIRST_LOOK_S
    timeout = aiohttp.ClientTimeout(total=_PROBE_S)
    async with aiohttp.ClientSession(timeout=timeout, trust_env=False) as session:
        while time.monotonic() < until_s:
            is_healthy = await _is_healthy(session, serving.base_url)
            if process.returncode is not None:
                raise _failure(serving, log, f"ended with {_told(process.returncode)} before it was ready")
            if is_healthy:
                return
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(process.wait(), pause_s)
            pause_s = min(_LAST_LOOK_S, 1.5 * pause_s)
    raise _failure(serving, log, f"was not ready within {serving.start_s:g} s")


async def _is_healthy(session: ClientSession, base_url: str) -> bool:
    """Whether the engine answers: /health where it has one, else the list of its models."""
    base = base_url.rstrip("/")
    status = await _status(session, f"{base.removesuffix('/v1')}/health")
    if status in (404, 405):
        return await _status(session, f"{base}/models") in (200, 401, 403)
    return status == 200


async def _status(session: ClientSession, url: str) -> int:
    import aiohttp

    try:
        async with session.get(url, allow_redirects=False) as response:
            return response.status
    except (aiohttp.ClientError, OSError, TimeoutError, ValueError):
        return 0


def _told(code: int) -> str:
    return f"exit code {code}" if code <= 128 else f"signal {code - 128}"


def _failure(serving: Serving, log: IO[bytes], what: str) -> EndpointError:
    """The error with the engine's last words."""
    size = os.fstat(log.fileno()).st_size
    raw = os.pread(log.fileno(), _TAIL_BYTES, max(0, size - _TAIL_BYTES))
    lines = serving.api_key.scrub(raw.decode("utf-8", "replace")).splitlines()[-_TAIL_LINES:]
    said = "\n".join(f"    {line[:300]}" for line in lines if line.strip())
    words = f"; its last words:\n{said}" if said else "; it said nothing"
    return EndpointError(
        f"engine {serving.name} {what}{words}", hint=f"look into {serving.log}, then run the same command again"
    )
