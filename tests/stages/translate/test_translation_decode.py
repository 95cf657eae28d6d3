"""Strict decoding: what is tolerated, what is refused, and that nothing else is ever raised."""

from __future__ import annotations

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from thinking_forms import FORMS

from blossom_data.llm.decode import BadReply, decode_object
from blossom_data.llm.reply.message_parts import read_content

OBJECT = '{"a": [1, {"b": "x"}]}'


@pytest.mark.parametrize(
    ("text", "notes"),
    [
        (OBJECT, ()),
        (f"\n  {OBJECT}\t\n", ()),
        ("\ufeff" + OBJECT, ("bom",)),
        (f"```json\n{OBJECT}\n```", ("fence",)),
        (f"```\n{OBJECT}```", ("fence",)),
        (f"<think>{{not json}}</think>\n\n{OBJECT}", ("think",)),
        (f"<think>a</think><think>b</think>{OBJECT}", ("think",)),
        (f"{OBJECT}<|im_end|>", ("token",)),
        (f"\ufeff<think>x</think>```json\n{OBJECT}\n```\n", ("bom", "think", "fence")),
    ],
)
def test_tolerated_wrappings_give_the_same_object(text: str, notes: tuple[str, ...]) -> None:
    decoded = decode_object(text)
    assert decoded.value == json.loads(OBJECT)
    assert decoded.notes == notes


@pytest.mark.parametrize("name", FORMS)
def test_thinking_in_any_form_is_tolerated_and_tags_within_the_object_are_text(name: str) -> None:
    own = {"text": "Explain <think> and </think>, <|channel|>analysis<|message|> and <|end|>.", "n": 1}
    reply = read_content(FORMS[name]("First { this }. <x>", json.dumps(own)))
    assert reply is not None
    assert decode_object(reply.text).value == own


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "envelope"),
        ("Here you are: " + OBJECT, "envelope"),
        (OBJECT + " Hope this helps!", "envelope"),
        (f"```json\n{OBJECT}\n```\nDone.", "envelope"),
        (f"Sure:\n```json\n{OBJECT}\n```", "envelope"),
        (f"<think>never closed {OBJECT}", "envelope"),
        (f"[{OBJECT}]", "envelope"),
        (f"{OBJECT}\n{OBJECT}", "json"),
        ('{"a": 1, "a": 2}', "json"),
        ('{"a": {"b": 1, "b": 1}}', "json"),
        ('{"a": NaN}', "json"),
        ('{"a": -Infinity}', "json"),
        ('{"a": 1e999}', "json"),
        ('{"a": "line\nbreak"}', "json"),
        ('{"a": "\\ud800"}', "json"),
        ('{"a": "\ud800"}', "json"),
        ("{'a': 1}", "json"),
        ('{"a": 1,}', "json"),
        ('{"a": 1 /* no */}', "json"),
        ('{"a":' * 50_000 + "1" + "}" * 50_000, "json"),
        ('{"a": ' + "9" * 10_000 + "}", "json"),
    ],
)
def test_everything_else_is_refused(text: str, code: str) -> None:
    with pytest.raises(BadReply) as caught:
        decode_object(text)
    assert caught.value.code == code


def test_a_reply_beyond_the_bound_is_refused_unread() -> None:
    with pytest.raises(BadReply, match="at most 10"):
        decode_object(OBJECT, max_chars=10)


@given(st.text(st.characters(codec=None, exclude_categories=()), max_size=200) | st.binary(max_size=99).map(repr))
def test_no_other_exception_for_any_text(text: str) -> None:
    for wrapped in (text, "{" + text + "}", '{"a": "' + text + '"}', "```json\n" + text + "```"):
        try:
            decode_object(wrapped)
        except BadReply as why:
            assert why.code in ("envelope", "json")


@example({"": "<|channel|>"})
@example({"<|channel|>analysis<|message|>": "x <|channel|>final<|message|> y"})
@example({"a": "Here is my thought process: </think>", "b": ["analysis", "<|start|>assistant"]})
@given(
    st.dictionaries(
        st.text(), st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists, max_leaves=5)
    )
)
def test_every_object_comes_back_equal(value: dict[str, object]) -> None:
    assert decode_object(json.dumps(value)).value == value
    assert decode_object(json.dumps(value, ensure_ascii=False)).value == value
