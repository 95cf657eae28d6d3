"""blossom-data demo."""

from __future__ import annotations

from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from blossom_data.cli import output
from blossom_data.cli.diagnose.report import NAME, dataset_page
from blossom_data.cli.diagnose.report_file import refuse_other_file, write_report
from blossom_data.cli.flags.common import CommonOfLong
from blossom_data.cli.flags.endpoint import AddressFlags
from blossom_data.cli.flags.groups import as_command
from blossom_data.cli.flags.records import Replace
from blossom_data.cli.flags.values import choice
from blossom_data.cli.jobs import wants_to_follow
from blossom_data.cli.pipelines.run import run_pipeline
from blossom_data.cli.progress import Progress
from blossom_data.cli.run_summary import show_summary
from blossom_data.report.codes import legend
from blossom_data.shards import read_manifest


@as_command("demo")
def command(
    common: CommonOfLong,
    replacing: Replace,
    out: Annotated[Path, typer.Option("-o", "--out", metavar="FOLDER", help="Folder for everything.")] = Path("demo"),
    engine: Annotated[
        str,
        choice(
            "--engine",
            among=("recording", "local"),
            help="local: a real model of 0.7 million parameters that knows one toy language; needs the extra `local`.",
        ),
    ] = "recording",
) -> int:
    """Run the whole job offline: pull, translate, annotate, verify-math, on 60 bundled rows; then make two new ones.

    The replies come from a recording over real HTTP on loopback: good ones, and what really goes wrong (a translation
    that answers, prose around the JSON, a refusal, a cut answer, a wrong result, a 429, a dropped connection).

    Example: blossom-data demo -o demo
    """
    if engine == "local":
        return _run_local(out / "local", common, is_replacing=replacing.is_replacing)
    from blossom_data.demo.server import MODEL, OfflineEndpoint

    if common.is_told:
        output.say("This demo replays a recording on loopback; no model runs and nothing leaves this machine.")
    with OfflineEndpoint() as endpoint:
        address = AddressFlags(base_url=endpoint.base_url, model=MODEL)
        code = run_pipeline(
            "demo",
            out=out / "dataset",
            ledger=out / "ledger.sqlite",
            address=address,
            common=common,
            is_replacing=replacing.is_replacing,
        )
        made = _synthesize(out / "synthesis", endpoint.base_url, MODEL, is_replacing=replacing.is_replacing)
    page = out / NAME
    refuse_other_file(page)
    write_report(page, dataset_page(out / "dataset"))
    if common.is_told:
        manifest = read_manifest(out / "dataset") or {}
        output.result("Caught, and asked again until it was right:")
        output.result("\n".join(legend(manifest.get("asked_again", {}))))
        output.result("Never right, so not let through:")
        output.result("\n".join(legend(manifest.get("rejected", {}))))
        output.result("\n".join(made))
        output.say(f"Look at it:   blossom-data show {out / 'dataset'}")
        output.say(f"The rejects:  blossom-data show {out / 'dataset'} --rejected all")
        output.say(f"Once more:    blossom-data demo -o {out}   (0 calls: every reply is in the ledger)")
        output.say(f"The report:   {page.resolve().as_uri()}   (open it in a browser)")
        needs = "" if find_spec("starlette") and find_spec("uvicorn") else "   (needs the extra: pip install '.[view]')"
        output.say(f"In a browser: blossom-data view {out / 'dataset'}{needs}")
    return code


def _synthesize(out: Path, base_url: str, model: str, *, is_replacing: bool) -> list[str]:
    """Makes one evolution and one chat, and tells them."""
    from blossom_data.config import Endpoint
    from blossom_data.demo.synthesis import run_synthesis
    from blossom_data.records import Record
    from blossom_data.rows import read_records

    endpoint = Endpoint(base_url=base_url, model=model, structured="off")
    lines = []
    for summary in run_synthesis(out, endpoint, is_replacing=is_replacing):
        lines.append(f"Synthesized by {summary['stage']}, after one try that was caught:")
        for record in read_records(summary["out"]):
            if isinstance(record, Record):
                lines += [f"  {turn.role:<10} {' '.join(turn.content.split())[:100]}" for turn in record.messages]
    return lines


def _run_local(out: Path, common: CommonOfLong, *, is_replacing: bool) -> int:
    """The demo with the embedded engine and the model that comes along."""
    from blossom_data.demo.local import plan_demo, score
    from blossom_data.executors.local import run_job

    job = plan_demo(out / "dataset", out / "ledger.sqlite", is_replacing=is_replacing)
    is_told = common.is_told
    if is_told:
        output.say(
            "A real model of 0.7 million parameters (0.76 MB) runs in this demo. It knows one toy language of 85\n"
            "English words and NOTHING else: it shows that the embedded engine works, not what a model can do."
        )
    with Progress(job.label, job.counters, is_quiet=common.is_quiet, is_followed=wants_to_follow(common)):
        summary = run_job(job)
    found = score(job.out)
    if common.is_json:
        output.json_result({**summary, "exact": asdict(found)})
    elif is_told:
        show_summary(summary)
        output.result(
            f"Of {found.sentences} sentences that the model never saw, it translated {found.translated} exactly and "
            f"answered {found.answered} exactly;\nverify-math caught {found.caught} wrong sums."
        )
        output.say(f"Look at it:   blossom-data show {job.out}")
        output.say("Your own data needs a real model: see docs/engines.md")
    return 3 if summary["failed"] else 0
