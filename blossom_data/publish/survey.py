"""The first of the two readings of a publish: what is to be published, before anything is written.

    Survey(records=8792, digest="9f2c...", configs={"default": 8792}, by_source={"gsm8k": 7473, ...}, ...)

The digest is that of the records themselves, so it does not depend on shard sizes, compression or file format: it says
whether the content has changed. The second reading (build.py) writes the shards, and must come to the same digest.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import orjson

from blossom_data.counters import Counters
from blossom_data.curate import clean_sets
from blossom_data.curate.conflicts import Conflicts
from blossom_data.errors import InputError
from blossom_data.mix.keys import prompt_key
from blossom_data.publish.reading import Part, finished_manifest, located, read_part
from blossom_data.records import Record
from blossom_data.report.judged import merge_judged
from blossom_data.report.verify import merge_reports
from blossom_data.review import Review, review_facts
from blossom_data.rows import SeenIds
from blossom_data.rows.facts import fingerprint

_SUMS = ("read", "added", "kept", "skipped")
_SUMS_BY_CODE = ("rejected", "failed", "passed", "asked_again")
_ASKED = ("replies", "tokens_in", "tokens_out")
_MADE_BY_MAX = 1000


@dataclass(slots=True)
class Survey:
    """What the records of all parts are, and what their manifests say of how they were made."""

    records: int = 0
    digest: str = ""
    configs: Counter[str] = field(default_factory=Counter)
    by_source: Counter[str] = field(default_factory=Counter)
    by_lang: Counter[str] = field(default_factory=Counter)
    made_by: Counter[tuple[str, int, str, str]] = field(default_factory=Counter)
    """Records by (stage, version, model, prompt hash) of their lineage."""
    with_gold: int = 0
    with_reasoning: int = 0
    """Records that keep thinking of a turn."""
    wide: int = 0
    """Records that hold tools, calls, or a reply that is not learnt."""
    reviewed: Counter[str] = field(default_factory=Counter)
    """Records by what a person said about them: keep, drop, fix; stale where they have changed since."""
    about: dict[str, Any] = field(default_factory=dict)
    """The entries of the parts' manifests, added up."""


class Digest:
    """The hash of records in their order, each with its configuration."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()

    def add(self, config: str, line: bytes) -> None:
        self._hash.update(config.encode() + b"\0" + line)

    def hexdigest(self) -> str:
        return self._hash.hexdigest()


def survey(parts: Sequence[Part], counters: Counters | None = None) -> Survey:
    """Reads all of `parts` once, in constant memory.

    Raises:
        ConfigError: a part is no finished data set.
        InputError: a row that is no record, an id twice in one configuration, or no record at all.
    """
    found = Survey(about=_added_up(parts))
    digest = Digest()
    total = sum(int(finished_manifest(part).get("records", 0)) for part in parts)
    with Conflicts() as conflicts:
        records = distinct(parts, found.reviewed)
        for config, record in (counters or Counters()).counted("reading", records, total=total):
            if (prompt := prompt_key(record.messages)) is not None:
                conflicts.add(prompt, record)
            digest.add(config, record.to_line())
            found.records += 1
            found.configs[config] += 1
            found.by_source[record.source] += 1
            found.by_lang[record.lang] += 1
            found.with_gold += bool(record.gold)
            found.with_reasoning += any(turn.reasoning_content for turn in record.messages)
            found.wide += record.is_wide
            for step in record.lineage:
                key = (step.stage, step.version, step.model, step.prompt)
                if len(found.made_by) < _MADE_BY_MAX or key in found.made_by:
                    found.made_by[key] += 1
        if contradicting := conflicts.found():
            found.about["conflicts"] = contradicting
    if not found.records:
        raise InputError(
            f"there is no record in {', '.join(str(part.path) for part in parts)}", hint="nothing was published"
        )
    found.digest = digest.hexdigest()
    return found


def distinct(parts: Iterable[Part], reviewed: Counter[str] | None = None) -> Iterator[tuple[str, Record]]:
    """The records of `parts` as their reviews want them, configuration by configuration as they come.

    Args:
        reviewed: counts what the reviews said.

    Raises:
        InputError: an id stands twice in one configuration, or a review cannot be read.
    """
    with ExitStack() as stack:
        seen: dict[str, SeenIds] = {}
        for part in parts:
            review = Review.of(located(part.path))
            for config, record in read_part(part):
                if config not in seen:
                    seen[config] = stack.enter_context(SeenIds())
                if not seen[config].add(record.id):
                    raise InputError(
                        f"the id {record.id[:80]!r} of {part.path} stands twice in the configuration {config!r}",
                        hint="publish the data sets under names of their own, or as configurations: a=DATASET b=...",
                    )
                said, wanted = review.apply(record)
                if said and reviewed is not None:
                    reviewed[said] += 1
                if said != "drop":
                    yield config, wanted


def _added_up(parts: Sequence[Part]) -> dict[str, Any]:
    """The manifests of `parts` as one: counts added, sources and prompts side by side."""
    total: dict[str, Any] = {name: 0 for name in _SUMS}
    codes: dict[str, Counter[str]] = {name: Counter() for name in _SUMS_BY_CODE}
    asked: Counter[tuple[str, str, str]] = Counter()
    sources: dict[bytes, dict[str, Any]] = {}
    prompts: dict[str, str] = {}
    inputs, verified, judged = [], [], []
    for part in parts:
        manifest = finished_manifest(part)
        for name in _SUMS:
            total[name] += int(manifest.get(name, 0))
        for name, counter in codes.items():
            counter.update(manifest.get(name) or {})
        for row in manifest.get("asked") or ():
            for what in _ASKED:
                asked[row["stage"], row["model"], what] += row.get(what, 0)
        for source in manifest.get("sources") or ():
            sources.setdefault(orjson.dumps(source, option=orjson.OPT_SORT_KEYS), source)
        for name, prompt in (manifest.get("prompts") or {}).items():
            key = name if prompts.get(name, prompt) == prompt else f"{name} ({part.config or part.path.name})"
            prompts[key] = prompt
        facts = {**fingerprint(part.path), **review_facts(located(part.path))}
        if "judged" in manifest:
            judged.append(manifest["judged"])
        if "verify" in manifest:
            verified.append(manifest["verify"])
        inputs.append({**facts, "stage": str(manifest.get("stage", "")), "config": part.config})
    return {
        **total,
        **{name: dict(sorted(counter.items())) for name, counter in codes.items()},
        "asked": [
            {"stage": stage, "model": model, **{what: asked[stage, model, what] for what in _ASKED}}
            for stage, model in sorted({(stage, model) for stage, model, _ in asked})
        ],
        "sources": list(sources.values()),
        "prompts": dict(sorted(prompts.items())),
        "inputs": inputs,
        **({"verify": merge_reports(verified)} if verified else {}),
        **({"judged": merge_judged(judged)} if judged else {}),
        **clean_sets.described(part.path for part in parts),
    }
