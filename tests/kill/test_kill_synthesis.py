"""`synthesize` killed at random moments, within rounds and chats: the same bytes, at any number of calls at once.

KILLS (default 5 a command) sets how often each is killed.
"""

from __future__ import annotations

import os
import random
import time
from pathlib import Path

import pytest
from command import user, write_lines
from kill_runs import cli, finish, kill, shards, start, wait_for
from loopback import Loopback
from synthetic_endpoint import THINGS, respond

pytestmark = pytest.mark.slow

KILLS = int(os.environ.get("KILLS") or 5)
IN_FLIGHT = 16
LATENCY_S = 0.01
COMMANDS = {
    "self-instruct": ("seeds.txt", "-n", "60"),
    "evol": ("in.jsonl", "--rounds", "3"),
    "chat": ("bundled:personas.jsonl", "-n", "30"),
    "from-text": ("bees.md", "--chunk-chars", "400", "--overlap-chars", "60"),
}


def inputs(folder: Path) -> None:
    """What the four commands read."""
    write_lines(folder / "in.jsonl", [user(f"Say something of topic {n}.", id=f"seed-{n}") for n in range(30)])
    (folder / "seeds.txt").write_text("".join(f"Describe the {thing} of a town.\n" for thing in THINGS))
    sections = (
        f"## Part {n}\n\n"
        + " ".join(f"The {thing} of part {n} have {n + 3 * k} sides." for k, thing in enumerate(THINGS))
        for n in range(20)
    )
    (folder / "bees.md").write_text("# Shapes\n\n" + "\n\n".join(sections) + "\n")


def command(name: str, server: Loopback, *, out: str = "out", in_flight: int = IN_FLIGHT) -> list[str]:
    """The command, into `out` with a ledger of its own."""
    given, *more = COMMANDS[name]
    place = ("synthesize", name, given, "-o", out, "--ledger", f"{out}.sqlite", "--structured", "off", "--json")
    return cli(*place, *more, "--base-url", server.base_url, "--model", "m", "--max-in-flight", in_flight)


@pytest.mark.parametrize("name", COMMANDS)
def test_a_killed_synthesis_ends_with_the_same_bytes(tmp_path: Path, name: str) -> None:
    inputs(tmp_path)
    with Loopback(respond=respond) as whole:
        done = finish(command(name, whole, out="whole"), tmp_path)
        assert (done.code, whole.bought_twice) == (0, 0), done
        wanted, calls = shards(tmp_path / "whole"), whole.paid
    dice, hits = random.Random(11), 0
    with Loopback(respond=respond, latency_s=LATENCY_S) as server:
        for _ in range(KILLS):
            child = start(command(name, server), tmp_path)
            target = server.paid + dice.randrange(1, max(2, 2 * calls // KILLS))
            wait_for(lambda target=target: server.paid >= target, child)
            time.sleep(dice.random() * LATENCY_S)
            hits += kill(child)
        done = finish(command(name, server), tmp_path)
        assert done.code == 0, done
        assert hits >= KILLS * 0.6, "too few kills hit a running command"
        assert server.bought_twice <= hits * IN_FLIGHT
        assert server.paid <= calls + hits * IN_FLIGHT
    assert shards(tmp_path / "out") == wanted


@pytest.mark.parametrize("name", COMMANDS)
def test_one_and_many_calls_at_once_give_the_same_bytes(tmp_path: Path, name: str) -> None:
    inputs(tmp_path)
    found = []
    dice = random.Random(5)
    for in_flight in (1, 8, 64):
        with Loopback(respond=respond, latency_s=lambda request: dice.random() * 0.004) as server:
            done = finish(command(name, server, out=f"out-{in_flight}", in_flight=in_flight), tmp_path)
            assert done.code == 0, done
            found.append((shards(tmp_path / f"out-{in_flight}"), server.paid))
    assert found[0] == found[1] == found[2]
    assert found[0][0]
