"""Personal data as people write it, and what looks like it and is none: pii_cases.jsonl."""

from __future__ import annotations

import json
from pathlib import Path

from blossom_data.curate.pii import Scrubber, find_pii


def test_what_reaches_a_person_is_found_and_nothing_else() -> None:
    rows = (Path(__file__).parent / "pii_cases.jsonl").read_text(encoding="utf-8").splitlines()
    wrong = []
    for row in map(json.loads, rows):
        found = [[found.kind, found.value] for found in find_pii(row["text"], row["lang"])]
        if found != row["found"]:
            wrong.append((row["text"], found))
    assert (len(rows) > 200, wrong) == (True, [])


def test_other_writings_of_one_value_have_one_placeholder() -> None:
    text = "电话138-1234-5678，或１３８１２３４５６７８；邮箱ann＠site.org，即ann@site.org。"
    hidden = "打1\u200b38\u200d1234\u20605678\ufeff吧"
    assert Scrubber().text(hidden, "zh") == "打<phone_1>\ufeff吧"
    assert Scrubber().text(text, "zh") == "电话<phone_1>，或<phone_1>；邮箱<email_1>，即<email_1>。"


def test_numbers_that_go_on_for_ever_end_in_time() -> None:
    """Of a table without a word only what is written out is looked for; no text takes the square of its length."""
    told = "Ann: +14155552671, Li: 13812345678"
    for filler in ("1-1-1-", "123 456 789 ", "1.1.1."):
        found = find_pii(f"{told}\n{filler * 200_000}", "zh")
        assert [each.value for each in found] == ["+14155552671", "+8613812345678"]
    many = "13812345678 " * 20_000
    assert Scrubber().text(many, "zh") == "<phone_1> " * 20_000
