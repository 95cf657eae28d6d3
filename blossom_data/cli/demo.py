"""blossom-data demo."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from blossom_data.cli import output
from blossom_data.cli.options import common
from blossom_data.cli.run import run_pipeline
from blossom_data.report.codes import legend
from blossom_data.shards import read_manifest


@click.command("demo")
@click.option(
    "-o",
    "--out",
    type=click.Path(path_type=Path),
    default=Path("demo"),
    show_default=True,
    help="Folder for everything.",
)
@common
def command(out: Path, **flags: Any) -> int:
    """Run the whole job offline: pull, translate, annotate, verify-math, on 60 bundled rows.

    The replies come from a recording over real HTTP on loopback: good ones, and what really goes wrong (a translation
    that answers, prose around the JSON, a refusal, a cut answer, a wrong result, a 429, a dropped connection).

    \b
    Example: blossom-data demo -o demo
    """
    from blossom_data.demo.server import MODEL, OfflineEndpoint

    if not flags["quiet"] and not flags["is_json"]:
        output.say("This demo replays a recording on loopback; no model runs and nothing leaves this machine.")
    with OfflineEndpoint() as endpoint:
        override = {"base_url": endpoint.base_url, "model": MODEL}
        code = run_pipeline("demo", out=out / "dataset", ledger=out / "ledger.sqlite", endpoint=override, flags=flags)
    if not flags["quiet"] and not flags["is_json"]:
        manifest = read_manifest(out / "dataset") or {}
        output.result("Caught, and asked again until it was right:")
        output.result("\n".join(legend(manifest.get("asked_again", {}))))
        output.result("Never right, so not let through:")
        output.result("\n".join(legend(manifest.get("rejected", {}))))
        output.say(f"Look at it:   blossom-data show {out / 'dataset'}")
        output.say(f"The rejects:  blossom-data show {out / 'dataset'} --rejected all")
        output.say("Once more:    blossom-data demo   (0 calls: every reply is in the ledger)")
    return code
