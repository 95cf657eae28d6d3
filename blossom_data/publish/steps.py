"""The steps of a publish by name, and the one place where a test can cut the power at any of them.

    BLOSSOM_FAIL_AT=switch blossom-data publish ...     the process gets SIGKILL right behind the switch of `current`

Behind each operation that a reader or the next run could see half done stands `step(NAME)`. It does nothing unless
the environment variable names it.
"""

from __future__ import annotations

import os
import signal

STEPS = (
    "lock",
    "survey",
    "clean",
    "folder",
    "shard",
    "card",
    "manifest",
    "sync",
    "rename",
    "sync-rename",
    "retire",
    "link",
    "switch",
    "sync-switch",
)
"""In the order in which a publish goes through them; `shard` is passed once for each shard."""

IN_STORE = ("seen", "survey", "shard", "stored", "card", "manifest", "sync", "stored-manifest", "swapped")
"""The same of a publish to an object store; `stored` is passed once for each shard and for the card."""
CLEANING = ("marked", "unnamed", "emptied")
"""Of gc in an object store; the last two once for each version that goes."""


def step(name: str) -> None:
    """Marks that the step `name` is done; ends the process there if a test asks for it."""
    assert name in (*STEPS, *IN_STORE, *CLEANING)
    if os.environ.get("BLOSSOM_FAIL_AT") == name:
        os.kill(os.getpid(), signal.SIGKILL)
