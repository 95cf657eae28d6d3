"""blossom-data dedup."""

from __future__ import annotations

from typing import Annotated

import typer

from blossom_data.cli.data.curating import Whole, run_measure, tell_needs
from blossom_data.cli.flags.common import Common
from blossom_data.cli.flags.groups import as_command
from blossom_data.cli.flags.values import share
from blossom_data.cli.jobs import refuse, replacement_of
from blossom_data.curate.extra import require
from blossom_data.rows.facts import count_records


@as_command("dedup")
def command(
    given: Whole,
    common: Common,
    threshold: Annotated[
        float,
        typer.Option(
            "--threshold",
            parser=share,
            metavar="SHARE",
            show_default="0.7",
            help="Smallest similarity (Jaccard, of words and pairs of words) at which two requests are compared.",
        ),
    ] = 0.7,
) -> int:
    """Leave out records that ask what another one asks: exact copies and near ones, of each the best stays.

    What is compared is the person's side of the whole conversation. Other numbers, a negation, an opposite, another
    word in its place make another request. Each record that goes is a reject (exact, near) that names the one that
    stays, their similarity and the words that differ.

    Example: blossom-data dedup raw/all -o raw/distinct
    """
    require("dedup", "curate", "numpy", "rapidfuzz")
    refuse(replacement_of("dedup", given))
    from blossom_data.curate.dedup import Dedup
    from blossom_data.curate.dedup.dedup import DISK_ROW_BYTES, MEMORY_BYTES, MEMORY_ROW_BYTES

    rows = count_records(given.records)
    tell_needs("dedup", rows, (MEMORY_BYTES, MEMORY_ROW_BYTES), DISK_ROW_BYTES, common)
    return run_measure("dedup", [Dedup(threshold)], given, common, {"threshold": threshold})
