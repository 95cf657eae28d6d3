"""`refresh` as cron runs it: the documents' recipe, nothing for nothing, gates, deadline, lock, signals, notices."""

from __future__ import annotations

import json
import os
import shutil
import signal
import stat
import sys
import threading
import time
from pathlib import Path
from typing import Any

import forked
import pytest
from command import clean_environment, values, write_lines
from forked import Child, blossom
from loopback import Fault, Loopback, LoopbackRequest, Response, refused
from webhook import Hook
from world import World, flags

from blossom_data.prompts import bundled

pytestmark = pytest.mark.slow

KEY = "sk-CANARY-0123456789abcdef"
SMALL = """
name = "small"
ledger = "ledger.sqlite"
[[source]]
kind = "math23k"
path = "raw/math23k"
stages = ["annotate", "verify-math"]
licence = "MIT"
[publish]
root = "published"
"""


def small(folder: Path, rows: int = 10, more: str = "") -> World:
    world = World(folder)
    world.write(math23k=rows)
    (folder / "small.toml").write_text(SMALL + more)
    return world


def refresh(folder: Path, server: Loopback, *more: object, code: int = 0, **environment: str) -> dict[str, Any]:
    done = blossom("refresh", "small.toml", "--json", *more, cwd=folder, env=flags(server) | environment)
    assert done.code == code, done
    assert json.loads((folder / ".blossom/logs/small/last/result.json").read_text()) == done.json
    assert done.json["exit_code"] == code
    return done.json


def current(folder: Path) -> str:
    return str((folder / "published/small/current").readlink())


def test_the_documents_recipe_at_a_hundredth_has_their_proportions(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.write(orca=300, wizard=300, gsm8k=90, math23k=80, chat=100)
    shutil.copy(bundled("pipelines") / "blossom-v5.toml", tmp_path)
    command = ["refresh", "blossom-v5.toml", "--scale", "0.01"]
    with Loopback(respond=world.respond) as server:
        first = blossom(*command, "--json", cwd=tmp_path, env=flags(server))
        assert first.code == 0, first
        paid = server.paid
        again = blossom(*command, cwd=tmp_path, env=flags(server))
        assert (again.code, again.out, again.err, server.paid) == (0, "", "", paid)
    home = tmp_path / "scale-0.01"
    (version,) = [path for path in (home / "published/blossom-v5").iterdir() if path.name.startswith("20")]
    assert first.json["version"] == version.name == str((version.parent / "current").readlink())
    stages = {name: values(home / "train" / name) for name in ("stage1", "stage2")}
    sources = {name: [row["source"] for row in rows] for name, rows in stages.items()}
    assert len(sources["stage1"]) == 900
    assert (sources["stage1"].count("orca"), sources["stage1"].count("wizard")) == (400, 400)
    assert sources["stage1"].count("gsm8k") + sources["stage1"].count("math23k") == 100
    assert (len(sources["stage2"]), sources["stage2"].count("sharegpt")) == (300, 120)
    ids = {row["id"] for row in stages["stage1"]}
    replayed = [row for row in stages["stage2"] if row["source"] != "sharegpt"]
    assert len(replayed) == 180 == 0.2 * len(ids)
    assert {row["id"] for row in replayed} <= ids
    for rows, share in ((stages["stage1"], 450), ([row for row in stages["stage2"] if row not in replayed], 60)):
        assert [row["lang"] for row in rows].count("zh") == share
    assert all(len(row["messages"]) == 4 for row in stages["stage2"] if row["source"] == "sharegpt")
    manifest = json.loads((version / "manifest.json").read_text())
    assert {config["name"]: config["records"] for config in manifest["configs"]} == {"stage1": 900, "stage2": 300}


def test_an_unchanged_refresh_asks_nothing_and_new_rows_cost_themselves_alone(tmp_path: Path) -> None:
    world = small(tmp_path)
    with Loopback(respond=world.respond) as server:
        first = refresh(tmp_path, server)
        assert (first["outcome"], first["calls"], first["counts"]["kept"]) == ("published", 10, 10)
        dataset = (tmp_path / "data/small/manifest.json").stat()
        second = refresh(tmp_path, server)
        assert (second["outcome"], second["calls"], second["version"]) == ("nothing new", 0, first["version"])
        assert (tmp_path / "data/small/manifest.json").stat().st_mtime_ns == dataset.st_mtime_ns
        world.write(math23k=13)
        third = refresh(tmp_path, server)
        assert (third["calls"], third["counts"]["kept"], third["previous"]) == (3, 13, first["version"])
        assert current(tmp_path) == third["version"] != first["version"]
        # A prompt setting changes what is asked; going back costs nothing and needs no new version.
        (tmp_path / "small.toml").write_text(SMALL + "[stage.annotate]\ntemperature = 0.1\n")
        assert refresh(tmp_path, server)["calls"] == 13
        (tmp_path / "small.toml").write_text(SMALL)
        back = refresh(tmp_path, server)
        assert (back["calls"], back["version"]) == (0, third["version"])
        assert server.paid == 26
    assert sorted((tmp_path / ".blossom/logs/small").iterdir())[0].name.startswith("000001-")


def test_a_damaged_shard_is_made_anew_without_a_call(tmp_path: Path) -> None:
    world = small(tmp_path)
    with Loopback(respond=world.respond) as server:
        refresh(tmp_path, server)
        (shard,) = (tmp_path / "data/small").glob("part-*")
        whole = shard.read_bytes()
        shard.write_bytes(whole[:-1])
        assert refresh(tmp_path, server)["calls"] == 0
        assert shard.read_bytes() == whole


@pytest.mark.parametrize(
    ("gates", "name"),
    [
        ("max_rejected = 0.1", "max_rejected"),
        ("min_math_yield = 0.9", "min_math_yield"),
        ("min_size_ratio = 0.95", "min_size_ratio"),
        ("min_lang = {en = 0.01}", "min_lang.en"),
        ("max_lang = {zh = 0.99}", "max_lang.zh"),
    ],
)
def test_a_gate_leaves_current_alone_until_it_is_passed(tmp_path: Path, gates: str, name: str) -> None:
    world = small(tmp_path)
    with Loopback(respond=world.respond) as server:
        before = refresh(tmp_path, server)["version"]
        # Two of ten problems are new, and the model never gets them right.
        rows = [world._math23k(number) for number in (*range(1, 9), 51, 52)]
        world.wrong = {rows[-1]["original_text"], rows[-2]["original_text"]}
        write_lines(tmp_path / "raw/math23k/rows.jsonl", rows)
        (tmp_path / "small.toml").write_text(f"{SMALL}[refresh]\n{gates}\n")
        failed = refresh(tmp_path, server, code=3)
        kind = "TooFewKept" if name == "min_size_ratio" else "QualityGate"
        assert (failed["outcome"], failed["error"]["kind"]) == ("gate failed", kind)
        assert [gate["name"] for gate in failed["gates"] if not gate["is_passed"]] == [name]
        assert current(tmp_path) == before
        # Nothing has changed, so nothing is asked, and it is still not good enough; cron hears of it.
        paid = server.paid
        quiet = blossom("refresh", "small.toml", cwd=tmp_path, env=flags(server))
        assert (quiet.out, quiet.code, server.paid) == ("", 3, paid)
        assert ("the new set 8: the old one stays" if name == "min_size_ratio" else f"error: gate {name}") in quiet.err


def test_an_unanswered_record_is_a_gate_too_and_is_asked_for_again(tmp_path: Path) -> None:
    world = small(tmp_path)
    is_ill = True

    def respond(request: LoopbackRequest) -> Response:
        return refused(422, "not today") if is_ill and "小明有3支" in request.text else world.respond(request)

    with Loopback(respond=respond) as server:
        failed = refresh(tmp_path, server, code=3)
        assert (failed["counts"]["failed"], failed["version"]) == (1, None)
        (tmp_path / "small.toml").write_text(f"{SMALL}[refresh]\nmax_failed = 0.1\n")
        assert refresh(tmp_path, server)["counts"]["kept"] == 9
        is_ill = False
        assert refresh(tmp_path, server)["counts"]["kept"] == 10
        assert server.paid == 10


def test_a_deadline_ends_it_with_4_and_the_next_one_goes_on(tmp_path: Path) -> None:
    world = small(tmp_path, rows=40, more="[endpoint]\nmax_in_flight = 2\n")
    with Loopback(respond=world.respond, latency_s=0.15) as server:
        stopped = refresh(tmp_path, server, "--deadline", "1.5s", code=4)
        assert stopped["error"]["kind"] == "StoppedEarly"
        assert 0 < server.paid < 40
        assert not (tmp_path / "published").exists()
        done = refresh(tmp_path, server, "--deadline", "5m")
        assert server.paid == 40
    assert done["calls"] + stopped["calls"] == 40


def start(folder: Path, server: Loopback, *more: str) -> Child:
    return forked.start("refresh", "small.toml", *more, cwd=folder, env=clean_environment() | flags(server))


def test_of_twenty_at_once_one_runs_and_the_others_exit_5(tmp_path: Path) -> None:
    world = small(tmp_path, rows=3)
    others_left = threading.Event()

    def respond(request: LoopbackRequest) -> Response:
        others_left.wait(60)
        return world.respond(request)

    with Loopback(respond=respond) as server:
        children = [start(tmp_path, server, "--json") for _ in range(20)]
        while sum(child.poll() is not None for child in children) < 19:
            time.sleep(0.02)
        (runner,) = [child for child in children if child.poll() is None]
        others = [child for child in children if child is not runner]
        late = blossom("refresh", "small.toml", cwd=tmp_path, env=flags(server))
        shown = blossom("status", "small.toml", "--json", cwd=tmp_path)
        others_left.set()
        outputs = [child.communicate()[0] for child in others]
        result = json.loads(runner.communicate()[0])
        assert server.paid == 3
    assert {child.returncode for child in others} == {5}
    assert {json.loads(text)["error"]["kind"] for text in outputs} == {"Locked"}
    assert (runner.returncode, result["outcome"]) == (0, "published")
    assert late.code == 5
    assert f"pid {runner.pid} on " in late.err
    assert "since " in late.err
    assert shown.json["running"]["pid"] == str(runner.pid)
    assert len([entry for entry in (tmp_path / ".blossom/logs/small").iterdir() if entry.name != "last"]) == 1


def test_a_lock_goes_with_its_process(tmp_path: Path) -> None:
    world = small(tmp_path, rows=3)
    with Loopback(respond=world.respond, latency_s=30) as server:
        child = start(tmp_path, server)
        while not server.requests:
            time.sleep(0.01)
        child.kill()
        child.communicate()
    with Loopback(respond=world.respond) as server:
        assert refresh(tmp_path, server)["outcome"] == "published"


def test_sigterm_leaves_a_result_and_wastes_nothing(tmp_path: Path) -> None:
    world = small(tmp_path, rows=30, more="[endpoint]\nmax_in_flight = 2\n")
    with Loopback(respond=world.respond, latency_s=0.1) as server:
        child = start(tmp_path, server, "--json")
        while server.paid < 3:
            time.sleep(0.01)
        child.send_signal(signal.SIGTERM)
        told = json.loads(child.communicate()[0])
        assert child.returncode == 143 == told["exit_code"]
        assert told == json.loads((tmp_path / ".blossom/logs/small/last/result.json").read_text())
        assert refresh(tmp_path, server)["counts"]["kept"] == 30
        assert server.paid == 30


def test_logs_are_private_and_only_the_newest_stay(tmp_path: Path) -> None:
    world = small(tmp_path, rows=1, more='[refresh]\nkeep_logs = 2\nlogs = "logs"\n')
    with Loopback(respond=world.respond) as server:
        for _ in range(4):
            assert blossom("refresh", "small.toml", cwd=tmp_path, env=flags(server)).code == 0
    logs = tmp_path / "logs/small"
    runs = sorted(entry.name for entry in logs.iterdir() if not entry.is_symlink())
    assert [name.split("-")[0] for name in runs] == ["000003", "000004"]
    assert str((logs / "last").readlink()) == runs[-1]
    assert {stat.S_IMODE(file.stat().st_mode) for file in (logs / runs[-1]).iterdir()} == {0o600}
    assert stat.S_IMODE((logs / runs[-1]).stat().st_mode) == 0o700


def test_a_link_in_the_place_of_the_logs_is_refused(tmp_path: Path) -> None:
    world = small(tmp_path, rows=1, more='[refresh]\nkeep_logs = 1\nlogs = "logs"\n')
    outside = tmp_path / "outside"
    (outside / "000001-2026-01-01T000000Z").mkdir(parents=True)
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs/small").symlink_to(outside)
    with Loopback(respond=world.respond) as server:
        done = blossom("refresh", "small.toml", cwd=tmp_path, env=flags(server))
        assert server.paid == 0
    assert (done.code, "is a link" in done.err) == (2, True)
    assert [entry.name for entry in outside.iterdir()] == ["000001-2026-01-01T000000Z"]


@pytest.mark.parametrize("change", ['name = "../up"', 'name = "UP"', 'parts = ["stage1"]', 'layout = "csv"'])
def test_a_version_that_cannot_be_published_costs_nothing(tmp_path: Path, change: str) -> None:
    world = small(tmp_path, more=f"{change}\n")
    with Loopback(respond=world.respond) as server:
        assert blossom("refresh", "small.toml", cwd=tmp_path, env=flags(server)).code == 2
        assert server.requests == []
    assert not (tmp_path / "published").exists()
    assert not (tmp_path / "up").exists()


def test_a_source_without_a_licence_costs_nothing(tmp_path: Path) -> None:
    world = small(tmp_path)
    (tmp_path / "small.toml").write_text(SMALL.replace('licence = "MIT"\n', ""))
    with Loopback(respond=world.respond) as server:
        failed = refresh(tmp_path, server, code=2)
        assert server.paid == 0
        (tmp_path / "small.toml").write_text(SMALL.replace('licence = "MIT"\n', "") + 'licences = {math23k = "MIT"}\n')
        assert refresh(tmp_path, server)["outcome"] == "published"
    assert "licence" in failed["error"]["message"]


def test_the_key_is_nowhere_and_old_versions_go(tmp_path: Path) -> None:
    world = small(tmp_path, more="keep = 1\n")

    def respond(request: LoopbackRequest) -> Response | Fault:
        return refused(401, f"bad key {KEY}") if "小明有4支" in request.text else world.respond(request)

    with Loopback(respond=respond) as server:
        failed = refresh(tmp_path, server, code=2, OPENAI_API_KEY=KEY)
    assert failed["error"]["kind"] == "AuthError"
    for file in tmp_path.rglob("*"):
        assert not file.is_file() or KEY not in file.read_bytes().decode("latin-1")


def test_webhook_and_command_hear_counts_and_no_data(tmp_path: Path) -> None:
    script = "import os, sys; open('told.jsonl', 'a').write(sys.stdin.read() + repr(sorted(os.environ)) + '\\n')"
    command = json.dumps([sys.executable, "-c", script])
    more = f'[notify]\non = ["start", "done", "fail"]\ncommand = {command}\n'
    world = small(tmp_path, more=more)
    with Loopback(respond=world.respond) as server, Hook() as hook:
        secrets = {"OPENAI_API_KEY": KEY, "BLOSSOM_NOTIFY_URL": hook.url}
        done = refresh(tmp_path, server, **secrets)
        (tmp_path / "small.toml").write_text(SMALL + more + "[refresh]\nmin_lang = {en = 0.5}\n")
        refresh(tmp_path, server, code=3, **secrets)
    told = [line for line in (tmp_path / "told.jsonl").read_text().splitlines() if line.startswith("{")]
    assert [json.loads(line) for line in told] == hook.told
    assert [message["event"] for message in hook.told] == ["start", "done", "start", "fail"]
    assert (hook.told[1]["version"], hook.told[1]["calls"], hook.told[1]["exit_code"]) == (done["version"], 10, 0)
    assert (hook.told[3]["exit_code"], hook.told[3]["error"]) == (3, "QualityGate")
    everything = (tmp_path / "told.jsonl").read_text()
    for secret in (KEY, "SECRET-PATH", "OPENAI_API_KEY", "BLOSSOM_NOTIFY_URL", "铅笔"):
        assert secret not in everything


@pytest.mark.parametrize("trouble", ["status", "redirect", "gone", "address", "program", "exit"])
def test_a_notice_that_fails_changes_no_exit_code(tmp_path: Path, trouble: str) -> None:
    commands = {"program": ["/nowhere/at/all"], "exit": [sys.executable, "-c", "raise SystemExit(7)"]}
    command = f"command = {json.dumps(commands[trouble])}\n" if trouble in commands else ""
    world = small(tmp_path, rows=1, more=f'[notify]\non = ["done"]\n{command}')
    with Loopback(respond=world.respond) as server, Hook(500 if trouble == "status" else 302) as hook:
        urls = {
            "status": hook.url,
            "redirect": hook.url,
            "gone": "http://127.0.0.1:9/SECRET-PATH",
            "address": "x:SECRET-PATH",
        }
        done = blossom(
            "refresh", "small.toml", cwd=tmp_path, env=flags(server) | {"BLOSSOM_NOTIFY_URL": urls.get(trouble, "")}
        )
    assert (done.code, done.out) == (0, "")
    assert done.err.startswith("warning: ")
    assert "SECRET-PATH" not in done.err
    assert (tmp_path / "published/small/current").is_symlink()


def test_a_folder_of_any_bytes_can_be_refreshed_and_its_log_looked_at(tmp_path: Path) -> None:
    folder = tmp_path / os.fsdecode(b"f\xff\xc2\x9b2J")
    folder.mkdir()
    small(folder)
    with Loopback(respond=lambda request: refused(422, "no")) as server:
        for _ in range(2):
            done = blossom("refresh", folder / "small.toml", "--json", cwd=tmp_path, env=flags(server))
            assert (done.code, done.json["outcome"]) == (3, "gate failed"), done
    last = folder / ".blossom/logs/small/last"
    assert json.loads((last / "result.json").read_text())["outcome"] == "gate failed"
    assert "\x9b" not in (last / "result.json").read_text() + (last / "log.jsonl").read_text()
    assert "gate failed (exit 3)" in blossom("status", folder / "small.toml", cwd=tmp_path).out
    assert blossom("init", folder / "new", cwd=tmp_path).code == 0
