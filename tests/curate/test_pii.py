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
    assert Scrubber().text(text, "zh") == "电话<phone_1>，或<phone_1>；邮箱<email_1>，即<email_1>。"
