"""What makes a translation acceptable: small pure checks, each with a code, hard or soft. Start at registry.py."""

from __future__ import annotations

from blossom_data.checks.finding import Finding, Pair
from blossom_data.checks.pairs import check_pair, explain_pair
from blossom_data.checks.registry import CHECKS, Verdict, find_faults, knows, verdicts

__all__ = ["CHECKS", "Finding", "Pair", "Verdict", "check_pair", "explain_pair", "find_faults", "knows", "verdicts"]
