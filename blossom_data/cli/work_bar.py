"""Progress of long work that asks nobody: `publish`, `diff`, `train pack`, the end of a `refresh`.

A bar on a terminal, elsewhere a log line each minute.

with working("publish math", is_quiet=False) as counters:
    publish(parts, ..., counters=counters)

── publish math ──────────────────────────────────────────────────
reading  ━━━━━━━━━━━━━━━━━━━━━━━━━━━━  52,002/52,002  48,120/s
writing  ━━━━━━━━━╺━━━━━━━━━━━━━━━━━━  18,204/52,002  31,006/s  eta 1s
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from blossom_data.cli.progress import Progress
from blossom_data.counters import Counters


@contextmanager
def working(label: str, *, is_quiet: bool) -> Iterator[Counters]:
    """Shows the counters that it gives while the block lasts."""
    counters = Counters()
    with Progress(label, counters, is_quiet=is_quiet):
        yield counters
