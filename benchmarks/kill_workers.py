"""What SIGKILLs of workers cost: four work on one run, one is killed 20 times at random moments and started again.

    python benchmarks/kill_workers.py [--kills 20] [--records 3000]

    20 kills               31 calls bought again, 80 in flight when their worker died; 3,000 records; shards equal

The endpoint and the database are those of the tests, on this machine. A call counts as bought again when the endpoint
has answered it twice, also when the first answer came to nobody.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tests" / "cluster")]

from harness import say  # noqa: E402
from loopback import Loopback  # noqa: E402
from postgres_server import PostgresServer, binaries  # noqa: E402

WORKERS, IN_FLIGHT = 4, 16
PIPELINE = """
name = "sums"
shard_records = 50
[endpoint]
max_in_flight = {in_flight}
structured = "off"
[[source]]
kind = "gsm8k"
path = "rows.jsonl"
stages = ["annotate"]
"""


def digests(out: Path) -> dict[str, str]:
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in sorted(out.glob("part-*"))}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--records", type=int, default=3_000)
    given = parser.parse_args()
    if binaries() is None:
        say("kill workers", "PostgreSQL is not installed: apt-get install postgresql")
        return
    with tempfile.TemporaryDirectory() as place, PostgresServer() as database, Loopback(latency_s=0.2) as server:
        folder = Path(place)
        rows = ({"question": f"{n} + 1?", "answer": f"#### {n + 1}"} for n in range(given.records))
        (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        (folder / "sums.toml").write_text(PIPELINE.format(in_flight=IN_FLIGHT))
        env = {**os.environ, "XDG_STATE_HOME": str(folder / "state")}

        def start(command: str, *flags: str) -> subprocess.Popen[bytes]:
            words = [sys.executable, "-m", "blossom_data", command, "sums.toml", "--ledger", database.url, "-q"]
            words += ["--base-url", server.base_url, "--model", "m", *flags]
            return subprocess.Popen(words, cwd=folder, env=env)

        def work() -> subprocess.Popen[bytes]:
            return start("worker", "-o", "out", "--of", str(WORKERS), "--lease", "5s")

        draw = random.Random(20)
        workers = [work() for _ in range(WORKERS)]
        kills = 0
        while kills < given.kills and any(worker.poll() is None for worker in workers):
            time.sleep(draw.uniform(0.5, 3.0))
            number = draw.randrange(WORKERS)
            if workers[number].poll() is None and server.paid:
                workers[number].kill()
                workers[number].wait()
                workers[number] = work()
                kills += 1
        codes = {worker.wait() for worker in workers}
        twice = server.bought_twice
        assert start("run", "-o", "plain").wait() == 0
        is_equal = digests(folder / "out") == digests(folder / "plain")
        manifest = json.loads((folder / "out" / "manifest.json").read_text())
        in_flight = kills * IN_FLIGHT // WORKERS
        say(
            f"{kills} kills",
            f"{twice} calls bought again, {in_flight} in flight when their worker died; {manifest['kept']:,} records; "
            f"shards {'equal' if is_equal else 'DIFFER'}; {manifest['read'] - manifest['kept']} lost",
        )
        assert is_equal and twice <= in_flight and manifest["kept"] == given.records and codes == {0}


if __name__ == "__main__":
    main()
