"""Final-answer check for math word problems: `check_answer` and `parse_gold`."""

from __future__ import annotations

from blossom_data.answers.gold import Gold, parse_gold
from blossom_data.answers.verdict import CheckedAnswer, NotCompared, Verdict, check_answer

__all__ = ["CheckedAnswer", "Gold", "NotCompared", "Verdict", "check_answer", "parse_gold"]
