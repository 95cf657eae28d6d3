"""The report of verify-math: what was found per data set and gold shape, made of the notes that its stage left.

    verify-math: 1,319 gold labels, 2 unreadable (bad_gold: never sampled)
      data set  shape    labels  correct  yield  95 % interval  correct after n samples  not correct
      gsm8k     integer   1,317    1,240  94.2%  92.7 to 95.3%  0: 1,100, 1: 140         wrong 60, ambiguous 17
                answers read at: boxed 900, hash 340, last_sentence 77

A note is `verify|shape|stored answer|outcome|route|new samples|data set`. Memory is bound by the kinds of note.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from blossom_data.report.intervals import wilson

PREFIX = "verify|"
HEAD = ("data set", "shape", "labels", "correct", "yield", "95 % interval", "correct after n samples", "not correct")
_COUNTS = {
    "outcomes": "verdicts",
    "stored": "stored_verdicts",
    "routes": "routes",
    "tries": "samples",
    "correct_after": "correct_after",
}
"""The counters of a group, and their names in the report."""
_RIGHT = frozenset({2, 3, 4})


class _Group:
    """The counts of one data set and gold shape."""

    def __init__(self) -> None:
        self.outcomes: Counter[str] = Counter()
        self.stored: Counter[str] = Counter()
        self.routes: Counter[str] = Counter()
        self.tries: Counter[str] = Counter()
        self.correct_after: Counter[str] = Counter()

    def add(self, note: tuple[str, ...], times: int) -> None:
        stored, outcome, route, tries = note
        self.outcomes[outcome] += times
        if stored:
            self.stored[stored] += times
            self.routes[route or "none"] += times
            self.tries[tries] += times
        if outcome == "correct":
            self.correct_after[tries] += times

    def merge(self, other: _Group) -> None:
        for name in _COUNTS:
            getattr(self, name).update(getattr(other, name))

    def merge_dict(self, group: Mapping[str, Any]) -> None:
        for name, reported in _COUNTS.items():
            getattr(self, name).update(group[reported])

    def to_dict(self) -> dict[str, Any]:
        labels, correct = self.outcomes.total(), self.outcomes["correct"]
        usable = labels - self.outcomes["bad_gold"]
        low, high = (round(end, 6) for end in interval) if (interval := wilson(correct, usable)) else (None, None)
        return {
            "labels": labels,
            "correct": correct,
            "yield": round(correct / usable, 6) if usable else None,
            "yield_low": low,
            "yield_high": high,
            "verdicts": _sorted(self.outcomes),
            "stored_verdicts": _sorted(self.stored),
            "samples": _by_number(self.tries),
            "correct_after": _by_number(self.correct_after),
            "routes": _sorted(self.routes),
        }


def split_notes(about: Mapping[str, Any]) -> dict[str, Any]:
    """The counts of a run with the notes of verify-math taken out of `noted` and made into `verify`."""
    noted: Mapping[str, int] = about.get("noted", {})
    found = {text: times for text, times in noted.items() if text.startswith(PREFIX)}
    if not found:
        return dict(about)
    rest = {text: times for text, times in noted.items() if text not in found}
    return {**about, "noted": rest, "verify": build_report(found)}


def build_report(noted: Mapping[str, int]) -> dict[str, Any]:
    """What the notes say: one group per data set and gold shape, and the total. Deterministic."""
    groups: dict[tuple[str, str], _Group] = {}
    without_gold = 0
    for text, times in noted.items():
        _, shape, stored, outcome, route, tries, source = text.split("|", 6)
        if outcome == "no_gold":
            without_gold += times
            continue
        groups.setdefault((source, shape), _Group()).add((stored, outcome, route, tries), times)
    return _report(groups, without_gold)


def merge_reports(reports: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """The reports of several sets as one."""
    groups: dict[tuple[str, str], _Group] = {}
    without_gold = 0
    for report in reports:
        without_gold += report["without_gold"]
        for group in report["groups"]:
            groups.setdefault((group["source"], group["shape"]), _Group()).merge_dict(group)
    return _report(groups, without_gold)


def _report(groups: Mapping[tuple[str, str], _Group], without_gold: int) -> dict[str, Any]:
    total = _Group()
    for group in groups.values():
        total.merge(group)
    return {
        "total": total.to_dict(),
        "groups": [{"source": key[0], "shape": key[1], **groups[key].to_dict()} for key in sorted(groups)],
        "without_gold": without_gold,
    }


def render_verify(report: Mapping[str, Any]) -> list[str]:
    """The report as lines of text, for people."""
    total = report["total"]
    unreadable = total["verdicts"].get("bad_gold", 0)
    title = f"verify-math: {total['labels']:,} gold labels"
    if unreadable:
        title += f", {unreadable:,} unreadable (bad_gold: never sampled)"
    if report["without_gold"]:
        title += f", {report['without_gold']:,} records without one"
    groups, rows = _readable(report), yield_rows(report)
    widths = [max(map(len, column)) for column in zip(HEAD, *rows, strict=True)]
    lines = [title, _line(HEAD, widths)] if rows else [title]
    for row, group in zip(rows, [*groups, total], strict=False):
        lines.append(_line(row, widths))
        if group is not total:
            lines.append(" " * (widths[0] + 4) + f"answers read at: {_told(group['routes'])}")
    return lines


def yield_rows(report: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """The table of the report under HEAD: a row for each data set and shape of label, and one for all."""
    groups = _readable(report)
    rows = [_cells(group["source"] or "-", group["shape"], group) for group in groups]
    return [*rows, _cells("all", "", report["total"])] if len(groups) > 1 else rows


def _readable(report: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [group for group in report["groups"] if group["yield"] is not None]


def _cells(source: str, shape: str, group: Mapping[str, Any]) -> tuple[str, ...]:
    others = {name: times for name, times in group["verdicts"].items() if name not in ("correct", "bad_gold")}
    after = ", ".join(f"{tries}: {times:,}" for tries, times in group["correct_after"].items())
    interval = f"{100 * group['yield_low']:.1f} to {100 * group['yield_high']:.1f}%"
    usable = group["labels"] - group["verdicts"].get("bad_gold", 0)
    share = f"{100 * group['yield']:.1f}%"
    return source, shape, f"{usable:,}", f"{group['correct']:,}", share, interval, after or "-", _told(others) or "-"


def _line(cells: Iterable[str], widths: list[int]) -> str:
    padded = (
        cell.rjust(width) if place in _RIGHT else cell.ljust(width)
        for place, (cell, width) in enumerate(zip(cells, widths, strict=True))
    )
    return ("  " + "  ".join(padded)).rstrip()


def _told(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {times:,}" for name, times in counts.items())


def _sorted(counts: Counter[str]) -> dict[str, int]:
    """The most frequent first, equal ones by name."""
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def _by_number(counts: Counter[str]) -> dict[str, int]:
    return {number: counts[number] for number in sorted(counts, key=int)}
