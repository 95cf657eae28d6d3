"""A pipeline's output is its own: other sources, a part of the stages and too few records want `--replace`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from command import values
from forked import blossom
from loopback import Loopback
from world import World, flags

PIPELINE = """
name = "math"
out = "data"
[[source]]
kind = "math23k"
path = "raw/math23k"
stages = ["annotate"]
licence = "MIT"
"""


def content(folder: Path) -> dict[str, bytes]:
    """The files that a reader sees."""
    files = sorted(file for file in folder.rglob("*") if file.is_file() and ".building" not in file.parts)
    return {str(file.relative_to(folder)): file.read_bytes() for file in files}


def test_a_pipeline_follows_its_own_ratio_and_refresh_tells_the_gate(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.write(math23k=10)
    world.write(wizard=3)
    (tmp_path / "math.toml").write_text(PIPELINE + "[refresh]\nmin_size_ratio = 0.9\n")
    with Loopback(respond=world.respond) as server:

        def run(*arguments: object) -> Any:
            return blossom(*arguments, cwd=tmp_path, env=flags(server))

        assert run("run", "math.toml").code == 0
        limited = run("run", "math.toml", "--limit", 3)
        assert (limited.code, "data holds 10 records" in limited.err) == (2, True), limited
        assert run("run", "math.toml", "--until", "annotate", "-o", "data").code == 2
        world.write(math23k=8)
        before = content(tmp_path / "data")
        assert (run("run", "math.toml").code, content(tmp_path / "data")) == (3, before)
        done = run("refresh", "math.toml", "--json")
        assert (done.code, [gate["name"] for gate in done.json["gates"]]) == (3, ["min_size_ratio"]), done
        assert run("refresh", "math.toml", "--replace").code == 0
        assert len(values(tmp_path / "data")) == 8
        (tmp_path / "math.toml").write_text(PIPELINE.replace("math23k", "wizard"))
        done = run("refresh", "math.toml", "--json")
        assert (done.code, "math23k" in done.json["error"]["message"]) == (2, True), done
        assert server.paid == 10
