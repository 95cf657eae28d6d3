"""Speed and memory of reading rows and of `pull`, on generated rows, against a bare loop over orjson.

    python benchmarks/pull.py            100,000 and 1,000,000 rows, about 90 seconds, one JSON object a line
    {"what": "pull", "rows": 1000000, "rows_per_s": 41391, "times_bare": 49.3, "peak_mb": 37.5, ...}
    python benchmarks/pull.py --against ../before   CPU of reading records and of `pull` here and in another checkout
    {"what": "read_records", "records": "whole", "cpu_s": 2.9, "cpu_s_against": 4.5, "ratio": 0.65}

Every measurement runs in a process of its own. The bars: peak memory of `pull` at 1,000,000 rows within 10 % of that at
100,000 and under 300 MB. Rates are of this machine at this moment: compare them with the bare loop beside them.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

WAYS = ("bare", "read_rows", "read_records", "pull", "pull-sample")
_TOPICS = ("rivers", "prime numbers", "bread", "the moon", "trade", "chess", "glass", "bees")


def generate(path: Path, rows: int) -> None:
    """Writes rows of the Alpaca layout, no two alike, of which every tenth has an input."""
    with path.open("w") as file:
        for number in range(rows):
            topic = _TOPICS[number % len(_TOPICS)]
            row = {
                "instruction": f"Write {number % 97 + 3} sentences about {topic} for reader {number}: keep them short.",
                "input": f"Begin with the number {number * 7919}." if number % 10 == 0 else "",
                "output": f"Here is a short text about {topic}. " * 3,
            }
            file.write(json.dumps(row) + "\n")


def convert(path: Path, target: Path) -> None:
    """Writes the same rows as records for read_records."""
    with path.open("rb") as rows, target.open("w") as file:
        for number, line in enumerate(rows):
            content = json.loads(line)["instruction"]
            file.write(json.dumps({"id": f"row-{number}", "messages": [{"role": "user", "content": content}]}) + "\n")


def measure(what: str, path: Path) -> dict[str, object]:
    """Runs one way over the file in this process and says how fast it was and how much memory it took."""
    import orjson

    from blossom_data.pull import pull
    from blossom_data.records import Record
    from blossom_data.rows import Row, read_records, read_rows

    start, start_cpu = time.perf_counter(), time.process_time()
    if what == "bare":
        with path.open("rb") as file:
            found = sum(isinstance(orjson.loads(line), dict) for line in file)
    elif what == "read_rows":
        found = sum(isinstance(row, Row) for row in read_rows(path))
    elif what == "read_records":
        found = sum(isinstance(record, Record) for record in read_records(path))
    else:
        sample = 1000 if what == "pull-sample" else None
        found = sum(isinstance(record, Record) for record in pull("alpaca", path, sample=sample))
    seconds, cpu_s = time.perf_counter() - start, time.process_time() - start_cpu
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {
        "what": what,
        "found": found,
        "seconds": round(seconds, 2),
        "cpu_s": round(cpu_s, 3),
        "peak_mb": round(peak_mb, 1),
    }


def convert_whole(path: Path, target: Path) -> None:
    """Writes the same rows as whole records, as `annotate` leaves them: two turns, a gold label, two lineage steps."""
    step = {"version": 1, "prompt": "0123456789abcdef", "model": "m", "reply": "0123456789abcdef0123456789abcdef"}
    with path.open("rb") as rows, target.open("w") as file:
        for number, line in enumerate(rows):
            row = json.loads(line)
            turns = [
                {"role": "user", "content": row["instruction"]},
                {"role": "assistant", "content": row["output"]},
            ]
            whole = {"id": f"row-{number}", "source": "alpaca", "source_id": str(number), "lang": "en"}
            whole |= {"messages": turns, "gold": "7", "tags": ["layout:alpaca"]}
            whole |= {"lineage": [{"stage": "translate", **step}, {"stage": "annotate", **step}]}
            file.write(json.dumps(whole) + "\n")


def compare(other: Path, rows: int, rounds: int = 5) -> None:
    """Prints the CPU of both ways here and in the checkout `other`: least of `rounds`, in turn, same interpreter."""
    with tempfile.TemporaryDirectory() as folder:
        raw = Path(folder) / "raw.jsonl"
        generate(raw, rows)
        for kind, write in (("bare", convert), ("whole", convert_whole), ("raw", None)):
            path = Path(folder) / f"{kind}.jsonl"
            what = "read_records" if write else "pull"
            if write:
                write(raw, path)
            found: dict[Path, list[float]] = {}
            for _ in range(rounds):
                for checkout in (Path(__file__).resolve().parents[1], other.resolve()):
                    command = [sys.executable, __file__, "--measure", what, str(path)]
                    environment = {**os.environ, "PYTHONPATH": str(checkout)}
                    done = subprocess.run(command, check=True, capture_output=True, env=environment)
                    found.setdefault(checkout, []).append(json.loads(done.stdout)["cpu_s"])
            here, there = (min(times) for times in found.values())
            told = {"what": what, "records": kind, "cpu_s": here, "cpu_s_against": there}
            sys.stdout.write(json.dumps(told | {"ratio": round(here / there, 2)}) + "\n")


def main() -> None:
    """Measures every way at both sizes and compares."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs=2, default=[100_000, 1_000_000])
    parser.add_argument("--measure", nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--against", type=Path, help="another checkout: compare the CPU of reading records with it")
    arguments = parser.parse_args()
    if arguments.against:
        compare(arguments.against, arguments.rows[0])
        return
    if arguments.measure:
        sys.stdout.write(json.dumps(measure(arguments.measure[0], Path(arguments.measure[1]))))
        return
    peaks: dict[tuple[str, int], float] = {}
    with tempfile.TemporaryDirectory() as folder:
        for rows in arguments.rows:
            raw, records = Path(folder) / f"raw-{rows}.jsonl", Path(folder) / f"records-{rows}.jsonl"
            generate(raw, rows)
            convert(raw, records)
            bare_s = 0.0
            for what in WAYS:
                path = records if what == "read_records" else raw
                command = [sys.executable, __file__, "--measure", what, str(path)]
                result = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
                bare_s = result["seconds"] if what == "bare" else bare_s
                peaks[what, rows] = result["peak_mb"]
                result |= {"rows": rows, "rows_per_s": round(rows / result["seconds"])}
                result |= {"times_bare": round(result["seconds"] / bare_s, 1)}
                sys.stdout.write(json.dumps(result) + "\n")
    small, large = arguments.rows
    for what in WAYS:
        ratio = peaks[what, large] / peaks[what, small]
        verdict = {"what": what, "peak_ratio": round(ratio, 3), "holds": ratio <= 1.10 and peaks[what, large] < 300}
        sys.stdout.write(json.dumps(verdict) + "\n")


if __name__ == "__main__":
    main()
