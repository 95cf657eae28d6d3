"""The [curate] of a pipeline: its measures, which begin their work with the first record and not before."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from blossom_data.cli import output
from blossom_data.curate import Item, Step
from blossom_data.curate.extra import require
from blossom_data.pipelines.settings import CurateSettings, Pipeline


@dataclass(frozen=True, slots=True)
class Curating:
    """The measures of a job in their order, and what the manifest says of each; by that they are known again, too."""

    steps: tuple[Step, ...] = ()
    about: dict[str, Any] = field(default_factory=dict)


def curating_of(pipeline: Pipeline, *, is_quiet: bool) -> Curating:
    """What [curate] asks for; nothing without it.

    Raises:
        ConfigError: a part that is not installed, or a test set that is nowhere.
    """
    settings = pipeline.curate
    if settings is None:
        return Curating()
    require("[curate]", "curate", "numpy", "rapidfuzz")
    makers = {"dedup": _dedup, "decontaminate": _decontaminate}
    with pipeline.source.locating(("curate",)):
        made = {name: makers[name](settings, is_quiet) for name in settings.steps}
    return Curating(tuple(step for step, _ in made.values()), {name: about for name, (_, about) in made.items()})


def _dedup(settings: CurateSettings, is_quiet: bool) -> tuple[Step, dict[str, Any]]:
    from blossom_data.curate.dedup import Dedup

    return Dedup(settings.threshold), {"threshold": settings.threshold}


def _decontaminate(settings: CurateSettings, is_quiet: bool) -> tuple[Step, dict[str, Any]]:
    from blossom_data.curate.decontaminate.against import BLIND, described, items_of, measure_of, sees_meaning

    bench = os.environ.get("BLOSSOM_BENCH")
    items = items_of(settings.against, settings.bench_dir or (Path(bench) if bench else None))
    by_meaning = sees_meaning()
    if not by_meaning and not is_quiet:
        output.say(f"note: {BLIND}")

    def begin(stream: Iterable[Item]) -> Iterator[Item]:
        # A refresh with nothing new never comes here, and embeds nothing.
        yield from measure_of(items, by_meaning=by_meaning)(stream)

    return begin, described(items, by_meaning=by_meaning)
