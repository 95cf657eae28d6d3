"""BCP-47 tags: which text names a language, and how that name is written here.

    canonical("deu")      ->  "de"           canonical("pt_br")  ->  "pt-BR"
    canonical("zh-CN")    ->  "zh"           canonical("zh-TW")  ->  "zh-Hant"
    canonical("klingon")  ->  ConfigError: unknown language 'klingon' (did you mean tlh (Klingon)?)

`zh` is Chinese in simplified characters and `zh-Hant` in traditional ones: what decides here is the script, so a region
of Chinese says no more than its script does.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from blossom_data.errors import ConfigError

_SIMPLIFIED = frozenset({"zh", "zh-Hans", "zh-CN", "zh-SG", "zh-MY", "cmn", "cmn-Hans", "zh-Hans-CN", "zh-Hans-SG"})
_NO_LANGUAGES = frozenset({"und", "mul", "zxx", "mis"})


@dataclass(frozen=True, slots=True)
class Known:
    """A line of languages.tsv."""

    name: str
    scripts: tuple[str, ...]
    chars: int
    """Characters of a text for 100 of the same text in English, blanks not counted."""


@cache
def known() -> dict[str, Known]:
    """The languages that are told apart without being told, by tag."""
    lines = (resources.files(__package__) / "languages.tsv").read_text(encoding="utf-8").splitlines()
    rows = (line.split("\t") for line in lines if not line.startswith("#"))
    return {tag: Known(name, tuple(scripts.split()), int(chars)) for tag, name, scripts, chars in rows}


@cache
def canonical(tag: str) -> str:
    """`tag` as it is written in records.

    Raises:
        ConfigError: it names no language.
    """
    if tag in known():
        return tag
    import langcodes  # a third of a second of tables that known languages never need

    try:
        read = langcodes.Language.get(tag.strip())
        standard = langcodes.standardize_tag(read)
    except (ValueError, LookupError):
        raise _unknown(tag) from None
    if not read.is_valid() or not read.language or read.language in _NO_LANGUAGES or standard.startswith("x-"):
        raise _unknown(tag)
    if standard in _SIMPLIFIED:
        return "zh"
    if standard == "no":
        return "nb"
    is_chinese = read.language in ("zh", "cmn")
    return "zh-Hant" if is_chinese and read.maximize().script == "Hant" else standard


def base_of(tag: str) -> str:
    """The language of a tag without script and region; `zh-Hant` is a language of its own here."""
    return tag if tag == "zh-Hant" else tag.partition("-")[0]


@cache
def name_of(tag: str) -> str:
    """The English name of a canonical tag, with the tag where that says more: "Japanese", "Portuguese (pt-BR)"."""
    if tag in known():
        return known()[tag].name
    base = base_of(tag)
    name = known()[base].name if base in known() else (_registered().get(base) or [base])[0].partition(" (")[0]
    return name if tag == base else f"{name} ({tag})"


def hub_codes(tags: Iterable[str]) -> list[str]:
    """The languages of `tags` as a data set's card on the hub names them: without script and region, in order."""
    return list(dict.fromkeys(tag.partition("-")[0] for tag in tags))


def label_of(tag: str) -> str:
    """Name and tag, as prompts name a language: "Japanese (ja)", "Portuguese (pt-BR)"."""
    name = name_of(tag)
    return name if name.endswith(f"({tag})") else f"{name} ({tag})"


@cache
def scripts_of(tag: str) -> tuple[str, ...]:
    """The scripts (as scripts.py names them) that texts in a language are written in."""
    if tag in known():
        return known()[tag].scripts
    import langcodes

    read = langcodes.Language.get(tag)
    if not read.script and (base := base_of(tag)) in known():
        return known()[base].scripts
    script = read.maximize().script or "Latn"
    return {"Jpan": ("Kana", "Hani"), "Kore": ("Hang", "Hani"), "Hans": ("Hani",), "Hant": ("Hani",)}.get(
        script, (script,)
    )


def chars_of(tag: str) -> int | None:
    """Characters of a text for 100 of the same text in English; None where that was not measured."""
    found = known().get(tag) or known().get(base_of(tag))
    return found.chars if found else None


@cache
def _registered() -> dict[str, list[str]]:
    """Every language subtag that there is, with its English names."""
    from langcodes.registry_parser import parse_registry

    entries: Iterator[dict[str, Any]] = parse_registry()  # type: ignore[no-untyped-call]
    return {entry["Subtag"]: entry["Description"] for entry in entries if entry["Type"] == "language"}


def _unknown(tag: str) -> ConfigError:
    return ConfigError(f"unknown language {tag[:40]!r}", hint=_nearest(tag))


def _nearest(tag: str) -> str:
    """The line that says which tags are nearest to what was written."""
    wanted = tag.strip().lower()
    names = {name.lower(): code for code, listed in _registered().items() for name in listed}
    names |= {entry.name.lower(): code for code, entry in known().items()}
    found = [names[wanted]] if wanted in names else _spoken_in(wanted)
    for name in difflib.get_close_matches(wanted, [entry.name.lower() for entry in known().values()], n=2, cutoff=0.75):
        found.append(names[name])
    found += [code for code in difflib.get_close_matches(wanted, list(known()), n=2, cutoff=0.6) if wanted]
    told = ", ".join(f"{code} ({name_of(code)})" for code in dict.fromkeys(found))
    return f"did you mean {told}?" if told else "a BCP-47 tag, such as en, zh, zh-Hant, ja, de or pt-BR"


def _spoken_in(region: str) -> list[str]:
    """The language of a country whose code was written in place of it: ja for `jp`."""
    import langcodes

    try:
        spoken = langcodes.Language.get(f"und-{region}").maximize()
    except (ValueError, LookupError):
        return []
    return [spoken.language] if spoken.territory and spoken.language and spoken.language != "en" else []
