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

from pydantic import with_config

from blossom_data.errors import ConfigError
from blossom_data.records import Message
from blossom_data.settings_file import read_table, wrong
from blossom_data.settings_types import STRICT, FreeText, Text, Whole
from blossom_data.toml_file import TomlFile, read_toml


@with_config(STRICT)
@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """[[example]]: a turn of a user, and how it is answered."""

    user: FreeText
    assistant: FreeText


@with_config(STRICT)
@dataclass(frozen=True, slots=True, kw_only=True)
class PromptTable:
    """A prompt file: texts that are sent as they stand, but for `${name}` of a placeholder in `user`."""

    version: Whole
    """Of the prompt; raise it when its meaning changes."""
    placeholders: tuple[Text, ...] = ()
    """What `user` holds as ${name}: all of it, and nothing else."""
    system: FreeText = ""
    """The system text."""
    user: FreeText
    """The user's turn; a literal dollar sign is written $$."""
    example: tuple[Example, ...] = ()
    """Turns that stand between system and user as if they had been said."""


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
            told = f"prompt {self.name} takes {sorted(self.placeholders)}, was given {sorted(values)}"
            raise ConfigError(told, hint=f"set placeholders = {sorted(values)} in its file")
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
        if not path.is_file():
            names = ", ".join(sorted(file.stem for file in bundled("prompts").glob("*.toml")))
            raise ConfigError(f"no prompt {name}", hint=f"give a file that ends in .toml, or one of: {names}")
    return _checked(read_toml(path, "prompt"))


def bundled(kind: str) -> Path:
    """The folder of files that come along, in a checkout or a wheel: prompts, pipelines, recipes or demo."""
    package = Path(str(resources.files("blossom_data")))
    if kind == "demo":
        return package / kind
    installed = package / f"{kind}_data"
    return installed if installed.is_dir() else package.parent / kind


def _checked(file: TomlFile) -> Prompt:
    table = read_table(file, PromptTable)
    template = Template(table.user)
    if not template.is_valid() or set(template.get_identifiers()) != set(table.placeholders):
        named, held = sorted(table.placeholders), sorted(template.get_identifiers())
        problem = f"`placeholders` names {named}, `user` holds {held}"
        raise wrong(file, ("placeholders",), problem, "write a literal dollar sign as $$")
    pairs = tuple((example.user, example.assistant) for example in table.example)
    sent = repr((table.version, table.system, table.user, pairs)).encode()
    digest = hashlib.blake2b(sent, digest_size=8).hexdigest()
    return Prompt(file.path.stem, table.version, table.placeholders, table.system, table.user, pairs, digest)
