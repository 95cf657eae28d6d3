"""blossom-data pull."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from blossom_data.cli.jobs import count_skipped, describe_source, finish
from blossom_data.cli.options import common, max_bad_option
from blossom_data.counters import Counters
from blossom_data.engine import Work
from blossom_data.errors import ConfigError
from blossom_data.executors.local import Job
from blossom_data.pull import Pulled, pull
from blossom_data.rows.facts import count_records
from blossom_data.shards import SHARD_RECORDS


@click.command("pull")
@click.argument("source")
@click.argument("path")
@click.option(
    "-o", "--out", type=click.Path(path_type=Path), required=True, help="Folder that the data set is written to."
)
@click.option("--limit", type=click.IntRange(min=1), help="Take the first N records and stop reading.")
@click.option("--sample", type=click.IntRange(min=1), help="Draw N records uniformly from the whole source.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of --sample.")
@click.option(
    "--fields", metavar="KEY=FIELD,...", default="", help="For `custom`: instruction=q,input=ctx,gold=label,id=n."
)
@click.option("--licence", default="", help="Licence of the source, for the data set's card.")
@click.option("--revision", help="Branch, tag or commit of a hub data set.")
@click.option("--subset", help="Configuration of a hub data set.")
@click.option("--split", default="train", show_default=True, help="Split of a hub data set.")
@max_bad_option
@common
def command(
    source: str,
    path: str,
    out: Path,
    limit: int | None,
    sample: int | None,
    seed: int,
    fields: str,
    licence: str,
    revision: str | None,
    subset: str | None,
    split: str,
    max_bad: float,
    **flags: Any,
) -> int:
    """Read raw instructions in their own layout; drop every original output, keep gold labels.

    SOURCE is orca, wizard, gsm8k, math23k, sharegpt, alpaca, belle, messages, turns or custom. PATH is a file or folder
    (JSONL, JSON array, both also .gz or .zst, Parquet), - for standard input, or a hub data set (org/name).

    \b
    Example: blossom-data pull gsm8k grade_school_math/data/train.jsonl -o raw/gsm8k
    """
    pulled = pull(
        source,
        path,
        fields=_fields(fields),
        limit=limit,
        sample=sample,
        seed=seed,
        revision=revision,
        subset=subset,
        split=split,
    )
    counters = Counters(records_total=sample or limit or count_records(path))
    job = Job(
        label="pull",
        work=_work(pulled, counters),
        is_piped=pulled.origin.may_stall,
        out=out,
        about={"sources": [describe_source(source, pulled, licence)]},
        counters=counters,
        max_bad=max_bad,
        shard_records=SHARD_RECORDS,
    )
    return finish(job, flags)


def _work(pulled: Pulled, counters: Counters) -> Iterator[Work]:
    yield from ((record, ()) for record in pulled)
    count_skipped(pulled, counters)


def _fields(text: str) -> dict[str, str] | None:
    """`instruction=q,gold=label` as a dict; None for an empty text."""
    if not text:
        return None
    pairs = [part.partition("=") for part in text.split(",")]
    if any(not key.strip() or not field.strip() for key, _, field in pairs):
        raise ConfigError(f"--fields {text!r} is not KEY=FIELD,...", hint="such as instruction=question,gold=answer")
    return {key.strip(): field.strip() for key, _, field in pairs}
