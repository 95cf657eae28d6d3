"""blossom-data pull."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, ClassVar

import typer

from blossom_data.cli import output
from blossom_data.cli.flags.common import Common
from blossom_data.cli.flags.groups import as_command
from blossom_data.cli.flags.records import PANEL, Bad, Replace
from blossom_data.cli.flags.values import choice, switch
from blossom_data.cli.jobs import count_skipped, describe_source, finish, input_of
from blossom_data.config import SAMPLE_WAYS
from blossom_data.counters import Counters
from blossom_data.engine import Work
from blossom_data.errors import ConfigError
from blossom_data.executors.job import Job
from blossom_data.outputs.replacing import Replacement
from blossom_data.pull import Pulled, fields_there, pull
from blossom_data.rows.facts import count_records
from blossom_data.shards import SHARD_RECORDS
from blossom_data.sources.custom import FieldsError
from blossom_data.sources.evaluation import PART_OF_TRAINING
from blossom_data.sources.hub import is_hub_id


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """How many records are taken."""

    panel: ClassVar[str] = PANEL

    limit: Annotated[
        int | None, typer.Option("--limit", min=1, metavar="N", help="Take the first N records and stop reading.")
    ] = None
    sample: Annotated[
        int | None,
        typer.Option("--sample", min=1, metavar="N", help="Draw N records from the whole source."),
    ] = None
    sample_by: Annotated[
        str,
        choice("--sample-by", among=SAMPLE_WAYS, help="How --sample draws: each as likely, or covering what is asked."),
    ] = SAMPLE_WAYS[0]
    seed: Annotated[int, typer.Option("--seed", metavar="N", help="Of --sample.")] = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """Which rows of a folder or of a hub data set are meant."""

    panel: ClassVar[str] = "Folder or data set of the hub"

    split: Annotated[
        str,
        typer.Option(
            "--split",
            metavar="NAME",
            help="Split of a folder, by the names of its files (train, test, dev ...), or of a hub data set; several: "
            "train+validation.",
        ),
    ] = "train"
    allow_eval: Annotated[
        bool, switch("--allow-eval", help="Read evaluation sets (GSM8K test, MT-Bench ...), refused without it.")
    ] = False
    revision: Annotated[
        str | None, typer.Option("--revision", metavar="REV", help="Branch, tag or commit of a hub data set.")
    ] = None
    subset: Annotated[str | None, typer.Option("--subset", metavar="NAME", help="Configuration of a hub data set.")] = (
        None
    )


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
    chosen: Chosen,
    common: Common,
    fields: Annotated[
        str,
        typer.Option(
            "--fields",
            metavar="KEY=FIELD,...",
            help="For `custom`, such as instruction=q,gold=label, or as in TOML. Keys: instruction, input, system, "
            "gold, id.",
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
    (JSONL, JSON, CSV, TSV, all also .gz or .zst, Parquet, Arrow), - for standard input, or a hub data set (org/name).

    Example: blossom-data pull gsm8k grade_school_math/data/train.jsonl -o raw/gsm8k
    """
    replacement = Replacement(
        out=out,
        command="pull",
        inputs=(input_of(path, subset=chosen.subset, split=chosen.split),),
        limit=drawn.limit or drawn.sample,
        limit_flag=f"--limit {drawn.limit}" if drawn.limit else f"--sample {drawn.sample}",
        is_allowed=replacing.is_replacing,
    )
    replacement.refuse()
    pulled = _pull(source, path, fields, drawn, chosen, lang)
    if not common.is_quiet:
        for note in pulled.origin.notes:
            output.say(f"note: {note}")
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
    code = finish(job, common)
    if not common.is_quiet:
        _tell_evaluation(pulled)
    return code


def _tell_evaluation(pulled: Pulled) -> None:
    """Says which rows are questions of evaluation sets."""
    for name, number in pulled.counts.evaluation.items():
        if name == PART_OF_TRAINING:
            output.say(f"note: {number:,} of these rows stand in {name}; do not measure by it what they train")
        else:
            output.say(f"note: {number:,} rows are questions of {name}: left out (--allow-eval keeps them)")


def _work(pulled: Pulled, counters: Counters) -> Iterator[Work]:
    yield from ((record, ()) for record in pulled)
    count_skipped(pulled, counters)


def _pull(source: str, path: str, fields: str, drawn: Drawn, chosen: Chosen, lang: str | None) -> Pulled:
    """The pull that the flags describe; where --fields is wrong, the error shows the fields that there are."""
    try:
        return pull(source, path, fields=_fields(fields), lang=lang, **asdict(drawn), **asdict(chosen))
    except FieldsError as why:
        there = "" if is_hub_id(path) or path == "-" else fields_there(path, chosen.split)
        raise ConfigError(str(why), hint=f"{why.hint}; {there}" if there else why.hint) from why


def _fields(text: str) -> dict[str, str] | None:
    """`instruction=q,gold=label`, or the same as a table of TOML, as a dict; None for an empty text."""
    if not text.strip():
        return None
    if "=" in text and (text.lstrip().startswith("{") or '"' in text or "'" in text):
        return _toml_fields(text.strip())
    pairs = [part.partition("=") for part in text.split(",") if part.strip()]
    if any(not key.strip() or not mark for key, mark, _ in pairs):
        raise FieldsError(f"--fields {text!r} is not KEY=FIELD,...", hint="such as instruction=question,gold=answer")
    return {key.strip(): field.strip() for key, _, field in pairs}


def _toml_fields(text: str) -> dict[str, str]:
    """`{instruction = "q", gold = "label"}`, with braces or without."""
    try:
        found = tomllib.loads(f"fields = {text if text.startswith('{') else '{' + text + '}'}")["fields"]
    except tomllib.TOMLDecodeError as why:
        raise FieldsError(f"--fields {text!r} is no TOML: {why}", hint='such as {instruction = "q"}') from why
    if not isinstance(found, dict) or not all(isinstance(field, str) for field in found.values()):
        raise FieldsError(f"--fields {text!r} names what is no text", hint='such as {instruction = "q"}')
    return found
