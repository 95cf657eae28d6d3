"""Everything that is checked before a run: data, tokenizer, template, model and disk fit together.

    prepared = prepare(Path("recipe.toml"), Path("runs/a"), tell=print)
    prepared.draws[0].counts     {"data": 90000, "replay": 0, "held_out": 0}

Nothing is computed here. A part that is a data set of records is packed into OUT/packed first.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from blossom_data.errors import BlossomError, ConfigError, InputError
from blossom_data.rows.facts import fingerprint
from blossom_data.shards import MANIFEST, read_manifest
from blossom_data.train.checkpoint import FOLDER, finished
from blossom_data.train.draws import StageDraw, draw_stages
from blossom_data.train.metrics import FILE as METRICS
from blossom_data.train.model import most_positions
from blossom_data.train.pack import pack_dataset
from blossom_data.train.recipe import Recipe, load_recipe
from blossom_data.train.store import KIND, PackedSet
from blossom_data.train.templates import template_for
from blossom_data.train.tokens import load_tokenizer

PACKED = "packed"
LOCK = ".lock"
_OURS = (FOLDER, PACKED, METRICS, MANIFEST, LOCK, "tensorboard", "report.html")


@dataclass(frozen=True, slots=True)
class Prepared:
    """A recipe that can run, with its data drawn."""

    recipe: Recipe
    config: Any
    """The model's configuration, of transformers."""
    parameters: int
    trained: int
    draws: Sequence[StageDraw]
    pad_id: int
    template: Mapping[str, Any]
    """As a packed set's manifest has it: name, stop ids, chat template."""
    data: Sequence[Mapping[str, Any]]
    """What was trained on: path, hashes, documents."""

    def about(self, world: int) -> dict[str, Any]:
        """What a checkpoint says of its run; it goes on only where all of it is the same."""
        return {
            "recipe": self.recipe.digest(),
            "data": hashlib.sha256(orjson.dumps(self.data)).hexdigest(),
            "world": world,
            "adapter": self.recipe.adapter,
            "dtype": self.recipe.dtype,
            "template": dict(self.template),
            "base_model": str(self.recipe.base_model),
            "sources": list(self.data),
        }


def prepare(path: Path, out: Path | None, *, tell: Callable[[str], None], verify: bool = True) -> Prepared:
    """Reads the recipe and checks everything that can be without a forward pass.

    Args:
        out: folder of the run; None: nothing is packed or asked of the disk.
        verify: compare the hash of every file of the data.

    Raises:
        ConfigError, InputError: something does not fit, named in one line.
    """
    recipe = load_recipe(path)
    if out is not None:
        refuse_foreign(out)
    config = _config(recipe)
    tokenizer = load_tokenizer(recipe.base_model)
    encoder = template_for(recipe.template, tokenizer)
    sets: dict[Path, PackedSet] = {}
    for part in (part for stage in recipe.stages for part in stage.data):
        if part.path not in sets:
            folder = _packed(part.path, recipe, out, tell)
            sets[part.path] = packed = PackedSet.open(folder, verify=verify)
            _fit(packed, recipe, encoder.tokens.sha256)
    most = most_positions(config)
    if most is not None and recipe.seq_len > most:
        raise ConfigError(
            f"rows of {recipe.seq_len:,} tokens are longer than the model takes ({most:,})",
            hint=f"set seq_len = {most} and pack the data again",
        )
    network = meta_network(config)
    rows = network.get_input_embeddings().num_embeddings
    if encoder.tokens.vocab_size > rows:
        raise ConfigError(
            f"the tokenizer has {encoder.tokens.vocab_size:,} tokens, the model's embedding {rows:,} rows"
        )
    parameters = sum(one.numel() for one in network.parameters())
    trained = _lora_size(network, recipe.lora.rank) if recipe.lora else parameters
    if out is not None:
        _refuse_full_disk(out, recipe, trained)
    first = next(iter(sets.values()))
    data = [
        {
            "path": str(where),
            "files": packed.manifest["files"],
            "inputs": packed.manifest["inputs"],
            "documents": packed.manifest["documents"],
        }
        for where, packed in sets.items()
    ]
    return Prepared(
        recipe=recipe,
        config=config,
        parameters=parameters,
        trained=trained,
        draws=draw_stages(recipe, sets),
        pad_id=first.pad_id,
        template=first.manifest["template"],
        data=data,
    )


def meta_network(config: Any) -> Any:
    """The model of `config` without memory behind its weights."""
    import torch
    from transformers import AutoModelForCausalLM

    with torch.device("meta"):
        return AutoModelForCausalLM.from_config(config, trust_remote_code=False)


def checkpoint_bytes(recipe: Recipe, trained: int) -> int:
    """Size of one checkpoint: the weights, two moments and, beside half precision, the masters."""
    return trained * (14 if recipe.dtype == "bfloat16" else 12)


def refuse_foreign(out: Path) -> None:
    """Raises ConfigError when `out` is a file, a link, or holds files that no run writes."""
    if out.is_symlink() or (out.exists() and not out.is_dir()):
        raise ConfigError(f"output {out} is not a folder", hint="name a new folder with -o")
    if out.is_dir():
        foreign = sorted(entry.name for entry in out.iterdir() if entry.name.lstrip(".").split(".")[0] not in _STEMS)
        if foreign:
            raise ConfigError(
                f"output folder {out} holds other files ({foreign[0]} ...)", hint="name a new folder with -o"
            )


_STEMS = tuple(name.lstrip(".").split(".")[0] for name in _OURS)


def _config(recipe: Recipe) -> Any:
    from transformers import AutoConfig

    try:
        return AutoConfig.from_pretrained(str(recipe.base_model), local_files_only=True, trust_remote_code=False)
    except Exception as why:
        # Whatever a damaged or foreign folder makes transformers raise, it is this folder that is wrong.
        line = (str(why).strip().splitlines() or [type(why).__name__])[0]
        raise ConfigError(f"cannot read a model from {recipe.base_model}: {line[:200]}") from why


def _packed(path: Path, recipe: Recipe, out: Path | None, tell: Callable[[str], None]) -> Path:
    """The packed set at `path`, or the one made of the records there."""
    if (read_manifest(path) or {}).get("kind") == KIND:
        return path
    if path.is_dir() and any((path / name).exists() for name in ("ids.bin", "docs.bin")):
        raise InputError(f"{path} is no finished packed set", hint="make it again: blossom-data train pack")
    if out is None:
        raise ConfigError(f"{path} is not packed", hint="pack it first: blossom-data train pack")
    digest = hashlib.sha256(orjson.dumps([fingerprint(path), recipe.template, recipe.seq_len])).hexdigest()
    folder = out / PACKED / f"{path.stem}-{digest[:12]}"
    if read_manifest(folder) is None:
        tell(f"packing {path} into {folder}")
        folder.parent.mkdir(parents=True, exist_ok=True)
        pack_dataset(
            [path], folder, tokenizer=recipe.base_model, template=recipe.template, seq_len=recipe.seq_len,
            seed=recipe.seed,
        )  # fmt: skip
    return folder


def _fit(packed: PackedSet, recipe: Recipe, tokenizer: str) -> None:
    """Raises ConfigError where a packed set is not what the recipe and the model's tokenizer would make."""
    manifest = packed.manifest
    wanted = "bloom" if recipe.template == "plain" else recipe.template
    hint = "pack the data again, or change the recipe"
    if packed.template != wanted:
        raise ConfigError(f"{packed.folder} is packed with {packed.template}, the recipe says {wanted}", hint=hint)
    if packed.seq_len != recipe.seq_len:
        raise ConfigError(
            f"{packed.folder} has rows of {packed.seq_len:,} tokens, the recipe says {recipe.seq_len:,}", hint=hint
        )
    if manifest["tokenizer"]["sha256"] != tokenizer:
        raise ConfigError(f"{packed.folder} is packed with another tokenizer than {recipe.base_model} has", hint=hint)
    gate = manifest.get("gates", {}).get("stop_token", {})
    if not packed.stop_ids or not gate.get("turns") or gate.get("failed"):
        raise ConfigError(
            f"{packed.folder}: the template {packed.template} trains no stop token",
            hint="the model would never stop; pack with a template whose replies end with a special token",
        )


def _lora_size(network: Any, rank: int) -> int:
    """About how many parameters adapters of `rank` on every matrix of the blocks have."""
    import torch

    head = network.get_output_embeddings()
    linear = (part for part in network.modules() if isinstance(part, torch.nn.Linear) and part is not head)
    return sum(rank * (part.in_features + part.out_features) for part in linear)


def _refuse_full_disk(out: Path, recipe: Recipe, trained: int) -> None:
    """Raises ConfigError where the checkpoints that are kept, and the one being written, do not fit."""
    size = checkpoint_bytes(recipe, trained)
    there = next(folder for folder in (out, *out.absolute().parents) if folder.exists())
    try:
        free = shutil.disk_usage(there).free
    except OSError as why:
        raise BlossomError(f"cannot look at the disk of {there}: {why.strerror}") from why
    needed = size * max(1, recipe.keep + 1 - len(finished(out)))
    if free < needed:
        raise ConfigError(
            f"{there} has {free / 1e9:,.1f} GB free, checkpoints need {needed / 1e9:,.1f} GB",
            hint="free some space, lower keep, or name a folder on another disk with -o",
        )
