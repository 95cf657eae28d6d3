"""Flags of every command: what is printed, and how."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

from blossom_data.cli.flags.values import switch
from blossom_data.cli.lazy import COMMON_PANEL


@dataclass(frozen=True, slots=True, kw_only=True)
class Common:
    """--json, --quiet and --debug."""

    panel: ClassVar[str] = COMMON_PANEL

    is_json: Annotated[bool, switch("--json", help="Give the result as one JSON object on stdout.")] = False
    is_quiet: Annotated[bool, switch("-q", "--quiet", help="No progress and no summary; errors only.")] = False
    is_debug: Annotated[bool, switch("--debug", help="Show the traceback of an error, and what libraries say.")] = False

    @property
    def is_told(self) -> bool:
        """Whether a person is told of the work, in words."""
        return not self.is_quiet and not self.is_json


@dataclass(frozen=True, slots=True, kw_only=True)
class CommonOfLong(Common):
    """The same of a command that may run for long, with --follow."""

    is_followed: Annotated[
        bool, switch("--follow", help="With --json: a JSON line of progress each second, then the result.")
    ] = False
