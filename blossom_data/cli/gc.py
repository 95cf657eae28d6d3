"""blossom-data gc."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from blossom_data.cli import output
from blossom_data.cli.options import common
from blossom_data.errors import ConfigError
from blossom_data.publish.replies import free_replies
from blossom_data.publish.retention import collect


@click.command("gc")
@click.argument("paths", metavar="PATH...", nargs=-1, type=click.Path(exists=True, path_type=Path), required=True)
@click.option("--keep", type=click.IntRange(min=0), default=7, show_default=True, help="So many newest versions stay.")
@click.option(
    "--grace-h",
    type=click.FloatRange(min=0),
    default=24.0,
    show_default=True,
    help="Versions made, or `current`, within so many hours stay.",
)
@click.option("--pin", multiple=True, metavar="VERSION", help="Keep this version from now on. Repeatable.")
@click.option("--unpin", multiple=True, metavar="VERSION", help="Keep it no longer. Repeatable.")
@click.option("--dry-run", is_flag=True, help="Say what would go; change nothing.")
@click.option("--ledger", type=click.Path(path_type=Path), help="Clean up this ledger; PATH... are what must stay.")
@click.option("--older-than", type=click.FloatRange(min=0), metavar="DAYS", help="With --ledger: only older replies.")
@click.option(
    "--exact",
    "is_exact",
    is_flag=True,
    help="With --ledger: also replies behind rejects and earlier tries; a rerun buys them again.",
)
@click.option("--yes", is_flag=True, help="With --ledger: really delete; without it, only say what would go.")
@common
def command(paths: tuple[Path, ...], ledger: Path | None, **flags: Any) -> int:
    """Delete old versions of a published data set, or old replies of a ledger.

    PATH is ROOT/NAME: the newest versions stay, what is pinned, `current`, and all younger than the grace. With
    --ledger, PATH... are the data sets still in use: old replies that none of them can ask for again go.

    \b
    Example: blossom-data gc data/math --keep 7 --grace-h 24 --dry-run
    Example: blossom-data gc out/math out/chat --ledger ledger.sqlite --older-than 90 --yes
    """
    if ledger is not None:
        return _replies(paths, ledger, flags)
    if flags["older_than"] is not None or flags["is_exact"] or flags["yes"]:
        raise ConfigError("--older-than, --exact and --yes belong to --ledger")
    if len(paths) != 1:
        raise ConfigError("give one folder of a published data set", hint="such as blossom-data gc data/math")
    done = collect(
        paths[0],
        keep=flags["keep"],
        grace_h=flags["grace_h"],
        pin=flags["pin"],
        unpin=flags["unpin"],
        is_dry_run=flags["dry_run"],
    )
    if flags["is_json"]:
        output.json_result({"path": str(paths[0]), "dry_run": flags["dry_run"], **asdict(done)})
    elif not flags["quiet"]:
        verb = "would delete" if flags["dry_run"] else "deleted"
        lines = [f"{verb} {version}" for version in done.deleted] or ["nothing to delete"]
        lines += [f"keeps {version}   ({why})" for version, why in done.kept.items()]
        lines += [f"cleaned up {name}" for name in done.swept]
        output.result("\n".join(lines))
    return 0


def _replies(paths: tuple[Path, ...], ledger: Path, flags: dict[str, Any]) -> int:
    if flags["older_than"] is None:
        raise ConfigError("--ledger needs --older-than DAYS")
    if flags["pin"] or flags["unpin"]:
        raise ConfigError("--pin and --unpin are for versions, not for a ledger")
    is_dry_run = flags["dry_run"] or not flags["yes"]
    freed = free_replies(
        ledger, paths, older_than_days=flags["older_than"], is_exact=flags["is_exact"], is_dry_run=is_dry_run
    )
    if flags["is_json"]:
        output.json_result({"ledger": str(ledger), "dry_run": is_dry_run, **asdict(freed)})
    elif not flags["quiet"]:
        verb = "would delete" if is_dry_run else "deleted"
        lines = [
            f"{verb} {freed.deleted:,} of {freed.old:,} replies older than {flags['older_than']:g} days",
            f"keeps {freed.kept_named:,} that a record names",
            f"keeps {freed.kept_asked:,} of stages and models that these data sets asked",
        ]
        if is_dry_run and freed.deleted:
            lines.append("with --yes they go; a reply that is deleted is bought again if its question comes back")
        output.result("\n".join(lines))
    return 0
