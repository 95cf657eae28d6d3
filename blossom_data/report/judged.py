"""What the judge of translations said, made of the notes of the stage: what it was shown for, how it ended.

    {"shown": 12, "cleared": 9, "refused": 3, "unasked": 0,
     "kinds": {"chat": {"cleared": 5, "refused": 1}, "numbers": {"cleared": 4, "refused": 2}}}

A note is `judge|kind|verdict`; unasked are translations that speak to their judge. Verdicts are counted, not segments:
a segment that was refused is translated again, and shown again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

PREFIX = "judge|"
VERDICTS = ("cleared", "refused", "unasked")
HEAD = ("shown for", *VERDICTS)


def split_judged(about: Mapping[str, Any]) -> dict[str, Any]:
    """The counts of a run with the judge's notes taken out of `noted` and made into `judged`."""
    noted: Mapping[str, int] = about.get("noted", {})
    found = {text: times for text, times in noted.items() if text.startswith(PREFIX)}
    if not found:
        return dict(about)
    rest = {text: times for text, times in noted.items() if text not in found}
    counts: Counter[tuple[str, str]] = Counter()
    for text, times in found.items():
        _, kind, verdict = text.split("|", 2)
        counts[kind, verdict] += times
    return {**about, "noted": rest, "judged": _report(counts)}


def merge_judged(reports: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """The reports of several sets as one."""
    counts: Counter[tuple[str, str]] = Counter()
    for report in reports:
        for kind, verdicts in report["kinds"].items():
            for verdict, times in verdicts.items():
                counts[kind, verdict] += times
    return _report(counts)


def _report(counts: Mapping[tuple[str, str], int]) -> dict[str, Any]:
    kinds: dict[str, dict[str, int]] = {}
    for kind, verdict in sorted(counts):
        kinds.setdefault(kind, {})[verdict] = counts[kind, verdict]
    sums = {verdict: sum(each.get(verdict, 0) for each in kinds.values()) for verdict in VERDICTS}
    return {"shown": sum(sums.values()), **sums, "kinds": kinds}


def judged_rows(report: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    """The table of the report under HEAD: a row for each kind, the most frequent first."""
    kinds = sorted(report["kinds"].items(), key=lambda item: (-sum(item[1].values()), item[0]))
    return [(kind, *(verdicts.get(verdict, 0) for verdict in VERDICTS)) for kind, verdicts in kinds]


def told(report: Mapping[str, Any]) -> str:
    """`9 cleared: chat 5, numbers 4; 3 refused: numbers 2, chat 1`."""
    parts = []
    for place, verdict in enumerate(VERDICTS, 1):
        if number := report[verdict]:
            by_kind = ", ".join(f"{row[0]} {row[place]:,}" for row in judged_rows(report) if row[place])
            parts.append(f"{number:,} {verdict}: {by_kind}")
    return "; ".join(parts)
