"""The card of an exported model, README.md: what it was trained on and how, and what evaluations found.

card("blossom", provenance, metrics, [Path("eval/blossom")])     b"---\\nlibrary_name: transformers\\n..."
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from blossom_data.evaluate.difference import read_scores
from blossom_data.evaluate.report import tables_of
from blossom_data.evaluate.tables import markdown
from blossom_data.report.markdown import escaped

_MARKS = "\\`*_[]<>|#&"
_HASH_SIGNS = 12


def card(
    name: str, about: Mapping[str, Any], metrics: Sequence[Mapping[str, Any]], evaluations: Sequence[Path]
) -> bytes:
    """The card in Markdown.

    Args:
        about: what `merge.provenance` says of the model.
        metrics: the lines of its run's metrics.jsonl.
        evaluations: folders that `evaluate` wrote; their scores are copied as they stand there.

    Raises:
        InputError: one of these is no finished evaluation.
    """
    base = str(about["base_model"])
    # A name without an owner is a folder here, which no hub knows.
    known = {"base_model": base.partition("@")[0]} if "/" in base else {}
    front = {**known, "library_name": "transformers", "pipeline_tag": "text-generation", "tags": ["blossom-data"]}
    lines = ["---", *(f"{key}: {json.dumps(value, ensure_ascii=False)}" for key, value in front.items()), "---", ""]
    told = f"Trained from {_text(base)} with the chat template `{about['template']['name']}`."
    lines += [f"# {_text(name)}", "", told, ""]
    lines += [*_data(about["sources"]), *_training(about, metrics), *_evaluations(evaluations)]
    return "\n".join(lines).encode()


def _data(sources: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    rows = [["data", "version", "documents", "made of (sha256)"]]
    for source in sources:
        inputs = [f"{each['name']} {str(each['sha256'])[:_HASH_SIGNS]}" for each in source.get("inputs", ())]
        documents = f"{source.get('documents', 0):,}"
        rows.append([_text(source["path"]), _text(source.get("version") or "-"), documents, _text(", ".join(inputs))])
    yield from ("## Data", "", markdown(rows), "")
    yield from ("Licences of the data stand in the cards of these sets, that of the base model in its own.", "")


def _training(about: Mapping[str, Any], metrics: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    position = about["position"]
    yield from ("## Training", "")
    yield f"Recipe {str(about['recipe'])[:_HASH_SIGNS]}, {position['total']:,} steps. Loss by stage:"
    yield ""
    rows = [["stage", "steps", "first loss", "last loss", "lowest held-out loss"]]
    for stage in dict.fromkeys(str(line.get("stage")) for line in metrics if line.get("kind") == "train"):
        mine = [line for line in metrics if line.get("stage") == stage and isinstance(line.get("loss"), int | float)]
        losses = [line["loss"] for line in mine if line["kind"] == "train"]
        held_out = [line["loss"] for line in mine if line["kind"] == "eval"]
        steps = [line["step"] for line in mine if line["kind"] == "train"]
        if losses:
            lowest = f"{min(held_out):.4f}" if held_out else "-"
            rows.append([_text(stage), f"{steps[0]}-{steps[-1]}", f"{losses[0]:.4f}", f"{losses[-1]:.4f}", lowest])
    yield from ((markdown(rows), "") if len(rows) > 1 else ("Its run left no metrics.", ""))


def _evaluations(folders: Sequence[Path]) -> Iterator[str]:
    if not folders:
        return
    yield from ("## Evaluation", "")
    for folder in folders:
        scores = read_scores(folder)
        judge = f", judged by {_text(scores['judge'])}" if scores.get("judge") else ""
        yield from (f"Of {_text(scores['model'])}{judge}:", "")
        for suite, rows in tables_of(scores):
            yield from (f"### {_text(suite)}", "", markdown([[_text(cell) for cell in row] for row in rows]), "")
        yield from (f"* {_text(remark)}" for remark in scores["remarks"])
        yield ""


def _text(value: object) -> str:
    """`value` as text on one line of Markdown."""
    return escaped(value, marks=_MARKS)
