"""The ledger keys of the first question of each stage: a key that changes makes every paid reply be bought again.

A key hangs on prompt, settings, stage version and the JSON schema that is asked for. Where one of these changes on
purpose, the new key is written here in the same commit.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import orjson
import pytest

from blossom_data.asks import Ask, Note, Reply, Stage
from blossom_data.records import Message, Record
from blossom_data.stages.build import build_stage

RECORD = Record(
    id="golden-1",
    source="gsm8k",
    lang="en",
    messages=(
        Message("user", "Tom has 3 apples and buys `5` more.\nHow many apples does he have now?"),
        Message("assistant", "He has 7.\nAnswer: 7"),
    ),
    gold="8",
)


def asks_of(stage: Stage, record: Record, *replies: str) -> list[Ask]:
    """What the stage asks for `record` while these replies are all that it gets."""
    steps = stage.run(record)
    said: Iterator[str] = iter(replies)
    asked: list[Ask] = []
    question: Any = next(steps)
    while True:
        if isinstance(question, Note):
            question = steps.send(None)
            continue
        asks = [question] if isinstance(question, Ask) else list(question)
        asked += asks
        if (text := next(said, None)) is None:
            return asked
        heard = Reply(text=text)
        question = steps.send(heard if isinstance(question, Ask) else [heard])


@pytest.mark.parametrize(
    ("name", "settings", "key"),
    [
        ("translate", {}, "8eac7c97290784a63872e25568c40e62"),
        ("annotate", {"max_tokens": 500}, "cf373ff6e2c49f0d5fa1a6c102550ee0"),
        ("verify-math", {"resample": 1}, "b786ea1279c3e14732370b062d3453c0"),
    ],
)
def test_the_first_question_of_a_stage_keeps_its_key(name: str, settings: dict[str, Any], key: str) -> None:
    (ask,) = asks_of(build_stage(name, settings), RECORD)
    assert ask.key("golden-model").hex() == key


def test_what_an_endpoint_adds_to_every_request_is_in_the_key_only_where_there_is_any() -> None:
    (ask,) = asks_of(build_stage("annotate", {"max_tokens": 500, "keep_reasoning": True}), RECORD)
    assert ask.key("golden-model").hex() == "cf373ff6e2c49f0d5fa1a6c102550ee0"
    kept = tuple(replace(turn, reasoning_content="hm") for turn in ask.messages)
    assert replace(ask, messages=kept, further={}).key("golden-model") == ask.key("golden-model")
    further = {"reasoning_effort": "low", "chat_template_kwargs": {"enable_thinking": False}}
    added = replace(ask, further=further).key("golden-model")
    assert added.hex() == "e6dbdd19a2f18035cac6382c4015fb15"
    assert replace(ask, further=dict(reversed(further.items()))).key("golden-model") == added


def test_the_question_to_the_judge_keeps_its_key() -> None:
    record = replace(RECORD, messages=(Message("user", "Recommend a good short book."),))
    stage = build_stage("translate", {"judge": "soft"})
    (ask,) = asks_of(stage, record)
    document = orjson.loads(ask.messages[-1].content)
    # What the checks have a doubt about: it may be a translation, and it may be advice.
    segment = {"id": "a", "head": "Recommend a good", "text": "我推荐《小王子》，它篇幅短小。"}
    reply = orjson.dumps({"nonce": document["nonce"], "n": 1, "segments": [segment]}).decode()
    judged = asks_of(stage, record, reply)[1]
    assert (judged.stage, judged.key("golden-model").hex()) == ("judge", "3c4f089fbbc9e2f06f611cb7aa5d69ac")
