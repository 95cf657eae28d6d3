"""blossom-data style."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from blossom_data.cli import output
from blossom_data.cli.flags.common import Common
from blossom_data.cli.flags.groups import as_command
from blossom_data.cli.flags.values import choice
from blossom_data.cli.progress import Progress
from blossom_data.counters import Counters
from blossom_data.curate.style import BY, LEAST_ANSWERS, style_consistency
from blossom_data.errors import ConfigError
from blossom_data.publish.reading import located
from blossom_data.records import Record
from blossom_data.rows import BadRow, read_records
from blossom_data.rows.facts import count_records

_PAIRS_SHOWN = 10


@as_command("style")
def command(
    datasets: Annotated[
        list[Path],
        typer.Argument(
            metavar="DATASET...", exists=True, help="Data sets, versions or files of records, side by side."
        ),
    ],
    common: Common,
    by: Annotated[
        str,
        choice("--by", among=BY, help="What the answers are grouped by: source, model that wrote them, or language."),
    ] = "source",
) -> int:
    """Measure in how many voices the answers of DATASET speak: 0.5 is one, 1.0 are several.

    A classifier that sees only how an answer is written (length, openers, closers, lists, Markdown, punctuation,
    person), never what about, has to tell the groups apart within each language. Below 0.65 a set speaks in one voice.

    Example: blossom-data style raw/chats.jsonl sft/chats
    """
    told = []
    for dataset in datasets:
        counters = Counters(records_total=count_records(located(dataset)))
        with Progress(f"style {dataset.name}", counters, is_quiet=common.is_quiet):
            consistency = style_consistency(_records(located(dataset), counters), by=by)
        told.append({"dataset": str(dataset), "by": by, "unreadable": counters.rejected.total(), **asdict(consistency)})
    if common.is_json:
        output.json_result({"sets": told})
    else:
        output.result("\n\n".join(_render(each) for each in told))
    return 0


def _records(dataset: Path, counters: Counters) -> Iterator[Record]:
    has_answer = False
    for record in counters.counted("reading", read_records(dataset), total=counters.records_total):
        counters.read += 1
        if isinstance(record, BadRow):
            counters.rejected[f"read/{record.code}"] += 1
            continue
        has_answer = has_answer or any(turn.role == "assistant" for turn in record.messages)
        yield record
    if not has_answer:
        raise ConfigError(f"{dataset} holds no answer", hint="measure a set with assistant turns: what annotate wrote")


def _render(told: dict[str, Any]) -> str:
    """The score, the groups, and what tells each pair apart, for people."""
    score = "nothing to compare" if told["score"] is None else f"{told['score']:.2f}   (0.5 one voice, 1.0 several)"
    lines = [f"style of {told['dataset']} by {told['by']}: {score}"]
    for name, number in told["groups"].items():
        lines.append(f"  {number:>9,} answers   {name}")
    for name, number in told["left_out"].items():
        lines.append(f"  {number:>9,} answers   {name}: fewer than {LEAST_ANSWERS}, left out")
    if told["unreadable"]:
        lines.append(f"  {told['unreadable']:>9,} rows      unreadable, left out")
    pairs = sorted(told["pairs"], key=lambda pair: -pair["score"])
    for pair in pairs[:_PAIRS_SHOWN]:
        where = f" ({pair['lang']})" if pair["lang"] else ""
        lines.append(f"  {pair['score']:.2f}  {' | '.join(pair['groups'])}{where}")
        lines += [f"          {difference}" for difference in pair["told"]]
    if len(pairs) > _PAIRS_SHOWN:
        lines.append(f"  ... and {len(pairs) - _PAIRS_SHOWN} more pairs: --json has them all")
    return "\n".join(lines)
