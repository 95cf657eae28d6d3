"""A run on a cluster as discrete events: workers, an endpoint, a database, and the leases that hold them together.

    python benchmarks/scale_simulation.py [--worker-ms 1.6 --database-ms 0.35 ...]

The times are what benchmarks/scale.py measures; it hands them over. A worker is one core that spends `worker_s` on a
record; replies of a worker wait for its next commit (`LINGER_S`, one at a time); the database is `cores` that spend
`commit_s` on a commit and `reply_s` on each reply in it; a lease is one at a time, for all. What stands at 90 % of its
time, or the slots in flight where they are always taken, is what holds the run back.
"""

from __future__ import annotations

import argparse
import heapq
import itertools
import random
from dataclasses import dataclass

from harness import say

LINGER_S = 0.01
RECORDS = 100_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """What is simulated; times in seconds of one core."""

    workers: int
    in_flight: int
    latency_s: float
    worker_s: float
    reply_s: float
    commit_s: float
    renewal_s: float
    cores: int = 8
    rate_per_s: float = float("inf")


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of it: records a second, and shares of the time that each part was busy."""

    per_s: float
    worker: float
    database: float
    lease: float
    slots: float
    commit_s: float
    """Mean time from a reply to its being durable."""

    @property
    def limit(self) -> str:
        parts = {"database": self.database, "workers' cores": self.worker, "leases": self.lease}
        name, share = max(parts.items(), key=lambda part: part[1])
        return name if share >= 0.9 else "calls in flight" if self.slots >= 0.9 else "the endpoint's rate"


class Core:
    """One or several servers of work that comes in any order: who comes first is served first."""

    def __init__(self, servers: int) -> None:
        self._free_s = [0.0] * servers
        self.busy_s = 0.0

    def serve(self, now_s: float, takes_s: float) -> float:
        """When work that comes at `now_s` is done."""
        done_s = max(now_s, heapq.heappop(self._free_s)) + takes_s
        heapq.heappush(self._free_s, done_s)
        self.busy_s += takes_s
        return done_s


def simulate(cluster: Cluster, *, seconds: float, seed: int = 0) -> Outcome:
    """`seconds` of the run, behind as many to get going."""
    draw = random.Random(seed)
    cores = [Core(1) for _ in range(cluster.workers)]
    database, lease = Core(cluster.cores), Core(1)
    waiting: list[list[float]] = [[] for _ in cores]
    committing = [False] * cluster.workers
    order = itertools.count()
    events: list[tuple[float, int, str, int, int]] = []
    gate_s = busy_before = 0.0
    done = commits = 0
    lag_s = busy_slots_s = 0.0
    lease_before = database_before = 0.0
    half_s, end_s = seconds, 2 * seconds

    def at(when_s: float, what: str, worker: int, number: int = 0) -> None:
        heapq.heappush(events, (when_s, next(order), what, worker, number))

    def send(now_s: float, worker: int) -> None:
        """A record begins: half of its work, then the call, once the rate admits it."""
        nonlocal gate_s, busy_slots_s
        ready_s = cores[worker].serve(now_s, cluster.worker_s / 2)
        gate_s = max(ready_s, gate_s + 1.0 / cluster.rate_per_s) if cluster.rate_per_s < float("inf") else ready_s
        takes_s = cluster.latency_s * draw.lognormvariate(-0.125, 0.5)
        if gate_s >= half_s:
            busy_slots_s += takes_s
        at(gate_s + takes_s, "reply", worker)

    slots = max(1, cluster.in_flight // cluster.workers)
    for worker in range(cluster.workers):
        for _ in range(slots):
            at(draw.random() * cluster.latency_s, "send", worker)
        at(draw.random(), "renew", worker)
    renewed_s = max(1.0, 0.02 * cluster.workers)
    is_measured = False
    while events and events[0][0] < end_s:
        now_s, _, what, worker, number = heapq.heappop(events)
        if not is_measured and now_s >= half_s:
            is_measured, done, commits, lag_s = True, 0, 0, 0.0
            busy_before, database_before = sum(core.busy_s for core in cores), database.busy_s
            lease_before = lease.busy_s
        if what == "send":
            send(now_s, worker)
        elif what == "reply":
            at(cores[worker].serve(now_s, cluster.worker_s / 2), "read", worker)
        elif what == "read":
            waiting[worker].append(now_s)
            if not committing[worker]:
                committing[worker] = True
                at(now_s + LINGER_S, "commit", worker)
            send(now_s, worker)
        elif what == "commit":
            batch, waiting[worker] = waiting[worker][:1024], waiting[worker][1024:]
            over_s = database.serve(now_s, cluster.commit_s + cluster.reply_s * len(batch))
            lag_s += sum(over_s - came_s for came_s in batch)
            commits += len(batch)
            at(over_s, "stored", worker, len(batch))
        elif what == "stored":
            done += number
            committing[worker] = bool(waiting[worker])
            if waiting[worker]:
                at(now_s + LINGER_S, "commit", worker)
        else:
            lease.serve(now_s, cluster.renewal_s)
            database.busy_s += cluster.renewal_s
            at(now_s + renewed_s, "renew", worker)
    return Outcome(
        per_s=done / seconds,
        worker=(sum(core.busy_s for core in cores) - busy_before) / seconds / cluster.workers,
        database=(database.busy_s - database_before) / seconds / cluster.cores,
        lease=(lease.busy_s - lease_before) / seconds,
        slots=busy_slots_s / seconds / (slots * cluster.workers),
        commit_s=lag_s / max(1, commits),
    )


def tell(*, worker_s: float, reply_s: float, commit_s: float, renewal_s: float, reply_bytes: float) -> None:
    """A line for each size of a cluster, and what 100 M records take there."""
    for workers, in_flight, latency_s, cores in (
        (1, 256, 2.0, 8),
        (4, 1_000, 2.0, 8),
        (16, 4_000, 2.0, 8),
        (50, 10_000, 2.0, 8),
        (100, 10_000, 2.0, 8),
        (100, 10_000, 8.0, 8),
        (100, 10_000, 2.0, 2),
        (16, 10_000, 2.0, 8),
        (200, 40_000, 2.0, 8),
    ):
        cluster = Cluster(
            workers=workers,
            in_flight=in_flight,
            latency_s=latency_s,
            cores=cores,
            worker_s=worker_s,
            reply_s=reply_s,
            commit_s=commit_s,
            renewal_s=renewal_s,
        )
        came = simulate(cluster, seconds=3.0 + 2 * latency_s)
        hours = RECORDS / came.per_s / 3600
        say(
            f"{workers} x {in_flight // workers}, {latency_s:g} s, DB {cores}",
            f"{came.per_s:,.0f} records/s, 100 M in {hours:,.1f} h; busy: worker {came.worker:.0%}, database "
            f"{came.database:.0%}, leases {came.lease:.0%}, slots {min(1.0, came.slots):.0%}; durable after "
            f"{1000 * came.commit_s:,.0f} ms; the limit: {came.limit}",
        )
    core_hours = RECORDS * worker_s / 3600
    say(
        "100 M records cost",
        f"{core_hours:,.0f} core-hours of workers, {RECORDS * (reply_s + commit_s / 8) / 3600:,.0f} of PostgreSQL (8 "
        f"replies a commit), {RECORDS * reply_bytes / 1e9:,.0f} GB in it",
    )


def main() -> None:
    flags = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    flags.add_argument("--worker-ms", type=float, required=True, help="core time of a worker for a record")
    flags.add_argument("--reply-ms", type=float, required=True, help="core time of the database for a reply")
    flags.add_argument("--commit-ms", type=float, required=True, help="core time of the database for a commit")
    flags.add_argument("--renewal-ms", type=float, required=True, help="core time of the database for a renewal")
    flags.add_argument("--reply-bytes", type=float, default=1500.0)
    given = flags.parse_args()
    tell(
        worker_s=given.worker_ms / 1000,
        reply_s=given.reply_ms / 1000,
        commit_s=given.commit_ms / 1000,
        renewal_s=given.renewal_ms / 1000,
        reply_bytes=given.reply_bytes,
    )


if __name__ == "__main__":
    main()
