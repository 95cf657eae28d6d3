"""Prompts that contradict themselves are told by `mix` and `publish`, with the records; nothing goes for it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from command import write_lines
from forked import blossom

from blossom_data.curate.conflicts import Conflicts
from blossom_data.curate.extra import require
from blossom_data.errors import ConfigError
from blossom_data.rows.valid import valid_record


def answered(identifier: str, question: str, answer: str, gold: str = "", source: str = "a") -> dict[str, Any]:
    turns = [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
    return {"id": identifier, "source": source, "messages": turns, "gold": gold}


def test_conflicts_are_reported_across_sources_and_agreement_is_not(tmp_path: Path) -> None:
    write_lines(
        tmp_path / "one.jsonl",
        [
            answered("a1", "What is 6 times 7?", "It is 42.", "42"),
            answered("a2", "How far is it?", "It is 1200 km.", "1,200"),
            answered("a3", "Name a lake.", "Saimaa."),
            answered("a4", "Name a river.", "Kemijoki."),
        ],
    )
    write_lines(
        tmp_path / "two.jsonl",
        [
            answered("b1", "what is 6 times 7?", "It is 41.", "41", "b"),
            answered("b2", "How far is it?", "It is 1200 km.", "1200.0", "b"),
            answered("b3", "Name a  lake.", "Inari.", source="b"),
            answered("b4", "Name a river.", "KEMIJOKI.", source="b"),
        ],
    )
    mixed = blossom("mix", "one.jsonl", "two.jsonl", "-o", "out", cwd=tmp_path)
    assert mixed.code == 0, mixed
    assert (
        "1 prompt with different gold labels, 2 prompts with different answers (such as a1 and b1: 42 or 41)"
        in mixed.out
    )
    again = blossom("mix", "one.jsonl", "-o", "alone", "--json", cwd=tmp_path)
    assert "conflicts" not in again.json["mixes"][0]
    for name in ("one", "two"):
        assert blossom("dedup", f"{name}.jsonl", "-o", name, cwd=tmp_path).code == 0
    published = blossom(
        "publish", "one", "two", "-o", "site", "--name", "s", "--licence", "MIT", "--json", cwd=tmp_path
    )
    assert published.code == 0, published
    assert published.json["records"] == 8
    conflicts = published.json["conflicts"]
    assert (conflicts["gold"], conflicts["answers"]) == (1, 2)
    assert conflicts["examples"] == [
        {"gold": ["42", "41"], "records": [{"id": "a1", "source": "a"}, {"id": "b1", "source": "b"}]}
    ]
    # The two copies that disagree about the label both stay in one set, too.
    write_lines(
        tmp_path / "both.jsonl",
        [answered("a1", "What is 6 times 7?", "", "42"), answered("b1", "What is 6 times 7?", "", "41")],
    )
    kept = blossom("dedup", "both.jsonl", "-o", "both", "--json", cwd=tmp_path)
    assert (kept.code, kept.json["kept"]) == (0, 2), kept


def called(identifier: str, arguments: str, result: str = "", system: str = "") -> dict[str, Any]:
    call = {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": arguments}}
    turns: list[dict[str, Any]] = [{"role": "system", "content": system}] if system else []
    turns += [
        {"role": "user", "content": "How is it there?"},
        {"role": "assistant", "content": "", "tool_calls": [call]},
    ]
    if result:
        turns += [{"role": "tool", "tool_call_id": "c1", "content": result}]
        turns += [{"role": "assistant", "content": f"It is {result}."}]
    return {"id": identifier, "messages": turns}


@pytest.mark.parametrize(
    ("first", "second", "answers"),
    [
        (called("a", '{"city": "Paris", "day": 1}'), called("b", '{"day":1,"city":"Paris"}'), 0),
        (called("a", '{"city": "Paris"}'), called("b", '{"city": "Rome"}'), 1),
        (called("a", '{"city": "Paris"}', "rain"), called("b", '{"city": "Paris"}', "sun"), 0),
        (called("a", "{}", system="Ask."), called("b", '{"city": "Rome"}', system="Guess."), 0),
    ],
)
def test_calls_are_part_of_an_answer_and_what_tools_gave_is_not(
    first: dict[str, Any], second: dict[str, Any], answers: int
) -> None:
    with Conflicts() as conflicts:
        for row in (first, second):
            conflicts.add(b"one", valid_record(row))
        assert conflicts.found().get("answers", 0) == answers


def test_a_missing_part_is_told_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("blossom_data.curate.extra.find_spec", lambda name: None)
    with pytest.raises(ConfigError, match="dedup needs numpy and rapidfuzz, which are not installed") as told:
        require("dedup", "curate", "numpy", "rapidfuzz")
    assert "'.[curate]'" in told.value.hint
