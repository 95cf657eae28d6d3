"""Workers that a real Ray cluster places: the same bytes, and what is lost costs what was in flight."""

from __future__ import annotations

from pathlib import Path

from forked import clean_environment, start
from loopback import Loopback
from ray_head import RayHead
from test_ledger_in_postgres import in_background, run, shards, wait_for
from test_workers import pipeline, plain

IN_FLIGHT = 8


def test_a_lost_actor_is_placed_again_and_a_lost_head_ends_the_run_alone(tmp_path: Path, database: str) -> None:
    name = pipeline(tmp_path, database, count=300)
    with Loopback(latency_s=0.05) as server, RayHead() as head:
        at = ("--base-url", server.base_url, "--model", "m")
        placed = (*at, "--executor", "ray", "--address", head.address, "--workers", 2, "--lease", "3s")
        # Until the restarted worker is there, the other one gets no answer and cannot do it all alone.
        limit = 40
        server.holds = lambda request: server.paid > limit
        child = in_background(tmp_path, tmp_path, "run", name, *placed, "--json")
        wait_for(lambda: server.paid > limit)
        head.kill_actor()
        limit = 1_000
        out, err = child.communicate(300)
        assert child.returncode == 0, (out, err)
        assert server.bought_twice <= IN_FLIGHT // 2
        assert plain(tmp_path, database, server, 300) == shards(tmp_path / "out")

        twice, limit = server.bought_twice, server.paid + 40
        pipeline(tmp_path, database, count=700)
        child = in_background(tmp_path, tmp_path, "run", name, *placed)
        wait_for(lambda: server.paid > limit)
        head.kill()
        _, err = child.communicate(300)
        assert (child.returncode, "head of the Ray cluster went away" in err) == (4, True), err
        limit = 2_000
        wait_for(lambda: run(tmp_path, tmp_path, "run", name, *at).code == 0)
        assert server.bought_twice - twice <= IN_FLIGHT
        assert plain(tmp_path, database, server, 700) == shards(tmp_path / "out")


def test_without_ray_a_line_says_what_to_install(tmp_path: Path, database: str) -> None:
    name = pipeline(tmp_path, database)
    words = ("run", name, "--base-url", "http://127.0.0.1:9/v1", "--model", "m", "--executor", "ray")
    child = start(*words, cwd=tmp_path, env=clean_environment(), setup="import sys; sys.modules['ray'] = None")
    _, err = child.communicate()
    assert (child.returncode, "[cluster]" in err, "Traceback" in err) == (2, True, False), err
