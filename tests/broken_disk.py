"""A disk on which the k-th change, and every one behind it, fails: full (ENOSPC) or broken (EIO)."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

CALLS = ("fsync", "replace", "rename", "unlink", "rmdir", "mkdir", "symlink")


def in_a_namespace(script: str, folder: Path, env: Mapping[str, str] = os.environ) -> subprocess.CompletedProcess[str]:
    """Runs a shell script in `folder` where it may mount, with this $PYTHON; skips where the system does not let it."""
    probe = subprocess.run(["unshare", "-rm", "mount", "-t", "tmpfs", "none", "/mnt"], capture_output=True, check=False)
    if probe.returncode:
        pytest.skip("needs user namespaces to mount a small disk")
    return subprocess.run(
        ["unshare", "-rm", "sh", "-ec", script],
        cwd=folder,
        env={**env, "PYTHON": sys.executable},
        capture_output=True,
        text=True,
        check=False,
    )


class BrokenDisk:
    """Fails the k-th call that changes something below `folder`, and all behind it; `failed` names the first.

    What holds a lock may be written: its text only tells who holds it.
    """

    def __init__(self, patch: pytest.MonkeyPatch, folder: Path, fail_at: int, code: int) -> None:
        self.folder, self.left, self.code, self.failed = folder, fail_at, code, ""
        real_open: Callable[..., Any] = io.open
        for name in CALLS:
            patch.setattr(os, name, self._guarded(name, getattr(os, name)))

        def open_guarded(file: Any, mode: str = "r", *rest: Any, **more: Any) -> Any:
            opened = real_open(file, mode, *rest, **more)
            is_data = set(mode) & set("wxa") and not str(file).endswith(".lock") and self._is_ours(file)
            return _Guarded(opened, self) if is_data else opened

        patch.setattr(io, "open", open_guarded)

    def spend(self, what: str, place: object) -> None:
        """One change: counted, or failed."""
        self.left -= 1
        if self.left < 0:
            self.failed = self.failed or what
            raise OSError(self.code, os.strerror(self.code), str(place))

    def _is_ours(self, place: Any) -> bool:
        path = Path(f"/proc/self/fd/{place}").readlink() if isinstance(place, int) else Path(place)
        return path.is_relative_to(self.folder)

    def _guarded(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def guarded(*arguments: Any, **more: Any) -> Any:
            place = arguments[1 if name == "symlink" else 0]
            if "dir_fd" not in more and self._is_ours(place):
                self.spend(name, place)
            return call(*arguments, **more)

        return guarded


class _Guarded:
    """A file whose writes may fail."""

    def __init__(self, file: Any, disk: BrokenDisk) -> None:
        self._file, self._disk = file, disk

    def write(self, data: Any) -> Any:
        self._disk.spend("write", self._file.name)
        return self._file.write(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def __enter__(self) -> _Guarded:
        return self

    def __exit__(self, *problem: object) -> None:
        self._file.close()
