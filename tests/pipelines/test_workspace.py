"""`init`, `status` and `doctor`: a workspace made, looked at, and examined."""

from __future__ import annotations

import shlex
import tomllib
from pathlib import Path
from typing import Any

import pytest
from forked import blossom
from loopback import Fault, Loopback, LoopbackRequest, Response, answer, refused
from test_refresh import small
from world import World, flags

KEY = "sk-CANARY-0123456789abcdef"


def test_a_new_workspace_works_offline_and_is_never_overwritten(tmp_path: Path) -> None:
    made = blossom("init", "new place", "--json", cwd=tmp_path)
    assert made.code == 0, made
    folder = tmp_path / "new place"
    assert sorted(made.json["files"]) == sorted(entry.name for entry in folder.iterdir())
    assert {".env.example", "new-place.toml", "crontab.txt"} <= set(made.json["files"])
    plan = blossom("plan", "new-place.toml", "--json", cwd=folder)
    assert plan.json["records"] > 20
    (folder / "new-place.toml").write_text("# my own")
    (folder / "crontab.txt").unlink()
    again = blossom("init", "new place", cwd=tmp_path)
    assert (again.code, "is there already" in again.err) == (2, True)
    assert (folder / "new-place.toml").read_text() == "# my own"
    assert not (folder / "crontab.txt").exists()


def test_a_shipped_pipeline_is_copied_whole(tmp_path: Path) -> None:
    assert blossom("init", "v5", "--from", "blossom-v5", cwd=tmp_path).code == 0
    assert tomllib.loads((tmp_path / "v5/blossom-v5.toml").read_text())["name"] == "blossom-v5"
    wrong = blossom("init", "v6", "--from", "blossom-v6", cwd=tmp_path)
    assert (wrong.code, "blossom-v5" in wrong.err, (tmp_path / "v6").exists()) == (2, True, False)


@pytest.mark.parametrize("name", ["plain", "two words", "it's 100% $HOME"])
def test_the_crontab_line_names_this_very_file(tmp_path: Path, name: str) -> None:
    assert blossom("init", name, cwd=tmp_path).code == 0
    (file,) = (tmp_path / name).glob("*.toml")
    told = blossom("init", "--cron", file, "--json", cwd=tmp_path)
    schedule, command = told.json["crontab"][:9], told.json["crontab"][10:]
    # cron turns `\\%` back into `%` before the shell reads the line.
    words = shlex.split(command.replace("\\%", "%"))
    assert (schedule, words[1:3]) == ("0 3 * * *", ["refresh", str(file.resolve())])
    assert Path(words[0]).is_absolute()
    assert "[Timer]" in told.json["systemd"]
    assert (tmp_path / name / "crontab.txt").read_text().strip() == told.json["crontab"]


def test_status_tells_versions_last_refresh_and_ledger(tmp_path: Path) -> None:
    world = small(tmp_path)
    empty = blossom("status", "--json", cwd=tmp_path)
    with Loopback(respond=world.respond) as server:
        assert blossom("refresh", "small.toml", cwd=tmp_path, env=flags(server)).code == 0
    world.write(math23k=12)
    with Loopback(respond=world.respond) as server:
        assert blossom("refresh", "small.toml", cwd=tmp_path, env=flags(server)).code == 0
    state = blossom("status", "small.toml", "--json", cwd=tmp_path).json
    assert (empty.json["pipelines"][0]["versions"], empty.json["pipelines"][0]["last"]) == ([], None)
    assert (state["running"], state["records"], state["last"]["outcome"]) == (None, 12, "published")
    assert [(version["records"], version["is_current"]) for version in state["versions"]] == [(10, False), (12, True)]
    assert state["ledger"]["replies"] == sum(row["replies"] for row in state["ledger"]["totals"]) == 12
    for target in ("published", "published/small"):
        (dataset,) = blossom("status", target, "--json", cwd=tmp_path).json["datasets"]
        assert dataset["versions"][1]["name"] == state["versions"][1]["name"]
    text = blossom("status", cwd=tmp_path)
    assert state["versions"][1]["name"] in text.out
    assert "12 replies" in text.out
    assert blossom("status", "raw", cwd=tmp_path).code == 2


QUICK_TORCH = """
from types import SimpleNamespace
__version__ = "2.0"
cuda = SimpleNamespace(is_available=lambda: False, device_count=lambda: 0)
"""


def findings(done: Any) -> dict[str, tuple[str, str, str]]:
    return {each["name"]: (each["state"], each["told"], each["fix"]) for each in done.json["findings"]}


def doctor(folder: Path, server: Loopback, code: int, *more: str) -> dict[str, tuple[str, str, str]]:
    environment = flags(server) | {"OPENAI_API_KEY": KEY, "PYTHONPATH": str(quick_torch(folder))}
    done = blossom("doctor", "small.toml", "--json", *more, cwd=folder, env=environment)
    assert done.code == code, done
    assert KEY not in done.out + done.err
    assert done.json["ok"] == (code == 0)
    for state, _, fix in findings(done).values():
        assert state == "ok" or fix
    return findings(done)


def quick_torch(folder: Path) -> Path:
    """A folder with a torch that is imported at once: the real one takes seconds of each look at the machine."""
    package = folder / "quick" / "torch"
    package.mkdir(parents=True, exist_ok=True)
    (package / "__init__.py").write_text(QUICK_TORCH)
    return package.parent


def honours(mode: str) -> Any:
    """An endpoint that honours this JSON mode alone."""

    def respond(request: LoopbackRequest) -> Response | Fault:
        wanted = request.body.get("response_format", {}).get("type")
        if wanted is None:
            return "Hello"
        if wanted != mode:
            return refused(400, f"response_format {wanted} is not supported")
        return '{"blossom_canary": 1}'

    return respond


def without_temperature(request: LoopbackRequest) -> Response | Fault:
    """An endpoint to which a run learns to speak."""
    return refused(400, "temperature is not supported with this model") if "temperature" in request.body else "Hello"


@pytest.mark.parametrize("mode", ["json_object", "json_schema"])
def test_a_sound_place_is_told_so(tmp_path: Path, mode: str) -> None:
    small(tmp_path)
    with Loopback(respond=honours(mode)) as server:
        found = doctor(tmp_path, server, 0)
        one_token = [request.body for request in server.requests if request.body.get("max_tokens") == 1]
        assert len(one_token) == 1
        assert len(server.requests) <= 4
    assert found["key"][:2] == ("ok", "read from OPENAI_API_KEY")
    assert found["json"][:2] == ("ok", f"{mode} is honoured")
    for name in ("pipeline", "stages", "products", "source 1", "reach", "call", "usage", "disk", "lock", "file system"):
        assert found[name][0] == "ok", (name, found[name])


@pytest.mark.parametrize(
    ("respond", "name", "state", "told"),
    [
        (lambda _: refused(401, f"bad key {KEY}"), "call", "fail", "401"),
        (lambda _: refused(404, "no such model"), "call", "fail", "404"),
        (lambda _: Fault(body=b"<html>log in</html>"), "call", "fail", "not JSON"),
        (lambda _: {key: value for key, value in answer("Hello").items() if key != "usage"}, "usage", "warn", "tokens"),
        (lambda _: "Hello", "json", "warn", "no JSON mode"),
        (lambda _: refused(402, "Insufficient Balance"), "call", "fail", "exit 2"),
        (without_temperature, "call", "ok", "temperature"),
        (lambda ask: refused(500) if "response_format" in ask.body else "Hello", "json", "warn", "500"),
    ],
)
def test_a_troubled_endpoint_is_told_with_a_fix(tmp_path: Path, respond: Any, name: str, state: str, told: str) -> None:
    small(tmp_path)
    with Loopback(respond=respond) as server:
        found = doctor(tmp_path, server, 2 if state == "fail" else 0)
    assert found[name][0] == state
    assert told in found[name][1]


def test_a_dead_endpoint_a_missing_source_and_an_open_ledger_are_told(tmp_path: Path) -> None:
    world = small(tmp_path)
    with Loopback(respond=world.respond) as server:
        assert blossom("run", "small.toml", cwd=tmp_path, env=flags(server)).code == 0
    (tmp_path / "ledger.sqlite").chmod(0o644)
    (tmp_path / "raw/math23k/rows.jsonl").rename(tmp_path / "elsewhere.jsonl")
    found = doctor(tmp_path, server, 2)
    assert found["reach"][0] == "fail"
    assert "call" not in found
    assert found["source 1"][0] == "fail"
    assert (found["modes"][0], "chmod 600" in found["modes"][2]) == ("warn", True)


def test_a_wrong_clock_is_told(tmp_path: Path) -> None:
    from http.server import BaseHTTPRequestHandler, HTTPServer
    from threading import Thread

    class Late(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            assert "Authorization" not in self.headers
            self.send_response_only(401)
            self.send_header("Date", "Mon, 01 Jan 2001 00:00:00 GMT")
            self.end_headers()

        def log_message(self, *arguments: object) -> None:
            """Nothing is printed."""

    server = HTTPServer(("127.0.0.1", 0), Late)
    Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}/v1"
    done = blossom("doctor", "--base-url", url, "--model", "m", "--no-call", "--json", cwd=tmp_path)
    server.shutdown()
    server.server_close()
    assert done.code == 0, done
    assert findings(done)["clock"][0] == "warn"
    assert "behind" in findings(done)["clock"][1]
    assert "call" not in findings(done)


def test_a_pipeline_that_cannot_be_read_is_one_finding(tmp_path: Path) -> None:
    World(tmp_path).write(math23k=1)
    (tmp_path / "small.toml").write_text('nmae = "x"\n')
    done = blossom("doctor", "small.toml", cwd=tmp_path)
    assert done.code == 2
    assert "line 1: unknown key 'nmae'" in done.out
    assert "try: did you mean 'name'?" in done.out
