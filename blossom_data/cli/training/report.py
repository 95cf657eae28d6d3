"""blossom-data train report."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from blossom_data.cli.diagnose.report_file import tell_report, write_report
from blossom_data.cli.flags.common import Common
from blossom_data.cli.flags.groups import as_command
from blossom_data.cli.flags.values import choice
from blossom_data.report.page.words import LANGS


@as_command("report")
def command(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a run, finished or not.")],
    common: Common,
    out: Annotated[
        Path | None, typer.Option("-o", "--out", metavar="FILE", help="HTML file; RUN/report.html without it.")
    ] = None,
    lang: Annotated[str, choice("--lang", among=LANGS, help="Language of the page.")] = "en",
) -> int:
    """Draw loss, learning rate, throughput and sampled replies of RUN, finished or not, as one HTML file.

    Charts come with the extra `report`; without it the same page has tables alone.

    Example: blossom-data train report runs/blossom
    """
    from blossom_data.train.loop.page import run_page

    made = run_page(run, lang=lang)
    target = out or run / "report.html"
    write_report(target, made)
    tell_report(target, made, common)
    return 0
