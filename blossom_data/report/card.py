"""The card of a data set folder: README.md with the hub's front matter, so that `load_dataset(folder)` just works.

    ---
    pretty_name: "math"
    language: ["en", "zh"]
    license: ["apache-2.0", "mit"]
    configs: [{"config_name": "default", "data_files": [{"split": "train", "path": "part-*.parquet"}]}]
    ---

The front matter names the data files and every column's type, so a loader neither takes the manifest for data nor
guesses a type from the first shard. Its values are written as JSON, which is YAML, so no title can break it. All text
of the data goes through `_plain`, so none of it is Markdown or HTML.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from blossom_data.languages.tags import hub_codes
from blossom_data.report import judged, verify
from blossom_data.report.licences import hub_licence
from blossom_data.report.markdown import escaped

_STRING = {"dtype": "string"}
PAIRS = "pairs"
"""The `layout` in the manifest of a set of preference pairs: prompt, chosen and rejected in place of messages."""
_TURNS: list[dict[str, Any]] = [{"name": "role", **_STRING}, {"name": "content", **_STRING}]
_FEATURES: list[dict[str, Any]] = [
    {"name": "id", **_STRING},
    {"name": "source", **_STRING},
    {"name": "source_id", **_STRING},
    {"name": "lang", **_STRING},
    {"name": "messages", "list": _TURNS},
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
_SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))
_LARGER = ((10_000_000, "1M<n<10M"), (100_000_000, "10M<n<100M"), (1_000_000_000, "100M<n<1B"))
_ONE_CONFIG = ({"name": "default", "files": "part-*.jsonl.zst"},)
_TABLE_ROWS_MAX = 100
# Control characters, line breaks that only YAML knows, and what turns the direction of text.
_NOT_IN_YAML = re.compile("[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ufffe\uffff]")


_CALLS: dict[str, Any] = {
    "name": "tool_calls",
    "list": [
        {"name": "id", **_STRING},
        {"name": "type", **_STRING},
        {"name": "function", "struct": [{"name": "name", **_STRING}, {"name": "arguments", **_STRING}]},
    ],
}


def _features(*, has_reasoning: bool, has_tools: bool) -> list[dict[str, Any]]:
    """The columns of a data set; wider where any record keeps thinking, or has tools."""
    further: list[dict[str, Any]] = []
    if has_reasoning or has_tools:
        further.append({"name": "reasoning_content", **_STRING})
    if has_tools:
        further += [_CALLS, {"name": "tool_call_id", **_STRING}, {"name": "train", "dtype": "bool"}]
    columns = [
        {**column, "list": [*column["list"], *further]} if column["name"] == "messages" else column
        for column in _FEATURES
    ]
    return [*columns, {"name": "tools", **_STRING}] if has_tools else columns


def _in_place_of_messages(features: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The columns of preference pairs."""
    place = next(place for place, column in enumerate(features) if column["name"] == "messages")
    pair = [{**features[place], "name": name} for name in ("prompt", "chosen", "rejected")]
    return [*features[:place], *pair, *features[place + 1 :]]


def render_card(about: Mapping[str, Any], name: str) -> bytes:
    """README.md of the data set `name`, from what its manifest says."""
    front = _front_matter(about, name)
    lines = ["---", *(f"{key}: {_yaml(value)}" for key, value in front.items()), "---", ""]
    lines += [f"# {_plain(name)}", "", _made(about), ""]
    lines += _table("Records", ["", "records"], _counts(about))
    lines += _table("Configurations", ["configuration", "records"], _configs(about))
    lines += _table("By language", ["language", "records"], sorted(about.get("by_lang", {}).items()))
    lines += _table("Sources", ["source", "licence", "from", "revision or sha256", "records"], _sources(about))
    lines += _table("Answers that equal their gold label", verify.HEAD, _verified(about))
    lines += _table("Translations shown to a judge", judged.HEAD, _judged(about))
    lines += _table("Looked at by people", ["mark", "records"], reviewed_rows(about))
    lines += _rounds(about.get("synthesize", {}))
    lines += _table("Made by", ["stage", "version", "model", "prompt", "records"], _made_by(about))
    asked = [(row["stage"], row["model"], row["replies"]) for row in about.get("asked", ())]
    lines += _table("Replies behind these records", ["stage", "model", "replies"], asked)
    lines += _table("Prompts", ["prompt", "hash"], sorted(about.get("prompts", {}).items()))
    lines += _table("Rejects by stage and code", ["stage/code", "records"], sorted(about["rejected"].items()))
    lines += _table("Not answered by the endpoint", ["stage/code", "records"], sorted(about["failed"].items()))
    lines += ["## Known limits", "", *(f"- {limit}" for limit in _limits(about)), ""]
    return "\n".join(lines).encode("utf-8", "replace")


def _front_matter(about: Mapping[str, Any], name: str) -> dict[str, Any]:
    sources = about.get("sources", ())
    licences = about.get("licences") or {entry["source"]: entry.get("licence", "") for entry in sources}
    configs = about.get("configs", _ONE_CONFIG)
    features = _features(has_reasoning=bool(about.get("with_reasoning")), has_tools=bool(about.get("with_tools")))
    if is_pairs := about.get("layout") == PAIRS:
        features = _in_place_of_messages(features)
    info = [{"config_name": config["name"], "features": features} for config in configs]
    return {
        "pretty_name": name,
        **({"language": hub_codes(about["by_lang"])} if about.get("by_lang") else {}),
        **hub_licence(licences.values()),
        "annotations_creators": ["machine-generated"],
        "language_creators": ["found", "machine-generated"],
        "source_datasets": sorted({_origin(entry) for entry in sources}) or ["original"],
        "task_categories": ["text-generation"],
        "size_categories": [_size(about.get("records", about["kept"]))],
        "tags": ["preference" if is_pairs else "sft", "synthetic"],
        "configs": [
            {"config_name": config["name"], "data_files": [{"split": "train", "path": config["files"]}]}
            for config in configs
        ],
        "dataset_info": info[0] if len(info) == 1 else info,
    }


def _yaml(value: object) -> str:
    """`value` as JSON that YAML readers take for the same value: what YAML may not hold is escaped.

    All of it cannot be: YAML has no surrogate pairs, as which JSON escapes what lies beyond U+FFFF.
    """
    text = json.dumps(value, ensure_ascii=False).encode("utf-8", "replace").decode()
    return _NOT_IN_YAML.sub(lambda found: f"\\u{ord(found.group()):04x}", text)


def _size(records: int) -> str:
    return next((name for limit, name in (*_SIZES, *_LARGER) if records < limit), "1B<n<10B")


def _origin(entry: Mapping[str, Any]) -> str:
    """A source as the hub's taxonomy names it: the id of a hub data set, or `extended|other-KIND`."""
    return f"extended|{entry['name'] if entry.get('revision') else 'other-' + str(entry['source'])}"


def _made(about: Mapping[str, Any]) -> str:
    version = f", version `{_plain(about['version'])}`" if "version" in about else ""
    return f"Made by blossom-data {_plain(about['blossom_data'])}: `{_plain(about['stage'])}`{version}."


def _counts(about: Mapping[str, Any]) -> list[tuple[str, Any]]:
    counts = [("read", about["read"]), ("added by a stage", about["added"]), ("skipped", about["skipped"])]
    counts += [("rejected", sum(about["rejected"].values())), ("failed", sum(about["failed"].values()))]
    counts.append(("kept", about["kept"]))
    if "records" in about:
        counts.append(("published", about["records"]))
    return [(what, number) for what, number in counts if number or what in ("read", "kept")]


def _configs(about: Mapping[str, Any]) -> list[tuple[str, Any]]:
    configs = about.get("configs", ())
    return [(config["name"], config["records"]) for config in configs] if len(configs) > 1 else []


def _sources(about: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    """One row for each input of each source, and one for a source that only the records name."""
    licences, kept = about.get("licences", {}), about.get("by_source", {})
    rows, named = [], set()
    for entry in about.get("sources", ()):
        source = entry["source"]
        named.add(source)
        licence = licences.get(source) or entry.get("licence") or "not stated"
        bytes_of = entry.get("revision") or entry.get("sha256") or ""
        rows.append((source, licence, entry.get("name", ""), bytes_of, kept.get(source, {}).get("kept", "")))
    for source, licence in licences.items():
        if source not in named:
            rows.append((source or "(no name)", licence, "", "", kept.get(source, {}).get("kept", "")))
    return rows


def _made_by(about: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    steps = about.get("made_by", ())
    return [(step["stage"], step["version"], step["model"], step["prompt"], step["records"]) for step in steps]


def _rounds(about: Mapping[str, Any]) -> list[str]:
    """The rounds and operators of a synthesis, and whom its personas cover."""
    rounds = [
        (
            each["round"],
            each["kept"],
            sum(each["rejected"].values()),
            each["verb_objects"],
            f"{each['new_clusters']:.1%}",
        )
        for each in about.get("rounds", ())
    ]
    operators = [
        (name, counts.get("kept", 0), sum(counts.values()) - counts.get("kept", 0))
        for name, counts in about.get("operators", {}).items()
    ]
    covered = [
        (name, value, number) for name, counts in about.get("coverage", {}).items() for value, number in counts.items()
    ]
    return [
        *_table("Rounds", ["round", "kept", "rejected", "verbs with objects", "new clusters"], rounds),
        *_table("Operators", ["operator", "kept", "rejected"], operators),
        *_table("Coverage", ["of", "value", "number"], covered),
    ]


def _verified(about: Mapping[str, Any]) -> list[tuple[str, ...]]:
    return verify.yield_rows(about["verify"]) if "verify" in about else []


_REVIEWED = {
    "keep": "kept as it is",
    "drop": "dropped",
    "fix": "text edited",
    "stale": "changed since, mark not applied",
}


def reviewed_rows(about: Mapping[str, Any]) -> list[tuple[str, int]]:
    """What people said about single records, with the number of each."""
    counts = about.get("reviewed") or {}
    return [(told, counts[mark]) for mark, told in _REVIEWED.items() if counts.get(mark)]


def _judged(about: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    return judged.judged_rows(about["judged"]) if "judged" in about else []


def _limits(about: Mapping[str, Any]) -> list[str]:
    """What a user of the data must know, as far as the manifest tells."""
    stages = {step["stage"] for step in about.get("made_by", ())} | set(about.get("passed", ()))
    limits = []
    if "annotate" in stages:
        limits.append("Every assistant turn was written by a language model; the original answers were dropped.")
    if stages & {"evol", "self-instruct", "chat", "from-text"}:
        limits.append("The requests were invented by a language model too: they are its idea of what people ask.")
    if "translate" in stages:
        seconded = ", and where these are weak by a second question to a model" if "judged" in about else ""
        limits.append(
            "Translations were made by a language model and checked by rules (language, structure, numbers, code, "
            f"refusals, answers in place of translations){seconded}, not read by people."
        )
    if "verify-math" in stages:
        limits.append(
            "A math answer counts as right when its final value equals the gold label; the steps before it were not "
            "checked, and gold labels may be wrong."
        )
    limits.append("Facts in the texts were not checked; models invent some. Biases of sources and models remain.")
    limits.append("Each source keeps its licence. The terms of the models' makers may limit what this may be used for.")
    if failed := sum(about["failed"].values()):
        limits.append(f"{failed:,} records are missing because the endpoint would not answer.")
    return limits


def _table(title: str, head: Sequence[str], rows: Sequence[Iterable[Any]]) -> list[str]:
    if not rows:
        return []
    shown = rows[:_TABLE_ROWS_MAX]
    lines = [f"## {title}", "", f"| {' | '.join(head)} |", f"|{' --- |' * len(head)}"]
    lines += [f"| {' | '.join(_plain(cell) for cell in row)} |" for row in shown]
    if len(rows) > len(shown):
        lines += ["", f"and {len(rows) - len(shown):,} more: see manifest.json"]
    return [*lines, ""]


def _plain(value: object) -> str:
    """`value` as text on one line, with nothing that Markdown or HTML would read as its own."""
    return escaped(value, marks="&\\|<>`[]*_~#!")
