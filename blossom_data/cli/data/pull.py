"""blossom-data pull."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, ClassVar

import typer

from blossom_data.cli.flags.common import Common
from blossom_data.cli.flags.groups import as_command
from blossom_data.cli.flags.records import PANEL, Bad, Replace
from blossom_data.cli.jobs import count_skipped, describe_source, finish, input_of
from blossom_data.counters import Counters
from blossom_data.engine import Work
from blossom_data.errors import ConfigError
from blossom_data.executors.local import Job
from blossom_data.outputs.replacing import Replacement
from blossom_data.pull import Pulled, pull
from blossom_data.rows.facts import count_records
from blossom_data.shards import SHARD_RECORDS


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """How many records are taken."""

    panel: ClassVar[str] = PANEL

    limit: Annotated[
        int | None, typer.Option("--limit", min=1, metavar="N", help="Take the first N records and stop reading.")
    ] = None
    sample: Annotated[
        int | None,
        typer.Option("--sample", min=1, metavar="N", help="Draw N records uniformly from the whole source."),
    ] = None
    seed: Annotated[int, typer.Option("--seed", metavar="N", help="Of --sample.")] = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class HubSet:
    """Which rows of a hub data set are meant."""

    panel: ClassVar[str] = "Data set of the hub"

    revision: Annotated[
        str | None, typer.Option("--revision", metavar="REV", help="Branch, tag or commit of a hub data set.")
    ] = None
    subset: Annotated[str | None, typer.Option("--subset", metavar="NAME", help="Configuration of a hub data set.")] = (
        None
    )
    split: Annotated[str, typer.Option("--split", metavar="NAME", help="Split of a hub data set.")] = "train"


@as_command("pull")
def command(
    source: Annotated[str, typer.Argument(metavar="SOURCE", help="Layout of the rows.")],
    path: Annotated[str, typer.Argument(metavar="PATH", help="File, folder, - or hub data set (org/name).")],
    out: Annotated[
        Path,
        typer.Option(
            "-o", "--out", metavar="FOLDER", rich_help_panel=PANEL, help="Folder that the data set is written to."
        ),
    ],
    drawn: Drawn,
    bad: Bad,
    replacing: Replace,
    hub: HubSet,
    common: Common,
    fields: Annotated[
        str,
        typer.Option(
            "--fields",
            metavar="KEY=FIELD,...",
            help="For `custom`, such as instruction=q,gold=label. Keys: instruction, input, gold, id.",
        ),
    ] = "",
    licence: Annotated[
        str, typer.Option("--licence", metavar="SPDX", help="Licence of the source, for the data set's card.")
    ] = "",
    lang: Annotated[
        str | None,
        typer.Option("--lang", metavar="TAG", help="Language of all records, such as de or zh-Hant; else detected."),
    ] = None,
) -> int:
    """Read raw instructions in their own layout; drop every original output, keep gold labels.

    SOURCE is orca, wizard, gsm8k, math23k, sharegpt, alpaca, belle, messages, turns or custom. PATH is a file or folder
    (JSONL, JSON array, both also .gz or .zst, Parquet), - for standard input, or a hub data set (org/name).

    Example: blossom-data pull gsm8k grade_school_math/data/train.jsonl -o raw/gsm8k
    """
    replacement = Replacement(
        out=out,
        command="pull",
        inputs=(input_of(path, subset=hub.subset, split=hub.split),),
        limit=drawn.limit or drawn.sample,
        limit_flag=f"--limit {drawn.limit}" if drawn.limit else f"--sample {drawn.sample}",
        is_allowed=replacing.is_replacing,
    )
    replacement.refuse()
    pulled = pull(source, path, fields=_fields(fields), lang=lang, **asdict(drawn), **asdict(hub))
    counters = Counters(records_total=drawn.sample or drawn.limit or count_records(path))
    job = Job(
        label="pull",
        work=_work(pulled, counters),
        is_piped=pulled.origin.may_stall,
        out=out,
        replacement=replacement,
        about={"sources": [describe_source(source, pulled, licence)]},
        counters=counters,
        max_bad=bad.max_bad,
        shard_records=SHARD_RECORDS,
    )
    return finish(job, common)


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
