"""Several workers on one run: how they add up, what they ask of PostgreSQL, and what would break first on a cluster.

    python benchmarks/scale.py [--records 1500] [--minutes 1]

    2 workers              85 records/s from the first request to the last answer: ratio 1.94 to 1; ...
    leases                 1.71 ms of CPU of the database a renewal; behind a snapshot held for 8,000 renewals ...
    rate                   8 workers, 600 requests a minute: 581 in the fullest minute, 577 in the mean; bar 630
    budget                 8 workers, 60,000 tokens: 59,744 spent, exit code 4; bar 62,400
    1 x 256, 2 s, DB 8     what benchmarks/scale_simulation.py makes of these

Each worker has 24 calls in flight that take 0.5 s, so that a machine of two cores bears four: what is measured is what
they cost each other, and how much core time a record takes. Needs mockllm (harness.py) and PostgreSQL.
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
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "benchmarks"), str(ROOT / "tests" / "cluster"), str(ROOT / "tests")]

import scale_simulation  # noqa: E402
from harness import Server, binary, say, span_s  # noqa: E402
from loopback import Loopback  # noqa: E402
from postgres import measure  # noqa: E402
from postgres_server import PostgresServer, binaries  # noqa: E402

from blossom_data.ledger.address import PostgresAddress  # noqa: E402
from blossom_data.ledger.postgres.rate_leases import Demand, Leases, Rate, Wanted  # noqa: E402

IN_FLIGHT, LATENCY_MS = 24, 500
_TICKS = os.sysconf("SC_CLK_TCK")

PIPELINE = """
name = "{name}"
out = "{name}"
ledger = {{url = "{url}"}}
shard_records = 50
{further}
[endpoint]
max_in_flight = {in_flight}
structured = "off"
{limits}
[[source]]
kind = "gsm8k"
path = "{name}.jsonl"
stages = ["annotate"]
"""


class Load:
    """What a PostgreSQL has done: CPU seconds of all its processes, transactions, bytes of WAL."""

    def __init__(self, server: PostgresServer) -> None:
        self._server = server
        self._before = self._now()

    def since(self) -> tuple[float, float, float]:
        """As above, since this was made."""
        time.sleep(1.0)  # its statistics come in once a second
        now = self._now()
        return (now[0] - self._before[0], now[1] - self._before[1], now[2] - self._before[2])

    def _now(self) -> tuple[float, float, float]:
        count, wal = self._server.sql(
            "SELECT xact_commit, pg_current_wal_lsn() - '0/0' FROM pg_stat_database WHERE datname = 'paid'"
        )[0]
        assert self._server._child is not None
        main = self._server._child.pid
        children = Path(f"/proc/{main}/task/{main}/children").read_text().split()
        return _cpu_s(main, with_ended=True) + sum(_cpu_s(int(pid)) for pid in children), float(count), float(wal)


def _cpu_s(pid: int, *, with_ended: bool = False) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return sum(map(int, fields[11 : 15 if with_ended else 13])) / _TICKS


def start_run(
    folder: Path, url: str, base_url: str, *, name: str, workers: int, records: int, in_flight: int, **given: str
) -> subprocess.Popen[bytes]:
    """`blossom-data run --workers`, as a user starts it."""
    with (folder / f"{name}.jsonl").open("w") as file:
        for row in range(records):
            file.write(json.dumps({"question": f"{name} {row} + 1?", "answer": f"#### {row + 1}"}) + "\n")
    text = PIPELINE.format(
        name=name,
        url=url,
        in_flight=in_flight,
        further=given.get("further", ""),
        limits=given.get("limits", ""),
    )
    (folder / f"{name}.toml").write_text(text)
    argv = [sys.executable, "-m", "blossom_data", "run", f"{name}.toml", "--base-url", base_url, "--model", "m", "-q"]
    return subprocess.Popen([*argv, "--workers", str(workers)], cwd=folder, stderr=subprocess.DEVNULL)


def scaling(folder: Path, database: PostgresServer, records: int) -> tuple[float, float, float]:
    """1, 2 and 4 workers; gives the core time of a worker and of the database for a record, and its transactions."""
    first = worker_s = database_s = transactions = 0.0
    for workers in (1, 2, 4):
        with Server(folder, latency=str(LATENCY_MS)) as server:
            load, before = Load(database), resource.getrusage(resource.RUSAGE_CHILDREN)
            child = start_run(
                folder,
                database.url,
                server.base_url,
                name=f"run{workers}",
                workers=workers,
                records=records * workers,
                in_flight=IN_FLIGHT * workers,
            )
            code = child.wait()
            used, count = resource.getrusage(resource.RUSAGE_CHILDREN), records * workers
            cpu_s = used.ru_utime + used.ru_stime - before.ru_utime - before.ru_stime
            per_s = count / span_s(server)
            first = first or per_s
            database_s, transactions, wal = (each / count for each in load.since())
            worker_s = cpu_s / count
            say(
                f"{workers} worker{'s' if workers > 1 else ''}",
                f"{per_s:,.0f} records/s from the first request to the last answer: ratio {per_s / first:.2f} to 1; "
                f"{1000 * worker_s:.1f} ms of CPU a record, start-up and finish in it; PostgreSQL "
                f"{transactions:.2f} transactions, {1000 * database_s:.2f} ms of CPU, {wal:,.0f} bytes of WAL a record"
                + (f"; exit code {code}" if code else ""),
            )
    return worker_s, database_s, transactions


def stored(database: PostgresServer) -> tuple[float, float]:
    """Stores replies as fast as it goes; gives the core time of the database for each, and the bytes of each."""
    count = 20_000
    load = Load(database)
    before = database.sql("SELECT pg_total_relation_size('blossom_data.replies')")[0][0]
    keys = [(1 << 64 | number).to_bytes(16, "little") for number in range(count)]
    stores, finds = measure(database.url, keys, "stored")
    size = (database.sql("SELECT pg_total_relation_size('blossom_data.replies')")[0][0] - before) / count
    cpu_s, transactions, wal = (each / count for each in load.since())
    say(
        "ledger alone",
        f"{stores:,.0f} replies/s stored, {finds:,.0f} looked up; {1000 * cpu_s:.3f} ms of CPU, {wal:,.0f} bytes of "
        f"WAL, {size:,.0f} bytes on disk and {transactions:.4f} transactions each",
    )
    return cpu_s, size


def renewals(database: PostgresServer) -> float:
    """What a renewal costs, and what it costs behind a snapshot that somebody holds; gives seconds of the database."""
    import psycopg

    leases = Leases(PostgresAddress(database.url), member="benchmark")
    demand = Demand(name="x", most=64, wants=8, requests=Wanted(Rate.of(600), most=2.0, least=0.0))

    def cost(times: int) -> float:
        load = Load(database)
        for _ in range(times):
            leases.renew(demand)
        return load.since()[0] / times

    each_s = cost(2_000)
    with psycopg.connect(database.url) as reader:
        reader.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        reader.execute("SELECT count(*) FROM blossom_data.leases")
        for _ in range(4):
            held_s = cost(2_000)
    leases.close()
    say(
        "leases",
        f"{1000 * each_s:.2f} ms of CPU of the database a renewal; behind a snapshot held for 8,000 renewals "
        f"{1000 * held_s:.2f} ms: ratio {held_s / each_s:.2f}",
    )
    return each_s


def rate(folder: Path, database: PostgresServer, minutes: float) -> None:
    """8 workers at 600 requests a minute: the fullest minute."""
    with Loopback() as server:
        child = start_run(
            folder,
            database.url,
            server.base_url,
            name="rate",
            workers=8,
            records=int(600 * (minutes + 0.5)),
            in_flight=64,
            limits="requests_per_minute = 600",
        )
        child.wait()
        came = sorted(request.at_s for request in server.requests)
    first = 0
    most = 0
    for last, at_s in enumerate(came):
        while came[first] <= at_s - 60.0:
            first += 1
        most = max(most, last - first + 1)
    whole = 60.0 * len(came) / (came[-1] - came[0])
    say("rate", f"8 workers, 600 requests a minute: {most} in the fullest minute, {whole:.0f} in the mean; bar 630")


def budget(folder: Path, database: PostgresServer) -> None:
    """8 workers and a budget: what is spent when they end."""
    most, workers = 60_000, 8
    with Loopback(latency_s=0.05) as server:
        child = start_run(
            folder,
            database.url,
            server.base_url,
            name="budget",
            workers=workers,
            records=10_000,
            in_flight=64,
            further=f"budget_tokens = {most}\n[stage.annotate]\nmax_tokens = 8\n",
        )
        code = child.wait()
    spent = database.sql(
        "SELECT sum(tokens_in + tokens_out)::int8 FROM blossom_data.totals WHERE job LIKE %s", "%/budget"
    )[0][0]
    say(
        "budget",
        f"{workers} workers, {most:,} tokens: {spent:,} spent, exit code {code}; bar {most + workers * most // 200:,}",
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=1_500, help="of each worker")
    parser.add_argument("--minutes", type=float, default=1.0, help="of the run at 600 requests a minute")
    given: Any = parser.parse_args()
    if binaries() is None or not binary():
        say("scale", "left out: it needs PostgreSQL (apt-get install postgresql) and mockllm")
        return
    say(
        "conditions",
        f"{len(os.sched_getaffinity(0))} cores, load {'/'.join(f'{load:.1f}' for load in os.getloadavg())}",
    )
    with tempfile.TemporaryDirectory() as place, PostgresServer() as database:
        folder = Path(place)
        os.environ["XDG_STATE_HOME"] = place
        os.environ["PYTHONPATH"] = str(ROOT)
        worker_s, database_s, transactions = scaling(folder, database, given.records)
        reply_s, reply_bytes = stored(database)
        renewal_s = renewals(database)
        rate(folder, database, given.minutes)
        budget(folder, database)
    # A transaction of the runs holds few replies, one of the ledger alone holds many: the difference is its own. There
    # are two to a batch, the look-up and the commit.
    commit_s = 2 * max(0.0, database_s - reply_s) / transactions
    scale_simulation.tell(
        worker_s=worker_s, reply_s=reply_s, commit_s=commit_s, renewal_s=renewal_s, reply_bytes=reply_bytes
    )


if __name__ == "__main__":
    main()
