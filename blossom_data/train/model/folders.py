"""A folder that appears whole or not at all, for models that are handed on.

with Building(Path("models/out")) as building:
    network.save_pretrained(building.folder)
    building.finish({"kind": "model"})         moves the files into place, manifest.json last
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import orjson

from blossom_data.errors import BlossomError, ConfigError, system_hint
from blossom_data.shards import FORMAT, MANIFEST, read_manifest, sync_folder, write_atomic

SPACE_HINT = "mend it or free some space; the same command again goes on from the newest checkpoint"
"""What to do where a run could not write."""


_RUST = re.compile(r"\(os error (\d+)\)")


def _told_by_rust(why: BaseException | None) -> OSError | None:
    """The system's error in what safetensors and tokenizers raise, which is no OSError; None where there is none."""
    found = _RUST.search(str(why)) if isinstance(why, Exception) else None
    return OSError(int(found[1]), os.strerror(int(found[1]))) if found else None


class Building:
    """A model folder in the making; leaving the block without `finish` leaves what was there before.

    Raises:
        ConfigError: `out` holds something that is no model of ours, or cannot be written.
    """

    def __init__(self, out: Path) -> None:
        self._out, self.folder = out, out / ".building"
        if out.is_symlink() or (out.exists() and not out.is_dir()):
            raise ConfigError(f"output {out} is not a folder", hint="name a new folder with -o")
        there = [entry.name for entry in out.iterdir() if entry.name != ".building"] if out.is_dir() else []
        if there and (read_manifest(out) or {}).get("kind") != "model":
            raise ConfigError(
                f"output folder {out} holds other files ({sorted(there)[0]} ...)", hint="name a new folder with -o"
            )
        try:
            shutil.rmtree(self.folder, ignore_errors=True)
            self.folder.mkdir(parents=True)
        except OSError as why:
            raise ConfigError(f"cannot write to {out}: {why.strerror}", hint=system_hint(why)) from why

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, why: BaseException | None, at: TracebackType | None) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
        failure = why if isinstance(why, OSError) else _told_by_rust(why)
        if failure is not None:
            told = f"cannot write to {self._out}: {failure.strerror or failure}"
            raise BlossomError(told, hint=system_hint(failure)) from why

    def finish(self, about: dict[str, Any]) -> dict[str, Any]:
        """Moves the files into place and writes the manifest last; gives it."""
        files: list[dict[str, Any]] = []
        for path in sorted(entry for entry in self.folder.iterdir() if entry.is_file()):
            with path.open("rb") as file:
                os.fsync(file.fileno())
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            files.append({"file": path.name, "bytes": path.stat().st_size, "sha256": digest})
        (self._out / MANIFEST).unlink(missing_ok=True)
        for old in self._out.iterdir():
            if old.is_file():
                old.unlink()
        for entry in files:
            (self.folder / entry["file"]).replace(self._out / entry["file"])
        sync_folder(self._out)
        manifest = {"format": FORMAT, **about, "files": files}
        write_atomic(
            self._out / MANIFEST, orjson.dumps(manifest, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
        )
        return manifest
