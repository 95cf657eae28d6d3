"""How answers end, in the words of many servers: whole, cut, filtered, or never told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from command import user, write_lines
from forked import blossom
from loopback import Loopback, LoopbackRequest, Response, answer


def annotate(folder: Path, server: Loopback, *further: str, rows: int = 3) -> Any:
    write_lines(folder / "in.jsonl", (user(f"What is item {n}?") for n in range(rows)))
    place = ["annotate", str(folder / "in.jsonl"), "-o", "out", "--base-url", server.base_url, "--model", "m", "--json"]
    return blossom(*place, *further, cwd=folder)


def ending(reason: str | None) -> Any:
    def respond(request: LoopbackRequest) -> Response:
        body = answer("Fine, that is an item.")
        body["choices"][0]["finish_reason"] = reason
        return body

    return respond


@pytest.mark.parametrize(
    "reason",
    [
        "eos_token",
        "COMPLETE",
        "end_turn",
        "STOP",
        "eos",
        "stop_sequence",
        "FINISH_REASON_STOP",
        "completed",
        "finished",
    ],
)
def test_an_answer_that_ended_by_itself_is_whole(reason: str, tmp_path: Path) -> None:
    with Loopback(respond=ending(reason)) as server:
        assert annotate(tmp_path, server).json["kept"] == 3


@pytest.mark.parametrize(
    "reason",
    ["SAFETY", "content_filter", "RECITATION", "PROHIBITED_CONTENT", "blocklist", "sensitive", "content-filter"],
)
def test_a_filtered_answer_is_not_asked_for_again(reason: str, tmp_path: Path) -> None:
    with Loopback(respond=ending(reason)) as server:
        done = annotate(tmp_path, server)
        assert done.json["rejected"] == {"annotate/content_filter": 3}
        assert len(server.requests) == 3


def test_a_filtered_translation_is_not_asked_for_again(tmp_path: Path) -> None:
    rows = write_lines(tmp_path / "in.jsonl", [user("What is the name of this item, and who made it?")])
    with Loopback(respond=ending("SAFETY")) as server:
        place = ["translate", str(rows), "-o", "out", "--base-url", server.base_url, "--model", "m", "--json"]
        done = blossom(*place, "--structured", "off", cwd=tmp_path)
        assert done.json["rejected"] == {"translate/content_filter": 1}
        assert len(server.requests) == 1


@pytest.mark.parametrize("reason", ["MAX_TOKENS", "max_length", "model_length", "model_context_window_exceeded"])
def test_a_cut_answer_is_truncated(reason: str, tmp_path: Path) -> None:
    with Loopback(respond=ending(reason)) as server:
        assert annotate(tmp_path, server, "--tries", "1").json["rejected"] == {"annotate/truncated": 3}


@pytest.mark.parametrize("reason", [None, "", "null", "FINISH_REASON_UNSPECIFIED"])
def test_an_end_that_is_never_told_is_said_once_and_can_be_trusted(reason: str | None, tmp_path: Path) -> None:
    with Loopback(respond=ending(reason)) as server:
        done = annotate(tmp_path, server, "--tries", "1", rows=30)
        assert done.json["rejected"] == {"annotate/truncated": 30}
        notes = [note for note in done.json["run"]["notes"] if "--trust-finish" in note]
        assert len(notes) == 1
        paid = server.paid
        trusted = annotate(tmp_path, server, "--tries", "1", "--trust-finish", rows=30)
        assert trusted.json["kept"] == 30
        assert server.paid == paid, "what was bought is read anew"
