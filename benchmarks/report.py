"""What the report of a large data set costs, beside a bare read of its shards in the same run.

    python benchmarks/report.py [--records 200000]      the bar is one of 1,000,000: at most 30 s, 300 MB, 600 KB

The set is made here: records of six sources in two languages with tags and lineage, about a kilobyte each, one in a
hundred rejected. The bare read inflates the shards and parses each line, nothing else.
"""

from __future__ import annotations

import argparse
import io
import random
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import orjson
import zstandard
from harness import run, say

from blossom_data.records import Lineage, Message, Record
from blossom_data.shards import DatasetWriter

_ENGLISH = "the a quick brown fox jumps over lazy dog while seven people count apples and pears in a garden"
_CHINESE = "小明有三个苹果他给了朋友两个现在还剩几个请写出解题步骤并给出最后的答案春天来了花园里开满了鲜花"
_SOURCES = ("gsm8k", "alpaca", "wizard", "orca", "sharegpt", "math23k")
_LINEAGE = (
    Lineage("pull", 1),
    Lineage("translate", 4, "914f10455ff3ccab", "m", "ab" * 32),
    Lineage("annotate", 3, "3fd5a0094ce4a2ec", "m", "cd" * 32),
)


def make_set(folder: Path, records: int) -> None:
    """A finished data set of so many records."""
    dice = random.Random(1)
    texts = {
        "en": [" ".join(dice.choices(_ENGLISH.split(), k=dice.randint(20, 160))) for _ in range(4_000)],
        "zh": ["".join(dice.choices(_CHINESE, k=dice.randint(40, 320))) for _ in range(4_000)],
    }
    lost: Counter[str] = Counter()
    by_source = {source: Counter[str]() for source in _SOURCES}
    with DatasetWriter(folder) as writer:
        for number in range(records):
            lang, source = "zh" if number % 3 else "en", _SOURCES[number % len(_SOURCES)]
            asked = Message("user", f"{number} {texts[lang][number % 4_000][:300]}")
            answer = Message("assistant", texts[lang][(number * 7 + number // 4_000) % 4_000])
            tags = (f"category:{number % 13}", "difficulty:easy")
            record = Record(f"{number:032x}", source, lang, (asked, answer), str(number), tags=tags, lineage=_LINEAGE)
            if number % 100:
                by_source[source]["kept"] += 1
                writer.write(number, kept=[record.to_line()])
                continue
            row = {"id": record.id, "stage": "annotate", "code": "refusal", "reply": "No.", "record": record.to_dict()}
            lost["annotate/refusal"] += 1
            by_source[source]["annotate"] += 1
            writer.write(number, rejects=[orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE)])
        kept = records - lost.total()
        counts = {"read": records, "kept": kept, "added": 0, "skipped": 0, "rejected": lost, "failed": {}}
        told = {"blossom_data": "0", "stage": "annotate", "passed": {"annotate": kept}, "by_source": by_source}
        writer.finish({**told, **counts})


def bare_read_s(folder: Path) -> float:
    """CPU seconds to inflate the shards and parse their lines."""
    began = time.process_time()
    for shard in sorted(folder.glob("part-*")):
        with shard.open("rb") as file:
            stream = zstandard.ZstdDecompressor().stream_reader(file, read_across_frames=True)
            for line in io.BufferedReader(stream, 1 << 18):
                orjson.loads(line)
    return time.process_time() - began


def main() -> None:
    flags = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    flags.add_argument("--records", type=int, default=200_000)
    records = flags.parse_args().records
    with tempfile.TemporaryDirectory() as place:
        folder, page = Path(place) / "set", Path(place) / "report.html"
        make_set(folder, records)
        bare_s = bare_read_s(folder)
        cost = run([sys.executable, "-m", "blossom_data", "report", str(folder), "-o", str(page), "--quiet"])
        if cost.code:
            raise SystemExit(cost.out)
        say("records", f"{records:,}")
        say("bare read of shards", f"{bare_s:.1f} s of CPU")
        say("report", f"{cost.cpu_s:.1f} s of CPU, {cost.wall_s:.1f} s, {cost.cpu_s / bare_s:.2f} times the bare read")
        say("report, memory", f"{cost.rss_mb:,.0f} MB")
        say("report, page", f"{page.stat().st_size / 1000:,.0f} KB")


if __name__ == "__main__":
    main()
