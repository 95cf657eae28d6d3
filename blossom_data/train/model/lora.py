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
from blossom_data.train.recipe.methods import Lora

ADAPTER_CONFIG = "adapter_config.json"
PREFIX = "base_model.model."
"""What peft puts before the names of the network's parameters."""


def add_adapters(network: Any, lora: Lora) -> Any:
    """Puts fresh adapters into `network`; gives peft's wrapper.

    Raises:
        ConfigError: peft is not installed, or the targets name nothing.
    """
    _refuse_ends(network, lora)
    targets: Any = list(lora.targets)
    with _peft() as peft:
        settings = peft.LoraConfig(
            r=lora.rank,
            lora_alpha=lora.alpha,
            lora_dropout=lora.dropout,
            target_modules=targets[0] if targets == ["all-linear"] else targets,
            modules_to_save=list(lora.modules_to_save) or None,
            # One matrix stays one where the model has its embedding for an output layer too.
            ensure_weight_tying=bool(lora.modules_to_save and network.config.tie_word_embeddings),
            task_type="CAUSAL_LM",
        )
        try:
            return peft.get_peft_model(network, settings, autocast_adapter_dtype=False)
        except ValueError as why:
            line = str(why).splitlines()[0][:200]
            raise ConfigError(f"LoRA: {line}", hint="see targets in [lora]") from why


def _refuse_ends(network: Any, lora: Lora) -> None:
    """Raises ConfigError where adapters are asked for on embedding or output layer, or a layer to save is not there."""
    names = {id(part): name for name, part in network.named_modules()}
    ends = [part for part in (network.get_input_embeddings(), network.get_output_embeddings()) if part is not None]
    for end in {names[id(part)].rpartition(".")[2] for part in ends if id(part) in names}:
        if any(target == end or target.endswith(f".{end}") for target in lora.targets):
            raise ConfigError(
                f"[lora] targets names {end}, and adapters on the embedding or the output layer are not trained",
                hint=f'train it whole: modules_to_save = ["{end}"]',
            )
    for wanted in lora.modules_to_save:
        if not any(name == wanted or name.endswith(f".{wanted}") for name in names.values()):
            raise ConfigError(
                f"[lora] modules_to_save names {wanted}, which the model does not have",
                hint=f"its ends are {', '.join(names[id(part)] for part in ends)}",
            )


def whole_layer(layer: Any) -> Any:
    """The layer itself, where adapters put a wrapper around one that is trained whole."""
    saved = getattr(layer, "modules_to_save", None)
    return layer if saved is None else saved["default"]


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
