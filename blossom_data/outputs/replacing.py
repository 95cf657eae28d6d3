"""What may take the place of a finished data set: the same work done anew, and nothing else without a word.

    new = Replacement(out=Path("zh/gsm8k"), command="translate", inputs=(Path("raw/gsm8k"),), limit=100)
    new.refuse()          before anything is read or bought: another command, other inputs, a smaller --limit
    new.judge(31)         when the new set is built: none is kept, or fewer than half of what was there

    manifest.json: "made_of": {"command": "translate", "inputs": ["../../raw/gsm8k"], "limit": 100}

Changed rows, prompts and settings are an update of the same work, and so is an input more. `--replace` (`is_allowed`)
lets a set go; a published version nothing does. shards.py does the exchange.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

import orjson

from blossom_data.errors import ConfigError, QualityGate
from blossom_data.object_store import ObjectPath
from blossom_data.shards import BUILDING, MANIFEST, read_manifest, refuse_foreign_folder

HALF = 0.5
STDIN = "stdin"
_PACKAGE = Path(__file__).resolve().parents[1]
_MADE_OF = re.compile(rb'"made_of":\s*(\{[^{}]*\})')
_WAYS_OUT = "name another folder with -o, or let it go: --replace"


class TooFewKept(QualityGate):
    """The new set has too few of the `before` records that the old one has; the old one stays."""

    def __init__(self, message: str, *, hint: str, records: int, before: int, least: float) -> None:
        super().__init__(message, hint=hint)
        self.records, self.before, self.least = records, before, least


@dataclass(frozen=True, slots=True)
class _Made:
    """What a finished set was made of, as its manifest says."""

    command: str
    inputs: tuple[str, ...]
    limit: int | None
    is_named_by_path: bool
    """Whether inputs are paths relative to the set; before `made_of` a manifest had the last part of a path alone."""

    @classmethod
    def read(cls, manifest: dict[str, Any]) -> _Made:
        made, is_named_by_path = manifest.get("made_of"), True
        if not isinstance(made, dict):
            listed = manifest.get("inputs") or manifest.get("sources") or []
            names = [entry.get("name") for entry in listed if isinstance(entry, dict)]
            made, is_named_by_path = {"command": manifest.get("stage"), "inputs": names}, False
        limit = made.get("limit")
        return cls(
            command=str(made.get("command", "")),
            inputs=tuple(str(name) for name in made.get("inputs", ()) if name),
            limit=limit if isinstance(limit, int) else None,
            is_named_by_path=is_named_by_path,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Replacement:
    """What a command is about to put into `out`."""

    out: Path
    command: str
    """As it is typed, with the name of a pipeline: `translate`, `run math`, `run math --until translate`."""
    inputs: tuple[Path | str, ...]
    """Files and folders; a name that is no path (standard input, a data set of the hub) as a str."""
    limit: int | None = None
    """Most records that are worked on."""
    limit_flag: str = "--limit"
    least: float = HALF
    """The smallest share of the old set's records that an update keeps."""
    is_allowed: bool = False
    """--replace was given."""

    def to_dict(self) -> dict[str, Any]:
        """As the manifest keeps it; paths are relative to the output: a workspace may move."""
        made = {"command": self.command, "inputs": [self._named(given) for given in self.inputs]}
        return made if self.limit is None else {**made, "limit": self.limit}

    def refuse(self) -> None:
        """Raises ConfigError where something finished stands in the output that this is no update of."""
        if isinstance(self.out, ObjectPath):
            raise ConfigError(
                f"{self.out} is in an object store, and data sets are made in local folders",
                hint="name a folder with -o, and put it there with blossom-data publish FOLDER -o URL --name NAME",
            )
        _refuse_version(self.out)
        refuse_foreign_folder(self.out, is_replacing=self.is_allowed)
        manifest = _standing(self.out) or _recovered(self.out)
        if self.is_allowed or manifest is None or manifest.get("records") == 0:
            return
        made = _Made.read(manifest)
        gone = self._gone(made)
        records = f"{manifest['records']:,} records" if "records" in manifest else "a data set"
        if gone or made.command not in (self.command, *self._old_commands(made)):
            raise ConfigError(
                f"{self.out} holds {records} that `{made.command}` made{self._told(gone or made.inputs)}; "
                f"`{self.command}`{self._told(self.to_dict()['inputs'])} would replace what is there",
                hint=_WAYS_OUT,
            )
        there = min(int(manifest.get(name) or 0) for name in ("records", "read"))
        if self.limit is None or self.limit >= there or self.limit >= (made.limit or there):
            return
        raise ConfigError(
            f"{self.out} holds {records}, and {self.limit_flag} leaves {self.limit:,} at most", hint=_WAYS_OUT
        )

    def judge(self, records: int) -> None:
        """Raises TooFewKept where a new set of `records` would lose too many of the old one's."""
        before = (read_manifest(self.out) or {}).get("records", 0)
        if self.is_allowed or not before or (records and records >= self.least * before):
            return
        raise TooFewKept(
            f"{self.out} holds {before:,} records, the new set {records:,}: the old one stays "
            f"(an update keeps {self.least:.0%} at least)",
            hint=f"look at the new one: blossom-data show {self.out / BUILDING} --rejected all; "
            "take it, without paying again: the same command with --replace",
            records=records,
            before=before,
            least=self.least,
        )

    def _named(self, given: Path | str) -> str:
        if isinstance(given, str | ObjectPath):
            return str(given)
        place = Path(os.path.realpath(given))
        if place.is_relative_to(_PACKAGE):
            return f"bundled:{place.relative_to(_PACKAGE)}"
        # Not the real path: a link such as `current` is the same input wherever it leads.
        return os.fsencode(os.path.relpath(given, self.out)).decode(errors="replace")

    def _gone(self, made: _Made) -> tuple[str, ...]:
        """The inputs of the old set that are none of this one."""
        known = {self._named(given) for given in self.inputs}
        if not made.is_named_by_path:
            known |= {PurePath(name).name for name in known}
            return tuple(name for name in made.inputs if name not in known)
        real = {os.path.realpath(given) for given in self.inputs if isinstance(given, Path)}
        return tuple(
            name for name in made.inputs if name not in known and os.path.realpath(self.out / name) not in real
        )

    def _old_commands(self, made: _Made) -> tuple[str, ...]:
        """What a manifest without `made_of` calls this command: of a pipeline its name."""
        return () if made.is_named_by_path else (self.command.removeprefix("run "),)

    def _told(self, inputs: tuple[str, ...]) -> str:
        """` of raw/a and raw/b`, as seen from here."""
        seen = [name if name.startswith("bundled:") else self._seen(name) for name in inputs]
        return f" of {' and '.join(seen[:3])}{' ...' if len(seen) > 3 else ''}" if seen else ""

    def _seen(self, name: str) -> str:
        is_path = name.startswith(("..", os.sep))
        return os.path.normpath(self.out / name) if is_path else name


def _refuse_version(out: Path) -> None:
    """Raises ConfigError where `out` is a published version, or lies in one."""
    try:
        place = out.resolve()
    except (OSError, RuntimeError) as why:
        raise ConfigError(f"output {out} cannot be followed ({why})", hint="check the links in it") from why
    for folder in (place, *place.parents):
        manifest = read_manifest(folder)
        if manifest is not None and manifest.get("stage") == "publish":
            raise ConfigError(
                f"{folder} is a published version ({manifest.get('records', 0):,} records), and versions never change",
                hint="name another folder with -o; `publish` makes a new version beside it",
            )


def _standing(folder: Path) -> dict[str, Any] | None:
    """The manifest of the set in `folder`; where its exchange for a new one was cut short, that of the new one."""
    return read_manifest(folder if (folder / MANIFEST).exists() else folder / BUILDING)


def _recovered(out: Path) -> dict[str, Any] | None:
    """What a damaged manifest still says of how its set was made; None where it says nothing."""
    try:
        found = _MADE_OF.search((out / MANIFEST).read_bytes())
        made = orjson.loads(found[1]) if found else None
    except (OSError, ValueError):
        return None
    return {"made_of": made} if isinstance(made, dict) else None
