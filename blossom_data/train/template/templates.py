"""The templates by name or file, bound to a tokenizer.

    encoder = template_for("chatml", tokenizer)
    encoder.encode_prompt([Message("user", "What is 6 times 7?")])   ids that end where the assistant begins
    encoder.stop_ids()                                               [151645]

`own` is the model's chat template, taken apart by from_jinja.py; `house.toml` is a file with the keys of a Template.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter, ValidationError

from blossom_data.errors import ConfigError, InputError, near_hint
from blossom_data.settings_file import read_table, wrong
from blossom_data.toml_file import TomlFile, read_toml
from blossom_data.train.template.chat_formats import Template
from blossom_data.train.template.definitions import compiled
from blossom_data.train.template.encode import Encoder
from blossom_data.train.template.names import ALIASES, FAMILIES, FOLDER, OWN, TEMPLATE_NAMES, is_file
from blossom_data.train.template.tokens import Tokens

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

__all__ = ["OWN", "TEMPLATES", "TEMPLATE_NAMES", "Template", "template_for"]


def template_for(name: str, tokenizer: PreTrainedTokenizerFast) -> Encoder:
    """The template `name`, or that of a file, bound to `tokenizer`.

    Raises:
        ConfigError: no such template, or one that does not fit the tokenizer.
    """
    if name == OWN:
        from blossom_data.train.template.from_jinja import own_template

        template = own_template(tokenizer)
    else:
        template = named_template(name)
    return Encoder(template, Tokens(tokenizer, template.controls))


def described_template(described: Mapping[str, Any], tokenizer: PreTrainedTokenizerFast) -> Encoder:
    """The template that a manifest describes, bound to `tokenizer`: by its name, or by the definition that it carries.

    Raises:
        ConfigError, InputError: as template_for, or a definition that is none.
    """
    if "definition" not in described:
        return template_for(str(described["name"]), tokenizer)
    try:
        template = _adapter().validate_python(described["definition"])
    except ValidationError as why:
        raise InputError("the manifest describes its template wrongly", hint="pack the data again") from why
    return Encoder(template, Tokens(tokenizer, template.controls))


def named_template(name: str) -> Template:
    """The template that a name, an alias or a file gives.

    Raises:
        ConfigError: there is none, or the file has a mistake.
    """
    if is_file(name):
        return read_template(Path(name))
    found = TEMPLATES.get(ALIASES.get(name, name))
    if found is None:
        raise ConfigError(f"no template {name}", hint=near_hint(name, (*TEMPLATE_NAMES, "a file NAME.toml"), "known:"))
    return found


def read_template(path: Path) -> Template:
    """The template in a file of a user's own.

    Raises:
        ConfigError: no such file, an unknown key, a wrong value, or a name that is taken.
    """
    file = read_toml(path, "template")
    template = read_table(file, Template, defaults={"name": path.stem})
    if template.name in TEMPLATE_NAMES:
        raise wrong(file, ("name",), f"the name {template.name} is taken", "give it another: name = ...")
    if template.tools is not None and template.tools.definition:
        _refuse_no_jinja(file, template.tools.definition)
    if "assistant" not in template.forms or "user" not in template.forms:
        raise wrong(file, ("roles",), "a template needs [roles.user] and [roles.assistant]")
    if template.system.place == "turn" and template.system.default is not None and "system" not in template.forms:
        raise wrong(file, ("system", "default"), "a default system text needs [roles.system]")
    return template


def _refuse_no_jinja(file: TomlFile, text: str) -> None:
    from jinja2 import TemplateSyntaxError

    try:
        compiled(text)
    except TemplateSyntaxError as why:
        raise wrong(file, ("tools", "definition"), f"no Jinja: {why}") from why


def definition_of(template: Template) -> dict[str, Any] | None:
    """What a manifest keeps of a template of a user's own; None of one that comes along, or the model's."""
    if template.name in TEMPLATE_NAMES:
        return None
    described = _adapter().dump_python(template, mode="json", by_alias=True, exclude_defaults=True)
    assert isinstance(described, dict)
    return described


def identity_of(name: str) -> Any:
    """What decides the texts of the template `name`: the name, or the definition of one in a file."""
    return definition_of(named_template(name)) if is_file(name) else name


class _Families(Mapping[str, Template]):
    """The templates that come along, each read when it is asked for."""

    def __getitem__(self, name: str) -> Template:
        if name not in FAMILIES:
            raise KeyError(name)
        return _family(name)

    def __iter__(self) -> Iterator[str]:
        return iter(FAMILIES)

    def __len__(self) -> int:
        return len(FAMILIES)


TEMPLATES: Mapping[str, Template] = _Families()


@functools.cache
def _family(name: str) -> Template:
    return read_table(read_toml(FOLDER / f"{name}.toml", "template"), Template, defaults={"name": name})


@functools.cache
def _adapter() -> TypeAdapter[Template]:
    return TypeAdapter(Template)
