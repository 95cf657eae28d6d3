"""A call of the engine that waits for its line of a batch."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias

from blossom_data.asks import Ask, Reply
from blossom_data.llm.batch.protocol import BatchClient

Group: TypeAlias = tuple[BatchClient, str, str, int]
"""What may stand in one batch: endpoint, stage, model, and the budget's cap on each line (0 for none)."""


class Next(Enum):
    """What becomes of a line that no batch answered."""

    AGAIN, ONLINE = range(2)


@dataclass(slots=True)
class Waiting:
    """One such call, and the future of its reply."""

    ask: Ask
    group: Group
    reply: asyncio.Future[Reply | Next]
