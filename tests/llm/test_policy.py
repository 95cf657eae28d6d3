"""Classification and waiting times: pure functions."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blossom_data.llm.policy import Action, Patience, backoff_s, classify_status, retry_after_s

NOW = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "2"}, 2.0),
        ({"retry-after": " 0.25 "}, 0.25),
        ({"retry-after": "1m30s"}, 90.0),
        ({"retry-after": "500ms"}, 0.5),
        ({"retry-after": "20s"}, 20.0),
        ({"retry-after-ms": "1500"}, 1.5),
        ({"retry-after-ms": "1500", "retry-after": "9"}, 1.5),
        ({"retry-after-ms": "soon", "retry-after": "9"}, 9.0),
        ({"retry-after": "1e9"}, 120.0),
        ({"retry-after": "9" * 60}, 120.0),
        ({"retry-after": "2h"}, 120.0),
        ({"retry-after": format_datetime(NOW + timedelta(seconds=45), usegmt=True)}, 45.0),
        ({"retry-after": format_datetime(NOW - timedelta(hours=1), usegmt=True)}, 0.0),
        ({"retry-after": "-5"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "a while"}, None),
        ({"retry-after": "1m30"}, None),
        ({"retry-after": ""}, None),
        ({"retry-after": "1" * 100_000}, None),
        ({}, None),
    ],
)
def test_retry_after_in_all_spellings(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after_s(headers, now_s=NOW.timestamp()) == seconds


def test_a_date_is_read_against_the_clock_of_the_server() -> None:
    headers = {
        "retry-after": format_datetime(NOW + timedelta(seconds=30), usegmt=True),
        "date": format_datetime(NOW, usegmt=True),
    }
    assert retry_after_s(headers, now_s=NOW.timestamp() + 86_400) == 30.0


@given(st.dictionaries(st.sampled_from(["retry-after", "retry-after-ms", "date"]), st.text()))
def test_any_header_gives_a_bounded_wait_or_none(headers: dict[str, str]) -> None:
    seconds = retry_after_s(headers)
    assert seconds is None or 0.0 <= seconds <= 120.0


@pytest.mark.parametrize(
    ("status", "body", "action"),
    [
        (408, b"", Action.RETRY),
        (409, b"", Action.RETRY),
        (425, b"", Action.RETRY),
        (429, b"", Action.WAIT),
        (429, b'{"error": {"code": "insufficient_quota"}}', Action.AUTH),
        (429, b'{"error": {"message": "Request too large for the model"}}', Action.REFUSED),
        (500, b"oops", Action.RETRY),
        (502, b"<html>", Action.RETRY),
        (503, b"", Action.RETRY),
        (529, b"", Action.RETRY),
        (400, b'{"error": {"message": "too many tokens"}}', Action.REFUSED),
        (400, b'{"error": {"code": "content_filter"}}', Action.REFUSED),
        (400, b'[{"error": {"message": "API key not valid. Please pass a valid API key."}}]', Action.AUTH),
        (413, b"", Action.REFUSED),
        (422, b"", Action.REFUSED),
        (401, b"", Action.AUTH),
        (402, b"", Action.AUTH),
        (403, b"", Action.AUTH),
        (403, b'{"error": {"message": "input was flagged by moderation"}}', Action.REFUSED),
        (404, b'{"error": {"code": "model_not_found"}}', Action.ENDPOINT),
        (404, b"not found", Action.ENDPOINT),
        (400, b'{"error": {"code": "model_not_found"}}', Action.ENDPOINT),
        (307, b"", Action.ENDPOINT),
    ],
)
def test_status_and_body_decide(status: int, body: bytes, action: Action) -> None:
    assert classify_status(status, {}, body).action is action


@pytest.mark.parametrize("status", [429, 503, 529])
def test_a_busy_endpoint_that_names_a_time_makes_all_wait(status: int) -> None:
    found = classify_status(status, {"retry-after": "3"}, b"")
    assert (found.action, found.retry_after_s) == (Action.WAIT, 3.0)


@given(st.integers(300, 599), st.binary())
def test_no_error_body_breaks_the_classification(status: int, body: bytes) -> None:
    found = classify_status(status, {}, body)
    assert found.status == status
    assert len(found.detail) < 700
    assert "\n" not in found.detail


def test_backoff_is_reproducible_and_grows_to_its_limit() -> None:
    patience = Patience()
    waits = [backoff_s(n, random.Random(n), patience) for n in range(1, 60)]
    assert waits == [backoff_s(n, random.Random(n), patience) for n in range(1, 60)]
    assert max(waits[:1]) <= 1.0
    assert all(0.0 <= wait <= 60.0 for wait in waits)
    assert max(waits) > 30.0
