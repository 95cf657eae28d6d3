"""LoRA adapters merged into the weights of their base model, and the network of any checkpoint.

merge(Path("runs/lora"), Path("models/merged"))      a model folder like any other
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from blossom_data.errors import ConfigError, InputError
from blossom_data.shards import read_manifest
from blossom_data.train.model.folders import Building
from blossom_data.train.model.lora import ADAPTER_CONFIG, merged
from blossom_data.train.model.model import DTYPES, load_network
from blossom_data.train.parallel.checkpoint import Checkpoint, Position, newest, verify
from blossom_data.train.recipe.hub import base_folder
from blossom_data.train.recipe.methods import Rope
from blossom_data.train.template.tokens import load_tokenizer


def merge(run: Path, out: Path) -> dict[str, Any]:
    """Writes the merged model of a LoRA run, or of one of its checkpoints, to `out`.

    Raises:
        ConfigError: not a LoRA run, or `out` cannot be written.
    """
    checkpoint = checkpoint_of(run)
    if not is_lora(checkpoint):
        raise ConfigError(
            f"{checkpoint.folder} holds whole weights: there is nothing to merge",
            hint="blossom-data train export takes it",
        )
    base = base_folder(checkpoint.manifest)
    with Building(out) as building:
        network_of(checkpoint).save_pretrained(building.folder)
        load_tokenizer(base).save_pretrained(str(building.folder))
        building.finish({"kind": "model", **provenance(checkpoint)})
    return {"out": str(out), "base_model": str(base), "checkpoint": str(checkpoint.folder)}


def checkpoint_of(path: Path) -> Checkpoint:
    """The checkpoint in the folder `path`, or the newest of the run there, its hashes compared.

    Raises:
        InputError: there is none, or it is damaged.
    """
    manifest = read_manifest(path)
    if manifest and manifest.get("kind") == "checkpoint":
        found: Checkpoint | None = Checkpoint(path, Position(**manifest["position"]), manifest)
    else:
        found = newest(path)
    if found is None:
        raise InputError(f"{path} holds no finished checkpoint", hint="make one: blossom-data train run")
    verify(found)
    return found


def is_lora(checkpoint: Checkpoint) -> bool:
    """Whether it holds adapters rather than whole weights."""
    return (checkpoint.model / ADAPTER_CONFIG).is_file()


def network_of(checkpoint: Checkpoint) -> Any:
    """The network of a checkpoint, adapters merged in."""
    dtype = DTYPES[checkpoint.manifest["dtype"]]
    if not is_lora(checkpoint):
        return load_network(checkpoint.model, dtype)
    rope = checkpoint.manifest.get("rope")
    base = load_network(base_folder(checkpoint.manifest), dtype, rope=Rope(**rope) if rope else None)
    return merged(base, checkpoint.model)


def provenance(checkpoint: Checkpoint) -> dict[str, Any]:
    """What a model folder says of its origin: the data's hashes, the recipe's, the base model's name."""
    told = checkpoint.manifest
    return {
        "base_model": told.get("hub") or Path(told["base_model"]).name,
        "recipe": told["recipe"],
        "position": told["position"],
        "template": told["template"],
        "sources": [{**source, "path": Path(source["path"]).name} for source in told["sources"]],
    }
