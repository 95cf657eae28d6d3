"""blossom-data decontaminate."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from blossom_data.cli import output
from blossom_data.cli.data.curating import Whole, replacement_of, run_measure
from blossom_data.cli.flags.common import Common
from blossom_data.cli.flags.groups import as_command
from blossom_data.cli.flags.values import switch
from blossom_data.curate.extra import require


@as_command("decontaminate")
def command(
    given: Whole,
    common: Common,
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
) -> int:
    """Leave out records that hold an item of a test set: verbatim, edited, reworded or translated.

    Words are compared first: re-wrapping, case, and text around an item make no difference. Then meaning is, with the
    extra `embed`. What a translated set was translated from is looked at too, where it is still there. Each record that
    goes is a reject (leak) that names the item.

    Example: blossom-data decontaminate raw/all -o raw/clean --against gsm8k-test --against mt-bench
    """
    require("decontaminate", "curate", "rapidfuzz")
    replacement = replacement_of("decontaminate", given)
    from blossom_data.curate.decontaminate.against import BLIND, described, items_of, measure_of, sees_meaning
    from blossom_data.curate.decontaminate.sources import find_source_hits

    items = items_of(against, bench_dir)
    by_meaning = sees_meaning() and not is_lexical
    if not by_meaning and not is_lexical and not common.is_quiet:
        output.say(f"note: {BLIND}")
    folder = Path(given.records)
    source_hits = find_source_hits(folder, measure_of(items, by_meaning=False)) if given.records != "-" else {}
    measure = measure_of(items, by_meaning=by_meaning, source_hits=source_hits)
    about = described(items, by_meaning=by_meaning)
    return run_measure("decontaminate", [measure], given, replacement, common, about)
