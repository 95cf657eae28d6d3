"""blossom-data classify."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from blossom_data.cli.flags.common import CommonOfLong
from blossom_data.cli.flags.endpoint import Asking
from blossom_data.cli.flags.groups import as_command
from blossom_data.cli.flags.records import Records
from blossom_data.cli.flags.values import switch


@as_command("classify")
def command(
    given: Records,
    asking: Asking,
    common: CommonOfLong,
    categories: Annotated[
        Path | None,
        typer.Option(
            "--categories",
            metavar="FILE",
            exists=True,
            dir_okay=False,
            help='TOML of [name] meaning = "..." for each; the 13 categories of BELLE without it.',
        ),
    ] = None,
    rules: Annotated[
        bool, switch("--rules", help="Ask nobody: a category only where the request names it itself.")
    ] = False,
    scrub: Annotated[
        bool,
        switch("--scrub", help="Put <email_1>, <phone_1> ... in place of what reaches a person, before all else."),
    ] = False,
    tries: Annotated[int, typer.Option("--tries", min=1, metavar="N", help="Most replies until one can be read.")] = 3,
) -> int:
    """Tag each record with what it asks for: category, difficulty, constraints, code, math, personal data.

    No record is dropped for what it asks. Addresses, telephone, identity, card and account numbers, IP addresses and
    keys are found without a call (tags pii:email, pii:phone ...).

    Example: blossom-data classify raw/all -o raw/tagged --rules --scrub
    """
    from blossom_data.cli.jobs import run_stage
    from blossom_data.curate.extra import require
    from blossom_data.curate.pii import tagged
    from blossom_data.stages.classify.rules import load_categories

    require("finding personal data", "curate", "phonenumbers")
    settings: dict[str, Any] = {"categories": load_categories(categories), "rules": rules, "tries": tries}
    return run_stage(
        "classify", settings, given, asking, common, needs_endpoint=not rules, prepare=tagged(is_scrubbed=scrub)
    )
