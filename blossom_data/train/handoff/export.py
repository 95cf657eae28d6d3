"""A trained model as a folder that other programs load.

    OUT/model.safetensors config.json      the weights; LoRA adapters are merged in
    OUT/tokenizer.json ... chat_template   the base model's tokenizer with the template of the training
    OUT/generation_config.json             every id that ends a reply
    OUT/Modelfile                          for `ollama create NAME -f Modelfile`
    OUT/README.md                          the model's card
    OUT/manifest.json                      what it was trained on; written last

Whether a server that tokenises the chat template's text at once sends the trained ids is in the packed set's gates.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson

from blossom_data.errors import ConfigError
from blossom_data.train.handoff.gguf import find_converter, is_converter_there, write_gguf
from blossom_data.train.handoff.gguf_writer import is_writable
from blossom_data.train.handoff.merge import checkpoint_of, is_lora, network_of, provenance
from blossom_data.train.handoff.model_card import card
from blossom_data.train.handoff.modelfile import modelfile
from blossom_data.train.handoff.proof import prove_template
from blossom_data.train.handoff.space import write_space
from blossom_data.train.loop.metrics import read_metrics
from blossom_data.train.model.folders import Building
from blossom_data.train.parallel.checkpoint import Checkpoint
from blossom_data.train.recipe.hub import base_folder
from blossom_data.train.template.templates import described_template
from blossom_data.train.template.tokens import load_tokenizer

_NOT_HANDED_ON = ("generation_config.json",)
_PIECES = "tokenizer.model"


def export(
    run: Path,
    out: Path,
    *,
    gguf: bool = False,
    converter: Path | None = None,
    form: str = "",
    space: bool = False,
    evaluations: Sequence[Path] = (),
) -> dict[str, Any]:
    """Writes the newest model of the run, or that of the checkpoint folder, `run` to `out`.

    Args:
        gguf: also write OUT.gguf beside it.
        converter: a converter of llama.cpp for it; None: one that is in PATH, or else the families that we write.
        form: number format of OUT.gguf, one of gguf_tensors.FORMATS; "" for that of the weights.
        space: also write a web demo, app.py and requirements.txt, into `out`.
        evaluations: folders that `evaluate` wrote; their scores go into the card.

    Raises:
        ConfigError, InputError: no checkpoint, a damaged one, no converter, or `out` cannot be written.
    """
    checkpoint = checkpoint_of(run)
    about = provenance(checkpoint)
    readme = card(out.resolve().name, about, read_metrics(checkpoint.folder.parent.parent), evaluations)
    base = base_folder(checkpoint.manifest)
    command = _converter_for(base, converter, form) if gguf else []
    tokenizer = load_tokenizer(base)
    template = checkpoint.manifest["template"]
    encoder = described_template(template, tokenizer)
    stop_ids = _stop_ids(template["stop_ids"], tokenizer.eos_token_id)
    with Building(out) as building:
        _write_weights(checkpoint, building.folder)
        _write_generation(building.folder, stop_ids, tokenizer)
        # The name of a model's own template is bound to it: it must be taken apart before it is replaced.
        (building.folder / "Modelfile").write_text(modelfile(encoder, template["stop_tokens"]), encoding="utf-8")
        tokenizer.chat_template = template["chat_template"]
        tokenizer.save_pretrained(str(building.folder))
        _hand_on_pieces(base, building.folder, tokenizer)
        proof = prove_template(encoder, tokenizer, template["chat_template"])
        if space:
            write_space(building.folder, out.name)
        (building.folder / "README.md").write_bytes(readme)
        manifest = building.finish({"kind": "model", **about, "stop_ids": stop_ids, "proof": proof})
    written = {"out": str(out), "checkpoint": str(checkpoint.folder), "stop_ids": stop_ids, "gguf": "", "proof": proof}
    if gguf:
        written["gguf"] = str(write_gguf(command, out, form))
    return {**written, "files": [entry["file"] for entry in manifest["files"]]}


def _converter_for(base: Path, named: Path | None, form: str) -> list[str]:
    """The command that converts a model such as `base`; none where it is written here."""
    if named is not None and form:
        raise ConfigError("--gguf-type is for what is written here; a converter has its own", hint="leave one out")
    if named is None and is_writable(base) and (form or not is_converter_there()):
        return []
    return find_converter(named)


def _stop_ids(trained: list[int], eos_id: int | None) -> list[int]:
    """Every id that ends a reply: what was trained, and what the base model ends texts with."""
    return list(dict.fromkeys([*trained, *([] if eos_id is None else [eos_id])]))


def _write_weights(checkpoint: Checkpoint, folder: Path) -> None:
    if is_lora(checkpoint):
        network_of(checkpoint).save_pretrained(folder)
        return
    for path in checkpoint.model.iterdir():
        if path.name not in _NOT_HANDED_ON:
            shutil.copyfile(path, folder / path.name)


def _write_generation(folder: Path, stop_ids: list[int], tokenizer: Any) -> None:
    from transformers import GenerationConfig

    pad = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else stop_ids[0]
    GenerationConfig(eos_token_id=stop_ids, pad_token_id=pad, bos_token_id=tokenizer.bos_token_id).save_pretrained(
        str(folder)
    )


def _hand_on_pieces(base: Path, folder: Path, tokenizer: Any) -> None:
    """Copies the SentencePiece model that transformers leaves behind: llama.cpp splits text by the scores in it."""
    if not (base / _PIECES).is_file():
        return
    shutil.copyfile(base / _PIECES, folder / _PIECES)
    path = folder / "tokenizer_config.json"
    added = {
        str(number): {"content": token.content, "special": token.special}
        for number, token in tokenizer.added_tokens_decoder.items()
    }
    settings = {**orjson.loads(path.read_bytes()), "added_tokens_decoder": added}
    path.write_bytes(orjson.dumps(settings, option=orjson.OPT_INDENT_2))
