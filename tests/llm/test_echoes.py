"""A key that a server echoes into what is sent again and in the end given up."""

from __future__ import annotations

import pytest
from calls import CANARY_KEY, ask_one
from echoes import SPELLINGS, signs
from loopback import Fault, Loopback

from blossom_data.errors import RecordRefused

BODIES = (
    '{"error": {"message": "the key KEY is not good", "code": "KEY"}}',
    '{"choices": [], "key": "KEY"}',
    '{"choices": [{"message": {"content": {"KEY": 1}}}]}',
    "the key KEY is not good",
)


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("body", BODIES)
def test_no_failure_tells_the_key(spelling: str, body: str) -> None:
    sent = Fault(body=body.replace("KEY", SPELLINGS[spelling](CANARY_KEY)).encode())
    with Loopback(respond=lambda _: sent) as server:
        refusal, _ = ask_one(server, max_tries=2)
    assert isinstance(refusal, RecordRefused)
    assert CANARY_KEY not in signs(str(refusal) + refusal.body)


@pytest.mark.parametrize("depth", [100, 300, 900, 2_000])
@pytest.mark.parametrize("shape", ["[]", "{}"])
def test_an_error_nested_too_deep_fails_its_record_alone(depth: int, shape: str) -> None:
    opened, closed = ("[", "]") if shape == "[]" else ('{"a":', "}")
    nested = opened * depth + "1" + closed * depth
    for body in (f'{{"error": {nested}}}', f'{{"choices": [{{"message": {{"content": ""}}, "error": {nested}}}]}}'):
        with Loopback(respond=lambda _, body=body: Fault(body=body.encode())) as server:
            refusal, _ = ask_one(server, max_tries=2)
        assert isinstance(refusal, RecordRefused), refusal
