"""How many voices a set speaks in: planted habits are found, topics and sizes are not taken for them."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from command import blossom, write_lines
from loopback import Loopback, LoopbackRequest

from blossom_data.curate.style import style_consistency
from blossom_data.records import Lineage, Message, Record

TOPICS = {
    "food": ["bread", "soup", "butter", "flour", "oven", "dough", "salt", "sugar", "yeast", "recipe", "pan", "heat"],
    "space": ["orbit", "star", "moon", "rocket", "planet", "comet", "gravity", "crater", "probe", "launch", "fuel"],
    "law": ["court", "judge", "contract", "clause", "party", "breach", "claim", "statute", "appeal", "tort", "remedy"],
}
SUBJECTS_ZH = {
    "food": ["面包", "汤汁", "黄油", "面粉", "烤箱", "食盐"],
    "space": ["轨道", "恒星", "月亮", "火箭", "行星", "彗星"],
}


def answer_en(draw: random.Random, topic: str) -> str:
    words = TOPICS[topic]
    verbs = ["needs", "affects", "shapes", "changes"]
    return " ".join(
        f"The {draw.choice(words)} {draw.choice(verbs)} the {draw.choice(words)} if the {draw.choice(words)} is there."
        for _ in range(draw.randint(2, 8))
    )


def answer_zh(draw: random.Random, topic: str) -> str:
    words = SUBJECTS_ZH[topic]
    return "".join(
        f"{draw.choice(words)}会{draw.choice(['影响', '改变', '决定'])}{draw.choice(words)}的情况。"
        for _ in range(draw.randint(2, 8))
    )


def plain(text: str) -> str:
    return text


def cheerful(text: str) -> str:
    return f"Sure! {text} I hope this helps!"


def listed(text: str) -> str:
    return "\n".join(f"- {sentence}." for sentence in text.rstrip(".").split(". "))


def eager_zh(text: str) -> str:
    return f"当然，{text}希望对你有帮助！"


Group = tuple[str, str, str, Callable[[str], str], int]


def rows(*groups: Group, seed: int = 1) -> Iterator[dict[str, Any]]:
    """Chats of (source, lang, topic, habit, number)."""
    draw = random.Random(seed)
    for source, lang, topic, habit, number in groups:
        for at in range(number):
            body = answer_en(draw, topic) if lang == "en" else answer_zh(draw, topic)
            asked = f"Question {at} on the {topic}?" if lang == "en" else f"关于它的第{at}个问题？"
            turns = [{"role": "user", "content": asked}, {"role": "assistant", "content": habit(body)}]
            yield {"id": f"{source}-{lang}-{at}", "source": source, "lang": lang, "messages": turns}


def records(*groups: Group, seed: int = 1) -> list[Record]:
    return [
        Record(
            id=row["id"],
            source=row["source"],
            lang=row["lang"],
            messages=tuple(Message(**turn) for turn in row["messages"]),
            lineage=(Lineage("annotate", 1, model="m-" + row["source"]),),
        )
        for row in rows(*groups, seed=seed)
    ]


def test_planted_habits_are_several_voices() -> None:
    planted = [("a", "en", "food", plain, 120), ("b", "en", "food", cheerful, 80), ("c", "en", "food", listed, 100)]
    assert (style_consistency(records(*planted)).score or 0) >= 0.9
    assert (style_consistency(records(*planted), by="model").score or 0) >= 0.9
    chinese = [("a", "zh", "food", plain, 80), ("b", "zh", "food", eager_zh, 80)]
    assert (style_consistency(records(*chinese)).score or 0) >= 0.9


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("number", [50, 300])
def test_topics_and_sizes_are_no_voices(seed: int, number: int) -> None:
    topics = [
        ("a", "en", "food", plain, number),
        ("b", "en", "space", plain, number * 3),
        ("c", "en", "law", plain, number),
    ]
    assert (style_consistency(records(*topics, seed=seed)).score or 1) <= 0.6
    chinese = [("a", "zh", "food", plain, number), ("b", "zh", "space", plain, number)]
    assert (style_consistency(records(*chinese, seed=seed)).score or 1) <= 0.6


def test_the_share_of_a_language_is_no_voice() -> None:
    shares = [
        ("a", "en", "food", plain, 300),
        ("a", "zh", "food", plain, 40),
        ("b", "en", "food", plain, 40),
        ("b", "zh", "food", plain, 300),
    ]
    told = style_consistency(records(*shares))
    assert [(pair.lang, pair.groups) for pair in told.pairs] == [("en", ("a", "b")), ("zh", ("a", "b"))]
    assert (told.score or 1) <= 0.6


def test_the_order_of_the_rows_changes_nothing() -> None:
    made = records(("a", "en", "food", plain, 1_200), ("b", "en", "food", cheerful, 100))
    assert style_consistency(made) == style_consistency(made[::-1])


def test_the_command_says_what_tells_the_sources_apart(tmp_path: Path) -> None:
    before = [
        ("orca", "en", "food", plain, 60),
        ("sharegpt", "en", "food", cheerful, 60),
        ("few", "en", "law", plain, 3),
    ]
    write_lines(tmp_path / "before.jsonl", rows(*before))
    write_lines(tmp_path / "after.jsonl", rows(*((s, lang, topic, plain, n) for s, lang, topic, _, n in before)))
    told = blossom("style", "before.jsonl", "after.jsonl", "--json", cwd=tmp_path).json["sets"]
    assert (told[0]["score"] >= 0.9, told[1]["score"] <= 0.6) == (True, True)
    assert (told[0]["groups"], told[0]["left_out"]) == ({"en/orca": 60, "en/sharegpt": 60}, {"en/few": 3})
    shown = blossom("style", "before.jsonl", cwd=tmp_path)
    assert "sharegpt opens with 'sure' in 100%, orca in 0%" in shown.out
    assert "3 answers   en/few: fewer than 30, left out" in shown.out


def test_a_set_without_answers_or_with_one_source_says_so(tmp_path: Path) -> None:
    write_lines(tmp_path / "raw.jsonl", [{"messages": [{"role": "user", "content": "Why?"}]}])
    refused = blossom("style", "raw.jsonl", cwd=tmp_path)
    assert (refused.code, "holds no answer" in refused.err, "annotate" in refused.err) == (2, True, True)
    write_lines(tmp_path / "one.jsonl", rows(("a", "en", "food", plain, 40)))
    alone = blossom("style", "one.jsonl", cwd=tmp_path)
    assert (alone.code, "nothing to compare" in alone.out) == (0, True)
    assert blossom("style", "one.jsonl", "--by", "sauce", cwd=tmp_path).code == 2


PIPELINE = """
[[source]]
kind = "alpaca"
path = "one.jsonl"
stages = ["annotate"]
[[source]]
kind = "belle"
path = "other.jsonl"
stages = ["annotate"]
[refresh]
max_style_score = 0.65
"""


def test_a_refresh_stops_at_a_set_of_two_voices(tmp_path: Path) -> None:
    for name in ("one", "other"):
        asked = ({"instruction": f"Tell me of the {name} thing, number {at}.", "output": "-"} for at in range(40))
        write_lines(tmp_path / f"{name}.jsonl", asked)
    (tmp_path / "p.toml").write_text(PIPELINE)
    draw = random.Random(3)

    def respond(request: LoopbackRequest) -> str:
        body = answer_en(draw, "food")
        return cheerful(body) if "other thing" in request.text and is_mixed else body

    is_mixed = True
    with Loopback(respond=respond) as server:
        flags = {"OPENAI_BASE_URL": server.base_url, "BLOSSOM_MODEL": "m"}
        failed = blossom("refresh", "p.toml", "--json", cwd=tmp_path, env=flags)
        assert (failed.code, failed.json["gates"][-1]["name"]) == (3, "max_style_score")
        assert "style score 1.00, at most 0.65" in failed.json["error"]["message"]
        is_mixed = False
        (tmp_path / "p.toml").write_text(PIPELINE + "[stage.annotate]\ntemperature = 0.5\n")
        passed = blossom("refresh", "p.toml", "--json", cwd=tmp_path, env=flags)
        assert (passed.code, passed.json["gates"][-1]["is_passed"]) == (0, True)
