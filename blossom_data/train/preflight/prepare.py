"""Everything that is checked before a run: data, tokenizer, template, model and disk fit together.

    prepared = prepare(Path("recipe.toml"), Path("runs/a"), tell=print)
    prepared.draws[0].counts     {"data": 90000, "replay": 0, "held_out": 0}

Nothing is computed here. What may change meanwhile is pinned; data sets of records are packed into OUT/packed first.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from blossom_data.curate import clean_sets
from blossom_data.errors import BlossomError, ConfigError, system_hint
from blossom_data.publish.names import VERSION
from blossom_data.shards import MANIFEST
from blossom_data.train.data.data_order import StageDraw, draw_stages
from blossom_data.train.data.packed_sets import packed_part
from blossom_data.train.data.store import PackedSet
from blossom_data.train.loop.metrics import FILE as METRICS
from blossom_data.train.loop.metrics import SAMPLES
from blossom_data.train.loop.reference import FOLDER as REFERENCE
from blossom_data.train.model.model import MODEL_HINT, most_positions
from blossom_data.train.parallel.checkpoint import FOLDER, finished
from blossom_data.train.recipe.recipe import Lora, Recipe, StageRecipe, load_recipe
from blossom_data.train.recipe.revisions import FILE as PINS
from blossom_data.train.recipe.revisions import pinned
from blossom_data.train.template.encode import Encoder
from blossom_data.train.template.templates import definition_of, template_for
from blossom_data.train.template.tokens import load_tokenizer

PACKED = "packed"
LOCK = ".lock"
_OURS = (FOLDER, PACKED, REFERENCE, METRICS, SAMPLES, MANIFEST, LOCK, PINS, "tensorboard", "report.html")


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
    chat_tokens: Mapping[str, int]
    """The special tokens that the template writes, and their ids."""
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
            "hub": f"{self.recipe.hub_id}@{self.recipe.revision}" if self.recipe.hub_id else "",
            "sources": list(self.data),
        }


def prepare(
    path: Path, out: Path | None, *, tell: Callable[[str], None], verify: bool = True, scratch: Path | None = None
) -> Prepared:
    """Reads the recipe and checks everything that can be without a forward pass.

    Args:
        out: folder of the run; None: nothing is kept or asked of the disk, a model of the hub comes without weights.
        verify: compare the hash of every file of the data.
        scratch: where data sets of records are packed when there is no `out`; None: they are refused.

    Raises:
        ConfigError, InputError: something does not fit, named in one line.
    """
    recipe = load_recipe(path)
    if out is not None:
        refuse_foreign(out)
    recipe = pinned(recipe, out, tell=tell)
    config = _config(recipe)
    tokenizer = load_tokenizer(recipe.base_model)
    encoder = template_for(recipe.template, tokenizer)
    sets: dict[Path, PackedSet] = {}
    into = out / PACKED if out is not None else scratch
    for stage, part in ((one, part) for one in recipe.stages for part in one.data):
        if part.place not in sets:
            folder = packed_part(part, recipe, into, pairs=stage.dpo is not None, tell=tell)
            sets[part.place] = packed = PackedSet.open(folder, verify=verify)
            _fit(packed, part.place, recipe, encoder)
        _refuse_other_kind(sets[part.place], stage)
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
            f"the tokenizer has {encoder.tokens.vocab_size:,} tokens, the model's embedding {rows:,} rows",
            hint="take the tokenizer that belongs to the model",
        )
    parameters = sum(one.numel() for one in network.parameters())
    trained = _lora_size(network, recipe.lora) if recipe.lora else parameters
    if out is not None:
        _refuse_full_disk(out, recipe, trained)
    first = next(iter(sets.values()))
    data = [
        {
            "path": str(where),
            "version": next((name for name in where.parts[::-1] if VERSION.fullmatch(name)), ""),
            "files": packed.manifest["files"],
            "inputs": packed.manifest["inputs"],
            "documents": packed.manifest["documents"],
        }
        for where, packed in sets.items()
    ]
    draws = draw_stages(recipe, sets)
    for line in (line for draw in draws for line in draw.voids()):
        tell(f"warning: {line}")
    return Prepared(
        recipe=recipe,
        config=config,
        parameters=parameters,
        trained=trained,
        draws=draws,
        pad_id=first.pad_id,
        template=first.manifest["template"],
        chat_tokens=_chat_tokens(encoder),
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
        raise ConfigError(f"cannot read a model from {recipe.base_model}: {line[:200]}", hint=MODEL_HINT) from why


def _refuse_other_kind(packed: PackedSet, stage: StageRecipe) -> None:
    """Raises ConfigError where a stage is given preference pairs and learns tokens, or the other way round."""
    if packed.is_pairs and not stage.dpo:
        raise ConfigError(
            f"stage {stage.name}: {packed.folder} holds preference pairs", hint="add dpo = {beta = 0.1} to the stage"
        )
    if stage.dpo and not packed.is_pairs:
        raise ConfigError(
            f"stage {stage.name}: {packed.folder} holds chats, and dpo needs preference pairs",
            hint="pack them: blossom-data train pack --pairs",
        )


def _refuse_unclean(packed: PackedSet, place: Path, recipe: Recipe) -> None:
    """Raises ConfigError where items of a test set that the recipe names may be in what is trained on."""
    for name in recipe.decontaminated:
        if clean_sets.still_in(name, packed.manifest.get(clean_sets.KEY) or ()):
            raise ConfigError(
                f"{place} may hold items of {name}: they were never looked for",
                hint=f"blossom-data decontaminate DATA -o FOLDER --against {name}, and train on that",
            )


def _fit(packed: PackedSet, place: Path, recipe: Recipe, encoder: Encoder) -> None:
    """Raises ConfigError where a packed set is not what the recipe and the model's tokenizer would make.

    Args:
        place: where the recipe says that the data are.
    """
    _refuse_unclean(packed, place, recipe)
    manifest = packed.manifest
    wanted = encoder.template.name
    hint = "pack the data again, or change the recipe"
    if packed.template != wanted:
        raise ConfigError(f"{packed.folder} is packed with {packed.template}, the recipe says {wanted}", hint=hint)
    if manifest["template"].get("definition") != definition_of(encoder.template):
        raise ConfigError(f"{packed.folder} is packed with another {wanted} than {recipe.template} defines", hint=hint)
    if packed.seq_len != recipe.seq_len:
        raise ConfigError(
            f"{packed.folder} has rows of {packed.seq_len:,} tokens, the recipe says {recipe.seq_len:,}", hint=hint
        )
    if manifest["tokenizer"]["sha256"] != encoder.tokens.sha256:
        raise ConfigError(f"{packed.folder} is packed with another tokenizer than {recipe.base_model} has", hint=hint)
    gate = manifest.get("gates", {}).get("stop_token", {})
    if not packed.stop_ids or not gate.get("turns") or gate.get("failed"):
        raise ConfigError(
            f"{packed.folder}: the template {packed.template} trains no stop token",
            hint="the model would never stop; pack with a template whose replies end with a special token",
        )


def _chat_tokens(encoder: Encoder) -> dict[str, int]:
    texts = (*encoder.template.controls, *(encoder.tokens.special[stop] for stop in encoder.stop_ids()))
    return {text: row for text in texts if (row := encoder.tokens.single(text)) is not None}


def _lora_size(network: Any, lora: Lora) -> int:
    """About how many parameters adapters on every matrix of the blocks have, and the layers trained whole."""
    import torch

    head = network.get_output_embeddings()
    linear = (part for part in network.modules() if isinstance(part, torch.nn.Linear) and part is not head)
    whole = (part for name, part in network.named_modules() if name.rpartition(".")[2] in lora.modules_to_save)
    saved = {id(one): one.numel() for part in whole for one in part.parameters()}
    adapters = sum(int(lora.rank * (part.in_features + part.out_features)) for part in linear)
    return adapters + int(sum(saved.values()))


def _refuse_full_disk(out: Path, recipe: Recipe, trained: int) -> None:
    """Raises ConfigError where the checkpoints that are kept, and the one being written, do not fit."""
    size = checkpoint_bytes(recipe, trained)
    there = next(folder for folder in (out, *out.absolute().parents) if folder.exists())
    try:
        free = shutil.disk_usage(there).free
    except OSError as why:
        raise BlossomError(f"cannot look at the disk of {there}: {why.strerror}", hint=system_hint(why)) from why
    needed = size * max(1, recipe.keep + 1 - len(finished(out)))
    if free < needed:
        raise ConfigError(
            f"{there} has {free / 1e9:,.1f} GB free, checkpoints need {needed / 1e9:,.1f} GB",
            hint="free some space, lower keep, or name a folder on another disk with -o",
        )
