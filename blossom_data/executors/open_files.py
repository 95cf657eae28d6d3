"""Room for open files: each call in flight is a connection, and systems allow few of them by default (256, 1024).

allow_open_files([Endpoint(max_in_flight=500, ...)])      raises the limit of this process as far as it may be raised
"""

from __future__ import annotations

import resource
from collections.abc import Sequence

from blossom_data.config import Endpoint
from blossom_data.errors import ConfigError

OWN_FILES = 32
"""What is open beside the connections: standard streams, the ledger's files, input, shards, the event loop's own."""


def allow_open_files(endpoints: Sequence[Endpoint]) -> None:
    """Makes sure that all calls of `endpoints` can be in flight at once.

    Raises:
        ConfigError: the system does not allow that many open files.
    """
    calls = sum(endpoint.max_in_flight for endpoint in endpoints)
    needed = calls + OWN_FILES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))
    except (ValueError, OSError) as why:
        fits = hard - OWN_FILES
        lower = f"set --max-in-flight (in a pipeline: max_in_flight) to {fits} at most, or " if fits > 0 else ""
        raise ConfigError(
            f"{calls} calls in flight need {needed} open files, and this system allows {hard} files",
            hint=f"{lower}raise the limit: ulimit -Hn {needed}",
        ) from why
