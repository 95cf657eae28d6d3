"""How one definition of a tool is written: as JSON, or by the Jinja text of a template's `definition`.

    {"type": "function", "function": {"name": "time", ...}}     // Of a city.\\ntype time = (_: {city: string}) ...

The same text stands in the exported chat template, where the trimming of blanks around blocks is transformers' too.
"""

from __future__ import annotations

import functools
import json
from typing import TYPE_CHECKING, Any

from blossom_data.train.template.chat_formats import Tools

if TYPE_CHECKING:
    from jinja2 import Template as JinjaTemplate


class UnwritableDefinition(Exception):
    """A tool whose definition the template's text cannot write."""


def written_definition(rule: Tools, tool: dict[str, Any]) -> str:
    """The text of the definition `tool`.

    Raises:
        UnwritableDefinition: the template's text fails on it.
    """
    if not rule.definition:
        return _as_json(tool, rule.indent)
    from jinja2 import TemplateError

    try:
        return compiled(rule.definition).render(tool=tool)
    except (TemplateError, TypeError, ValueError, AttributeError, ArithmeticError, LookupError, RecursionError) as why:
        raise UnwritableDefinition from why


@functools.cache
def compiled(text: str) -> JinjaTemplate:
    """The Jinja of a definition, which reaches nothing but the tool; jinja2.TemplateSyntaxError where it is none."""
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True)
    environment.filters["tojson"] = _as_json
    return environment.from_string(text)


def _as_json(value: Any, indent: int = 0) -> str:
    return json.dumps(value, ensure_ascii=False, indent=indent or None)
