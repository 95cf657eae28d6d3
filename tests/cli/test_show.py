"""`show`: what is looked for is found, what belongs together stands side by side, and mistakes are told in a line."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from command import user, write_lines
from forked import blossom
from hypothesis import given, settings
from hypothesis import strategies as st
from terminal import on_terminal

from blossom_data.errors import ConfigError
from blossom_data.records import Message, Record
from blossom_data.report.changes import changes
from blossom_data.report.where import KEYS, parse_where
from blossom_data.shards import DatasetWriter

SHOW = [sys.executable, "-m", "blossom_data", "show"]
ENGLISH = "Natalia sold clips to 48 of her friends in April."
CHINESE = "四月份，娜塔莉亚把发夹卖给了 48 个朋友。"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A set with thinking and tags, its originals, and two rejects."""
    folder = tmp_path_factory.mktemp("show")
    write_lines(folder / "en.jsonl", [user(ENGLISH, id="a", lang="en"), user("Another one.", id="b", lang="en")])
    turns = (Message("user", CHINESE), Message("assistant", "答案：48", reasoning_content="hm " * 500))
    kept = Record("a.zh-Hant", "gsm8k", "zh-Hant", turns, tags=("category:math", "score:4"), gold="48")
    plain = Record("b", "alpaca", "en", (Message("user", "Another one!"), Message("assistant", "Yes, " * 200)))
    lost = [
        {
            "id": "c",
            "stage": "translate",
            "code": "speech_act",
            "detail": "answers",
            "history": ["try 0"],
            "reply": "四。",
        }
        | {"record": {"id": "c", "source": "gsm8k", "lang": "zh", "messages": [{"role": "user", "content": ENGLISH}]}},
        {"id": "", "stage": "read", "code": "bad_json", "detail": "odd", "file": "x.jsonl", "line": 7, "record": None},
        {"stage": None, "messages": 3, "record": "no record", "history": 9},
    ]
    with DatasetWriter(folder / "set") as writer:
        lines = [json.dumps(row, ensure_ascii=False).encode() + b"\n" for row in lost]
        writer.write(0, kept=[kept.to_line(), plain.to_line()], rejects=lines)
        writer.finish({"stage": "translate", "rejected": {"translate/speech_act": 1, "read/bad_json": 1}, "failed": {}})
    return folder


@pytest.mark.parametrize(
    ("terms", "ids"),
    [
        ("lang=zh", ["a.zh-Hant"]),
        ("lang=zh,en", ["a.zh-Hant", "b"]),
        ("source=gsm8k category=math", ["a.zh-Hant"]),
        ("source=gsm8k category=code", []),
        ("tag=score:4 score>=4 gold=48", ["a.zh-Hant"]),
        ("score>4", []),
        ("tokens>100", ["b"]),
        ("turns=2", ["a.zh-Hant", "b"]),
        ("answer~yes request!=x", ["b"]),
        ('text~"another one"', ["b"]),
        ("source!=gsm8k", ["b"]),
        ("code=speech_act lang=zh", ["c"]),
        ("stage=read code=bad_json", [""]),
        ("file~x.jsonl failed=no", [""]),
        ("detail~answers reply~四", ["c"]),
    ],
)
def test_all_terms_must_hold(place: Path, terms: str, ids: list[str]) -> None:
    done = blossom("show", "set", "--where", terms, "--json", cwd=place)
    assert (done.code == 0) == bool(ids), done
    if ids:
        assert [row["id"] for row in done.json["records"]] == ids


@pytest.mark.parametrize(
    ("terms", "told", "hint"),
    [
        ("lng=zh", "there is no key 'lng'", "did you mean 'lang'?"),
        ("lang", "cannot read 'lang'", "KEY=VALUE"),
        ('lang="zh', "cannot read", "KEY=VALUE"),
        ("lang=zh,", None, None),
        ("lang=,", "names no value", "KEY=VALUE"),
        ("lang>3", "lang is no number", "tokens"),
        ("tokens>many", "compares with no number", "tokens>100"),
        ("code=speech_akt", "nothing to show", "did you mean 'speech_act'?"),
        ("text~nowhere", "nothing to show", "look without --where"),
    ],
)
def test_a_mistake_is_told_in_a_line(place: Path, terms: str, told: str | None, hint: str | None) -> None:
    done = blossom("show", "set", "--where", terms, cwd=place)
    if told is None or hint is None:
        assert done.code == 0, done
        return
    assert done.code == 2
    assert told in done.err and hint in done.err


@given(st.text(max_size=40))
@settings(max_examples=300, deadline=None)
def test_any_text_is_terms_or_a_mistake(text: str) -> None:
    try:
        where = parse_where(text)
    except ConfigError as why:
        assert why.hint
        return
    for odd in ({}, {"messages": 3, "tags": 4, "lineage": [None], "record": []}, {"messages": [None, {"content": 5}]}):
        where.holds(odd)
        where.holds(odd, is_reject=True)
    assert {term.key for term in where.terms} <= {*KEYS}


def test_an_original_stands_beside_its_translation_where_there_is_room(place: Path) -> None:
    command = [*SHOW, "set", "--where", "lang=zh", "--original", "en.jsonl"]
    wide = on_terminal(command, cwd=place, columns=120, is_stdout_too=True)
    line = next(line for line in wide.frames[-1] if "Natalia" in line)
    assert "娜塔莉亚" in line
    narrow = on_terminal(command, cwd=place, columns=60, is_stdout_too=True)
    assert not any("Natalia" in line and "娜塔莉亚" in line for line in narrow.frames[-1])
    for shown in (wide, narrow):
        assert (shown.screen.wrapped, shown.screen.unknown, shown.code) == (0, set(), 0)
        assert shown.screen.colours > 0
    rejects = on_terminal([*SHOW, "set", "--rejected", "all"], cwd=place, columns=100, is_stdout_too=True)
    assert any("Natalia" in line and "四。" in line for line in rejects.frames[-1])


def test_thinking_is_folded_until_it_is_wanted(place: Path) -> None:
    folded, shown = (blossom("show", "set", "--id", "a", *flags, cwd=place).out for flags in ((), ("--thinking",)))
    assert "thinking: 1,500 characters" in folded and "hm hm" not in folded
    assert "hm hm" in shown


def test_a_difference_is_marked_word_by_word(place: Path) -> None:
    done = blossom("show", "set", "--id", "b", "--original", "en.jsonl", "--diff", cwd=place)
    assert "Another one[-.-]{+!+}" in done.out
    assert blossom("show", "set", "--diff", cwd=place).code == 2
    assert blossom("show", "set", "--rejected", "all", "--thinking", cwd=place).code == 2
    drawn = on_terminal(
        [*SHOW, "set", "--id", "b", "--original", "en.jsonl", "--diff"], cwd=place, columns=90, is_stdout_too=True
    )
    assert any("Another one.!" in line for line in drawn.frames[-1])


@given(st.text(alphabet="ab 甲乙.\n", max_size=60), st.text(alphabet="ab 甲乙.\n", max_size=60))
@settings(max_examples=200, deadline=None)
def test_the_pieces_of_a_difference_are_both_texts(before: str, after: str) -> None:
    spans = changes(before, after)
    assert "".join(span.text for span in spans if span.sign != "+") == before
    assert "".join(span.text for span in spans if span.sign != "-") == after


def test_a_long_text_is_told_apart_as_a_whole() -> None:
    assert [span.sign for span in changes("a " * 3_000, "b " * 3_000)] == ["-", "+"]


def test_a_version_says_where_rejects_are(place: Path) -> None:
    licences = ("--licence", "gsm8k=MIT", "--licence", "alpaca=MIT")
    assert blossom("publish", "set", "-o", "data", "--name", "x", *licences, cwd=place).code == 0
    assert blossom("show", "data/x", "--where", "source=gsm8k", cwd=place).code == 0
    done = blossom("show", "data/x", "--rejected", "all", cwd=place)
    assert done.code == 2 and "a version has no rejects" in done.err
