# ruff: noqa: SIM905
"""A scripted endpoint for `synthesize`: replies follow from the question alone, good and bad ones by its digest.

respond(request)      one of the typed documents of stages/synthesize, or the answer to a conversation
"""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any

from loopback import LoopbackRequest

VERBS = (
    "Compare Rank Sketch Explain Outline Summarise Classify Plan Debate Review Draft Estimate Trace Audit"
).split()  # fmt: skip
THINGS = (
    "bridges tariffs sonnets glaciers recipes circuits taxes orchards tides ballads ledgers vaccines kites"
).split()  # fmt: skip
PLACES = "in Norway|for children|before winter|at sea|on Mars|in a village|under stress|for a museum".split("|")


def digest(*parts: object) -> int:
    return int(hashlib.sha256(json.dumps(parts, ensure_ascii=False).encode()).hexdigest()[:12], 16)


def phrase(number: int) -> str:
    """One of some ten thousand instructions."""
    verb, thing = VERBS[number % len(VERBS)], THINGS[number // 17 % len(THINGS)]
    place, other = PLACES[number // 301 % len(PLACES)], THINGS[number // 4099 % len(THINGS)]
    return f"{verb} {thing} and {other} {place} in {number // 50_021 % 40 + 3} steps."


def respond(request: LoopbackRequest) -> str:
    """The reply to any question of `synthesize`."""
    try:
        document = json.loads(request.text)
    except ValueError:
        return answer(request.text)
    if not isinstance(document, dict) or "task" not in document:
        return answer(request.text)
    reply = TASKS[document["task"]](document)
    return reply if isinstance(reply, str) else json.dumps(reply, ensure_ascii=False)


def answer(question: str) -> str:
    if digest("sorry", question) % 23 == 0:
        return "Sorry, that is beyond me."
    return f"The answer is {digest('answer', question) % 997}, because of reasons."


def evolve(document: dict[str, Any]) -> Any:
    before, number = document["request"], digest("evolve", document)
    if number % 31 == 0:
        return "no JSON at all"
    if number % 7 == 0:
        return {"request": before}
    if number % 11 == 0:
        return {"request": f"Rewritten prompt: {before}"}
    return {"request": f"{before} Also: {phrase(number).lower()}"}


def compare(document: dict[str, Any]) -> Any:
    return {"reason": "so", "is_request": True, "asks_for_more": digest("compare", document) % 9 != 0}


def propose(document: dict[str, Any]) -> Any:
    number = digest("propose", document)
    tasks = [{"instruction": phrase(digest(number, place)), "is_classification": place % 3 == 0} for place in range(8)]
    tasks[6] = {"instruction": document["tasks"][0]["instruction"] + " Please.", "is_classification": False}
    return {"tasks": tasks}


def instance(document: dict[str, Any]) -> Any:
    number = digest("instance", document)
    if number % 13 == 0:
        return {"input": "", "output": ""}
    return {"input": f"given {number % 89}" if number % 2 else "", "output": f"output {number % 97}"}


def user_turn(document: dict[str, Any]) -> Any:
    number, turn = digest("user", document), len(document["conversation"]) // 2
    if number % 17 == 0:
        return {"goal_met": False, "message": "Of course! Here is a list of all that you need."}
    if number % 13 == 0:
        return {"goal_met": True, "message": "Thank you so much!"}
    return {"goal_met": turn > 4, "message": f"And what about {THINGS[number % 13]}, step {number % 101}?"}


def ask_text(document: dict[str, Any]) -> Any:
    sentences = re.findall(r"[^.。]{8,}[.。]", document["text"])
    found = [{"question": f"What does it say of: {one.strip()[:24]}?", "answer": one.strip()} for one in sentences]
    return {"pairs": [{**pair, "quote": pair["answer"]} for pair in found[:3]]}


def ground(document: dict[str, Any]) -> Any:
    is_fine = digest("ground", document["answer"]) % 9 != 0
    claims = [{"claim": document["answer"], "quote": document["answer"], "is_supported": is_fine}]
    return {"claims": claims, "needs_text": False}


def repair(document: dict[str, Any]) -> Any:
    return {"answer": document["answer"], "quote": document["answer"]}


TASKS: dict[str, Any] = {
    "evolve": evolve,
    "compare": compare,
    "propose": propose,
    "instance": instance,
    "next_user_turn": user_turn,
    "questions": ask_text,
    "check_support": ground,
    "repair": repair,
}
