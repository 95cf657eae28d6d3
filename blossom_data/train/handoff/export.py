"""A trained model as a folder that other programs load.

    OUT/model.safetensors config.json      the weights; LoRA adapters are merged in
    OUT/tokenizer.json ... chat_template   the base model's tokenizer with the template of the training
    OUT/generation_config.json             every id that ends a reply
    OUT/Modelfile                          for `ollama create NAME -f Modelfile`
    OUT/manifest.json                      what it was trained on; written last

Whether a server that tokenises the chat template's text at once sends the trained ids is in the packed set's gates.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import orjson

from blossom_data.train.handoff.gguf import find_converter, write_gguf
from blossom_data.train.handoff.merge import checkpoint_of, is_lora, network_of, provenance
from blossom_data.train.model.folders import Building
from blossom_data.train.parallel.checkpoint import Checkpoint
from blossom_data.train.recipe.hub import base_folder
from blossom_data.train.template.encode import Encoder
from blossom_data.train.template.templates import described_template
from blossom_data.train.template.tokens import load_tokenizer
from blossom_data.train.template.writing import reply_head

_NOT_HANDED_ON = ("generation_config.json",)
_PIECES = "tokenizer.model"


def export(run: Path, out: Path, *, gguf: bool = False, converter: Path | None = None) -> dict[str, Any]:
    """Writes the newest model of the run, or that of the checkpoint folder, `run` to `out`.

    Args:
        gguf: also write OUT.gguf beside it, with a converter of llama.cpp.
        converter: that converter; None: one that is in PATH.

    Raises:
        ConfigError, InputError: no checkpoint, a damaged one, no converter, or `out` cannot be written.
    """
    command = find_converter(converter) if gguf else []
    checkpoint = checkpoint_of(run)
    base = base_folder(checkpoint.manifest)
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
        manifest = building.finish({"kind": "model", **provenance(checkpoint), "stop_ids": stop_ids})
    written = {"out": str(out), "checkpoint": str(checkpoint.folder), "stop_ids": stop_ids, "gguf": ""}
    if command:
        written["gguf"] = str(write_gguf(command, out))
    return {**written, "files": [entry["file"] for entry in manifest["files"]]}


def modelfile(encoder: Encoder, stop_tokens: list[str]) -> str:
    """The Modelfile that gives Ollama the template: Go template text, stop tokens, default system text."""
    template = encoder.template
    joins, system = template.system.place != "turn", template.forms.get("system")
    body, branch = "", "if"
    for role, form in template.forms.items():
        if joins and role == "system":
            continue
        before = _first_system(template.system.lead, template.system.join) if joins and role == "user" else ""
        before = template.system.lead if role == "system" else before
        content = f"{form.head}{form.lead}{before}{{{{ .Content }}}}{form.tail}{form.end}{form.after}"
        body += f'{{{{ {branch} eq .Role "{role}" }}}}{content}'
        branch = "else if"
    start = ("{{ $first := true }}" if joins else "") + template.opening
    intro = template.intro
    if system is not None and template.system.default == "" and not joins:
        intro += system.head + system.lead + template.system.lead + system.tail + system.end + system.after
    unasked = intro and f"{{{{ if not .System }}}}{intro}{{{{ end }}}}"
    text = f"{start}{unasked}{{{{ range .Messages }}}}{body}{{{{ end }}}}{{{{ end }}}}{reply_head(template)}"
    lines = ["FROM .", f'TEMPLATE """{text}"""']
    if template.system.default and system is not None:
        lines.append(f'SYSTEM """{template.system.default}"""')
    lines += [f'PARAMETER stop "{token}"' for token in stop_tokens]
    return "\n".join(lines) + "\n"


def _first_system(lead: str, join: str) -> str:
    system = f"{{{{ if $.System }}}}{lead}{{{{ $.System }}}}{join}{{{{ end }}}}"
    return f"{{{{ if $first }}}}{system}{{{{ end }}}}{{{{ $first = false }}}}"


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
