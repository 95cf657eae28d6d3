"""Drives a stage with a function from Ask to Reply, and writes the replies a good or a bad model would send."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from blossom_data.asks import Ask, Note, Reply
from blossom_data.prompts import load_prompt
from blossom_data.records import Message, Record
from blossom_data.stages.translate.stage import Translate


def drive(stage: Translate, record: Record, answer: Callable[[Ask], Reply]) -> tuple[Any, list[Ask]]:
    """(what the stage returns, every ask that it made); a Reject is raised through."""
    steps = stage.run(record)
    asked: list[Ask] = []
    try:
        asks = next(steps)
        while True:
            made = [] if isinstance(asks, Note) else asks
            asked += made
            asks = steps.send([answer(ask) for ask in made])
    except StopIteration as end:
        return end.value, asked


def document_of(ask: Ask) -> dict[str, Any]:
    """The request document of an ask."""
    value = json.loads(ask.messages[-1].content)
    assert isinstance(value, dict)
    return value


def good_object(document: Mapping[str, Any], translations: Mapping[str, str]) -> dict[str, Any]:
    """The reply of a good model; translations are found by the first word of a segment, {} stands for a token."""
    rows = []
    for segment in document["segments"]:
        text = translations[segment["text"].split()[0]]
        for token in [part + "⟧" for part in segment["text"].split("⟧") if "⟦" in part]:
            token = token[token.index("⟦") :]
            text = text.replace("{}", token, 1)
        rows.append({"id": segment["id"], "head": " ".join(segment["text"].split()[:3]), "text": text})
    return {"nonce": document["nonce"], "n": document["n"], "segments": rows}


def good_model(translations: Mapping[str, str]) -> Callable[[Ask], Reply]:
    """A model that always answers well."""
    return lambda ask: Reply(
        text=json.dumps(good_object(document_of(ask), translations), ensure_ascii=False),
        model="tiny",
        key=f"k{ask.attempt}",
    )


def user_record(*contents: str, **fields: Any) -> Record:
    """An English record of user turns."""
    turns = tuple(Message("user", content) for content in contents)
    return Record(id="r1", source="test", lang="en", messages=turns, **fields)


def translate(**options: Any) -> Translate:
    return Translate(prompt=load_prompt("translate"), **options)
