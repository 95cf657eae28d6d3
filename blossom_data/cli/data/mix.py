"""blossom-data mix."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import typer

from blossom_data.cli import output
from blossom_data.cli.flags.common import Common
from blossom_data.cli.flags.groups import as_command
from blossom_data.cli.flags.records import Replace
from blossom_data.cli.flags.values import choice, share, switch
from blossom_data.cli.progress import Progress
from blossom_data.config import SAMPLE_WAYS
from blossom_data.counters import Counters
from blossom_data.curate import conflicts
from blossom_data.errors import ConfigError
from blossom_data.languages.tags import canonical
from blossom_data.mix.inputs import is_there
from blossom_data.mix.plan import FORMATS, LAYOUT_NAMES, Mix, Part
from blossom_data.mix.recipe import load_recipe
from blossom_data.mix.write import replacement_of, write_mix
from blossom_data.object_store import path_of

_SUCH_AS = {"--lang": "--lang zh=0.5,en=0.5", "--cap": "--cap gsm8k=10000"}
_AMOUNT = re.compile(r"(?P<count>[0-9][0-9_,]{0,14})|(?P<share>[0-9.]{1,9})%|(?P<weight>[0-9.]{1,9})x")


def _among(told: str, names: Iterable[str]) -> str:
    """A help text for a choice that is the first of `names` where none is given."""
    first, *others = names
    return f"{told}: {first} (without it), {', '.join(others)}."


@dataclass(frozen=True, slots=True, kw_only=True)
class Blend:
    """What a mix is made of, and how it is written; of a recipe, what overrules it."""

    seed: Annotated[
        int | None, typer.Option("--seed", metavar="N", help="Of the draw and the order; 0 without it.")
    ] = None
    sample_by: Annotated[
        str | None,
        choice(
            "--sample-by", among=SAMPLE_WAYS, help="How a part is drawn: each as likely, or covering what is asked."
        ),
    ] = None
    layout: Annotated[
        str | None,
        choice("--layout", among=LAYOUT_NAMES, metavar="NAME", help=_among("Layout of a row", LAYOUT_NAMES)),
    ] = None
    file_format: Annotated[
        str | None,
        choice("--format", among=FORMATS, metavar="NAME", help=_among("Format of the files", FORMATS)),
    ] = None
    plain: Annotated[bool, switch("--plain", help="JSON lines without compression.")] = False
    replay: Annotated[
        list[str] | None,
        typer.Option("--replay", metavar="MIX=AMOUNT", help="Add a sample of an earlier mix, such as 20%."),
    ] = None
    records: Annotated[
        int | None,
        typer.Option("--records", min=1, metavar="N", help="Size of the mix: what weighted parts fill up to."),
    ] = None
    lang: Annotated[
        str,
        typer.Option(
            "--lang",
            metavar="TAG=SHARE,...",
            help="Language shares of every part, such as de=0.5,en=0.5; not of replays.",
        ),
    ] = ""
    cap: Annotated[
        list[str] | None,
        typer.Option("--cap", metavar="SOURCE=COUNT", help="Most records of a source in the mix."),
    ] = None
    shard_records: Annotated[
        int | None,
        typer.Option("--shard-records", min=1, metavar="N", help="Records in one file; 10000 without it."),
    ] = None
    allow_short: Annotated[
        bool, switch("--allow-short", help="Write what there is where a part has too few records.")
    ] = False
    max_bad: Annotated[
        float | None,
        typer.Option(
            "--max-bad", parser=share, metavar="SHARE", help="Largest share of unreadable rows; 1% without it."
        ),
    ] = None


@as_command("mix")
def command(
    parts: Annotated[
        list[str],
        typer.Argument(metavar="DATA[=AMOUNT]|RECIPE.toml", help="What is mixed, and how much of each."),
    ],
    blend: Blend,
    replacing: Replace,
    common: Common,
    out: Annotated[
        Path | None,
        typer.Option("-o", "--out", metavar="FOLDER", help="Folder of the training set; of a recipe, for all."),
    ] = None,
    only: Annotated[
        list[str] | None, typer.Option("--only", metavar="NAME", help="Of a recipe: write only this mix.")
    ] = None,
) -> int:
    """Blend finished data sets into a training set: drawn by counts, shares or weights, one row a prompt, shuffled.

    DATA is a data set folder or file. AMOUNT is a count (40000), a share of its records (50%) or a weight against the
    other weighted parts (2x); without it, all is taken. The same inputs and seed give the same bytes.

    Example: blossom-data mix orca=40000 wizard=40000 math=10000 -o train/stage1 --seed 1
    Example: blossom-data mix chat=12000 --replay train/stage1=20% -o train/stage2 --layout sharegpt --plain
    Example: blossom-data mix mix.toml --only stage1
    """
    changes = _changes(blend)
    manifests = []
    mixes = [replace(mix, **changes) for mix in _mixes(parts, out, only or [], blend)]
    replacements = [replacement_of(mix, is_allowed=replacing.is_replacing) for mix in mixes]
    for replacement in replacements:
        replacement.refuse()
    for changed, replacement in zip(mixes, replacements, strict=True):
        counters = Counters()
        with Progress(f"mix {changed.name}", counters, is_quiet=common.is_quiet):
            manifest = write_mix(changed, replacement, counters=counters)
        manifests.append({"name": changed.name, "out": str(changed.out), **manifest})
        if common.is_told:
            output.result(_render(manifests[-1]))
    if common.is_json:
        output.json_result({"mixes": manifests})
    return 0


def _mixes(parts: list[str], out: Path | None, only: list[str], blend: Blend) -> Iterable[Mix]:
    """The mixes that the arguments name: those of a recipe, or one of its own."""
    if len(parts) == 1 and parts[0].endswith(".toml"):
        if blend.replay or blend.lang or blend.cap or blend.records:
            raise ConfigError("parts, languages and caps stand in the recipe", hint=f"set them in {parts[0]}")
        mixes = load_recipe(Path(parts[0]), out=out)
        for name in only:
            if name not in (known := [mix.name for mix in mixes]):
                raise ConfigError(f"{parts[0]} has no mix {name!r}", hint=f"it has {', '.join(known)}")
        return [mix for mix in mixes if not only or mix.name in only]
    if only:
        raise ConfigError("--only is for a recipe", hint="such as mix.toml --only stage1")
    if out is None:
        raise ConfigError("no output is named", hint="give -o FOLDER")
    lang = {canonical(name): _share(share, "--lang") for name, share in _pairs(blend.lang.split(","), "--lang")}
    listed = [_part(text, lang=lang) for text in parts] + [_part(text, is_replay=True) for text in blend.replay or ()]
    caps = {source: _count(cap, "--cap") for source, cap in _pairs(blend.cap or (), "--cap")}
    return [Mix(name=out.absolute().name or "mix", out=out, parts=tuple(listed), records=blend.records, caps=caps)]


def _changes(blend: Blend) -> dict[str, Any]:
    """The flags that also overrule what a recipe says."""
    named = {
        "seed": blend.seed,
        "sample_by": blend.sample_by,
        "layout": blend.layout,
        "format": blend.file_format,
        "is_plain": blend.plain or None,
        "shard_records": blend.shard_records,
        "is_short_allowed": blend.allow_short or None,
        "max_bad": blend.max_bad,
    }
    return {name: value for name, value in named.items() if value is not None}


def _part(text: str, **further: Any) -> Part:
    """`DATA=AMOUNT` as a part; a path that holds a = itself is found as it stands."""
    data, equals, amount = text.rpartition("=")
    if not equals or (is_there(path_of(text)) and not _AMOUNT.fullmatch(amount)):
        return Part(data=text, **further)
    found = _AMOUNT.fullmatch(amount)
    if not data or found is None:
        raise ConfigError(f"{text!r} is not DATA=AMOUNT", hint="an amount is a count 40000, a share 20% or a weight 2x")
    if found["count"]:
        return Part(data=data, count=_count(amount, data), **further)
    if found["share"]:
        return Part(data=data, share=_share(amount, data), **further)
    return Part(data=data, weight=_float(found["weight"], text), **further)


def _pairs(texts: Iterable[str], flag: str) -> list[tuple[str, str]]:
    pairs = [text.rpartition("=") for text in texts if text.strip()]
    if any(not key.strip() or not value.strip() for key, _, value in pairs):
        raise ConfigError(f"{flag} is not NAME=NUMBER", hint=f"such as {_SUCH_AS[flag]}")
    return [(key.strip(), value.strip()) for key, _, value in pairs]


def _share(text: str, where: str) -> float:
    return _float(text[:-1], where) / 100 if text.endswith("%") else _float(text, where)


def _float(text: str, where: str) -> float:
    try:
        return float(text)
    except ValueError as why:
        raise ConfigError(f"{where}: {text!r} is not a number", hint="such as 0.5, 50% or 2x") from why


def _count(text: str, where: str) -> int:
    digits = text.replace(",", "").replace("_", "")
    if not digits.isascii() or not digits.isdigit() or len(digits) > 15:
        raise ConfigError(f"{where}: {text!r} is not a whole number", hint="such as 40000 or 40,000")
    return int(digits)


def _render(manifest: dict[str, Any]) -> str:
    """What was mixed, for people."""
    lines = [f"mix {manifest['name']} -> {manifest['out']}", f"  read           {manifest['read']:>9,}"]
    for code, number in manifest["rejected"].items():
        lines.append(f"  rejected       {number:>9,}   {code}")
    for part in manifest["parts"]:
        lost = [(part["duplicates"], "with a prompt or id already taken"), (part["over_cap"], "over a cap")]
        told = [f"{'replay, ' if part['replay'] else ''}{part['usable']:,} usable"]
        told += [f"{number:,} {why}" for number, why in lost if number]
        told += [f"{lang} {number:,}" for lang, number in part["by_lang"].items()]
        lines.append(f"  {part['name'][:14]:<14} {part['taken']:>9,}   ({'; '.join(told)})")
    if contradicting := conflicts.told(manifest.get("conflicts", {})):
        lines.append(f"  conflicts      {contradicting}")
    files = len(manifest["shards"])
    lines.append(f"  taken          {manifest['kept']:>9,}   {files} file{'s' if files != 1 else ''}, README.md")
    return "\n".join(lines)
