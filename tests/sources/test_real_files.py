"""The real files of ../shared/data: every trap that RAW.md lists, their counts, and no original output anywhere."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from blossom_data.pull import Pulled, pull
from blossom_data.records import Record
from blossom_data.rows import Row, read_rows
from blossom_data.sources import SOURCES, to_record

pytestmark = pytest.mark.slow

# file, source, rows, records
FILES = [
    ("raw/self_instruct_seed_tasks.jsonl", "alpaca", 175, 175),
    ("raw/self_instruct_user_oriented.jsonl", "alpaca", 252, 252),
    ("raw/alpaca_en_demo.json", "alpaca", 999, 985),
    ("raw/alpaca_en_2000.jsonl", "alpaca", 2000, 2000),
    ("raw/alpaca_zh_demo.json", "belle", 1000, 992),
    ("raw/belle_zh_seed_tasks.jsonl", "belle", 175, 175),
    ("bench/belle_eval_set.json", "belle", 1000, 1000),
    ("raw/glaive_toolcall_en_demo.json", "sharegpt", 300, 227),
    ("raw/glaive_toolcall_zh_demo.json", "sharegpt", 300, 235),
    ("raw/dpo_en_demo.json", "sharegpt", 300, 295),
    ("raw/sharegpt_layout_vicuna_dummy.json", "sharegpt", 500, 500),
    ("raw/kto_en_demo.json", "messages", 300, 297),
    ("raw/v1_sft_demo.jsonl", "messages", 500, 498),
    ("raw/reason_tool_use_demo_50.jsonl", "messages", 50, 47),
    ("raw/evol_h2o_wizardlm.json", "wizard", 61, 61),
    ("raw/evol_wizardlm_testset.jsonl", "wizard", 218, 218),
    ("raw/flan_t0_p3.jsonl", "orca", 2000, 1975),
    ("raw/natural_instructions_layout_4tasks.json", "orca", 4, 19),
    ("bench/mt_bench_question.jsonl", "turns", 80, 80),
    ("bench/vicuna_bench_question.jsonl", "turns", 80, 80),
    ("bench/math23k_test.json", "math23k", 2317, 2317),
    ("gsm8k/train.jsonl", "gsm8k", 7473, 7473),
    ("gsm8k/test.jsonl", "gsm8k", 1319, 1319),
    ("math23k/math23k.jsonl", "math23k", 23162, 23162),
]
GOLD = ("gsm8k", "math23k")

OUTPUT_FIELDS = {"output", "completion", "chosen", "rejected", "std_answer", "answer", "equation", "tools",
                 "Positive Examples", "Negative Examples"}  # fmt: skip
OUTPUT_ROLES = {"gpt", "assistant", "function_call", "observation", "tool"}


def records(shared: Path, source: str, file: str) -> tuple[list[Record], Pulled]:
    pulled = pull(source, shared / "data" / file, allow_eval=True)
    return [item for item in pulled if isinstance(item, Record)], pulled


@pytest.mark.parametrize(("file", "source", "rows", "kept"), FILES)
def test_every_file_is_read_in_its_own_layout(shared: Path, file: str, source: str, rows: int, kept: int) -> None:
    found, pulled = records(shared, source, file)
    counts = pulled.counts
    assert (counts.rows, counts.kept, len(found)) == (rows, kept, kept)
    assert counts.rejected.total() == 0
    assert counts.read == kept + counts.duplicates
    assert len({record.id for record in found}) == kept
    assert all(bool(record.gold) == (source in GOLD) for record in found)
    assert {turn.role for record in found for turn in record.messages} <= {"system", "user"}
    expected = "zh" if "zh" in file or "belle" in file or "math23k" in file else "en"
    # Of these two, 3 % and more begin with a text in a third language that is to be translated.
    least = 0.9 if "v1_sft" in file else 0.95 if "kto_en" in file else 0.97
    assert sum(record.lang == expected for record in found) >= least * kept


def strings(value: Any, is_output: bool = False) -> Iterator[tuple[str, bool]]:
    """Every text of a raw row, with whether it stands in an output."""
    if isinstance(value, str):
        yield value.strip(), is_output
    elif isinstance(value, list):
        for item in value:
            yield from strings(item, is_output)
    elif isinstance(value, dict):
        is_turn_of_model = (value.get("from") or value.get("role")) in OUTPUT_ROLES
        for key, item in value.items():
            yield from strings(item, is_output or is_turn_of_model or key in OUTPUT_FIELDS)


@pytest.mark.parametrize(("file", "source"), [(file, source) for file, source, _, _ in FILES])
def test_no_original_output_is_in_any_record(shared: Path, file: str, source: str) -> None:
    outputs_seen = 0
    for row in read_rows(shared / "data" / file):
        assert isinstance(row, Row)
        layout = SOURCES[source].layout_of(row.value)
        assert layout is not None
        texts = list(strings(row.value))
        asked = "\n".join(text for text, is_output in texts if not is_output)
        made = [item for item in layout.read(row.value) if not isinstance(item, Exception)]
        lines = "\n".join(
            turn.content
            for item in made
            for record in [to_record(SOURCES[source], layout.name, item)]
            for turn in record.messages
        )
        for text, is_output in texts:
            if is_output and len(text) >= 12 and text not in asked:
                outputs_seen += 1
                assert text not in lines
    if source not in ("turns",) and "evol_wizardlm" not in file:
        assert outputs_seen > 0


def test_dpo_chats_end_on_a_human_turn_and_some_open_with_a_system_turn(shared: Path) -> None:
    found, _ = records(shared, "sharegpt", "raw/dpo_en_demo.json")
    assert all(record.messages[-1].role == "user" for record in found)
    assert sum(record.messages[0].role == "system" for record in found) == 80


def test_tool_chats_are_tagged(shared: Path) -> None:
    for file in ("raw/glaive_toolcall_en_demo.json", "raw/glaive_toolcall_zh_demo.json"):
        found, _ = records(shared, "sharegpt", file)
        assert 0.4 < sum("tools" in record.tags for record in found) / len(found) < 0.8
        assert not any("function_call" in turn.content for record in found for turn in record.messages)


def test_content_in_typed_parts_is_joined(shared: Path) -> None:
    found, _ = records(shared, "messages", "raw/v1_sft_demo.jsonl")
    assert found[0].messages[0].content == "hi"
    assert not any("{{name}}" in turn.content for record in found for turn in record.messages)


def test_no_spelling_of_noinput_is_left(shared: Path) -> None:
    found, _ = records(shared, "alpaca", "raw/alpaca_en_demo.json")
    assert not any("noinput" in turn.content.lower() for record in found for turn in record.messages)


def test_flan_prompts_lose_their_last_newline_and_nothing_else(shared: Path) -> None:
    raw = {row.value["prompt"] for row in read_rows(shared / "data/raw/flan_t0_p3.jsonl") if isinstance(row, Row)}
    found, _ = records(shared, "orca", "raw/flan_t0_p3.jsonl")
    assert {record.messages[0].content for record in found} == {prompt.strip() for prompt in raw}


def test_the_test_set_of_wizard_has_skills_and_difficulties(shared: Path) -> None:
    found, _ = records(shared, "wizard", "raw/evol_wizardlm_testset.jsonl")
    assert {"category:Math", "difficulty:1"} < set(found[0].tags) and found[0].source_id == "1"


def test_gold_labels_have_their_known_shapes(shared: Path) -> None:
    found, _ = records(shared, "gsm8k", "gsm8k/train.jsonl")
    assert all(record.gold.removeprefix("-").isdigit() for record in found)
    assert sum(record.gold.startswith("-") for record in found) <= 5
    found, _ = records(shared, "math23k", "math23k/math23k.jsonl")
    assert sum(record.gold.endswith("%") for record in found) == 550 + 90
    assert sum(record.gold.startswith("((") for record in found) == 1784
    assert len({record.messages for record in found}) < len(found)


def test_attack_strings_are_read_by_field_name(shared: Path) -> None:
    path = shared / "data/raw/attack_bipia_text_test.json"
    found = list(pull("custom", path, fields={"instruction": "attacks"}, allow_eval=True))
    assert len(found) == 75 and all(isinstance(record, Record) for record in found)
