"""What SIGKILLs cost: the real command over 10,000 records, killed 50 times at random moments, then left to end.

    python benchmarks/kill.py [--kills 50] [--records 10000]

    50 kills               at most 64 calls bought again after one of them (64 in flight), 2,907 in all; shards equal

It needs mockllm's counters, as engine.py does, whose server and command these are. A call counts as bought again when
the server has begun to answer it and no ledger holds what it said after the kill.
"""

from __future__ import annotations

import argparse
import hashlib
import itertools
import os
import random
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from engine import CORES, Server, annotate, binary, say, workplace, write_rows

from blossom_data.ledger.sqlite import SqliteLedger

SLOTS = 64


def digests(out: Path) -> dict[str, str]:
    files = (file for file in sorted(out.rglob("part-*")) if file.is_file())
    return {str(file.relative_to(out)): hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def stored(folder: Path) -> int:
    ledger = SqliteLedger(folder / "ledger.sqlite")
    try:
        return sum(row.replies for row in ledger.totals())
    finally:
        ledger.close()


def main() -> None:
    flags = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    flags.add_argument("--kills", type=int, default=50)
    flags.add_argument("--records", type=int, default=10_000)
    given = flags.parse_args()
    if not binary():
        say("kill", "left out: it needs mockllm's counters")
        return
    os.sched_setaffinity(0, CORES[:1])
    dice, wasted = random.Random(7), [0]
    with workplace() as folder:
        rows = write_rows(folder, given.records)
        with Server(folder, latency="ln:20:0.5") as server:
            for _ in range(given.kills):
                target = server.stats()["requests"] + dice.randrange(1, 2 * given.records // given.kills)
                pause_s = dice.random() * 0.02

                def is_time(target: int = target, pause_s: float = pause_s) -> bool:
                    return bool(server.stats()["requests"] >= target) and time.sleep(pause_s) is None

                annotate(folder, rows, server, slots=SLOTS, fresh=False, until=is_time)
                time.sleep(0.1)  # calls on their way to the server are counted by then
                wasted.append(server.stats()["requests"] - stored(folder))
            last = annotate(folder, rows, server, slots=SLOTS, fresh=False)
            again, killed = server.stats()["requests"] - given.records, digests(folder / "out")
        (folder / "ledger.sqlite").unlink()
        with Server(folder, latency="5") as server:
            annotate(folder, rows, server, slots=SLOTS)
        each = [after - before for before, after in itertools.pairwise(wasted)]
        say(
            f"{given.kills} kills",
            f"at most {max(each)} calls bought again after one of them ({SLOTS} in flight), {again:,} in all; "
            f"shards {'equal' if last.code == 0 and killed == digests(folder / 'out') else 'DIFFER'}",
        )


if __name__ == "__main__":
    main()
