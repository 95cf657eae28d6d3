"""[curate] in a pipeline: over all sources before anything is paid; planned, resumed, left out if nothing changed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from command import values, write_lines
from forked import blossom
from loopback import Loopback, LoopbackRequest, Response, refused

DUCKS = (
    "Janet's ducks lay 16 eggs per day. She eats three for breakfast every morning and bakes muffins for her friends "
    "every day with four. She sells the remainder at the farmers' market daily for $2 per fresh duck egg. How much in "
    "dollars does she make every day at the farmers' market?"
)
PIPELINE = """
name = "small"
ledger = "ledger.sqlite"
shard_records = 3
[[source]]
kind = "custom"
path = "own.jsonl"
fields = {instruction = "q"}
stages = ["annotate"]
licence = "MIT"
[[source]]
kind = "alpaca"
path = "alpaca.jsonl"
stages = ["annotate"]
licence = "MIT"
[publish]
root = "published"
"""
CURATE = '[curate]\nsteps = ["dedup", "decontaminate"]\nagainst = ["gsm8k-test"]\n'
ONE_AT_ONCE = "[endpoint]\nmax_in_flight = 1\n"
THINGS = ("bicycles", "lanterns", "rivers", "owls", "glaciers", "violins", "harbours")


def workspace(folder: Path, pipeline: str) -> Path:
    """Two sources that share two questions, the second in other dress; one row is a test item."""
    folder.mkdir(exist_ok=True)
    own = [{"q": f"Explain to a child how {thing} came to be."} for thing in THINGS]
    write_lines(folder / "own.jsonl", [*own, {"q": DUCKS}])
    texts = [own[2]["q"].upper(), f"Please answer the following question: {own[4]['q']}", "Name a lake in Finland."]
    write_lines(folder / "alpaca.jsonl", [{"instruction": text, "input": "", "output": "?"} for text in texts])
    (folder / "small.toml").write_text(pipeline)
    return folder


def asking(server: Loopback) -> dict[str, str]:
    return {"OPENAI_BASE_URL": server.base_url, "BLOSSOM_MODEL": "m"}


def shards(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in sorted(folder.rglob("part-*"))}


def run(folder: Path, server: Loopback, *more: object, code: int = 0) -> dict[str, Any]:
    done = blossom("run", "small.toml", "--json", *more, cwd=folder, env=asking(server))
    assert done.code == code, done
    return done.json


def test_sources_are_measured_together_and_nothing_that_goes_is_paid_for(tmp_path: Path) -> None:
    work = workspace(tmp_path, PIPELINE + CURATE)
    with Loopback(respond=lambda request: "It began with a need, and grew.") as server:
        plan = blossom(
            "plan", "small.toml", "--price-in", "1", "--price-out", "2", "--json", cwd=work, env=asking(server)
        )
        # The longer one of two copies stays: the courteous one goes through, its plain original does not.
        assert plan.json["left_out"] == {"decontaminate/leak": 1, "dedup/exact": 1, "dedup/near": 1}, plan
        assert (plan.json["records"], plan.json["calls"], plan.json["saved"]["calls"]) == (8, 8, 3)
        assert plan.json["saved"]["cost_usd"] and server.paid == 0
        told = blossom("run", "small.toml", "--dry-run", cwd=work, env=asking(server))
        assert "saves 3 calls at least" in told.out
        done = run(work, server)
        assert (server.paid, done["read"], done["kept"]) == (8, 11, 8)
        assert list(done["passed"].items()) == [("dedup", 9), ("decontaminate", 8), ("annotate", 8)]
        assert done["curate"]["decontaminate"]["against"][0]["name"] == "gsm8k-test"
        rejects = blossom("show", "data/small", "--rejected", "all", "--json", cwd=work).json["records"]
        assert {row["code"] for row in rejects} == {"exact", "near", "leak"}
        # Again, and at another concurrency: the same bytes, and no call.
        first = shards(work / "data/small")
        (work / "small.toml").write_text(PIPELINE + CURATE + ONE_AT_ONCE)
        run(work, server, "-o", "again")
        assert (shards(work / "again"), server.paid) == (first, 8)


def test_a_run_that_was_cut_goes_on_to_the_same_bytes(tmp_path: Path) -> None:
    whole, cut = (workspace(tmp_path / name, PIPELINE + CURATE + ONE_AT_ONCE) for name in ("whole", "cut"))
    mood = {"answers": 1_000}

    def respond(request: LoopbackRequest) -> Response:
        mood["answers"] -= 1
        # A quota that is used up stops a run at once.
        return "It began with a need." if mood["answers"] >= 0 else refused(429, code="insufficient_quota")

    with Loopback(respond=respond) as server:
        run(whole, server)
        mood["answers"] = 5
        run(cut, server, code=2)
        mood["answers"] = 3
        run(cut, server)
    assert shards(cut / "data/small") == shards(whole / "data/small")


def test_a_refresh_with_nothing_new_measures_nothing(tmp_path: Path) -> None:
    clean = 'decontaminated = ["gsm8k-test"]\n'
    work = workspace(tmp_path, PIPELINE + clean + "[refresh]\nmax_rejected = 0.1\n" + CURATE)
    with Loopback(respond=lambda request: "It began with a need, and grew.") as server:
        first = blossom("refresh", "small.toml", "--json", cwd=work, env=asking(server))
        # What a measure leaves out is no reject of a stage: the gate is not about it.
        assert (first.code, first.json["outcome"]) == (0, "published"), first
        again = blossom("refresh", "small.toml", "--json", cwd=work, env=asking(server))
        assert (again.json["outcome"], server.paid) == ("nothing new", 8)
        # Another threshold is another data set.
        text = (work / "small.toml").read_text() + "threshold = 1.0\n"
        (work / "small.toml").write_text(text)
        changed = blossom("refresh", "small.toml", "--json", cwd=work, env=asking(server))
        assert (changed.json["outcome"], len(values(work / "data/small"))) == ("published", 9), changed
        for wrong, told in (
            (text.replace('against = ["gsm8k-test"]', 'against = ["mt-bench"]'), "is asked to be left out"),
            (text.replace('against = ["gsm8k-test"]', ""), "go together"),
            (text.replace('"dedup", ', '"dedup", "dedup", '), "twice"),
            (text.replace('against = ["gsm8k-test"]', 'against = ["gsm8k-tset"]'), "no test set"),
        ):
            (work / "small.toml").write_text(wrong)
            done = blossom("plan", "small.toml", cwd=work, env=asking(server))
            assert (done.code, told in done.err) == (2, True), done
            assert told in blossom("doctor", "small.toml", "--no-call", cwd=work, env=asking(server)).out
    manifest = json.loads((work / "data/small/manifest.json").read_text())
    assert manifest["curate"]["dedup"] == {"threshold": 1.0}


def test_a_judge_decides_before_the_first_stage(tmp_path: Path) -> None:
    judged = CURATE.replace("gsm8k-test", "mine.jsonl") + 'judge = "judge_leak"\n'
    work = workspace(tmp_path, PIPELINE + judged)
    write_lines(work / "mine.jsonl", [{"question": "Take your previous response and rephrase it as a limerick."}])
    write_lines(work / "own.jsonl", [{"q": "把你之前的回答改写成一首打油诗。"}, {"q": "How do owls hear?"}])

    def respond(request: LoopbackRequest) -> str:
        return '{"reason": "Translated.", "item": 1}' if '"items"' in request.text else "It began with a need."

    with Loopback(respond=respond) as server:
        plan = blossom("plan", "small.toml", "--json", cwd=work, env=asking(server)).json
        assert {stage["stage"]: stage["calls"] for stage in plan["stages"]} == {"judge-leak": 1, "annotate": 5}
        done = run(work, server, "--only", "annotate")
        assert done["rejected"] == {"judge-leak/leak": 1}
        assert run(work, server)["run"]["calls"] == 0
    (work / "small.toml").write_text(PIPELINE + '[curate]\nsteps = ["dedup"]\njudge = "judge_leak"\n')
    idle = blossom("plan", "small.toml", cwd=work)
    assert (idle.code, "line 20: [curate]: judge decides where decontaminate" in idle.err) == (2, True), idle
