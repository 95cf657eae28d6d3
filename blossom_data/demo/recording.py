"""The recording behind the demo's endpoint: which reply belongs to which request.

    script.jsonl   {"source": "gsm8k", "row": 0, "lines": [["Joy can ...", "乔伊 ..."]], "answers": ["... 答案：5"]}
    faults.jsonl   {"source": "gsm8k", "row": 10, "stage": "translate", "try": 0, "fault": "chatter", "text": "好的"}

Translations are kept by line. Protected spans are shown in a request as tokens that differ from try to try, so both
sides are compared with the tokens numbered from 1 in each segment: `⟦1⟧`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import orjson

from blossom_data.demo.synthesis import recorded
from blossom_data.prompts import bundled
from blossom_data.pull import pull
from blossom_data.records import Message, Record
from blossom_data.stages.translate.segments import Segment, plan_record

_TOKEN = re.compile(r"⟦[^⟦⟧\n]{0,80}⟧")
KINDS = {
    "gsm8k": "gsm8k",
    "orca": "orca",
    "wizard": "wizard",
    "self_instruct": "alpaca",
    "sharegpt": "sharegpt",
    "zh_word_problems": "math23k",
}
"""Raw files of the demo and the source that reads each."""


@dataclass(frozen=True, slots=True)
class Scene:
    """One demo row: the answers to its user turns and what goes wrong with it."""

    source: str
    row: int
    answers: tuple[str, ...]
    faults: tuple[dict[str, Any], ...] = ()

    def fault(self, stage: str, attempt: int) -> dict[str, Any] | None:
        """What goes wrong at try `attempt` of `stage`; faults that never end go on over all tries."""
        for fault in self.faults:
            is_always = fault["fault"].endswith("_always") and attempt < len(fault["texts"])
            if fault["stage"] == stage and (fault["try"] == attempt or is_always):
                return fault
        return None


@dataclass(slots=True)
class Recording:
    """Lookups of the endpoint; see `load_recording`."""

    translations: dict[str, str] = field(default_factory=dict)
    """Numbered source segment -> numbered translation."""
    scenes: dict[str, list[Scene]] = field(default_factory=dict)
    """Numbered source segment -> the scenes that hold it: some lines stand in several rows."""
    answers: dict[str, tuple[str, Scene]] = field(default_factory=dict)
    """User turn, as annotation sees it -> answer, and the scene it belongs to."""


def numbered(text: str) -> str:
    """`text` with its tokens numbered from 1, whatever nonce they carry."""
    numbers: dict[str, str] = {}
    return _TOKEN.sub(lambda found: numbers.setdefault(found.group(), f"⟦{len(numbers) + 1}⟧"), text)


def with_tokens(text: str, tokens: Sequence[str]) -> str:
    """The inverse of `numbered`: ⟦k⟧ becomes tokens[k-1]."""
    return re.sub(r"⟦(\d+)⟧", lambda found: tokens[int(found.group(1)) - 1], text)


def scene_of(recording: Recording, sources: Sequence[str]) -> Scene:
    """The scene that holds most of the numbered segments `sources`, the first one where several do."""
    found = [scene for source in sources for scene in recording.scenes[source]]
    return max(found, key=found.count)


def tokens_of(text: str) -> list[str]:
    """The tokens of a request's segment, in order, each once."""
    return list(dict.fromkeys(_TOKEN.findall(text)))


@cache
def load_recording() -> Recording:
    """Reads script, faults and raw rows that come with blossom-data."""
    folder = bundled("demo")
    faults = [orjson.loads(line) for line in (folder / "faults.jsonl").read_bytes().splitlines() if line]
    recording = Recording()
    records = {name: _records(name, kind) for name, kind in KINDS.items()}
    for line in (folder / "script.jsonl").read_bytes().splitlines():
        entry = orjson.loads(line)
        name, row = entry["source"], entry["row"]
        own = tuple(fault for fault in faults if (fault["source"], fault["row"]) == (name, row))
        scene = Scene(name, row, tuple(entry["answers"]), own)
        _add(recording, scene, records[name][row], dict(map(tuple, entry["lines"])))
        english = Scene(name, row, tuple(entry.get("answers_en", ())))
        _add_answers(recording, english, records[name][row].messages)
    for (task, key, _), reply in recorded().items():
        if task == "answer":
            recording.answers[key] = (reply, Scene("synthesis", 0, (reply,)))
    return recording


def _records(name: str, kind: str) -> list[Record]:
    items = pull(kind, bundled("demo") / "raw" / f"{name}.jsonl")
    return [item for item in items if isinstance(item, Record)]


def _add(recording: Recording, scene: Scene, record: Record, lines: dict[str, str]) -> None:
    """Adds the segments of `record` with their translations, and its user turns with their answers."""
    if record.lang == "zh":
        _add_answers(recording, scene, record.messages)
        return
    by_text = {source.strip(): target.strip() for source, target in lines.items()}
    plan = plan_record(record.messages, record.lang)
    translated: dict[int, str] = {}
    for segment in plan.segments:
        target = by_text[segment.text]
        translated[segment.index] = target
        source = numbered(segment.masked("N"))
        recording.translations[source] = _masked_like(segment, target)
        recording.scenes.setdefault(source, []).append(scene)
    _add_answers(recording, scene, plan.rebuild(translated))


def _add_answers(recording: Recording, scene: Scene, messages: Sequence[Message]) -> None:
    questions = [turn.content for turn in messages if turn.role == "user"]
    for question, answer in zip(questions, scene.answers, strict=False):
        recording.answers[question] = (answer, scene)


def _masked_like(segment: Segment, target: str) -> str:
    """`target` with the spans of `segment` that it holds shown as numbered tokens, each once."""
    masked = target
    for number, span in sorted(enumerate(segment.protected, 1), key=lambda item: -len(item[1])):
        masked = masked.replace(span, f"⟦{number}⟧", 1)
    return masked


def conversation_key(messages: Sequence[dict[str, Any]]) -> str:
    """What an annotation request is looked up by: its last user turn."""
    return next((str(turn["content"]) for turn in reversed(messages) if turn["role"] == "user"), "")
