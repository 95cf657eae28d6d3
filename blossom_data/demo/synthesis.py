"""The demo's synthesis: one request that is evolved, and one chat of a simulated user, out of the recording.

    synthesis.jsonl  {"task": "evolve", "key": "Suggest a breakfast ...", "reply": {"request": "..."}}
                     {"task": "next_user_turn", "key": "1", "is_again": true, "reply": {...}}      turn 2, second try
                     {"task": "answer", "key": "a turn of the user", "reply": "..."}

The seed, the persona and all replies were written for this project. Two of the replies are what really goes wrong: an
evolution that speaks of its own rewriting, and a user that answers in place of asking.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import orjson

from blossom_data.asks import Stage
from blossom_data.config import Endpoint
from blossom_data.executors.job import Job
from blossom_data.executors.local import run_job
from blossom_data.outputs.replacing import Replacement
from blossom_data.prompts import bundled, load_prompt
from blossom_data.records import Message, Record, content_id
from blossom_data.stages.annotate.stage import Annotate
from blossom_data.stages.build import build_stage
from blossom_data.stages.synthesize.chat import Chat
from blossom_data.stages.synthesize.evolve import Evolve
from blossom_data.stages.synthesize.personas import read_persona
from blossom_data.synthesize.chats import Chats, scenes_of
from blossom_data.synthesize.evolution import Evolution
from blossom_data.synthesize.rounds import Rounds

_SEED = "Suggest a breakfast for a hiker."
_PERSONA = {
    "id": "demo",
    "age": 67,
    "work": "退休教师",
    "literacy": "school",
    "patience": "short",
    "goals": ["把手机里的照片发给老同事"],
}


@cache
def recorded() -> Mapping[tuple[str, str, bool], str]:
    """The replies, by task, key and whether it is a second try."""
    rows = [orjson.loads(line) for line in (bundled("demo") / "synthesis.jsonl").read_bytes().splitlines()]
    return {
        (row["task"], row["key"], row.get("is_again", False)): (
            row["reply"] if isinstance(row["reply"], str) else orjson.dumps(row["reply"]).decode()
        )
        for row in rows
    }


def reply_to(document: Mapping[str, Any]) -> str | None:
    """The recorded reply to a typed question of a synthesis, None where there is none."""
    task = str(document.get("task"))
    key = {"evolve": "request", "compare": "after"}.get(task)
    asked = str(document.get(key)) if key else str(len(document.get("conversation", ())) // 2)
    return recorded().get((task, asked, "wrong_with_the_last_try" in document))


def run_synthesis(out: Path, endpoint: Endpoint, *, is_replacing: bool = False) -> tuple[dict[str, Any], ...]:
    """Runs both jobs into folders of `out`, and gives their summaries."""
    annotate = build_stage("annotate", {"prompt": "annotate"})
    assert isinstance(annotate, Annotate)
    seed = (Message("user", _SEED),)
    evolve = Evolve(
        prompts={"": load_prompt("evolve")},
        judge=load_prompt("judge_evolution"),
        annotate=annotate,
        operator="constraints",
    )
    record = Record(content_id("demo", "seed", seed, ""), "demo", "en", seed, source_id="seed")
    persona = read_persona(_PERSONA, "zh")
    chat = Chat(
        prompts={"": load_prompt("simulate_user"), "zh": load_prompt("simulate_user_zh")},
        annotate=annotate,
        personas={persona.id: persona},
    )
    evolution = Evolution([record], evolve, rounds=1, operators=("constraints",))
    chats = Chats(scenes_of(chat.personas, "zh"), chat)
    return tuple(
        _run(stage, rounds, out, endpoint, is_replacing=is_replacing)
        for stage, rounds in ((evolve, evolution), (chat, chats))
    )


def _run(stage: Stage, rounds: Rounds, out: Path, endpoint: Endpoint, *, is_replacing: bool) -> dict[str, Any]:
    place = out / stage.name
    replacement = Replacement(out=place, command=f"demo {stage.name}", inputs=("demo",), is_allowed=is_replacing)
    replacement.refuse()
    return run_job(
        Job(
            label=stage.name,
            rounds=rounds,
            stages=(stage.name,),
            out=place,
            replacement=replacement,
            endpoints=(endpoint,),
            ledger=out / "ledger.sqlite",
        )
    )
