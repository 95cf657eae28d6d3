"""LoRA through peft: adapters put into a network, taken up from a checkpoint, or merged.

wrapper = add_adapters(network, Lora(rank=16))      `network` itself now has them; the wrapper saves them
"""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from blossom_data.errors import ConfigError, extra_hint
from blossom_data.train.recipe.recipe import Lora

ADAPTER_CONFIG = "adapter_config.json"
PREFIX = "base_model.model."
"""What peft puts before the names of the network's parameters."""


def add_adapters(network: Any, lora: Lora) -> Any:
    """Puts fresh adapters into `network`; gives peft's wrapper.

    Raises:
        ConfigError: peft is not installed, or the targets name nothing.
    """
    targets: Any = list(lora.targets)
    with _peft() as peft:
        settings = peft.LoraConfig(
            r=lora.rank,
            lora_alpha=lora.alpha,
            lora_dropout=lora.dropout,
            target_modules=targets[0] if targets == ["all-linear"] else targets,
            task_type="CAUSAL_LM",
        )
        try:
            return peft.get_peft_model(network, settings, autocast_adapter_dtype=False)
        except ValueError as why:
            line = str(why).splitlines()[0][:200]
            raise ConfigError(f"LoRA: {line}", hint="see targets in [lora]") from why


def take_up_adapters(network: Any, folder: Path) -> Any:
    """Puts the adapters of a checkpoint into `network`, to be trained on."""
    with _peft() as peft:
        return peft.PeftModel.from_pretrained(network, str(folder), is_trainable=True, autocast_adapter_dtype=False)


def merged(network: Any, folder: Path) -> Any:
    """`network` with the adapters in `folder` merged into its weights."""
    with _peft() as peft:
        return peft.PeftModel.from_pretrained(network, str(folder)).merge_and_unload()


def save_adapters(wrapper: Any, folder: Path, weights: dict[str, Any]) -> None:
    """Writes the adapters' `weights`, by peft's names, with their configuration."""
    with _peft():
        wrapper.save_pretrained(folder, state_dict=weights, safe_serialization=True)
    # A card full of placeholders: nothing to hand on.
    (folder / "README.md").unlink(missing_ok=True)


@contextlib.contextmanager
def _peft() -> Iterator[Any]:
    """The library, without its warnings about names that transformers is about to change."""
    try:
        import peft
    except ImportError as why:
        raise ConfigError("LoRA needs peft", hint=extra_hint("train")) from why
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        yield peft
