"""The demo with a real model: held-out sentences of a toy language, through the normal stages and the embedded engine.

    held_out.jsonl  {"messages": [user "Tom buys 12 red apples ..."], "gold": "42",
                     "expected": {"translation": "汤姆...", "answer": "12 + 30 = 42\\n答案：42"}}

The model (demo/tiny/model.gguf) is trained on this language by tools/tiny_model and knows nothing else. What it gets
wrong is real: nothing here is recorded, and the expected texts are looked at only after the run.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from blossom_data.asks import Stage
from blossom_data.config import Endpoint
from blossom_data.executors.job import Job
from blossom_data.llm.engines.settings import TINY, plan_embedded
from blossom_data.llm.money.prices import Price
from blossom_data.llm.money.spending import Spending
from blossom_data.outputs.replacing import Replacement
from blossom_data.prompts import bundled
from blossom_data.records import Record
from blossom_data.rows import Row, read_records, read_rows
from blossom_data.rows.facts import fingerprint
from blossom_data.stages.build import build_stage, prompts_of

STAGES: dict[str, dict[str, Any]] = {
    "translate": {"prompt": "translate_tiny"},
    "annotate": {"prompt": "annotate_tiny", "temperature": 0.0, "max_tokens": 64},
    "verify-math": {},
}


@dataclass(frozen=True, slots=True)
class Score:
    """How the model did on sentences that it never saw; `caught` are wrong answers that verify-math rejected."""

    sentences: int
    translated: int
    answered: int
    caught: int


def held_out() -> Path:
    """The sentences, as input records with what is expected of each."""
    return bundled("demo") / TINY / "held_out.jsonl"


def plan_demo(out: Path, ledger: Path, *, is_replacing: bool = False) -> Job:
    """The job: translate, annotate and verify every held-out sentence.

    Raises:
        ConfigError: the extra `local` is missing, or finished work of something else stands in `out`.
    """
    replacement = Replacement(out=out, command="demo", inputs=(held_out(),), is_allowed=is_replacing)
    replacement.refuse()
    engine = plan_embedded(TINY, log=ledger.with_suffix(".engine.log"))
    endpoint = Endpoint(
        base_url=engine.serving.base_url,
        model=engine.model,
        name="embedded",
        structured="json_schema",
        max_in_flight=engine.slots,
    )
    stages: list[Stage] = [build_stage(name, settings) for name, settings in STAGES.items()]
    return Job(
        label="demo",
        work=((record, stages) for record in read_records(held_out())),
        stages=tuple(STAGES),
        out=out,
        replacement=replacement,
        endpoints=(endpoint,),
        serving=engine.serving,
        ledger=ledger,
        spending=Spending(flat=Price(0.0, 0.0, 0.0)),
        about={"inputs": [fingerprint(held_out())], "prompts": prompts_of(stages)},
    )


def score(out: Path) -> Score:
    """Compares the data set and the rejects in `out` with what was expected, to the letter."""
    made = {row["id"]: row["messages"] for row in _values(out)}
    rejects = [row for row in _values(out / "rejects") if row["stage"] == "verify-math"]
    translated = made | {row["record"]["id"]: row["record"]["messages"] for row in rejects}
    wanted = dict(_expected())
    return Score(
        sentences=len(wanted),
        translated=sum(_text(translated, key, 0) == value["translation"] for key, value in wanted.items()),
        answered=sum(_text(made, key, 1) == value["answer"] for key, value in wanted.items()),
        caught=len(rejects),
    )


def _expected() -> Iterator[tuple[str, dict[str, str]]]:
    """(id, expected texts) of each sentence."""
    rows = [orjson.loads(line) for line in held_out().read_bytes().splitlines()]
    for row, record in zip(rows, read_records(held_out()), strict=True):
        assert isinstance(record, Record)
        yield record.id, row["expected"]


def _values(folder: Path) -> Iterator[dict[str, Any]]:
    return (row.value for row in (read_rows(folder) if folder.is_dir() else ()) if isinstance(row, Row))


def _text(messages: dict[str, list[dict[str, str]]], key: str, turn: int) -> str:
    found = messages.get(key, [])
    return found[turn]["content"] if turn < len(found) else ""
