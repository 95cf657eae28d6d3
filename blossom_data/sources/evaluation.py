"""Sets that models are evaluated on, which must not be trained on: how they are known.

    layout_of({"question_id": 81, "category": "writing", "turns": [...]})     "MT-Bench, or another set of its layout"
    is_evaluation_split("gsm8k", "test")                                       True
    KnownQuestions().set_of("Janet's ducks lay 16 eggs per day. ...")          "the test set of GSM8K"

evaluation_sets.json holds a fingerprint of each question of the sets that are free to be read (tools/evaluation_sets.py
makes it). Blanks do not count. Of other texts one in some hundred million has the fingerprint of a question.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from zlib import crc32

FINGERPRINT_BYTES = 6
PART_OF_TRAINING = "the test set of Math23K"
"""Math23K was published in one piece, its test set inside: only a set that holds little else is its test set."""
_FILE = Path(__file__).with_name("evaluation_sets.json")
_WITH_TEST_SPLIT = ("gsm8k", "math23k")
_BLANKS = b" \t\r\n"
_LAYOUTS = {
    ("question_id", "turns"): "MT-Bench, or another set of its layout",
    ("question_id", "question", "reference"): "AlignBench, or another set of its layout",
    ("question", "std_answer"): "the evaluation set of BELLE",
    ("Skill", "Difficulty", "Instruction"): "the test set of WizardLM",
    ("motivation_app", "instances"): "the user-oriented evaluation set of self-instruct",
    ("task_id", "prompt", "entry_point"): "HumanEval",
    ("instruction", "output", "generator", "dataset"): "AlpacaEval",
}


def layout_of(row: Mapping[str, Any]) -> str:
    """The evaluation set that rows of these fields belong to, "" for none."""
    return next((name for fields, name in _LAYOUTS.items() if all(field in row for field in fields)), "")


def is_evaluation_split(source: str, split: str) -> bool:
    """Whether a split of a source is by its name what models are evaluated on."""
    return source in _WITH_TEST_SPLIT and split == "test"


def fingerprint(question: str) -> int:
    """What is kept of a question: 32 bits of its bytes without blanks, and 16 of their number."""
    data = question.encode().translate(None, _BLANKS)
    return crc32(data) << 16 | len(data) & 0xFFFF


class KnownQuestions:
    """The questions of the known sets, by fingerprint."""

    def __init__(self) -> None:
        self._set_of: dict[int, str] = {}
        for name, packed in json.loads(_FILE.read_bytes()).items():
            data = base64.b85decode(packed)
            for start in range(0, len(data), FINGERPRINT_BYTES):
                self._set_of[int.from_bytes(data[start : start + FINGERPRINT_BYTES], "big")] = name

    def set_of(self, question: str) -> str | None:
        """The set that holds the question; None for none."""
        data = question.encode().translate(None, _BLANKS)
        return self._set_of.get(crc32(data) << 16 | len(data) & 0xFFFF)  # as fingerprint, for each row of a pull
