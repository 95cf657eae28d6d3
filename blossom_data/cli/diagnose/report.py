"""blossom-data report."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from blossom_data.cli.diagnose.report_file import refuse_other_file, tell_report, write_report
from blossom_data.cli.diagnose.set_ledger import SetLedger, checked_ledger
from blossom_data.cli.flags.common import Common
from blossom_data.cli.flags.groups import as_command
from blossom_data.cli.flags.money import Prices, build_prices
from blossom_data.cli.flags.values import choice
from blossom_data.cli.work_bar import working
from blossom_data.errors import ConfigError
from blossom_data.report.page.words import LANGS

if TYPE_CHECKING:
    from blossom_data.counters import Counters
    from blossom_data.ledger.address import LedgerAddress
    from blossom_data.llm.money.spending import Spending

NAME = "report.html"
_NAME_CHARACTERS = 200


@as_command("report")
def command(
    target: Annotated[
        Path,
        typer.Argument(
            metavar="SET|VERSION|RUN", exists=True, help="Data set, version, pipeline, file of records or training run."
        ),
    ],
    common: Common,
    prices: Prices,
    out: Annotated[Path, typer.Option("-o", "--out", metavar="FILE", help="HTML file to write.")] = Path(NAME),
    lang: Annotated[str, choice("--lang", among=LANGS, help="Language of the page.")] = "en",
    against: Annotated[
        Path | None,
        typer.Option(
            "--against", exists=True, metavar="DATASET", help="Compare with it; without, a version with the one before."
        ),
    ] = None,
    ledger: SetLedger = None,
) -> int:
    """Write all that is known of a data set as one HTML page: without a script, and nothing is loaded from anywhere.

    It tells what became of the records by source, what was rejected and why with samples, lengths, languages,
    categories, style, duplicates and leaks, math yield, cost, prompts and models, and the difference to the version
    before. Charts come with the extra `report`; without it the same page has tables alone.

    Example: blossom-data report demo/dataset -o report.html
    """
    from blossom_data.cli.diagnose.located_set import located_set

    spending, dataset, ledger = build_prices(prices), target, checked_ledger(ledger)
    if target.suffix == ".toml" and target.is_file():
        dataset, spending, of_pipeline = _of_pipeline(target, spending)
        ledger = ledger or of_pipeline
    dataset = located_set(dataset, "report")
    refuse_other_file(out)
    if _is_run(dataset):
        if against is not None:
            raise ConfigError("--against compares data sets, not training runs", hint="leave it out")
        from blossom_data.train.loop.page import run_page

        made = run_page(dataset, lang=lang)
    else:
        with working(f"report {dataset.name}", is_quiet=common.is_quiet) as counters:
            made = dataset_page(
                dataset, lang=lang, spending=spending, ledger=ledger, against=against, counters=counters
            )
    write_report(out, made)
    tell_report(out, made, common)
    return 0


def dataset_page(
    dataset: Path,
    *,
    lang: str = "en",
    spending: Spending | None = None,
    ledger: LedgerAddress | None = None,
    against: Path | None = None,
    counters: Counters | None = None,
) -> bytes:
    """The page of the data set at `dataset`; `against` without a value compares a version with the one before."""
    from blossom_data.counters import Counters
    from blossom_data.llm.money.spending import Spending
    from blossom_data.report.dataset.facts import read_facts, rows_of
    from blossom_data.report.dataset.page import page
    from blossom_data.report.dataset.purchases import read_purchases
    from blossom_data.report.dataset.rejects import read_rejects
    from blossom_data.report.dataset.subject import Subject
    from blossom_data.report.dataset.voices import hear
    from blossom_data.rows.facts import count_records
    from blossom_data.rows.own_shards import reject_values
    from blossom_data.shards import read_manifest

    manifest: dict[str, Any] = (read_manifest(dataset) if dataset.is_dir() else None) or {}
    against, counters = against or _version_before(dataset), counters or Counters()
    facts = read_facts(dataset, counters.counted("reading", rows_of(dataset), total=count_records(dataset)))
    subject = Subject(
        name=str(manifest.get("name") or "/".join(dataset.resolve().parts[-2:]).lstrip("/"))[:_NAME_CHARACTERS],
        manifest=manifest,
        facts=facts,
        rejects=read_rejects(reject_values(dataset)),
        voices=hear(facts.draw.groups()),
        purchases=read_purchases(dataset, manifest, spending or Spending(), ledger),
        before=str(against.name) if against else "",
        difference=_difference(against, dataset, counters) if against else None,
    )
    return page(subject, lang=lang)


def _difference(before: Path, dataset: Path, counters: Counters) -> dict[str, Any]:
    from blossom_data.publish.diff import diff

    return diff(before, dataset, limit=0, counters=counters).to_dict()


def _version_before(dataset: Path) -> Path | None:
    """The version that was published before `dataset`, None for the first one and for what is no version."""
    from blossom_data.publish.names import VERSION
    from blossom_data.publish.versions import version_names

    folder = dataset.resolve()
    if VERSION.fullmatch(folder.name) is None:
        return None
    earlier = [name for name in version_names(folder.parent) if name < folder.name]
    return folder.parent / earlier[-1] if earlier else None


def _is_run(folder: Path) -> bool:
    from blossom_data.train.loop.metrics import FILE

    return (folder / FILE).is_file()


def _of_pipeline(file: Path, spending: Spending) -> tuple[Path, Spending, LedgerAddress]:
    """The data set of a pipeline, prices with those of its endpoints, and its ledger.

    Raises:
        ConfigError: the file is wrong, or its pipeline has made no data set yet.
    """
    from blossom_data.config import Endpoint
    from blossom_data.pipelines.load import open_pipeline

    pipeline = open_pipeline(str(file))
    if not pipeline.out.exists():
        raise ConfigError(f"{pipeline.out} is not there yet", hint=f"make it with: blossom-data run {file}")
    named = [each for each in pipeline.endpoints if "base_url" in each and "model" in each]
    endpoints = tuple(Endpoint(base_url=str(each["base_url"]), model=str(each["model"])) for each in named)
    return pipeline.out, replace(spending, endpoints=endpoints), pipeline.ledger
