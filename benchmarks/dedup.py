"""What `dedup` finds and costs: planted copies and look-alikes in real rows; beside a plain pass and datasketch.

    python benchmarks/dedup.py [--data ../shared/data] [--rows 50000] [--negatives 5000] [--template 4000] [--show 0]

Recall is the share of planted copies that went, by kind of edit; a look-alike that went is an error. Precision is
planted copies among all planted rows that went. A plain shingle pass reads the records as the command does, lowers and
splits each text and hashes the set of its bigrams. datasketch (optional) signs the same bigrams with 128 permutations
and asks its LSH, without any confirmation. Each job runs in a process of its own; CPU seconds leave imports out.
"""

from __future__ import annotations

import argparse
import gc
import itertools
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import orjson
from copies import ALL, EDITS, NEGATIVES, Made, make_rows


def run_dedup(path: Path) -> dict[str, Any]:
    """Ids that went, with their rejects."""
    from blossom_data.curate import Ruled
    from blossom_data.curate.dedup import Dedup
    from blossom_data.rows import read_records

    gone = {}
    for content, _ in Dedup()((record, 0) for record in read_records(path)):
        if isinstance(content, Ruled):
            gone[content.record.id] = [content.reject.code, content.reject.detail]
    return gone


def _texts(path: Path) -> list[str]:
    from blossom_data.rows import BadRow, read_records

    return [record.messages[0].content for record in read_records(path) if not isinstance(record, BadRow)]


def _bigrams(text: str) -> set[str]:
    words = text.lower().split() if text.isascii() else list(text)
    return {one + " " + other for one, other in itertools.pairwise(words)}


def run_shingles(path: Path) -> dict[str, Any]:
    """A plain shingle pass."""
    from zlib import crc32

    total = 0
    for text in _texts(path):
        total += len({crc32(shingle.encode()) for shingle in _bigrams(text)})
    return {"shingles": total}


def run_datasketch(path: Path) -> dict[str, Any]:
    """MinHash and LSH of datasketch at 0.7."""
    from datasketch import MinHash, MinHashLSH

    index = MinHashLSH(threshold=0.7, num_perm=128)
    gone = 0
    for number, text in enumerate(_texts(path)):
        signature = MinHash(num_perm=128)
        signature.update_batch([shingle.encode() for shingle in _bigrams(text)])
        if index.query(signature):
            gone += 1
        else:
            index.insert(number, signature)
    return {"gone": gone}


JOBS = {"dedup": run_dedup, "shingles": run_shingles, "datasketch": run_datasketch}


def measure(job: str, path: Path) -> tuple[dict[str, Any], float, float]:
    """What a job gave, its CPU seconds, and its peak memory in MB."""
    command = [sys.executable, __file__, "--job", job, "--input", str(path)]
    done = subprocess.run(command, capture_output=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr.decode())
    told = orjson.loads(done.stdout)
    return told["result"], told["cpu_s"], told["peak_mb"]


def work(job: str, path: Path) -> None:
    import blossom_data.rows

    if job == "datasketch":
        import datasketch  # noqa: F401
    elif job == "dedup":
        import blossom_data.curate.dedup  # noqa: F401
    # As the command does: there is little cyclic garbage to look for.
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
    began = time.process_time()
    result = JOBS[job](path)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    sys.stdout.buffer.write(orjson.dumps({"result": result, "cpu_s": time.process_time() - began, "peak_mb": peak}))


def judge(made: Made, gone: dict[str, Any], show: int) -> None:
    """Prints recall by kind and language, and what went wrongly."""
    text = {row["id"]: row["messages"][0]["content"] for row in made.rows}
    lang = {row["id"]: row["lang"] for row in made.rows}
    found: Counter[tuple[str, str]] = Counter()
    planted: Counter[tuple[str, str]] = Counter()
    missed: set[str] = set()
    for copy, (original, kind) in made.copies.items():
        planted[kind, lang[copy]] += 1
        # Of an original and its copy the longer one stays.
        is_found = copy in gone or original in gone
        found[kind, lang[copy]] += is_found
        if not is_found and kind in EDITS and len(missed := missed | {copy}) <= show:
            print(f"missed {kind}: {text[original]!r}\n       {text[copy]!r}")
    for kind in ALL:
        cells = [f"{name} {found[kind, name] / max(1, planted[kind, name]):.3f}" for name in ("en", "zh")]
        print(f"  recall  {kind:<24} {'   '.join(cells)}{'' if kind in EDITS else '   (not counted below)'}")
    for name in ("en", "zh"):
        share = sum(found[kind, name] for kind in EDITS) / max(1, sum(planted[kind, name] for kind in EDITS))
        print(f"  recall  {name:<24} {share:.4f}")
    # One that went as a copy of a third row was rightly found: real rows come twice.
    is_wrong = {other for other, (one, _) in made.negatives.items()
                if f" {one};" in gone.get(other, ["", ""])[1] or f" {other};" in gone.get(one, ["", ""])[1]}  # fmt: skip  # noqa: E501
    wrong = Counter(kind for other, (_, kind) in made.negatives.items() if other in is_wrong)
    for other, (one, kind) in made.negatives.items():
        if show > 0 and other in is_wrong:
            show -= 1
            print(f"wrong {kind}: {gone.get(other) or gone.get(one)}\n   {text[one]!r}\n   {text[other]!r}")
    for kind in NEGATIVES:
        number = sum(each == kind for _, each in made.negatives.values())
        print(f"  removed {kind:<24} {wrong[kind]} of {number}")
    errors, right = wrong.total(), sum(found.values())
    print(f"  look-alikes removed {errors} of {len(made.negatives):,} ({errors / max(1, len(made.negatives)):.2%})")
    print(f"  precision (planted) {right / max(1, right + errors):.4f}")
    others = [name for name in gone if name not in made.copies and name not in made.negatives]
    print(f"  {len(gone):,} of {len(made.rows):,} rows went; {len(others):,} of them are no planted copy")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, default=Path(__file__).resolve().parents[2] / "shared/data")
    for name, value in (("rows", 50_000), ("negatives", 5_000), ("template", 4_000), ("show", 0), ("seed", 1)):
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--only", action="store_true", help="dedup alone")
    parser.add_argument("--job")
    parser.add_argument("--input", type=Path)
    given = parser.parse_args()
    if given.job:
        work(given.job, given.input)
        return
    made = make_rows(given.data, rows=given.rows, negatives=given.negatives, template=given.template, seed=given.seed)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.jsonl"
        path.write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in made.rows))
        gone, cpu_s, peak_mb = measure("dedup", path)
        print(f"{len(made.rows):,} rows, {len(made.copies):,} planted copies, {len(made.negatives):,} look-alikes")
        judge(made, gone, given.show)
        print(
            f"  dedup           {cpu_s:8.1f} CPU-s   {1e6 * cpu_s / len(made.rows):6.0f} us a row   {peak_mb:6.0f} MB"
        )
        if given.only:
            return
        _, plain_s, _ = measure("shingles", path)
        print(f"  plain shingles  {plain_s:8.1f} CPU-s   ratio {cpu_s / plain_s:.2f}")
        try:
            import datasketch  # noqa: F401
        except ImportError:
            print("  datasketch is not installed")
            return
        other, other_s, other_mb = measure("datasketch", path)
        print(f"  datasketch      {other_s:8.1f} CPU-s   ratio {cpu_s / other_s:.2f}   {other_mb:6.0f} MB   {other}")


if __name__ == "__main__":
    main()
