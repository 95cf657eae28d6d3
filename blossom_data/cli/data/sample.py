"""blossom-data sample."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from blossom_data.cli import output
from blossom_data.cli.data.curating import Whole, run_measure
from blossom_data.cli.flags.common import Common
from blossom_data.cli.flags.groups import as_command
from blossom_data.cli.flags.values import choice
from blossom_data.cli.jobs import refuse, replacement_of
from blossom_data.config import SAMPLE_STRATA, SAMPLE_WAYS
from blossom_data.counters import Counters
from blossom_data.curate.extra import require
from blossom_data.errors import ConfigError

_MOST_SEED = 2**32 - 1
_MEASURES = {
    "clusters": "clusters covered",
    "cluster_entropy_bits": "their entropy, bits",
    "verb_objects": "verbs with objects",
    "instruction_entropy_bits": "instructions, bits",
    "input_entropy_bits": "inputs, bits",
}


@as_command("sample")
def command(
    given: Whole,
    common: Common,
    number: Annotated[int, typer.Option("-n", "--number", min=1, metavar="K", help="Records that are drawn.")],
    by: Annotated[
        str,
        choice("--by", among=SAMPLE_WAYS, help="uniform: each as likely; diversity: so that they cover what is asked."),
    ] = SAMPLE_WAYS[0],
    seed: Annotated[
        int,
        typer.Option(
            "--seed", min=0, max=_MOST_SEED, metavar="N", help="Of the draw: the same seed, the same records."
        ),
    ] = 0,
    strata: Annotated[
        list[str] | None,
        choice(
            "--strata",
            among=SAMPLE_STRATA,
            help="With diversity: what keeps its shares of the set; lang without it; may be given again.",
        ),
    ] = None,
) -> int:
    """Draw K records of IN.

    By diversity, records are put into clusters by the words of their instruction; every cluster gets the same number
    of places, and within one the inputs that are least alike are taken. A table compares the sample with a uniform one.

    Example: blossom-data sample raw/all -o raw/small -n 2000 --by diversity --seed 1
    """
    if strata and by != "diversity":
        raise ConfigError(
            "--strata is of --by diversity", hint="add --by diversity; a uniform draw keeps shares on average"
        )
    require("sample", "curate", "numpy", "rapidfuzz")
    refuse(replacement_of("sample", given))
    from blossom_data.curate.sample import Sample

    counters = Counters()

    def left_out() -> None:
        counters.read += 1
        counters.skipped += 1
        counters.not_drawn += 1

    sample = Sample(number, by=by, seed=seed, strata=strata or ["lang"], left_out=left_out)
    settings: dict[str, Any] = {"number": number, "by": by, "seed": seed, "compared": sample.compared}
    code = run_measure("sample", [sample], given, common, settings, counters=counters)
    if counters.read < number and not common.is_quiet:
        output.say(f"note: there are {counters.read:,} records, and {number:,} were asked for: all were taken")
    if sample.compared and common.is_told:
        output.result(_render(sample.compared))
    return code


def _render(compared: dict[str, dict[str, Any]]) -> str:
    """The coverage of the sample beside that of a uniform one."""
    lines = [f"  {'coverage':<22} {'diversity':>12} {'uniform':>12}"]
    for name, told in _MEASURES.items():
        lines.append(f"  {told:<22} {compared['diversity'][name]:>12,} {compared['uniform'][name]:>12,}")
    return "\n".join(lines)
