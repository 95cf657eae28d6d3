"""Parts of a model that stay as they are while the rest is trained.

freeze(network, ("embed_tokens", "layers.0-7"))      by the ends of their dotted names; 0-7 are eight of a list
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from blossom_data.errors import ConfigError

_RANGE = re.compile(r"(.*\.|)(\d+)-(\d+)")


def freeze(network: Any, parts: Sequence[str]) -> None:
    """Takes the parameters of `parts` out of what is trained.

    Raises:
        ConfigError: the model has no such part, or nothing would be trained.
    """
    modules = {name: module for name, module in network.named_modules() if name}
    for name in (name for part in parts for name in _spread(part)):
        found = [module for full, module in modules.items() if full == name or full.endswith(f".{name}")]
        if not found:
            near = ", ".join([full for full in modules if full.count(".") < 3][:8])
            raise ConfigError(f"freeze names {name}, which the model does not have", hint=f"it has {near} ...")
        for module in found:
            module.requires_grad_(False)
    if parts and not any(one.requires_grad for one in network.parameters()):
        raise ConfigError("freeze names the whole model: nothing would be trained", hint="name fewer parts")


def _spread(part: str) -> list[str]:
    """layers.0-2 as layers.0, layers.1, layers.2."""
    found = _RANGE.fullmatch(part)
    if found is None:
        return [part]
    before, first, last = found.groups()
    return [f"{before}{number}" for number in range(int(first), int(last) + 1)] or [part]
