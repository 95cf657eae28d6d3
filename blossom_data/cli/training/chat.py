"""blossom-data train chat: the older name of blossom-data chat."""

from __future__ import annotations

from functools import wraps
from typing import Any

from blossom_data.cli.diagnose.chat import talk
from blossom_data.cli.flags.groups import as_command


@wraps(talk)
def _older(**given: Any) -> int:
    return talk(**given)


_older.__doc__ = (talk.__doc__ or "").replace("blossom-data chat", "blossom-data train chat")
command = as_command("chat")(_older)
