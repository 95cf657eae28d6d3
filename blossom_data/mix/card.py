"""The card of a training set: README.md with the hub's front matter, what it was made of, and how to train on it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from blossom_data.languages.tags import hub_codes
from blossom_data.mix.layouts import REJECTS, Layout
from blossom_data.mix.shapes import hub_features
from blossom_data.mix.trainers import dataset_name
from blossom_data.report.card import reviewed_rows
from blossom_data.report.markdown import escaped


def render_mix_card(about: dict[str, Any], name: str, layout: Layout) -> bytes:
    """README.md of the training set `name`, from what its manifest says."""
    file_format = about["recipe"]["format"]
    front: dict[str, Any] = {
        "pretty_name": name,
        "language": hub_codes(sorted(about["by_lang"])),
        "task_categories": ["text-generation"],
        "configs": [
            {"config_name": "default", "data_files": [{"split": "train", "path": f"part-*.{file_format}"}]},
        ],
        "dataset_info": {"config_name": "default", "features": hub_features(layout.all_columns)},
    }
    lines = ["---", *(f"{key}: {json.dumps(value, ensure_ascii=False)}" for key, value in front.items()), "---", ""]
    lines += [f"# {_plain(name)}", ""]
    made = f"mixed by blossom-data {about['blossom_data']} with seed {about['seed']}"
    lines += [f"{about['kept']:,} conversations in the layout `{layout.name}`, {made}.", ""]
    lines += _table(
        ["part", "taken", "usable", "same prompt or id", "over a cap", "languages"],
        [
            (part["name"], part["taken"], part["usable"], part["duplicates"], part["over_cap"], _told(part["by_lang"]))
            for part in about["parts"]
        ],
    )
    sources = [(source or "not named", counts["kept"]) for source, counts in about["by_source"].items()]
    lines += _table(["source", "taken"], sources)
    licences = [(entry.get("source", ""), entry.get("licence") or "not stated") for entry in about["sources"]]
    lines += _table(["origin", "licence"], licences)
    lines += _table(["looked at by people", "records"], reviewed_rows(about))
    rejects = [(code, REJECTS.get(code.partition("/")[2], ""), number) for code, number in about["rejected"].items()]
    lines += _table(["rejected", "because", "records"], rejects)
    lines += _training(about, name, layout, file_format)
    return "\n".join(lines).encode()


def _training(about: dict[str, Any], name: str, layout: Layout, file_format: str) -> list[str]:
    """How each trainer reads the folder."""
    key = dataset_name(name)
    lines = ["## Training", ""]
    lines.append(f"* LLaMA-Factory: `dataset_dir: path/to/{_plain(name)}` and `dataset: {key}` (dataset_info.json).")
    if layout.name == "alpaca" and not about["single_turn"]:
        lines.append("* axolotl: its `alpaca` type drops system texts and earlier turns; mix with `--layout messages`.")
    else:
        lines.append("* axolotl: put axolotl.yml into your configuration and set its path.")
    lines.append("* TRL: `python trl_sft.py MODEL`. Any other: `datasets.load_dataset(folder, split='train')`.")
    if file_format.endswith("zst"):
        lines.append("* The shards are compressed: a trainer's environment needs `pip install zstandard`.")
    if about["not_alternating"]:
        lines.append(
            f"* In {about['not_alternating']:,} conversations person and model do not strictly take turns, or the model"
            " does not speak last: LLaMA-Factory may skip them."
        )
    return [*lines, ""]


def _told(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {number:,}" for name, number in counts.items())


def _table(head: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> list[str]:
    if not rows:
        return []
    cells = ["| " + " | ".join(_plain(_cell(value)) for value in row) + " |" for row in rows]
    return [f"| {' | '.join(head)} |", f"|{' --- |' * len(head)}", *cells, ""]


def _cell(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int) else str(value)


def _plain(text: str) -> str:
    """`text` on one line, with nothing that Markdown or HTML would read as its own."""
    return escaped(text, marks="\\|<>&`[]")
