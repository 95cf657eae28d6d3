"""Processes forked from one that has imported what they need: in hundredths of a second, where torch alone takes three.

blossom("plan", "small.toml", "--json", cwd=place)            the real command, as command.blossom runs it
blossom("train", "run", "r.toml", "-o", "out", cwd=place)     the same behind torch and all that goes with it
start("refresh", "small.toml", cwd=place, env={...})          the command while it runs: to be asked, stopped and killed
call("forks", "train_once", "r.toml", "out", world=2)         a function in two processes of one group; [0, 0]

As a script it is the server. A process has the files, folder and environment of whoever asks for it; only what a
library reads while it is imported (HF_HOME, say) is the server's.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import io
import json
import os
import pkgutil
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Mapping
from contextlib import redirect_stdout, suppress
from pathlib import Path
from typing import IO, Any

from command import Result, clean_environment
from forked_process import Process

import blossom_data

HERE = Path(__file__).resolve().parent
TRAINING = (
    "blossom_data.train.run",
    "deepspeed",
    "deepspeed.runtime.zero.muon.muon_optimizer",  # brings torch's compiler along, with whatever optimiser
    "peft",
    "tensorboard.summary.writer.record_writer",
    "torch.distributed.launcher.api",
    "torch.distributed.run",
    "transformers.models.auto.modeling_auto",
    "transformers.models.auto.tokenization_auto",
    "transformers.models.qwen2.modeling_qwen2",
    "transformers.models.llama.modeling_llama",
    "transformers.models.bloom.modeling_bloom",
)
_servers: dict[str, Server] = {}
"""By whether they have imported what training needs: "train" or "plain"."""


def blossom(
    *arguments: object, cwd: Path, env: dict[str, str] | None = None, stdin: bytes = b"", timeout_s: float = 300
) -> Result:
    """`blossom-data ARGUMENTS` in `cwd`, without the caller's endpoint settings."""
    with tempfile.TemporaryFile() as given:
        given.write(stdin)
        given.seek(0)
        child = start(*arguments, cwd=cwd, env={**clean_environment(), **(env or {})}, stdin=given)
        try:
            out, err = child.communicate(timeout_s)
        except subprocess.TimeoutExpired:
            child.kill()
            out, err = child.communicate()
    assert child.returncode is not None
    return Result(child.returncode, out, err)


def start(
    *arguments: object,
    cwd: Path,
    env: Mapping[str, str],
    stdin: IO[bytes] | int = subprocess.DEVNULL,
    setup: str = "",
) -> Child:
    """The command `blossom-data ARGUMENTS` while it runs.

    Args:
        stdin: what it reads; nothing without it.
        setup: Python code that is run before it, in its process.
    """
    writer = None
    if stdin == subprocess.PIPE:
        given, end = os.pipe()
        writer = os.fdopen(end, "w", encoding="utf-8")
    else:
        given = os.open(os.devnull, os.O_RDONLY) if isinstance(stdin, int) else os.dup(stdin.fileno())
    streams = [tempfile.TemporaryFile() for _ in range(2)]  # noqa: SIM115
    server = _server("train" if arguments[:1] == ("train",) else "plain")
    try:
        process = Process(
            server.address,
            ("blossom_data.cli.app", "main", [list(map(str, arguments))]),
            cwd=str(cwd),
            env={**env, **server.environment},
            path=sys.path,
            streams=(given, *(stream.fileno() for stream in streams)),
            setup=setup,
        )
    finally:
        os.close(given)
    return Child(process, writer, streams)


class Child:
    """What subprocess.Popen is, of a process that was forked; its output lies in files until it is asked for."""

    def __init__(self, process: Process, stdin: IO[str] | None, streams: list[IO[bytes]]) -> None:
        self._process, self.stdin, self._streams = process, stdin, streams
        self.pid = process.pid
        self.returncode: int | None = None
        self._told: list[str] = []

    def poll(self) -> int | None:
        """The exit code, None while it runs."""
        if self.returncode is None and self._process.has_ended(0.0):
            self.returncode = self._process.wait(0.0)
        return self.returncode

    def wait(self, timeout: float = 300) -> int:
        """The exit code, once it has ended."""
        if self.returncode is None and not self._process.has_ended(timeout):
            raise subprocess.TimeoutExpired(f"process {self.pid}", timeout)
        code = self.poll()
        assert code is not None
        return code

    def communicate(self, timeout: float = 300) -> tuple[str, str]:
        """What it wrote, once it has ended."""
        if self.stdin:
            self.stdin.close()
        self.wait(timeout)
        for stream in self._streams:
            with stream:
                stream.seek(0)
                self._told.append(stream.read().decode())
        self._streams = []
        return self._told[0], self._told[1]

    def send_signal(self, number: int) -> None:
        """Sends it a signal, unless it has ended."""
        if self.poll() is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


def call(module: str, function: str, *arguments: Any, world: int = 1, timeout_s: float = 300) -> list[int]:
    """Calls module.function(*arguments) in `world` processes of a group; their exit codes, negative for a signal."""
    environment = dict(os.environ)
    if world > 1:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            environment.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(free.getsockname()[1]), WORLD_SIZE=str(world))
    ranks = [{"RANK": str(rank), "LOCAL_RANK": str(rank)} if world > 1 else {} for rank in range(world)]
    job = (module, function, list(arguments))
    address, cwd = _server("train").address, str(Path.cwd())
    processes = [
        Process(address, job, cwd=cwd, env={**environment, **rank}, streams=(0, 1, 2), path=sys.path) for rank in ranks
    ]
    until_s = time.monotonic() + timeout_s
    return [process.wait(until_s - time.monotonic()) for process in processes]


def _server(kind: str) -> Server:
    """The server, started if it is not there yet."""
    if kind not in _servers:
        _servers[kind] = Server(kind)
    return _servers[kind]


class Server:
    """The process that forks; it ends with the one that started it.

    `environment` makes torch's launcher have its processes forked, too.
    """

    def __init__(self, kind: str) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="forked-")
        self.address = str(Path(self._folder.name) / "socket")
        self._process = subprocess.Popen(
            [sys.executable, __file__, kind, self.address], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == b"ready\n", "the server did not come up"
        python = Path(self._folder.name) / "python"
        python.write_text(f"#!{sys.executable} -SE\n{(HERE / 'forked_process.py').read_text()}")
        python.chmod(0o755)
        self.environment = {"PYTHON_EXEC": str(python), "FORKED_SERVER": self.address} if kind == "train" else {}
        atexit.register(self.close)

    def close(self) -> None:
        """Ends it."""
        self._process.communicate()
        self._folder.cleanup()


def serve(kind: str, address: str) -> None:
    """Forks a process for each connection, until stdin is closed."""
    told = os.dup(1)
    os.dup2(2, 1)  # libraries print while they are imported
    for name in TRAINING if kind == "train" else _our_own():
        with suppress(ImportError):
            importlib.import_module(name)
    if kind == "plain":
        _warm_up()
    gc.freeze()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(address)
        listener.listen()
        os.write(told, b"ready\n")
        os.close(told)
        while True:
            ready = select.select([listener, 0], [], [], 1.0)[0]
            if 0 in ready:
                return
            if listener in ready:
                line, _ = listener.accept()
                with line:
                    if os.fork() == 0:
                        listener.close()
                        _attend(line)
            with suppress(ChildProcessError):
                while os.waitpid(-1, os.WNOHANG) != (0, 0):
                    pass


def _our_own() -> list[str]:
    """All modules but those that need torch."""
    found = pkgutil.walk_packages(blossom_data.__path__, "blossom_data.")
    return [one.name for one in found if not one.name.startswith("blossom_data.train.") and "__main__" not in one.name]


def _warm_up() -> None:
    """Has made what a command makes once and keeps: the readers of flags, rows, prompts and pipelines."""
    from blossom_data.cli.app import main
    from blossom_data.executors.identity import code_digest
    from blossom_data.pipelines.load import open_pipeline

    code_digest()
    open_pipeline("math")
    with tempfile.TemporaryDirectory() as folder:
        rows = Path(folder, "in.jsonl")
        rows.write_text('{"messages": [{"role": "user", "content": "What is one and one?"}]}\n')
        flags = ["-o", f"{folder}/out", "--base-url", "http://127.0.0.1:9/v1", "--model", "m", "--dry-run", "--json"]
        for command in ("annotate", "translate", "verify-math"):
            with redirect_stdout(io.StringIO()), suppress(SystemExit):
                main([command, str(rows), *flags])


def _attend(line: socket.socket) -> None:
    """In a process between the two: starts the job, and tells how it ended."""
    size, streams, _, _ = socket.recv_fds(line, 4, 3)
    request = json.loads(line.makefile("rb").read(int.from_bytes(size, "big")))
    pid = os.fork()
    if pid == 0:
        line.close()
        _work(request, streams)
    with suppress(OSError):
        line.sendall(f"{pid}\n".encode())
        ended = os.pidfd_open(pid)
        if ended not in select.select([line, ended], [], [])[0]:
            os.kill(pid, signal.SIGKILL)  # whoever asked for it has gone
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        line.sendall(f"{code}\n".encode())
    os._exit(0)


def _work(request: dict[str, Any], streams: list[int]) -> None:
    """The job itself, with the handlers of signals that a process begins with."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["env"])
    sys.path[:] = request["path"] or sys.path
    # As in the tests' own process: what our modules cause is an error.
    warnings.filterwarnings("error", module="blossom_data")
    code: object = 0
    try:
        exec(request["setup"], {})
        module, function, arguments = request["job"]
        sys.argv = ["blossom-data", *(arguments[0] if function == "main" else [])]
        getattr(importlib.import_module(module), function)(*arguments)
    except SystemExit as why:
        code = why.code or 0
    except BaseException as why:
        import traceback

        traceback.print_exc()
        code = getattr(why, "exit_code", 1)
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    os._exit(code if isinstance(code, int) else 1)


if __name__ == "__main__":
    serve(*sys.argv[1:])
