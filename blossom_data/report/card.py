"""The card of a data set folder: README.md with the hub's front matter, so that `load_dataset(folder)` just works.

The front matter names the data files and every column's type, so a loader neither takes the manifest for data nor
guesses a type from the first shard. Its values are written as JSON, which is YAML, so no title can break it.
"""

from __future__ import annotations

import json
from typing import Any

_STRING = {"dtype": "string"}
_FEATURES: list[dict[str, Any]] = [
    {"name": "id", **_STRING},
    {"name": "source", **_STRING},
    {"name": "source_id", **_STRING},
    {"name": "lang", **_STRING},
    {"name": "messages", "list": [{"name": "role", **_STRING}, {"name": "content", **_STRING}]},
    {"name": "gold", **_STRING},
    {"name": "tags", "list": "string"},
    {
        "name": "lineage",
        "list": [
            {"name": "stage", **_STRING},
            {"name": "version", "dtype": "int64"},
            {"name": "prompt", **_STRING},
            {"name": "model", **_STRING},
            {"name": "reply", **_STRING},
        ],
    },
]


def render_card(about: dict[str, Any], name: str) -> bytes:
    """README.md of the data set `name`, from what its manifest says."""
    front: dict[str, Any] = {
        "pretty_name": name,
        "language": ["en", "zh"],
        "annotations_creators": ["machine-generated"],
        "configs": [
            {"config_name": "default", "data_files": [{"split": "train", "path": "part-*.jsonl.zst"}]},
        ],
        "dataset_info": {"config_name": "default", "features": _FEATURES},
    }
    lines = ["---", *(f"{key}: {json.dumps(value, ensure_ascii=False)}" for key, value in front.items()), "---", ""]
    lines += [f"# {_plain(name)}", "", f"Made by blossom-data {about['blossom_data']}: `{_plain(about['stage'])}`.", ""]
    lines += _table("Records", ["", "records"], _counts(about))
    lines += _table("Rejects by stage and code", ["stage/code", "records"], sorted(about["rejected"].items()))
    lines += _table("Not answered by the endpoint", ["stage/code", "records"], sorted(about["failed"].items()))
    asked = [(f"{row['stage']}, {row['model']}", row["replies"]) for row in about.get("asked", [])]
    lines += _table("Replies behind these records", ["stage, model", "replies"], asked)
    licences = [(source["source"], source.get("licence") or "not stated") for source in about.get("sources", [])]
    lines += _table("Sources", ["source", "licence"], licences)
    prompts = sorted(about.get("prompts", {}).items())
    lines += _table("Prompts", ["prompt", "hash"], prompts)
    lines += ["Every text in it was written or translated by a language model; the original answers were dropped.", ""]
    return "\n".join(lines).encode()


def _counts(about: dict[str, Any]) -> list[tuple[str, Any]]:
    counts = [("read", about["read"]), ("added by a stage", about["added"]), ("skipped", about["skipped"])]
    counts += [("rejected", sum(about["rejected"].values())), ("failed", sum(about["failed"].values()))]
    counts.append(("kept", about["kept"]))
    return [(what, number) for what, number in counts if number or what in ("read", "kept")]


def _table(title: str, head: list[str], rows: list[tuple[str, Any]]) -> list[str]:
    if not rows:
        return []
    cells = [f"| {_plain(str(left))} | {_plain(str(right))} |" for left, right in rows]
    return [f"## {title}", "", f"| {head[0]} | {head[1]} |", "| --- | --- |", *cells, ""]


def _plain(text: str) -> str:
    """`text` on one line, with nothing that Markdown or HTML would read as its own."""
    kept = "".join(letter if letter.isprintable() else " " for letter in text)
    for mark in "\\|<>&`[]":
        kept = kept.replace(mark, f"&#{ord(mark)};")
    return kept
