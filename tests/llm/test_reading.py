"""What counts as a reply, what as a failure, inside a 200."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from calls import question
from hypothesis import given
from hypothesis import strategies as st
from loopback import answer

from blossom_data.asks import Reply, Usage
from blossom_data.llm.policy import Action, Failure
from blossom_data.llm.reading import read_reply


def read(body: bytes | dict[str, Any]) -> Reply | Failure:
    raw = body if isinstance(body, bytes) else orjson.dumps(body)
    return read_reply(raw, question(), "asked", {})


def read_text(body: bytes | dict[str, Any]) -> Reply:
    found = read(body)
    assert isinstance(found, Reply), found
    return found


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>log in</html>",
        b'{"choices": [{"message": {"content": "tor',
        b"[]",
        b'"text"',
        b'{"choices": []} {"choices": []}',
        b'{"choices": [{"message": {"content": NaN}}]}',
        b"[" * 100_000,
        {"choices": []},
        {"choices": None},
        {"choices": ["text"]},
        {"choices": [{"message": "text"}]},
        {"choices": [{"message": {"content": 5}}]},
        {"choices": [{"message": {"content": [{"type": "image_url"}]}}]},
        {"error": {"message": "the engine is loading"}},
        {"error": "overloaded"},
        {"choices": [{"error": {"message": "upstream"}, "message": {"content": ""}}]},
        answer(None),
    ],
)
def test_a_malformed_200_may_be_sent_again(body: bytes | dict[str, Any]) -> None:
    found = read(body)
    assert isinstance(found, Failure)
    assert (found.action, found.cause, found.status) == (Action.RETRY, "body", 200)


def test_an_error_in_a_200_is_judged_by_the_status_that_it_names() -> None:
    cases = {429: Action.WAIT, 401: Action.AUTH, 400: Action.REFUSED, 502: Action.RETRY}
    for code, action in cases.items():
        found = read({"error": {"code": code, "message": "upstream"}})
        assert isinstance(found, Failure)
        assert found.action is action
    found = read({"error": {"code": "insufficient_quota"}})
    assert isinstance(found, Failure)
    assert found.action is Action.AUTH


def test_a_sound_answer() -> None:
    body = answer("a b c", model="served")
    body["usage"]["prompt_tokens_details"] = {"cached_tokens": 4}
    reply = read_text(b"\xef\xbb\xbf" + orjson.dumps(body))
    assert (reply.text, reply.finish_reason, reply.model, reply.refusal) == ("a b c", "stop", "served", "")
    assert (reply.usage.tokens_in, reply.usage.tokens_out, reply.usage.tokens_cached) == (10, 3, 4)
    assert not reply.usage.is_estimated


def test_outcomes_that_the_stage_judges_are_replies() -> None:
    assert read_text(answer("cut", finish_reason="length")).finish_reason == "length"
    assert read_text(answer(None, finish_reason="content_filter")).finish_reason == "content_filter"
    assert read_text(answer(None, refusal="I cannot")).refusal == "I cannot"
    called = answer(None, tool_calls=[{"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}])
    assert read_text(called).finish_reason == "tool_calls"
    assert read_text(answer("x", finish_reason="MAX_TOKENS")).finish_reason == "length"


def test_an_answer_without_a_finish_reason_does_not_pass_for_complete() -> None:
    body = answer("x")
    body["choices"][0]["finish_reason"] = None
    assert read_text(body).finish_reason == "unknown"


@pytest.mark.parametrize(
    "parts",
    [
        {"content": "Paris.", "reasoning_content": "hm"},
        {"content": "Paris.", "reasoning": "hm", "reasoning_details": [{"type": "reasoning.text", "text": "hm"}]},
        {"content": "Paris.", "reasoning": {"summary": [{"type": "summary_text", "text": "hm"}]}},
        {"content": "Paris.", "thinking": "hm"},
        {"content": "Paris.", "reasoning_details": [{"type": "reasoning.encrypted"}, {"text": "hm"}]},
        {"content": [{"type": "reasoning", "reasoning": "hm"}, {"type": "text", "text": "Paris."}]},
        {"content": [{"type": "redacted_thinking"}, {"type": "text", "text": "Paris."}], "reasoning": "hm"},
    ],
)
def test_thinking_that_comes_apart_from_the_content_is_kept_apart(parts: dict[str, Any]) -> None:
    body = answer("")
    body["choices"][0]["message"] = parts
    reply = read_text(body)
    assert (reply.text, reply.reasoning) == ("Paris.", "hm")


def test_a_reply_that_is_nothing_but_thinking_is_a_reply() -> None:
    body = answer(None, reasoning_content="hm")
    del body["usage"]
    assert (read_text(body).text, read_text(body).reasoning) == ("", "hm")


def test_content_in_parts_is_joined_without_its_thinking() -> None:
    body = answer("")
    body["choices"][0]["message"]["content"] = [
        {"type": "thinking", "thinking": "hm"},
        {"type": "text", "text": "one "},
        {"type": "text", "text": "two"},
    ]
    assert read_text(body).text == "one two"


@pytest.mark.parametrize(
    "usage",
    [
        None,
        {},
        "many",
        {"prompt_tokens": "ten", "completion_tokens": 1},
        {"prompt_tokens": -1, "completion_tokens": 1},
        {"prompt_tokens": True, "completion_tokens": 1},
        {"prompt_tokens": 10**18, "completion_tokens": 1},
        {"prompt_tokens": 1.5, "completion_tokens": 1},
    ],
)
def test_missing_or_impossible_usage_is_estimated_and_marked(usage: object) -> None:
    body = answer("four words of text")
    body["usage"] = usage
    reply = read_text(body)
    assert reply.usage.is_estimated
    assert reply.usage.tokens_in > 0
    assert reply.usage.tokens_out > 0


_KEYS = st.sampled_from(["choices", "message", "content", "usage", "error", "finish_reason", "model", "type", "text"])
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_KEYS, inner, max_size=5),
    max_leaves=20,
)


@given(st.binary() | _JSON.map(orjson.dumps) | st.fixed_dictionaries({"choices": st.lists(_JSON)}).map(orjson.dumps))
def test_no_body_breaks_the_reader(body: bytes) -> None:
    found = read(body)
    assert isinstance(found, Failure) or isinstance(found.text, str)


SOUND = b'{"choices": [{"message": {"content": "%b"}, "finish_reason": "stop"}], "usage": %b, "x": %b}'
USAGE = b'{"prompt_tokens": 12, "completion_tokens": 3}'


@pytest.mark.parametrize("odd", [b"NaN", b"-Infinity", b'"half \\ud83d"', b'{"a": [NaN, "\\udc00"]}'])
def test_what_other_clients_read_outside_the_answer_is_read(odd: bytes) -> None:
    reply = read(SOUND % (b"Fine.", USAGE, odd))
    assert isinstance(reply, Reply)
    assert (reply.text, reply.usage.tokens_in, reply.usage.tokens_out) == ("Fine.", 12, 3)


def test_names_that_cannot_be_written_are_mended() -> None:
    reply = read(b'{"model": "m\\ud800", "choices": [{"message": {"content": "Fine."}, "finish_reason": "s\\udfff"}]}')
    assert isinstance(reply, Reply)
    assert (reply.model, reply.finish_reason) == ("m?", "s?")


@pytest.mark.parametrize(
    ("body", "action"),
    [
        (SOUND % (b"half \\ud83d", USAGE, b"1"), Action.RETRY),
        (SOUND % ("né".encode("latin-1"), USAGE, b"1"), Action.REFUSED),
        (b'{"choices": [], "usage": %b}' % USAGE, Action.RETRY),
        (b'{"choices": [{"message": {"content": NaN}}], "usage": %b}' % USAGE, Action.RETRY),
        (b'{"error": {"message": "the answer was lost upstream"}, "usage": %b}' % USAGE, Action.RETRY),
    ],
)
def test_what_an_unusable_answer_was_billed_is_known(body: bytes, action: Action) -> None:
    found = read(body)
    assert isinstance(found, Failure)
    assert found.action is action
    assert found.usage == Usage(tokens_in=12, tokens_out=3)


def test_a_charset_that_is_named_is_read() -> None:
    body = SOUND % ("你好".encode("gbk"), USAGE, b"1")
    reply = read_reply(body, question(), "m", {"content-type": "application/json; charset=GBK"})
    assert isinstance(reply, Reply)
    assert reply.text == "你好"


def test_an_error_that_is_nested_deep_fails_one_record() -> None:
    found = read(b'{"error": ' + b'{"error": ' * 300 + b'"x"' + b"}" * 301)
    assert isinstance(found, Failure)
