"""blossom-data mix."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from blossom_data.cli import output
from blossom_data.cli.options import Share, common
from blossom_data.cli.progress import Progress
from blossom_data.counters import Counters
from blossom_data.errors import ConfigError
from blossom_data.mix.inputs import is_there
from blossom_data.mix.plan import FORMATS, LAYOUT_NAMES, Mix, Part
from blossom_data.mix.recipe import load_recipe
from blossom_data.mix.write import write_mix
from blossom_data.rows.facts import count_records

_AMOUNT = re.compile(r"(?P<count>[0-9][0-9_,]{0,14})|(?P<share>[0-9.]{1,9})%|(?P<weight>[0-9.]{1,9})x")


@click.command("mix")
@click.argument("parts", nargs=-1, required=True, metavar="DATA[=AMOUNT]... | RECIPE.toml")
@click.option("-o", "--out", type=click.Path(path_type=Path), help="Folder of the training set; of a recipe, for all.")
@click.option("--seed", type=int, help="Of the draw and the order.  [default: 0]")
@click.option("--layout", type=click.Choice(LAYOUT_NAMES), help="Layout of a row.  [default: messages]")
@click.option("--format", "file_format", type=click.Choice(FORMATS), help="Format of the files.  [default: jsonl]")
@click.option("--plain", is_flag=True, help="JSON lines without compression.")
@click.option("--replay", multiple=True, metavar="MIX=AMOUNT", help="Add a sample of an earlier mix, such as 20%.")
@click.option("--records", type=click.IntRange(min=1), help="Size of the mix: what weighted parts fill up to.")
@click.option("--lang", default="", metavar="zh=SHARE,en=SHARE", help="Language shares of every part, not of replays.")
@click.option("--cap", multiple=True, metavar="SOURCE=COUNT", help="Most records of a source in the mix.")
@click.option("--shard-records", type=click.IntRange(min=1), help="Records in one file.  [default: 10000]")
@click.option("--allow-short", is_flag=True, help="Write what there is where a part has too few records.")
@click.option("--max-bad", type=Share(), help="Largest share of unreadable rows.  [default: 1%]")
@click.option("--only", multiple=True, metavar="NAME", help="Of a recipe: write only this mix.")
@common
def command(parts: tuple[str, ...], out: Path | None, only: tuple[str, ...], **flags: Any) -> int:
    """Blend finished data sets into a training set: drawn by counts, shares or weights, one row a prompt, shuffled.

    DATA is a data set folder or file. AMOUNT is a count (40000), a share of its records (50%) or a weight against the
    other weighted parts (2x); without it, all is taken. The same inputs and seed give the same bytes.

    \b
    Example: blossom-data mix orca=40000 wizard=40000 math=10000 -o train/stage1 --seed 1
             blossom-data mix chat=12000 --replay train/stage1=20% -o train/stage2 --layout sharegpt --plain
             blossom-data mix mix.toml --only stage1
    """
    changes = _changes(flags)
    manifests = []
    for mix in _mixes(parts, out, only, flags):
        changed = replace(mix, **changes)
        counters = Counters(records_total=_total(changed))
        with Progress(f"mix {changed.name}", counters, is_quiet=flags["quiet"]):
            manifest = write_mix(changed, counters=counters)
        manifests.append({"name": changed.name, "out": str(changed.out), **manifest})
        if not flags["is_json"] and not flags["quiet"]:
            output.result(_render(manifests[-1]))
    if flags["is_json"]:
        output.json_result({"mixes": manifests})
    return 0


def _mixes(parts: tuple[str, ...], out: Path | None, only: tuple[str, ...], flags: dict[str, Any]) -> Iterable[Mix]:
    """The mixes that the arguments name: those of a recipe, or one of its own."""
    if len(parts) == 1 and parts[0].endswith(".toml"):
        if flags["replay"] or flags["lang"] or flags["cap"] or flags["records"]:
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
    lang = {name: _share(share, "--lang") for name, share in _pairs(flags["lang"].split(","), "--lang")}
    listed = [_part(text, lang=lang) for text in parts] + [_part(text, is_replay=True) for text in flags["replay"]]
    caps = {source: _count(cap, "--cap") for source, cap in _pairs(flags["cap"], "--cap")}
    return [Mix(name=out.absolute().name or "mix", out=out, parts=tuple(listed), records=flags["records"], caps=caps)]


def _changes(flags: dict[str, Any]) -> dict[str, Any]:
    """The flags that also overrule what a recipe says."""
    named = {
        "seed": flags["seed"],
        "layout": flags["layout"],
        "format": flags["file_format"],
        "is_plain": flags["plain"] or None,
        "shard_records": flags["shard_records"],
        "is_short_allowed": flags["allow_short"] or None,
        "max_bad": flags["max_bad"],
    }
    return {name: value for name, value in named.items() if value is not None}


def _part(text: str, **further: Any) -> Part:
    """`DATA=AMOUNT` as a part; a path that holds a = itself is found as it stands."""
    data, equals, amount = text.rpartition("=")
    if not equals or (is_there(Path(text)) and not _AMOUNT.fullmatch(amount)):
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
        raise ConfigError(f"{flag} is not NAME=NUMBER")
    return [(key.strip(), value.strip()) for key, _, value in pairs]


def _share(text: str, where: str) -> float:
    return _float(text[:-1], where) / 100 if text.endswith("%") else _float(text, where)


def _float(text: str, where: str) -> float:
    try:
        return float(text)
    except ValueError as why:
        raise ConfigError(f"{where}: {text!r} is not a number") from why


def _count(text: str, where: str) -> int:
    digits = text.replace(",", "").replace("_", "")
    if not digits.isascii() or not digits.isdigit() or len(digits) > 15:
        raise ConfigError(f"{where}: {text!r} is not a whole number")
    return int(digits)


def _total(mix: Mix) -> int | None:
    """The number of records in the inputs, None where one does not say."""
    inputs = dict.fromkeys(part.data for part in mix.parts)
    counts = [count_records(data) if is_there(Path(data)) else None for data in inputs]
    return None if None in counts else sum(number or 0 for number in counts)


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
    files = len(manifest["shards"])
    lines.append(f"  taken          {manifest['kept']:>9,}   {files} file{'s' if files != 1 else ''}, README.md")
    return "\n".join(lines)
