"""Prompt files: load one, fill it, hash it. A prompt is data; nothing in it or in what fills it is ever run.

    version = 1
    placeholders = ["document"]
    system = '''You are a translation function ...'''
    user = '''${document}'''

    [[example]]
    user = '''...'''
    assistant = '''...'''

Examples are sent as real chat turns between system and user, so that every request shares the same prefix.
Values are put in once, as they are: a `${x}` inside a value stays text.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from string import Template
from typing import Any

from blossom_data.errors import ConfigError
from blossom_data.records import Message
from blossom_data.toml_file import read_toml

_KEYS = {"version", "placeholders", "system", "user", "example"}


@dataclass(frozen=True, slots=True)
class Prompt:
    """A loaded prompt file; `hash` (16 hex digits) changes with any text that is sent."""

    name: str
    version: int
    placeholders: tuple[str, ...]
    system: str
    user: str
    examples: tuple[tuple[str, str], ...]
    hash: str
    prefix: tuple[Message, ...] = field(init=False)
    """System text and examples: the part that is byte-identical in every request, so engines can cache it."""

    def __post_init__(self) -> None:
        turns = [Message("system", self.system)] if self.system else []
        for user, assistant in self.examples:
            turns += [Message("user", user), Message("assistant", assistant)]
        object.__setattr__(self, "prefix", tuple(turns))

    def fill(self, **values: str) -> tuple[Message, ...]:
        """The prompt's messages with each placeholder of `user` replaced by its value.

        Raises:
            ConfigError: a value is missing or there is no placeholder for it.
        """
        if values.keys() != set(self.placeholders):
            raise ConfigError(f"prompt {self.name} takes {sorted(self.placeholders)}, was given {sorted(values)}")
        only = next(iter(values), "")
        filled = values[only] if self.user == f"${{{only}}}" else Template(self.user).substitute(values)
        return (*self.prefix, Message("user", filled))


def load_prompt(name: str, *, folder: Path | None = None) -> Prompt:
    """Loads the prompt `name` from `folder` or from the bundled ones; a path ending in .toml is read as it is.

    Raises:
        ConfigError: no such file, not TOML, unknown keys, or a placeholder that the text does not hold.
    """
    if name.endswith(".toml"):
        path = (folder or Path()) / name
    elif folder is not None and (folder / f"{name}.toml").is_file():
        path = folder / f"{name}.toml"
    else:
        path = bundled("prompts") / f"{name}.toml"
    raw = read_toml(path, "prompt")
    return _checked(raw, path)


def bundled(kind: str) -> Path:
    """The folder of files that come along, in a checkout or a wheel: prompts, pipelines, recipes or demo."""
    package = Path(str(resources.files("blossom_data")))
    if kind == "demo":
        return package / kind
    installed = package / f"{kind}_data"
    return installed if installed.is_dir() else package.parent / kind


def _checked(raw: dict[str, Any], path: Path) -> Prompt:
    where = f"prompt {path}"
    if unknown := sorted(set(raw) - _KEYS):
        raise ConfigError(f"{where}: unknown key {unknown[0]!r}", hint=f"known keys: {', '.join(sorted(_KEYS))}")
    version, system, user = raw.get("version"), raw.get("system", ""), raw.get("user")
    placeholders, examples = raw.get("placeholders", []), raw.get("example", [])
    if not isinstance(version, int) or not isinstance(user, str) or not isinstance(system, str):
        raise ConfigError(f"{where}: needs `version` (a number), `user` and, if any, `system` (texts)")
    if not isinstance(placeholders, list) or not all(isinstance(name, str) for name in placeholders):
        raise ConfigError(f"{where}: `placeholders` must be a list of names")
    template = Template(user)
    if not template.is_valid() or set(template.get_identifiers()) != set(placeholders):
        raise ConfigError(
            f"{where}: `placeholders` names {sorted(placeholders)}, `user` holds {sorted(template.get_identifiers())}",
            hint="write a literal dollar sign as $$",
        )
    if not isinstance(examples, list) or any(
        not isinstance(example, dict)
        or set(example) != {"user", "assistant"}
        or not all(isinstance(text, str) for text in example.values())
        for example in examples
    ):
        raise ConfigError(f"{where}: each [[example]] needs exactly `user` and `assistant`, both texts")
    pairs = tuple((example["user"], example["assistant"]) for example in examples)
    sent = repr((version, system, user, pairs)).encode()
    digest = hashlib.blake2b(sent, digest_size=8).hexdigest()
    return Prompt(path.stem, version, tuple(placeholders), system, user, pairs, digest)
