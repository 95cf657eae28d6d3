"""What `view` costs on a large set: the index once, then pages, filters, far rows and searches.

python benchmarks/view.py                       1,000,000 rows (0.4 GB of JSON lines)
python benchmarks/view.py --rows 10000000       as large as the bars of the browser say

The server runs as users run it, in a process of its own; each request is measured as its CPU time, with the wall time
beside it. Its peak of resident memory is the kernel's (VmHWM), the pages of the index that were mapped included.
"""

from __future__ import annotations

import argparse
import http.client
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from urllib.parse import quote, urlsplit

_TICKS = os.sysconf("SC_CLK_TCK")
_EN = "A train leaves the station at {a} o'clock and covers {b} kilometres an hour; how far has it come by noon, "
_ZH = "一列火车{a}点从车站出发，每小时行{b}千米，到中午行了多少千米？请用二分法检查你的答案，并说明每一步的理由。"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--keep", type=Path, help="folder for the rows and their index, which stay")
    given = parser.parse_args()
    if given.keep:
        given.keep.mkdir(parents=True, exist_ok=True)
        measure(given.keep, given.rows)
        return
    with tempfile.TemporaryDirectory() as folder:
        measure(Path(folder), given.rows)


def measure(folder: Path, rows: int) -> None:
    data = folder / f"rows-{rows}.jsonl"
    if not data.exists():
        write_rows(data, rows)
    print(f"{rows:,} rows, {data.stat().st_size / 1e9:.2f} GB of JSON lines; load {os.getloadavg()[0]:.1f}")
    index = folder / f".{data.name}.view-index"
    if not index.exists():
        began_s = time.monotonic()
        done = Server(data)
        cpu_s, peak = done.cpu_s(), done.peak_mb()
        done.stop()
        print(f"index built once: {cpu_s:.0f} s CPU ({time.monotonic() - began_s:.0f} s wall), "
              f"{rows / cpu_s:,.0f} rows/s, peak {peak:.0f} MB")  # fmt: skip
    size = sum(file.stat().st_size for file in index.iterdir())
    print(f"index: {size / 1e9:.2f} GB, {size / data.stat().st_size:.0%} of the rows")
    server = Server(data)
    print(f"opened again: {server.cpu_s():.2f} s CPU")
    last = rows - 50
    for told, address in (
        ("first page", "/s/0"),
        ("the same again", "/s/0"),
        ("filter and facets", "/s/0?source=orca&lang=zh"),
        ("rare filter and facets", "/s/0?tag=rare"),
        (f"row {1:,}", "/s/0/r/0"),
        (f"row {last:,}", f"/s/0/r/{last}"),
        (f"page at row {last:,}", f"/s/0?at={last}"),
        (f"filtered page at row {last:,}", f"/s/0?source=orca&at={last}"),
        ("search, frequent", f"/s/0?q={quote('二分')}"),
        ("search, rare (first answer)", "/s/0?q=nowhere-to-be-found"),
        ("search with a filter", f"/s/0?lang=en&q={quote('o clock')}"),
    ):
        cpu_s, wall_s, size = server.timed(address)
        print(f"{told:<32} {cpu_s:6.3f} s CPU {wall_s:6.3f} s wall {size / 1000:6.0f} KB")
    print(f"resident: peak {server.peak_mb():.0f} MB")
    server.stop()


def write_rows(file: Path, rows: int) -> None:
    """Rows of a few sources, languages, categories and scores; one of 100,000 has a tag of its own."""
    draw = random.Random(0)
    sources = ["gsm8k", "orca", "wizard", "alpaca", "sharegpt"]
    categories = ["math", "coding", "writing", "reasoning", "extraction", "roleplay", "chat"]
    answer = " ".join(f"step {number}: multiply and add" for number in range(4))
    with file.open("w", encoding="utf-8") as out:
        for start in range(0, rows, 10_000):
            lines = []
            for number in range(start, min(start + 10_000, rows)):
                lang = "zh" if draw.random() < 0.5 else "en"
                asked = (_ZH if lang == "zh" else _EN).format(a=number % 12, b=number)
                rare = ',"rare"' if number % 100_000 == 7 else ""
                lines.append(
                    f'{{"id":"{number:032x}","source":"{draw.choice(sources)}","source_id":"","lang":"{lang}",'
                    f'"messages":[{{"role":"user","content":"{asked}"}},{{"role":"assistant","content":"{answer}"}}],'
                    f'"gold":"","tags":["category:{draw.choice(categories)}","judge:{draw.randint(1, 10)}"{rare}],'
                    f'"lineage":[]}}\n'
                )
            out.write("".join(lines))


class Server:
    """`blossom-data view` on a set, and a cookie for it."""

    def __init__(self, data: Path) -> None:
        command = [sys.executable, "-m", "blossom_data", "view", str(data), "--no-open", "--quiet", "--json"]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        import json

        link = urlsplit(json.loads(self._process.stdout.readline())["url"])
        self._host = link.netloc
        connection = http.client.HTTPConnection(self._host)
        connection.request("GET", f"/?{link.query}")
        self._cookie = str(connection.getresponse().getheader("Set-Cookie")).partition(";")[0]

    def timed(self, address: str) -> tuple[float, float, int]:
        """CPU and wall seconds of one request, and the bytes of its answer."""
        before, began_s = self.cpu_s(), time.monotonic()
        connection = http.client.HTTPConnection(self._host)
        connection.request("GET", address, headers={"Cookie": self._cookie})
        response = connection.getresponse()
        size = len(response.read())
        if response.status != 200:
            raise SystemExit(f"{address}: HTTP {response.status}")
        return self.cpu_s() - before, time.monotonic() - began_s, size

    def cpu_s(self) -> float:
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS

    def peak_mb(self) -> float:
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        return int(status.partition("VmHWM:")[2].split()[0]) / 1000

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait()


if __name__ == "__main__":
    main()
