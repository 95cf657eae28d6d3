"""Result lines from anywhere: read strictly, judged like online replies, never an exception."""

from __future__ import annotations

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from loopback import answer

from blossom_data.asks import Ask, Reply
from blossom_data.llm.batch.lines import encode_line, judge_line, read_line
from blossom_data.llm.batch.protocol import read_batch
from blossom_data.llm.policy import Action, Failure
from blossom_data.records import Message

KEY = bytes(range(16))
ASK = Ask(stage="s", version=1, messages=(Message("user", "q"),))

json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 999) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


def result(**parts: object) -> bytes:
    return orjson.dumps({"custom_id": KEY.hex(), **parts})


@given(st.binary(max_size=64) | json_values.map(orjson.dumps))
def test_anything_that_is_no_result_is_told_apart(raw: bytes) -> None:
    assert read_line(raw) is None


@given(response=json_values, error=json_values)
def test_any_shape_of_result_is_judged(response: object, error: object) -> None:
    line = read_line(result(response=response, error=error))
    assert line is not None
    assert isinstance(judge_line(line, ASK, "m"), Failure)


@given(status=st.integers(-1, 700), body=json_values)
def test_any_status_and_body_is_judged(status: int, body: object) -> None:
    line = read_line(result(response={"status_code": status, "body": body}))
    assert line is not None
    assert isinstance(judge_line(line, ASK, "m"), Failure)


@given(st.dictionaries(st.sampled_from(["id", "status", "metadata", "errors", "request_counts"]), json_values))
def test_any_batch_object_is_read_or_refused(found: dict[str, object]) -> None:
    batch = read_batch(found)
    assert batch is None or (batch.id == found["id"] and "/" not in batch.id)


def test_a_line_goes_in_under_its_key_and_comes_back_as_a_reply() -> None:
    sent = encode_line(KEY, b'{"model":"m"}')
    assert orjson.loads(sent)["body"] == {"model": "m"}
    line = read_line(result(response={"status_code": 200, "body": answer("fine")}))
    assert line is not None
    reply = judge_line(line, ASK, "m")
    assert isinstance(reply, Reply)
    assert (line.key, reply.text) == (KEY, "fine")


@pytest.mark.parametrize(
    ("code", "action", "cause"),
    [
        ("batch_expired", Action.RETRY, "expired"),
        ("batch_cancelled", Action.RETRY, "unanswered"),
        ("insufficient_quota", Action.AUTH, "money"),
        ("model_not_found", Action.ENDPOINT, "400"),
    ],
)
def test_an_error_without_a_response_is_judged_by_its_code(code: str, action: Action, cause: str) -> None:
    line = read_line(result(response=None, error={"code": code, "message": "why"}))
    assert line is not None
    failure = judge_line(line, ASK, "m")
    assert isinstance(failure, Failure)
    assert (failure.action, failure.cause) == (action, cause)
