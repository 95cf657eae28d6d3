"""The gates of a refresh: what a data set must come up to before it becomes `current`.

Gate(name="max_rejected", value=0.31, limit=0.2, is_passed=False, told="31.0% of 60 records rejected, at most 20.0%")
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from blossom_data.pipelines.settings import RefreshSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """One measurement against its limit."""

    name: str
    value: float
    limit: float
    is_passed: bool
    told: str


def run_gates(settings: RefreshSettings, manifest: Mapping[str, Any], by_lang: Mapping[str, int]) -> list[Gate]:
    """The gates that the records themselves decide: rejected, failed, math yield, languages.

    Args:
        by_lang: records kept, by language.
    """
    read = max(1, int(manifest["read"]) + int(manifest["added"]) - int(manifest["skipped"]))
    rejected, failed = (sum(manifest[name].values()) for name in ("rejected", "failed"))
    gates = [_most("max_failed", failed / read, settings.max_failed, f"of {read:,} records left unanswered")]
    if settings.max_rejected is not None:
        gates.append(_most("max_rejected", rejected / read, settings.max_rejected, f"of {read:,} records rejected"))
    if settings.min_math_yield is not None:
        gates.append(_math_yield(manifest, settings.min_math_yield))
    total = max(1, sum(by_lang.values()))
    for lang, least in settings.min_lang.items():
        gates.append(_least(f"min_lang.{lang}", by_lang.get(lang, 0) / total, least, f"of the records are {lang}"))
    for lang, most in settings.max_lang.items():
        gates.append(_most(f"max_lang.{lang}", by_lang.get(lang, 0) / total, most, f"of the records are {lang}"))
    return gates


def style_gates(settings: RefreshSettings, score: float | None) -> list[Gate]:
    """The gate on how many voices the answers speak in; `score` is None where there are no two groups to compare."""
    if settings.max_style_score is None or score is None:
        return []
    limit = settings.max_style_score
    told = f"style score {score:.2f}, at most {limit:.2f} (0.5 is one voice)"
    return [Gate(name="max_style_score", value=score, limit=limit, is_passed=score <= limit, told=told)]


def size_gates(settings: RefreshSettings, records: int, current: int | None) -> list[Gate]:
    """The gate that the last version decides; `current` is its number of records, None without one."""
    if settings.min_size_ratio is None or not current:
        return []
    told = f"of the {current:,} records of the current version: {records:,}"
    return [_least("min_size_ratio", records / current, settings.min_size_ratio, told)]


def kept_gate(records: int, before: int, least: float) -> Gate:
    """The gate that a data set or mix of `records` has failed against the `before` records of the old one."""
    told = f"of the {before:,} records of the old set: {records:,}"
    return Gate(name="min_size_ratio", value=round(records / before, 6), limit=least, is_passed=False, told=told)


def _math_yield(manifest: Mapping[str, Any], least: float) -> Gate:
    passed = int(manifest["passed"].get("verify-math", 0))
    wrong = sum(number for code, number in manifest["rejected"].items() if code.startswith("verify-math/"))
    reached = passed + wrong
    value = passed / reached if reached else 0.0
    return _least("min_math_yield", value, least, f"of {reached:,} records verified")


def _most(name: str, value: float, limit: float, told: str) -> Gate:
    text = f"{value:.1%} {told}, at most {limit:.1%}"
    return Gate(name=name, value=round(value, 6), limit=limit, is_passed=value <= limit, told=text)


def _least(name: str, value: float, limit: float, told: str) -> Gate:
    text = f"{value:.1%} {told}, at least {limit:.1%}"
    return Gate(name=name, value=round(value, 6), limit=limit, is_passed=value >= limit, told=text)
