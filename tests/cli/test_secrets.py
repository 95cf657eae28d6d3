"""No key in any spelling, and no password of a URL, reaches a file or an output."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from command import user, write_lines
from echoes import SPELLINGS, everything, signs
from forked import blossom
from loopback import Fault, Loopback, LoopbackRequest, Response

pytestmark = pytest.mark.slow

KEY = "sk-CANARY+0123/4567+89abcdef"
PASSWORD = "pw-CANARY-77"

PLACES = {
    "text": '{"model": "m", "choices": [{"message": {"content": "Your key: KEY."}, "finish_reason": "stop"}]}',
    "two parts": '{"choices": [{"message": {"content": [{"type": "text", "text": "HALF"}, {"type": "text", '
    '"text": "REST"}]}, "finish_reason": "stop"}]}',
    "refusal": '{"choices": [{"message": {"content": null, "refusal": "not with KEY"}, "finish_reason": "stop"}]}',
    "model": '{"model": "m KEY", "choices": [{"message": {"content": "Fine."}, "finish_reason": "stop"}]}',
    "finish reason": '{"choices": [{"message": {"content": "Fine."}, "finish_reason": "KEY"}]}',
    "400": '{"error": {"message": "the key KEY is not good"}}',
    "422 as a page": "<html>the key KEY is not good</html>",
}


def body(place: str, spelling: str) -> bytes:
    half = len(KEY) // 2
    shown = SPELLINGS[spelling]
    text = (
        PLACES[place].replace("KEY", shown(KEY)).replace("HALF", shown(KEY[:half])).replace("REST", shown(KEY[half:]))
    )
    return text.encode()


def test_an_echoed_key_reaches_nothing_in_any_spelling(tmp_path: Path) -> None:
    wanted = [(place, spelling) for place in PLACES for spelling in SPELLINGS]
    rows = write_lines(tmp_path / "in.jsonl", (user(f"question {number}") for number in range(len(wanted))))

    def respond(request: LoopbackRequest) -> Response:
        place, spelling = wanted[int(request.text.removeprefix("question "))]
        status = int(place[:3]) if place[:3].isdecimal() else 200
        return Fault(status=status, headers={"Content-Type": "application/json"}, body=body(place, spelling))

    with Loopback(respond=respond) as server:
        flags = ("--base-url", server.base_url, "--model", "m", "--debug", "--ledger", "l.sqlite")
        done = blossom("annotate", rows, "-o", "out", *flags, cwd=tmp_path, env={"OPENAI_API_KEY": KEY})
    shown = blossom("show", "out", "--rejected", "all", cwd=tmp_path)
    assert len(server.requests) >= len(wanted)
    assert "****" in shown.out
    assert [text for text in map(signs, everything(tmp_path, done, shown)) if KEY in text] == []


URLS = [
    f"http://user:{PASSWORD}@127.0.0.1:9/v1",
    f"http://user:{PASSWORD}@[::1/v1",
    f"http://user:{PASSWORD}@127.0.0.1:99999/v1",
    f"http://user:{PASSWORD}/x@127.0.0.1:9/v1",
    f"http://{PASSWORD}@127.0.0.1:9/v1",
    f"http://127.0.0.1:9/v1?key={PASSWORD}",
    f"http://127.0.0.1:9/v1#{PASSWORD}",
    f"user:{PASSWORD}@127.0.0.1:9/v1",
    f"ftp://user:{PASSWORD}@127.0.0.1/v1",
    f"http://user:{PASSWORD} x@127.0.0.1:9/v1",
]


@pytest.mark.parametrize("url", URLS)
def test_no_password_of_a_base_url_is_shown(tmp_path: Path, url: str) -> None:
    write_lines(tmp_path / "in.jsonl", [user("a question")])
    source = '[[source]]\nkind = "messages"\npath = "in.jsonl"\nstages = ["annotate"]\n'
    (tmp_path / "named.toml").write_text(f'{source}[endpoint]\nbase_url = {json.dumps(url)}\nmodel = "m"\n')
    (tmp_path / "bare.toml").write_text(f'{source}[endpoint]\nmodel = "m"\n')
    env = {"OPENAI_BASE_URL": url, "OPENAI_API_KEY": KEY}
    runs = [blossom("annotate", "in.jsonl", "-o", "out", "--base-url", url, "--model", "m", cwd=tmp_path)]
    if url in URLS[:2]:
        runs += [
            blossom("annotate", "in.jsonl", "-o", "out", "--model", "m", "--json", cwd=tmp_path, env=env),
            blossom("annotate", "in.jsonl", "-o", "out", "--serve", "vllm", "--model", "m", cwd=tmp_path, env=env),
            blossom("run", "named.toml", cwd=tmp_path),
            blossom("run", "bare.toml", "--base-url", url, cwd=tmp_path),
            blossom("doctor", "bare.toml", "--no-call", cwd=tmp_path, env=env),
        ]
    assert [done.code for done in runs] == [2] * len(runs), runs
    assert all("Traceback" not in done.err and "this is a bug" not in done.err for done in runs)
    assert len(runs[0].err.splitlines()) <= 2
    config = blossom("run", "bare.toml", "--show-config", cwd=tmp_path, env=env)
    assert config.code == 0, config
    assert not [text for text in everything(tmp_path / ".blossom", *runs, config) if PASSWORD in text]


def test_no_secret_of_an_engines_command_or_of_a_request_is_shown(tmp_path: Path) -> None:
    write_lines(tmp_path / "in.jsonl", [user("a question")])
    commands = [
        f"vllm serve m --api-key {PASSWORD} --port {{port}}",
        f"HF_TOKEN={PASSWORD} vllm serve m --port {{port}} --api-key='{PASSWORD} x'",
        f"serve --port {{port}} --header 'Authorization: Bearer {PASSWORD}' --password {PASSWORD} {PASSWORD}",
        f'serve --port {{port}} --config \'{{"hub": {{"access_token": "{PASSWORD}"}}}}\'',
        f"serve --port {{port}} --hub https://user:{PASSWORD}@hub.example/ --max-tokens 4096",
    ]
    for command in commands:
        engine = f'[endpoint]\nserve = {json.dumps(command)}\nmodel = "m"\nextra_body = {{api_key = "{PASSWORD}"}}\n'
        (tmp_path / "p.toml").write_text(
            f'[[source]]\nkind = "messages"\npath = "in.jsonl"\nstages = ["annotate"]\n{engine}'
        )
        done = [
            blossom("run", "p.toml", "--show-config", cwd=tmp_path),
            blossom("run", "p.toml", "--show-config", "--json", "--serve", command, cwd=tmp_path),
        ]
        assert [each.code for each in done] == [0, 0], done
        done.append(blossom("run", "p.toml", cwd=tmp_path))
        assert done[-1].code == 2, done
        assert not [each for each in done if PASSWORD in each.out + each.err]
        assert all("serve" in each.out and "--port {port}" in each.out for each in done[:2])


@pytest.mark.parametrize(
    "hook",
    [
        f"http://127.0.0.1:9/hook?token={PASSWORD}",
        f"http://127.0.0.1:9/services/{PASSWORD}",
        f"http://user:{PASSWORD}@127.0.0.1:9/hook",
        f"http://user:{PASSWORD}@[::1/hook",
        f"{PASSWORD}",
    ],
)
def test_no_secret_of_a_webhook_or_proxy_is_shown(tmp_path: Path, hook: str) -> None:
    write_lines(tmp_path / "in.jsonl", [user("a question")])
    (tmp_path / "p.toml").write_text(
        '[[source]]\nkind = "messages"\npath = "in.jsonl"\nstages = ["annotate"]\n[notify]\non = ["start", "fail"]\n'
    )
    proxy = f"http://user:{PASSWORD}@127.0.0.1:9"
    env = {"BLOSSOM_NOTIFY_URL": hook, "OPENAI_API_KEY": KEY, "HTTP_PROXY": proxy, "HTTPS_PROXY": proxy}
    address = ("--base-url", "http://192.0.2.1/v1", "--model", "m")
    config = blossom("run", "p.toml", *address, "--show-config", cwd=tmp_path, env=env)
    assert config.code == 0, config
    done = [
        config,
        blossom("refresh", "p.toml", *address, "--json", cwd=tmp_path, env=env | {"HTTP_PROXY": f"{PASSWORD}:x@:"}),
    ]
    assert done[1].code == 2, done[1]
    assert all("Traceback" not in each.err for each in done)
    assert not [text for text in everything(tmp_path / ".blossom", *done) if PASSWORD in text]


def test_a_command_that_takes_no_url_masks_one_all_the_same(tmp_path: Path) -> None:
    url = f"https://user:{PASSWORD}@data.example.com/rows.jsonl"
    runs = [
        blossom("annotate", url, "-o", "out", "--base-url", "http://127.0.0.1:9/v1", "--model", "m", cwd=tmp_path),
        blossom("annotate", "in.jsonl", url, "-o", "out", cwd=tmp_path),
        blossom("show", url, cwd=tmp_path),
    ]
    assert [done.code for done in runs] == [2, 2, 2], runs
    assert not [done for done in runs if PASSWORD in done.err + done.out]
