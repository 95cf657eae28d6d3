"""blossom-data gc."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import typer

from blossom_data.cli import output
from blossom_data.cli.flags.common import Common
from blossom_data.cli.flags.groups import as_command
from blossom_data.cli.flags.values import LedgerFlag, ledger_option, switch
from blossom_data.errors import ConfigError
from blossom_data.ledger.address import LedgerAddress
from blossom_data.ledger.damage import drop_damaged
from blossom_data.publish.replies import free_replies
from blossom_data.publish.retention import collect

_MOST_KEYS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What stays, and whether anything goes."""

    keep: Annotated[int, typer.Option("--keep", min=0, metavar="N", help="So many newest versions stay.")] = 7
    grace_h: Annotated[
        float,
        typer.Option(
            "--grace-h", min=0, metavar="HOURS", help="Versions made, or `current`, within so many hours stay."
        ),
    ] = 24.0
    pin: Annotated[
        list[str] | None,
        typer.Option("--pin", metavar="VERSION", help="Keep this version from now on. Repeatable."),
    ] = None
    unpin: Annotated[
        list[str] | None, typer.Option("--unpin", metavar="VERSION", help="Keep it no longer. Repeatable.")
    ] = None
    dry_run: Annotated[bool, switch("--dry-run", help="Say what would go; change nothing.")] = False
    older_than: Annotated[
        float | None,
        typer.Option("--older-than", min=0, metavar="DAYS", help="With --ledger: only older replies."),
    ] = None
    is_exact: Annotated[
        bool,
        switch(
            "--exact", help="With --ledger: also replies behind rejects and earlier tries; a rerun buys them again."
        ),
    ] = False
    drop_damaged: Annotated[
        bool,
        switch("--drop-damaged", help="With --ledger: delete the replies that cannot be read back; needs no PATH."),
    ] = False
    yes: Annotated[bool, switch("--yes", help="With --ledger: really delete; without it, only say what would go.")] = (
        False
    )


@as_command("gc")
def command(
    kept: Kept,
    common: Common,
    paths: Annotated[
        list[Path] | None,
        typer.Argument(metavar="PATH", exists=True, help="ROOT/NAME; with --ledger, the data sets in use."),
    ] = None,
    ledger: Annotated[
        LedgerFlag | None,
        ledger_option("Clean up this ledger (a file, or postgresql://HOST/DATABASE); PATH... are what must stay."),
    ] = None,
) -> int:
    """Delete old versions of a published data set, or old replies of a ledger.

    PATH is ROOT/NAME: the newest versions stay, what is pinned, `current`, and all younger than the grace. With
    --ledger, PATH... are the data sets still in use: old replies that none of them can ask for again go.

    Example: blossom-data gc data/math --keep 7 --grace-h 24 --dry-run
    Example: blossom-data gc out/math out/chat --ledger ledger.sqlite --older-than 90 --yes
    Example: blossom-data gc --ledger ledger.sqlite --drop-damaged
    """
    if ledger is not None:
        return _damaged(ledger, kept, common) if kept.drop_damaged else _replies(paths or [], ledger, kept, common)
    if kept.older_than is not None or kept.is_exact or kept.yes or kept.drop_damaged:
        raise ConfigError(
            "--older-than, --exact, --drop-damaged and --yes belong to --ledger", hint="give --ledger FILE too"
        )
    if not paths or len(paths) != 1:
        raise ConfigError("give one folder of a published data set", hint="such as blossom-data gc data/math")
    done = collect(
        paths[0],
        keep=kept.keep,
        grace_h=kept.grace_h,
        pin=kept.pin or (),
        unpin=kept.unpin or (),
        is_dry_run=kept.dry_run,
    )
    if common.is_json:
        output.json_result({"path": str(paths[0]), "dry_run": kept.dry_run, **asdict(done)})
    elif not common.is_quiet:
        verb = "would delete" if kept.dry_run else "deleted"
        lines = [f"{verb} {version}" for version in done.deleted] or ["nothing to delete"]
        lines += [f"keeps {version}   ({why})" for version, why in done.kept.items()]
        lines += [f"cleaned up {name}" for name in done.swept]
        output.result("\n".join(lines))
    return 0


def _damaged(ledger: LedgerAddress, kept: Kept, common: Common) -> int:
    if kept.older_than is not None or kept.is_exact:
        raise ConfigError("--drop-damaged looks at all replies", hint="leave out --older-than and --exact")
    found = drop_damaged(ledger, is_dry_run=kept.dry_run)
    if common.is_json:
        output.json_result({"ledger": str(ledger), "dry_run": kept.dry_run, **asdict(found)})
    elif not common.is_quiet:
        verb = "would delete" if kept.dry_run else "deleted"
        lines = [f"{verb} {len(found.keys):,} damaged of {found.checked:,} replies"]
        lines += [f"  {key}" for key in found.keys[:_MOST_KEYS]]
        if found.keys and not kept.dry_run:
            lines.append("the same command as before buys them again")
        output.result("\n".join(lines))
    return 0


def _replies(paths: list[Path], ledger: LedgerAddress, kept: Kept, common: Common) -> int:
    if kept.older_than is None:
        raise ConfigError("--ledger needs --older-than DAYS", hint="such as --older-than 90")
    if kept.pin or kept.unpin:
        raise ConfigError("--pin and --unpin are for versions, not for a ledger", hint="leave them out")
    is_dry_run = kept.dry_run or not kept.yes
    freed = free_replies(ledger, paths, older_than_days=kept.older_than, is_exact=kept.is_exact, is_dry_run=is_dry_run)
    if common.is_json:
        output.json_result({"ledger": str(ledger), "dry_run": is_dry_run, **asdict(freed)})
    elif not common.is_quiet:
        verb = "would delete" if is_dry_run else "deleted"
        lines = [
            f"{verb} {freed.deleted:,} of {freed.old:,} replies older than {kept.older_than:g} days",
            f"keeps {freed.kept_named:,} that a record names",
            f"keeps {freed.kept_asked:,} of stages and models that these data sets asked",
        ]
        if is_dry_run and freed.deleted:
            lines.append("with --yes they go; a reply that is deleted is bought again if its question comes back")
        output.result("\n".join(lines))
    return 0
