"""What blending costs: write_mix against a plain shuffle of lines, in one run on one input, and memory at two sizes.

    python benchmarks/mix.py [--rows 100000] [--large 1000000] [--rounds 3]

Both take half of the rows of two files and write them in random order as plain JSON lines. The plain one holds all
lines in memory, parses each once, samples, shuffles and writes: it checks nothing, removes no repeated prompt, and
draws anew when the input grows. Each job runs in a process of its own; rates are rows read per CPU second without
imports, the ratio is the median over the rounds, memory is the peak resident set.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import orjson

_WORDS = [
    "bicycle",
    "upright",
    "moves",
    "while",
    "gravity",
    "angle",
    "wheel",
    "turns",
    "because",
    "自行车",
    "保持",
    "平衡",
]


def write_input(path: Path, rows: int, source: str) -> None:
    """`rows` conversations of about 700 bytes; one in fifty repeats an earlier prompt."""
    draw = random.Random(source)
    with path.open("wb") as file:
        for number in range(rows):
            topic = number - draw.randrange(1, 40) if number > 40 and draw.random() < 0.02 else number
            question = f"[{source} {topic}] Explain how it works, step by step."
            answer = " ".join(draw.choices(_WORDS, k=90))
            messages = [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
            row = {"id": f"{source}-{number}", "source": source, "lang": "en", "messages": messages, "gold": ""}
            file.write(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE))


def mix(inputs: list[Path], out: Path, rows: int, file_format: str) -> None:
    """Half of each input by write_mix."""
    from blossom_data.mix import Mix, Part, write_mix

    parts = tuple(Part(data=str(path), count=rows // 4) for path in inputs)
    is_plain = file_format == "jsonl"
    write_mix(Mix(name="bench", out=out, parts=parts, seed=1, is_plain=is_plain, format=file_format))


def shuffle_lines(inputs: list[Path], out: Path, rows: int) -> None:
    """The yardstick: everything in memory."""
    taken: list[bytes] = []
    draw = random.Random(1)
    for path in inputs:
        lines = path.read_bytes().split(b"\n")[:-1]
        for line in lines:
            orjson.loads(line)
        taken += draw.sample(lines, rows // 4)
    draw.shuffle(taken)
    out.mkdir(parents=True)
    (out / "part-00000.jsonl").write_bytes(b"\n".join(taken) + b"\n")


def job(kind: str, folder: Path, rows: int) -> None:
    """One measured job, in the process that this is."""
    inputs = [folder / f"a-{rows}.jsonl", folder / f"b-{rows}.jsonl"]
    with tempfile.TemporaryDirectory(dir=folder) as out:
        import blossom_data.mix  # noqa: F401

        began_s = time.process_time()
        if kind == "shuffle":
            shuffle_lines(inputs, Path(out) / "out", rows)
        else:
            mix(inputs, Path(out) / "out", rows, kind)
        cpu_s = time.process_time() - began_s
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    sys.stdout.write(json.dumps({"cpu_s": cpu_s, "peak_mb": peak_mb}))


def run(kind: str, folder: Path, rows: int) -> dict[str, Any]:
    """A job in a process of its own."""
    argv = [sys.executable, __file__, "--job", kind, "--folder", str(folder), "--rows", str(rows)]
    done = subprocess.run(argv, stdout=subprocess.PIPE, check=True)
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--large", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--job", choices=["jsonl", "parquet", "shuffle"], help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    flags = parser.parse_args()
    if flags.job:
        job(flags.job, flags.folder, flags.rows)
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for rows in (flags.rows, flags.large):
            for source in "ab":
                write_input(folder / f"{source}-{rows}.jsonl", rows // 2, source)
        rounds = [(run("jsonl", folder, flags.rows), run("shuffle", folder, flags.rows)) for _ in range(flags.rounds)]
        parquet = run("parquet", folder, flags.rows)
        large, large_shuffle = run("jsonl", folder, flags.large), run("shuffle", folder, flags.large)
    cpu_s = statistics.median(pair[0]["cpu_s"] for pair in rounds)
    result = {
        "rows_per_cpu_s": round(flags.rows / cpu_s),
        "ratio_to_shuffle": round(statistics.median(pair[0]["cpu_s"] / pair[1]["cpu_s"] for pair in rounds), 2),
        "parquet_rows_per_cpu_s": round(flags.rows / parquet["cpu_s"]),
        "large_rows_per_cpu_s": round(flags.large / large["cpu_s"]),
        "peak_mb": round(rounds[0][0]["peak_mb"]),
        "large_peak_mb": round(large["peak_mb"]),
        "shuffle_peak_mb": round(rounds[0][1]["peak_mb"]),
        "large_shuffle_peak_mb": round(large_shuffle["peak_mb"]),
    }
    sys.stdout.write(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
