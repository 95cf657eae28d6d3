"""What goes over the wire of a run through batches: parts of large files, headers, the proxy, odd answers."""

from __future__ import annotations

from pathlib import Path

import pytest
from aiohttp import web
from batch_runs import go
from loopback_batch import BatchServer

from blossom_data.errors import ConfigError, EndpointError, NetworkError
from blossom_data.llm.policy import Patience

QUESTIONS = [f"What is {n}?" for n in range(12)]


def test_a_large_file_goes_up_in_parts_of_which_each_is_tried_again_alone(tmp_path: Path) -> None:
    with BatchServer() as server:
        server.fail["part"] = [web.Response(status=500)]
        server.fail["end"] = [web.Response(status=503)]
        go(tmp_path, server, QUESTIONS, most_single_bytes=700)
        sizes = [len(part) for part in server.parts.values()]
        assert len(sizes) > 2
        assert set(sizes[:-1]) == {700}
        assert server.reached["part"] == len(sizes) + 1
        assert (server.reached["upload"], server.reached["begin"], server.lines_paid) == (0, 1, 12)


def test_nothing_of_the_machine_and_its_environment_is_sent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_ORG_ID", "org-CANARY")
    monkeypatch.setenv("OPENAI_PROJECT_ID", "proj-CANARY")
    monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", "X-Mine: CANARY\nAuthorization: Bearer CANARY")
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:1/v1")
    with BatchServer() as server:
        go(tmp_path, server, QUESTIONS[:2])
        needed = {"host", "user-agent", "authorization", "accept", "accept-encoding", "connection"}
        of_bodies = {"content-type", "content-length"}
        assert server.headers == needed | of_bodies


def test_batches_go_through_the_proxy_of_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with BatchServer() as server:
        monkeypatch.setenv("HTTP_PROXY", server.base_url.removesuffix("/v1"))
        summary = go(tmp_path, server, QUESTIONS[:2], base_url="http://provider.example.com/v1")
        assert (summary["kept"], server.lines_paid) == (2, 2)
        server.fail["upload"] = [web.Response(status=407)]
        with pytest.raises(NetworkError, match="wants a user name and password") as caught:
            go(tmp_path, server, ["new?"], base_url="http://provider.example.com/v1")
        assert "HTTP_PROXY" in caught.value.hint
    monkeypatch.setenv("HTTP_PROXY", "http://me:CANARY@127.0.0.1:1")
    brief = Patience(first_s=0.01, total_s=0.1)
    with pytest.raises(EndpointError, match=r"cannot connect to the proxy http://127\.0\.0\.1:1") as caught:
        go(tmp_path, server, ["newer?"], base_url="http://provider.example.com/v1", patience=brief)
    assert "CANARY" not in str(caught.value)


def test_odd_batch_objects_are_read_as_far_as_they_make_sense(tmp_path: Path) -> None:
    with BatchServer() as server:
        server.odd = {"metadata": "text", "errors": "none", "request_counts": [1], "created_at": "soon"}
        assert go(tmp_path, server, QUESTIONS[:2])["kept"] == 2
        server.odd["status"] = None
        brief = Patience(first_s=0.01, total_s=0.1)
        with pytest.raises(EndpointError, match="without id or status"):
            go(tmp_path, server, ["new?"], patience=brief)


@pytest.mark.parametrize(
    ("status", "body"),
    [(200, b"<html>"), (200, b"[1]"), (200, b"{" + b" " * (9 << 20) + b"}"), (502, b"x" * (1 << 20))],
)
def test_an_answer_that_makes_no_sense_is_asked_for_again(tmp_path: Path, status: int, body: bytes) -> None:
    with BatchServer() as server:
        server.fail = {step: [web.Response(status=status, body=body)] for step in ("upload", "retrieve")}
        assert go(tmp_path, server, QUESTIONS[:2])["kept"] == 2
        assert (server.reached["upload"], server.reached["create"], server.lines_paid) == (2, 1, 2)


def test_a_redirect_is_not_followed_with_the_key(tmp_path: Path) -> None:
    with BatchServer() as server, BatchServer() as other:
        server.fail["upload"] = [web.Response(status=307, headers={"Location": f"{other.base_url}/files"})]
        with pytest.raises(ConfigError, match="redirects"):
            go(tmp_path, server, QUESTIONS)
        assert not other.reached
