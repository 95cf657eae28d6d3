"""Final-answer check for math word problems: `check_answer` and `parse_gold`."""

from __future__ import annotations

from blossom_data.answers.gold import Gold, parse_gold
from blossom_data.answers.verdict import CheckedAnswer, Verdict, check_answer

__all__ = ["CheckedAnswer", "Gold", "Verdict", "check_answer", "parse_gold"]
