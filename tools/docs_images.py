"""Draws the pictures of the README from a real run of the demo: the live view, the funnel, a rejected translation.

    python tools/docs_images.py docs/images      writes live.svg, funnel.svg, rejected.svg

They are text, and come out the same each time: the demo replays a recording, the width is fixed, and the clock, which
differs from run to run, is set. So is the number of calls in flight, which is none when the picture is taken. Prices
are those that one would give by --price-in 0.15 --price-out 0.60.
"""

from __future__ import annotations

import io
import itertools
import os
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.console import Console, RenderableType
from rich.text import Text

from blossom_data.cli.flags.common import Common
from blossom_data.cli.flags.endpoint import AddressFlags
from blossom_data.cli.flags.money import Money
from blossom_data.cli.flags.pipeline import Part, PipelineAsking, Wanted
from blossom_data.cli.live_view import render
from blossom_data.cli.output import clean
from blossom_data.cli.pipelines.job import build_job
from blossom_data.cli.progress import Progress
from blossom_data.cli.run_summary import funnel_view
from blossom_data.demo.server import MODEL, OfflineEndpoint
from blossom_data.executors.job import Job
from blossom_data.executors.local import run_job
from blossom_data.pipelines.load import open_pipeline
from blossom_data.report.pages import render_reject
from blossom_data.rows import Row, read_rows

COLUMNS = 100
SHOWN_RECORDS = 45
"""Of the demo's 60: what is through when the picture of the live view is taken."""
SECONDS = 6.0
"""What the clock says then."""
MONEY = Money(price_in=0.15, price_out=0.60, budget_usd=0.05)
_CELL = 12.2
"""Width of a column in rich's pictures."""
_INDENTED = re.compile(
    r'(?P<head><text [^>]*?)x="(?P<x>[\d.]+)" y="(?P<y>[\d.]+)" textLength="(?P<length>[\d.]+)"'
    r"(?P<tail>[^>]*>)(?P<spaces>(?:&#160;)+)(?=[^&<])"
)
_FONT = re.compile(r"\s*@font-face \{.*?\}\n", re.DOTALL)


def main(folder: Path) -> None:
    """Writes all pictures into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    with _workplace():
        live = live_picture()
        summary, reject = whole_run()
    title = "blossom-data run demo --budget-usd 0.05"
    for name, heading, shown in (
        ("live", title, live),
        ("funnel", title, funnel_view(summary, COLUMNS)),
        ("rejected", "blossom-data show demo/dataset --rejected quarantine", reject),
    ):
        (folder / f"{name}.svg").write_text(svg(name, heading, shown), encoding="utf-8")


@contextmanager
def _workplace() -> Iterator[None]:
    """A new folder as the current one, so that what is shown names no place of this machine."""
    before = Path.cwd()
    with tempfile.TemporaryDirectory() as place:
        os.chdir(place)
        try:
            yield
        finally:
            os.chdir(before)


def demo_job(endpoint: OfflineEndpoint, folder: str) -> Job:
    """The job of `blossom-data demo`, with prices."""
    asking = PipelineAsking(address=AddressFlags(base_url=endpoint.base_url, model=MODEL), money=MONEY)
    part = Part(out=Path(folder, "dataset"), ledger=Path(folder, "ledger.sqlite"))
    return build_job(open_pipeline("demo"), Wanted(common=Common(), asking=asking, part=part))


def live_picture() -> RenderableType:
    """The live view when the first SHOWN_RECORDS are through."""
    with OfflineEndpoint() as endpoint:
        whole = demo_job(endpoint, "begun")
        run_job(replace(whole, work=itertools.islice(whole.work, SHOWN_RECORDS)))
    counters = whole.counters
    counters.in_flight = whole.endpoints[0].max_in_flight
    now = Progress("demo", counters).view()
    for bar in now["bars"]:
        bar["rate"] = bar["done"] / SECONDS
        bar["eta_s"] = int((bar["total"] - bar["done"]) / bar["rate"]) if bar["done"] < bar["total"] else None
    now["retries"] = dict(sorted(now["retries"].items()))
    return render(now, COLUMNS, 40)


def whole_run() -> tuple[dict[str, Any], RenderableType]:
    """The summary of the demo, but for the table of math labels; and the first translation that it rejected."""
    with OfflineEndpoint() as endpoint:
        summary = run_job(demo_job(endpoint, "demo"))
    summary["run"]["retries"] = dict(sorted(summary["run"]["retries"].items()))
    del summary["verify"]
    rejects = [row.value for row in read_rows(Path("demo/dataset/rejects")) if isinstance(row, Row)]
    (page, *_) = (render_reject(reject) for reject in rejects if reject["stage"] == "translate")
    return summary, Text(clean(page), overflow="fold")


def svg(name: str, title: str, shown: RenderableType) -> str:
    """`shown` as the picture of a terminal, without the fonts that rich would have fetched from elsewhere."""
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True, color_system="truecolor")
    console.print(shown)
    drawn = console.export_svg(title=title, unique_id=f"blossom-{name}")
    drawn = _INDENTED.sub(_moved, _FONT.sub("\n", drawn))
    return "\n".join(line.rstrip() for line in drawn.splitlines()) + "\n"


def _moved(text: re.Match[str]) -> str:
    """A text that begins with spaces, without them and further right: some viewers trim them."""
    spaces = text["spaces"].count("&#160;")
    left, length = float(text["x"]) + spaces * _CELL, float(text["length"]) - spaces * _CELL
    return f'{text["head"]}x="{left:.1f}" y="{text["y"]}" textLength="{length:.1f}"{text["tail"]}'


if __name__ == "__main__":
    main(Path(sys.argv[1]).absolute())
