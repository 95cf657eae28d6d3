"""What people said about single records: keep, drop, or an edited text; beside a data set, never in it.

    out/math          ->   out/math.review.jsonl
    data/math/2026-01-31T030000Z-ab12cd34   ->   data/math/reviews/2026-01-31T030000Z-ab12cd34.jsonl

    {"id": "9f2c...", "messages": "1b0a...", "mark": "fix", "note": "a sign", "texts": ["What is 6 times 7?", "42"],
     "at": "2026-01-31T03:00:00Z"}

marks.py has one line of that file, reviews.py the file: reads it, appends to it, and applies it to records.
"""

from __future__ import annotations

from blossom_data.review.marks import MARKS, Mark, messages_hash
from blossom_data.review.reviews import COUNTED, Review, review_facts, review_file

__all__ = ["COUNTED", "MARKS", "Mark", "Review", "messages_hash", "review_facts", "review_file"]
