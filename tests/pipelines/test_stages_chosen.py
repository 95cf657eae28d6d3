"""`run --until` and `--only`, and what `plan` says of each stage before and after."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from command import values
from forked import blossom
from loopback import Loopback
from world import World, flags

PIPELINE = """
name = "small"
[endpoint]
structured = "off"
[[source]]
kind = "gsm8k"
path = "raw/gsm8k"
stages = ["translate", "annotate", "verify-math"]
[[source]]
kind = "math23k"
path = "raw/math23k"
stages = ["annotate", "verify-math"]
[[source]]
kind = "orca"
path = "raw/orca"
stages = ["translate"]
"""


def make(folder: Path) -> World:
    world = World(folder)
    world.write(gsm8k=4, math23k=3, orca=2)
    (folder / "small.toml").write_text(PIPELINE)
    return world


def stages_of(planned: Any) -> dict[str, tuple[int, int, int]]:
    """Records, those in the ledger and those to pay, by stage."""
    assert planned.code == 0, planned
    return {row["stage"]: (row["records"], row["in_ledger"], row["to_pay"]) for row in planned.json["stages"]}


def test_until_stops_after_a_stage_and_never_takes_the_place_of_the_whole(tmp_path: Path) -> None:
    world = make(tmp_path)
    with Loopback(respond=world.respond) as server:
        environment = flags(server)
        assert blossom("run", "small.toml", cwd=tmp_path, env=environment).code == 0
        whole = (tmp_path / "data/small/manifest.json").read_bytes()
        paid = server.paid
        part = blossom("run", "small.toml", "--until", "translate", "--json", cwd=tmp_path, env=environment)
        assert server.paid == paid == 4 + 2 + 7
    assert (part.code, part.json["kept"], part.json["passed"]) == (0, 9, {"translate": 6})
    assert (tmp_path / "data/small/manifest.json").read_bytes() == whole
    rows = values(tmp_path / "data/small.until-translate")
    assert {turn["role"] for row in rows for turn in row["messages"]} == {"user"}
    assert {row["lang"] for row in rows} == {"zh"}


def test_only_buys_for_its_stage_and_takes_the_rest_from_the_ledger(tmp_path: Path) -> None:
    world = make(tmp_path)
    with Loopback(respond=world.respond) as server:
        environment = flags(server)
        plan = ["plan", "small.toml", "--only", "annotate", "--json"]
        assert blossom(*plan, cwd=tmp_path, env=environment).json["calls"] == 3
        early = blossom("run", "small.toml", "--only", "annotate", "--json", cwd=tmp_path, env=environment)
        # Math23K needs no translation; the translations of GSM8K are not there, and are not bought.
        assert (early.code, early.json["kept"], early.json["failed"]) == (3, 3, {"translate/unanswered": 4})
        assert server.paid == 3
        assert blossom("run", "small.toml", "--until", "translate", cwd=tmp_path, env=environment).code == 0
        assert server.paid == 3 + 6
        done = blossom("run", "small.toml", "--only", "annotate", "--json", cwd=tmp_path, env=environment)
        assert server.paid == 3 + 6 + 4
    assert (done.code, done.json["kept"], done.json["read"]) == (0, 7, 7)


def test_the_plan_tells_each_stage_what_is_known_and_what_is_to_pay(tmp_path: Path) -> None:
    world = make(tmp_path)
    with Loopback(respond=world.respond) as server:
        command = ["plan", "small.toml", "--json", "--price-in", "1", "--price-out", "2"]
        environment = flags(server)
        before = blossom(*command, cwd=tmp_path, env=environment)
        assert blossom("run", "small.toml", "--until", "translate", cwd=tmp_path, env=environment).code == 0
        paid = server.paid
        between = blossom(*command, cwd=tmp_path, env=environment)
        unnamed = blossom("plan", "small.toml", cwd=tmp_path)
        text = blossom("run", "small.toml", "--dry-run", cwd=tmp_path, env=environment)
        assert server.paid == paid
        assert blossom("run", "small.toml", cwd=tmp_path, env=environment).code == 0
        after = blossom(*command, cwd=tmp_path, env=environment)
        assert server.paid == paid + 7
    assert stages_of(before) == {"translate": (6, 0, 6), "annotate": (7, 0, 7), "verify-math": (7, 0, 0)}
    assert stages_of(between) == {"translate": (6, 6, 0), "annotate": (7, 0, 7), "verify-math": (7, 0, 0)}
    assert stages_of(after) == {"translate": (6, 6, 0), "annotate": (7, 7, 0), "verify-math": (7, 7, 0)}
    low, high = before.json["cost_usd"]
    assert 0 < low < high
    assert before.json["seconds"] > 0
    assert before.json["disk_needed_bytes"] < before.json["disk_free_bytes"]
    assert (after.json["calls"], after.json["cost_usd"]) == (0, [0.0, 0.0])
    assert "translate" in text.out and "7 calls" in text.out
    assert unnamed.code == 0
    assert "endpoint       none is named" in unnamed.out
    assert not (tmp_path / "data/small.until-annotate").exists()


def test_scale_takes_a_share_and_writes_beside(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.write(math23k=40)
    (tmp_path / "small.toml").write_text(
        'name = "small"\n[[source]]\nkind = "math23k"\npath = "raw/math23k"\nsample = 30\nstages = ["annotate"]\n'
    )
    with Loopback(respond=world.respond) as server:
        tenth = blossom("run", "small.toml", "--scale", "0.1", "--json", cwd=tmp_path, env=flags(server))
        assert (tenth.code, tenth.json["kept"], server.paid) == (0, 3, 3)
        assert not (tmp_path / "data").exists()
        whole = blossom("run", "small.toml", "--json", cwd=tmp_path, env=flags(server))
        # A smaller sample is part of a larger one, and the ledger is the same.
        assert (whole.json["kept"], server.paid) == (30, 30)
    assert len(values(tmp_path / "scale-0.1/data/small")) == 3
