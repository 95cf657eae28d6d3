"""The licence of each source: who states it, whether it is one, and how the hub spells it.

    resolve({"gsm8k"}, [{"source": "gsm8k", "licence": "MIT"}], {})   ->  {"gsm8k": "MIT"}
    hub_licence(["MIT", "CC-BY-4.0"])   ->  {"license": ["cc-by-4.0", "mit"]}
    hub_licence(["MIT", "GPT terms"])   ->  {"license": "other", "license_name": "gpt-terms-mit", ...}

It compares names; whether licences go together is for people to judge.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from blossom_data.errors import ConfigError

ANY_SOURCE = ""
"""Key of the licence that holds for every source without one of its own."""

# Identifiers that the hub knows and that data sets carry: SPDX ids in lower case, and a few of its own.
_HUB_IDS = """
    apache-2.0 mit afl-3.0 bsd bsd-2-clause bsd-3-clause bsl-1.0 cc cc0-1.0 cc-by-2.0 cc-by-2.5 cc-by-3.0 cc-by-4.0
    cc-by-sa-3.0 cc-by-sa-4.0 cc-by-nc-2.0 cc-by-nc-3.0 cc-by-nc-4.0 cc-by-nd-4.0 cc-by-nc-nd-3.0 cc-by-nc-nd-4.0
    cc-by-nc-sa-2.0 cc-by-nc-sa-3.0 cc-by-nc-sa-4.0 cdla-sharing-1.0 cdla-permissive-1.0 cdla-permissive-2.0 wtfpl
    artistic-2.0 epl-1.0 epl-2.0 eupl-1.1 eupl-1.2 agpl-3.0 gfdl gpl gpl-2.0 gpl-3.0 lgpl lgpl-2.1 lgpl-3.0 isc
    mpl-2.0 ms-pl ncsa odbl odc-by pddl postgresql osl-3.0 ofl-1.1 unlicense zlib openrail c-uda
"""
_ALIASES = {
    "odbl-1.0": "odbl",
    "odc-by-1.0": "odc-by",
    "pddl-1.0": "pddl",
    "cc0": "cc0-1.0",
    "apache 2.0": "apache-2.0",
}
_NONE = frozenset(("", "unknown", "none", "other", "noassertion", "not stated", "?", "-", "tbd", "n/a", "null"))
_NAME_CHARACTERS = re.compile(r"[^a-z0-9.]++")


def is_stated(licence: str) -> bool:
    """Whether `licence` says anything: a hub card without one gives "unknown"."""
    return licence.strip().lower() not in _NONE


def resolve(sources: Iterable[str], stated: Sequence[Mapping[str, Any]], given: Mapping[str, str]) -> dict[str, str]:
    """The licence of each of `sources`: `given` by the user, else as its entries in the manifests state it.

    Raises:
        ConfigError: a source without a licence, or a licence for a source that is not there.
    """
    names = sorted(set(sources))
    if strangers := sorted(set(given) - set(names) - {ANY_SOURCE}):
        raise ConfigError(
            f"a licence is given for {strangers[0][:80]!r}, and no record is of that source",
            hint=f"sources: {', '.join(name or '(no name)' for name in names)}",
        )
    found = {name: given.get(name) or _stated(name, stated) or given.get(ANY_SOURCE, "") for name in names}
    missing = [name for name, licence in found.items() if not is_stated(licence)]
    if missing:
        flags = " ".join(f"--licence {name}=SPDX-ID" if name else "--licence SPDX-ID" for name in missing)
        raise ConfigError(
            f"no licence is known for the source {', '.join(name or '(no name)' for name in missing)}: not published",
            hint=f"{flags}; or state it where the source comes in: --licence at pull, `licence` in the pipeline",
        )
    return found


def _stated(name: str, stated: Sequence[Mapping[str, Any]]) -> str:
    """What the manifests say of source `name`; "" where one of its entries says nothing."""
    licences = [str(entry.get("licence") or "") for entry in stated if entry.get("source") == name]
    return ", ".join(dict.fromkeys(licences)) if licences and all(map(is_stated, licences)) else ""


def hub_licence(licences: Iterable[str]) -> dict[str, Any]:
    """The front matter that states all of `licences`; nothing where one of them is not stated."""
    texts = sorted(set(licences))
    if not texts or not all(map(is_stated, texts)):
        return {}
    parts = [_hub_id(part) for text in texts for part in _parts(text)]
    ids = sorted({part for part in parts if part})
    if len([part for part in parts if part]) == len(parts):
        return {"license": ids[0] if len(ids) == 1 else ids}
    name = _NAME_CHARACTERS.sub("-", " ".join(texts).lower()).strip("-.")[:80] or "see-sources"
    return {"license": "other", "license_name": name, "license_link": "README.md"}


def _parts(text: str) -> list[str]:
    """`Apache-2.0, MIT (by row: NOTICE.md)` as its names; a remark in brackets at the end is no name."""
    bare = text.partition("(")[0] if text.rstrip().endswith(")") else text
    joined = bare.replace(" AND ", ",").replace(" and ", ",").replace(";", ",")
    return [part.strip() for part in joined.split(",") if part.strip()] or [text]


def _hub_id(name: str) -> str:
    """The hub's identifier of `name`, "" where it has none."""
    lower = name.lower().removesuffix("-only").removesuffix("-or-later")
    lower = _ALIASES.get(lower, lower)
    return lower if lower in _HUB_IDS.split() else ""
