"""A real PostgreSQL in a folder of its own, as Debian packages it.

with PostgresServer() as server:
    server.url          # postgresql://blossom@127.0.0.1:41231/paid
    server.kill()       # SIGKILL of all of it
    server.start()
"""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

_BINARIES = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)


def binaries() -> Path | None:
    """Where initdb and postgres are, None where they are not installed."""
    found = shutil.which("initdb")
    return (
        Path(found).resolve().parent
        if found
        else next((path for path in _BINARIES if (path / "initdb").exists()), None)
    )


class PostgresServer:
    """A server that trusts whoever comes over loopback, with the database `paid`."""

    def __init__(self) -> None:
        found = binaries()
        assert found is not None, "apt-get install postgresql"
        # Not below pytest's own folder, which is closed to other users.
        self._place = tempfile.TemporaryDirectory(prefix="postgres-")
        folder = Path(self._place.name)
        self._bin, self.folder = found, folder
        # PostgreSQL does not run as root.
        self._user = pwd.getpwnam("postgres") if os.geteuid() == 0 else None
        if self._user:
            os.chown(folder, self._user.pw_uid, self._user.pw_gid)
        with socket.create_server(("127.0.0.1", 0)) as taken:
            self.port = taken.getsockname()[1]
        self.url = f"postgresql://blossom@127.0.0.1:{self.port}/paid"
        self._child: subprocess.Popen[bytes] | None = None
        self._call(
            "initdb", "-D", str(folder / "data"), "-U", "blossom", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8"
        )
        self.start()
        self._call("createdb", "-h", "127.0.0.1", "-p", str(self.port), "-U", "blossom", "paid")

    def start(self) -> None:
        argv = [self._bin / "postgres", "-D", self.folder / "data", "-p", str(self.port), "-k", self.folder]
        argv += ["-c", "listen_addresses=127.0.0.1", "-c", "shared_buffers=32MB"]
        with (self.folder / "log").open("ab") as log:
            self._child = subprocess.Popen(
                argv, stdout=log, stderr=log, cwd=self.folder, start_new_session=True, **self._who()
            )
        deadline_s = time.monotonic() + 60
        while subprocess.run(
            [self._bin / "pg_isready", "-h", "127.0.0.1", "-p", str(self.port), "-q"], check=False
        ).returncode:
            assert time.monotonic() < deadline_s, (self.folder / "log").read_text()
            time.sleep(0.05)

    def kill(self) -> None:
        """Takes all its processes away at once."""
        assert self._child is not None
        for child in Path(f"/proc/{self._child.pid}/task/{self._child.pid}/children").read_text().split():
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(child), signal.SIGKILL)
        self._child.kill()
        self._child.wait()

    def sql(self, query: str, *values: Any, url: str = "") -> list[tuple[Any, ...]]:
        import psycopg

        with psycopg.connect(url or self.url, autocommit=True) as database:
            done = database.execute(query, values)
            return done.fetchall() if done.description else []

    def __enter__(self) -> PostgresServer:
        return self

    def __exit__(self, *_: object) -> None:
        if self._child is not None and self._child.poll() is None:
            self._child.send_signal(signal.SIGINT)
            self._child.wait()
        self._place.cleanup()

    def _call(self, program: str, *arguments: str) -> None:
        done = subprocess.run(
            [self._bin / program, *arguments],
            capture_output=True,
            text=True,
            cwd=self.folder,
            check=False,
            **self._who(),
        )
        assert done.returncode == 0, done.stderr

    def _who(self) -> dict[str, Any]:
        return {"user": self._user.pw_uid, "group": self._user.pw_gid, "extra_groups": []} if self._user else {}
