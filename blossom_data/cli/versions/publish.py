"""blossom-data publish."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from blossom_data.cli import output
from blossom_data.cli.flags.common import Common
from blossom_data.cli.flags.groups import as_command
from blossom_data.cli.flags.values import choice
from blossom_data.cli.work_bar import working
from blossom_data.curate import conflicts
from blossom_data.errors import ConfigError
from blossom_data.publish.published import Published
from blossom_data.publish.push import check_push, push
from blossom_data.publish.reading import parse_part
from blossom_data.publish.shard_files import LAYOUTS
from blossom_data.publish.versions import publish


@as_command("publish")
def command(
    datasets: Annotated[
        list[str], typer.Argument(metavar="DATASET", help="Folder that a command wrote, or CONFIG=FOLDER.")
    ],
    root: Annotated[Path, typer.Option("-o", "--out", metavar="ROOT", help="Folder or URL of all published sets.")],
    name: Annotated[
        str,
        typer.Option(
            "--name",
            metavar="NAME",
            help="Name of the data set: a-z, 0-9, dot, dash, underscore; at most 64.",
        ),
    ],
    common: Common,
    layout: Annotated[
        str | None,
        choice(
            "--format",
            among=tuple(LAYOUTS),
            help="Of the shards; default: parquet where pyarrow is installed, else jsonl (zst).",
        ),
    ] = None,
    licences: Annotated[
        list[str] | None,
        typer.Option(
            "--licence",
            metavar="[SOURCE=]SPDX",
            help="Licence of a source, over what pull stated; without SOURCE: of every source that has none. "
            "Repeatable.",
        ),
    ] = None,
    repo: Annotated[
        str | None,
        typer.Option("--push", metavar="REPO", help="Also push the version to this data set of the hub (org/name)."),
    ] = None,
) -> int:
    """Publish finished data sets as one immutable version, and switch `current` to it.

    DATASET is a folder that a command wrote, or CONFIG=FOLDER to publish it as a configuration of its own. Content that
    has a version already makes no new one. A source without a licence is not published.

    Example: blossom-data publish out/math -o data --name math --licence gsm8k=MIT
    """
    parts = [parse_part(text) for text in datasets]
    if repo is not None:
        check_push(repo, root)
    with working(f"publish {name}", is_quiet=common.is_quiet) as counters:
        done = publish(
            parts, root=root, name=name, layout=layout or "", licences=_licences(licences or []), counters=counters
        )
    told: dict[str, Any] = _described(done)
    if repo is not None:
        if common.is_told:
            output.result(_text(done))
        pushed = push(done.path, repo)
        told["push"] = {"repo": repo, "tag": pushed.tag, "commit": pushed.commit, "is_new": pushed.is_new}
        text = f"pushed to {repo}: " if pushed.is_new else f"{repo} has it already: "
        text += f"tag {pushed.tag}, commit {pushed.commit[:12]}"
    else:
        text = _text(done)
    if common.is_json:
        output.json_result(told)
    elif not common.is_quiet:
        output.result(text)
        if contradicting := conflicts.told(done.manifest.get("conflicts", {})):
            output.say(f"conflicts: {contradicting}")
    return 0


def _licences(texts: list[str]) -> dict[str, str]:
    """`["gsm8k=MIT", "Apache-2.0"]` as {"gsm8k": "MIT", "": "Apache-2.0"}."""
    found: dict[str, str] = {}
    for text in texts:
        source, mark, licence = text.rpartition("=")
        if not licence.strip() or (mark and not source.strip()):
            raise ConfigError(f"--licence {text!r} is not SOURCE=SPDX", hint="such as --licence gsm8k=MIT")
        if found.setdefault(source.strip(), licence.strip()) != licence.strip():
            raise ConfigError(
                f"two licences are given for {source or 'all other sources'}",
                hint="give --licence once for each source",
            )
    return found


def _described(done: Published) -> dict[str, Any]:
    return {
        "name": done.name,
        "version": done.version,
        "path": str(done.path),
        "is_new": done.is_new,
        "previous": done.previous,
        "records": done.manifest["records"],
        "content": done.manifest["content"],
        "licences": done.manifest["licences"],
        "conflicts": done.manifest.get("conflicts", {}),
    }


def _text(done: Published) -> str:
    records = f"{done.manifest['records']:,} records"
    if done.is_new:
        return f"published {done.name} {done.version}: {records}; current -> {done.version}\n  {done.path}"
    if done.previous == done.version:
        return f"nothing new: {done.name} {done.version} has this content already ({records})"
    return f"no new version: {done.name} {done.version} has this content ({records}); current -> {done.version}"
