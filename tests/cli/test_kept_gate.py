"""A run that buys and keeps next to nothing ends early, says why, and can be told to go on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from command import user, write_lines
from forked import blossom
from loopback import Loopback, LoopbackRequest, answer

ROWS = 1_000
# A reply is judged once it is durable: without a wait, a slow disk lets an endpoint answer hundreds before that.
LATENCY_S = 0.05


def rows_of(folder: Path) -> Path:
    return write_lines(folder / "in.jsonl", (user(f"What is item {n}?") for n in range(ROWS)))


def cut_but_each(nth: int) -> Any:
    """Answers that are cut by length, a whole one to each `nth` question."""

    def respond(request: LoopbackRequest) -> dict[str, Any]:
        number = int(request.text.removesuffix("?").split()[-1])
        return answer("Fine, that is an item.", finish_reason="length" if number % nth else "stop")

    return respond


def annotate(folder: Path, server: Loopback, *further: str) -> Any:
    place = ["annotate", str(folder / "in.jsonl"), "-o", "out", "--base-url", server.base_url, "--model", "m"]
    return blossom(*place, "--tries", "1", "--max-in-flight", "16", "--json", *further, cwd=folder)


def test_next_to_nothing_kept_ends_the_run_and_0_goes_on(tmp_path: Path) -> None:
    rows_of(tmp_path)
    with Loopback(respond=cut_but_each(2_000), latency_s=LATENCY_S) as server:
        done = annotate(tmp_path, server)
        assert (done.code, done.json["error"]["kind"]) == (3, "QualityGate")
        assert "of 200 records that were bought 1 were kept" in done.json["error"]["message"]
        assert "annotate/truncated" in done.json["error"]["message"]
        assert "--stop-when-kept-below 0" in done.json["error"]["hint"]
        assert 200 <= server.paid < 400
        whole = annotate(tmp_path, server, "--stop-when-kept-below", "0")
        assert (whole.code, whole.json["kept"]) == (0, 1)
        assert (server.paid, server.bought_twice) == (ROWS, 0)


@pytest.mark.parametrize(("share", "code"), [("2%", 0), ("50%", 3)])
def test_the_share_is_the_users(tmp_path: Path, share: str, code: int) -> None:
    rows_of(tmp_path)
    with Loopback(respond=cut_but_each(10)) as server:
        assert annotate(tmp_path, server, "--stop-when-kept-below", share).code == code


def test_translations_that_are_no_json_end_a_run(tmp_path: Path) -> None:
    rows_of(tmp_path)
    chatter = "Of course! What would you like to know?"
    with Loopback(respond=lambda request: chatter, latency_s=LATENCY_S) as server:
        place = ["translate", str(tmp_path / "in.jsonl"), "-o", "out", "--base-url", server.base_url, "--model", "m"]
        done = blossom(*place, "--structured", "off", "--tries", "1", "--max-in-flight", "16", "--json", cwd=tmp_path)
    assert done.code == 3
    assert "of 200 records that were bought 0 were kept" in done.json["error"]["message"]
    assert server.paid < 500
