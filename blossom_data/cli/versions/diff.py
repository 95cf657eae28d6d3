"""blossom-data diff."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from blossom_data.cli import output
from blossom_data.cli.flags.common import Common
from blossom_data.cli.flags.groups import as_command
from blossom_data.cli.work_bar import working
from blossom_data.publish.diff import KINDS, Difference, diff


@as_command("diff")
def command(
    old: Annotated[Path, typer.Argument(metavar="A", exists=True, help="Version, data set or file of before.")],
    new: Annotated[Path, typer.Argument(metavar="B", exists=True, help="Version, data set or file of after.")],
    common: Common,
    limit: Annotated[int, typer.Option("--limit", min=0, metavar="N", help="Most samples of each kind.")] = 5,
) -> int:
    """Tell what was added, removed and changed from A to B, and by which cause.

    A and B are versions, data sets or files of records; for the folder of a published data set its `current` is taken.

    Example: blossom-data diff data/math/2026-01-30T030000Z-0f3e9a11 data/math
    """
    with working("diff", is_quiet=common.is_quiet) as counters:
        found = diff(old, new, limit=limit, counters=counters)
    if common.is_json:
        output.json_result({"a": str(old), "b": str(new), **found.to_dict()})
    elif not common.is_quiet:
        output.result(_text(old, new, found))
    return 0


def _text(old: Path, new: Path, found: Difference) -> str:
    lines = [f"{old} -> {new}"]
    lines += [f"  setting    {told}" for told in found.settings]
    for kind in KINDS:
        remark = f"   ({found.made_anew:,} made anew, texts equal)" if kind == "same" and found.made_anew else ""
        lines.append(f"  {kind:<10} {found.counts[kind]:>9,}{remark}")
        lines += [f"    {number:>9,}  {cause}" for cause, number in found.causes[kind].most_common(20)]
    if found.unreadable:
        lines.append(f"  unreadable {found.unreadable:>9,}")
    for title, counts_of in (("source", found.by_source), ("language", found.by_lang)):
        lines.append(f"  by {title}")
        for name, counts in sorted(counts_of.items()):
            told = ", ".join(f"{kind} {counts[kind]:,}" for kind in KINDS if counts[kind])
            lines.append(f"    {name or '(no name)'}: {told}")
    for kind in KINDS[:3]:
        for sample in found.samples[kind]:
            lines.append(f"  {kind} {sample['id']}  {sample['source']} {sample['lang']}: {', '.join(sample['causes'])}")
    if found.samples["changed"]:
        after, record, before = (shlex.quote(str(word)) for word in (new, found.samples["changed"][0]["id"], old))
        lines.append(f"look at one: blossom-data show {after} --id={record} --original {before}")
    return "\n".join(lines)
