"""Makes blossom_data/sources/evaluation_sets.json of the files of the sets themselves.

python tools/evaluation_sets.py "the test set of GSM8K=gsm8k/test.jsonl:question" "MT-Bench=question.jsonl:turns" ...
"""

from __future__ import annotations

import base64
import json
import sys
from pathlib import Path

from blossom_data.rows import Row, read_rows
from blossom_data.sources.evaluation import FINGERPRINT_BYTES, fingerprint

TARGET = Path(__file__).resolve().parents[1] / "blossom_data" / "sources" / "evaluation_sets.json"


def packed(path: str, field: str) -> str:
    """The fingerprints of the questions in `field` (of a list the first) of all rows of a file."""
    values = [row.value[field] for row in read_rows(path) if isinstance(row, Row)]
    questions = {value[0] if isinstance(value, list) else value for value in values}
    prints = (each.to_bytes(FINGERPRINT_BYTES, "big") for each in sorted(map(fingerprint, questions)))
    return base64.b85encode(b"".join(prints)).decode()


def main() -> None:
    """Writes the file anew."""
    sets = {}
    for argument in sys.argv[1:]:
        name, _, place = argument.partition("=")
        path, _, field = place.rpartition(":")
        sets[name] = packed(path, field)
    TARGET.write_text(json.dumps(sets, indent=1) + "\n")


if __name__ == "__main__":
    main()
