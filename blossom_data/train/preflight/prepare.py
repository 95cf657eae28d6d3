"""Everything that is checked before a run: data, tokenizer, template, model and disk fit together.

    prepared = prepare(Path("recipe.toml"), Path("runs/a"), tell=print)
    prepared.draws[0].counts     {"data": 90000, "replay": 0, "held_out": 0}

Nothing is computed here. What may change meanwhile is pinned; data sets of records are packed into OUT/packed first.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
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
from blossom_data.train.model.configs import most_positions, read_config, stretched
from blossom_data.train.model.frozen import freeze
from blossom_data.train.parallel.checkpoint import BEST, FOLDER, finished
from blossom_data.train.preflight.continued import Continued, continued
from blossom_data.train.recipe.methods import Lora
from blossom_data.train.recipe.recipe import Recipe, load_recipe
from blossom_data.train.recipe.revisions import FILE as PINS
from blossom_data.train.recipe.revisions import pinned
from blossom_data.train.recipe.stages import DataPart, Kind, StageRecipe
from blossom_data.train.template.encode import Encoder
from blossom_data.train.template.templates import definition_of, template_for
from blossom_data.train.template.tokens import load_tokenizer

PACKED = "packed"
LOCK = ".lock"
_OURS = (FOLDER, BEST, PACKED, REFERENCE, METRICS, SAMPLES, MANIFEST, LOCK, PINS, "tensorboard", "report.html")


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
    continued: Continued | None = None
    """The finished run whose weights are trained on; what it did is not among the draws."""

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
            **({"continued": self.continued.digest} if self.continued else {}),
            **({"rope": asdict(self.recipe.rope)} if self.recipe.rope else {}),
            "hub": f"{self.recipe.hub_id}@{self.recipe.revision}" if self.recipe.hub_id else "",
            "sources": list(self.data),
        }


def prepare(
    path: Path,
    out: Path | None,
    *,
    tell: Callable[[str], None],
    verify: bool = True,
    scratch: Path | None = None,
    continues: Path | None = None,
) -> Prepared:
    """Reads the recipe and checks everything that can be without a forward pass.

    Args:
        out: folder of the run; None: nothing is kept or asked of the disk, a model of the hub comes without weights.
        verify: compare the hash of every file of the data.
        continues: a finished run that this one goes on from.
        scratch: where data sets of records are packed when there is no `out`; None: they are refused.

    Raises:
        ConfigError, InputError: something does not fit, named in one line.
    """
    recipe = load_recipe(path)
    if out is not None:
        refuse_foreign(out)
    recipe = pinned(recipe, out, tell=tell)
    config = read_config(recipe.base_model)
    if recipe.rope:
        config = stretched(config, recipe.rope)
    tokenizer = load_tokenizer(recipe.base_model)
    encoder = template_for(recipe.template, tokenizer)
    sets = _open_sets(recipe, encoder, out / PACKED if out is not None else scratch, tell=tell, verify=verify)
    _refuse_long_rows(recipe, config)
    network = meta_network(config)
    rows = network.get_input_embeddings().num_embeddings
    if encoder.tokens.vocab_size > rows:
        raise ConfigError(
            f"the tokenizer has {encoder.tokens.vocab_size:,} tokens, the model's embedding {rows:,} rows",
            hint="take the tokenizer that belongs to the model",
        )
    parameters = sum(one.numel() for one in network.parameters())
    freeze(network, recipe.freeze)
    trained = sum(one.numel() for one in network.parameters() if one.requires_grad)
    if recipe.lora:
        trained = _lora_size(network, recipe.lora)
    if out is not None:
        _refuse_full_disk(out, recipe, trained, 0 if recipe.lora else parameters - trained)
    first = next(iter(sets.values()))
    data = _described(sets)
    draws = draw_stages(recipe, sets)
    before = continued(continues, recipe) if continues is not None else None
    if before is not None:
        draws = _further(draws, before)
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
        continued=before,
    )


def _refuse_long_rows(recipe: Recipe, config: Any) -> None:
    """Raises ConfigError where rows are longer than the model takes."""
    most = most_positions(config)
    if most is not None and recipe.seq_len > most:
        raise ConfigError(
            f"rows of {recipe.seq_len:,} tokens are longer than the model takes ({most:,})",
            hint=f"set seq_len = {most} and pack the data again",
        )


def _described(sets: Mapping[Path, PackedSet]) -> list[dict[str, Any]]:
    """What the packed sets are, for a checkpoint."""
    return [
        {
            "path": str(where),
            "version": next((name for name in where.parts[::-1] if VERSION.fullmatch(name)), ""),
            "files": packed.manifest["files"],
            "inputs": packed.manifest["inputs"],
            "documents": packed.manifest["documents"],
        }
        for where, packed in sets.items()
    ]


def _further(draws: Sequence[StageDraw], before: Continued) -> list[StageDraw]:
    """What is left of the stages behind a finished run."""
    left = list(draws[before.stages :])
    if before.stages and (last := draws[before.stages - 1]).recipe.epochs > before.epochs:
        left.insert(0, replace(last, first_epoch=before.epochs))
    return left


def _open_sets(
    recipe: Recipe, encoder: Encoder, into: Path | None, *, tell: Callable[[str], None], verify: bool
) -> dict[Path, PackedSet]:
    """The packed set of each part of the data, made where there is none."""
    sets: dict[Path, PackedSet] = {}
    for stage, part in ((one, part) for one in recipe.stages for part in one.data):
        if part.place not in sets:
            kind: Kind = "text" if part.text else stage.kind
            folder = packed_part(part, recipe, into, kind=kind, tell=tell)
            sets[part.place] = packed = PackedSet.open(folder, verify=verify)
            _fit(packed, part.place, recipe, encoder)
        _refuse_other_kind(sets[part.place], stage, part)
    return sets


def meta_network(config: Any) -> Any:
    """The model of `config` without memory behind its weights."""
    import torch
    from transformers import AutoModelForCausalLM

    with torch.device("meta"):
        return AutoModelForCausalLM.from_config(config, trust_remote_code=False)


def checkpoint_bytes(recipe: Recipe, trained: int, frozen: int = 0) -> int:
    """Size of one checkpoint: the weights, two moments and, beside half precision, the masters."""
    size = 4 if recipe.dtype == "float32" else 2
    return trained * (12 if size == 4 else 14) + frozen * size


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


def _refuse_other_kind(packed: PackedSet, stage: StageRecipe, part: DataPart) -> None:
    """Raises ConfigError where a packed set does not hold what the stage learns from."""
    if packed.kind == stage.kind and not part.text:
        return
    if packed.kind == "text" and stage.kind == "chats":
        return
    held = f"stage {stage.name}: {packed.folder} holds {_KINDS[packed.kind]}"
    if part.text:
        raise ConfigError(f"{held}, and text = true says that it is plain text", hint="leave out text")
    if stage.kind == "chats":
        key = "dpo = {beta = 0.1}" if packed.kind == "pairs" else "kto = {beta = 0.1}"
        raise ConfigError(held, hint=f"add {key} to the stage")
    assert stage.preference is not None
    flag = "--pairs" if stage.kind == "pairs" else "--judged"
    raise ConfigError(
        f"{held}, and {stage.preference.key} needs {_KINDS[stage.kind]}",
        hint=f"pack them: blossom-data train pack {flag}",
    )


_KINDS = {
    "chats": "chats",
    "pairs": "preference pairs",
    "labelled": "replies that were judged one by one",
    "text": "plain text",
}


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
    if packed.kind == "text":
        return
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


def _refuse_full_disk(out: Path, recipe: Recipe, trained: int, frozen: int) -> None:
    """Raises ConfigError where the checkpoints that are kept, and the one being written, do not fit."""
    size = checkpoint_bytes(recipe, trained, frozen)
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
