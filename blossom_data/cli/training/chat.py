"""blossom-data train chat: the older name of blossom-data chat."""

from __future__ import annotations

from blossom_data.cli.diagnose.chat import command

__all__ = ["command"]
