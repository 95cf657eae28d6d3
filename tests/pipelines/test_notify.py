"""Webhooks that are busy, refuse, or lie behind a proxy."""

from __future__ import annotations

import pytest
from webhook import Hook

from blossom_data.pipelines.settings import NotifySettings
from blossom_data.refresh.notify import tell


def test_a_busy_webhook_is_told_again_thrice_at_most_and_one_that_refuses_is_not() -> None:
    message = {"event": "done"}
    for statuses, tries, problem in [
        ((503, 429, 204), 3, None),
        ((503,), 3, "answered 503"),
        ((404,), 1, "answered 404"),
    ]:
        with Hook(*statuses) as hook:
            problems = tell(NotifySettings(url=hook.url, on=("done",)), message)
        assert hook.told == [message] * tries
        assert problems == ([] if problem is None else [f"the webhook at 127.0.0.1 {problem}"])


def test_a_webhook_is_told_through_the_proxy_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = NotifySettings(url="http://hooks.example.com/SECRET-PATH", on=("done",))
    with Hook() as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url.replace("http://", "http://me:CANARY@"))
        assert tell(settings, {"event": "done"}) == []
        assert proxy.told == [{"event": "done"}]
    with Hook(407) as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url.replace("http://", "http://me:CANARY@"))
        assert tell(settings, {"event": "done"}) == ["the webhook at hooks.example.com answered 407"]
