"""The templates by name, bound to a tokenizer.

    encoder = template_for("chatml", tokenizer)
    encoder.encode_prompt([Message("user", "What is 6 times 7?")])   ids that end where the assistant begins
    encoder.stop_ids()                                               [151645]

`own` is the model's chat template, taken apart by from_jinja.py.
"""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

from blossom_data.errors import ConfigError
from blossom_data.train.template.chat_formats import TEMPLATES, Template
from blossom_data.train.template.encode import Encoder
from blossom_data.train.template.tokens import Tokens

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

__all__ = ["OWN", "TEMPLATES", "TEMPLATE_NAMES", "Template", "template_for"]

OWN = "own"
ALIASES = {"plain": "bloom"}
TEMPLATE_NAMES = (*TEMPLATES, *ALIASES, OWN)


def template_for(name: str, tokenizer: PreTrainedTokenizerFast) -> Encoder:
    """The template `name` bound to `tokenizer`.

    Raises:
        ConfigError: no such template, or one that does not fit the tokenizer.
    """
    if name == OWN:
        from blossom_data.train.template.from_jinja import own_template

        template = own_template(tokenizer)
    else:
        template = named_template(name)
    return Encoder(template, Tokens(tokenizer, template.controls))


def named_template(name: str) -> Template:
    """The template of TEMPLATES that `name` or an alias names."""
    found = TEMPLATES.get(ALIASES.get(name, name))
    if found is None:
        near = difflib.get_close_matches(name, TEMPLATE_NAMES, n=1)
        hint = f"did you mean {near[0]}?" if near else f"known: {', '.join(TEMPLATE_NAMES)}"
        raise ConfigError(f"no template {name}", hint=hint)
    return found
