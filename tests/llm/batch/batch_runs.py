"""What the batch tests share: rows, a job in this process, and the bytes that it wrote."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from loopback_batch import KEY, BatchServer

from blossom_data.asks import Stage
from blossom_data.config import Endpoint, Secret
from blossom_data.executors.job import Job
from blossom_data.executors.local import run_job
from blossom_data.llm.batch.settings import BatchSettings
from blossom_data.llm.money.spending import Spending
from blossom_data.llm.policy import Patience
from blossom_data.records import Message, Record
from blossom_data.stages.build import build_stage

PATIENCE = Patience(first_s=0.02)
FREE = Spending()
_LEDGER = re.compile(rb'"ledger": "[^"]*",')


def records(texts: Sequence[str]) -> list[Record]:
    """Records of one user turn, or more where a text holds " | "."""
    return [
        Record(
            id=f"{number:04}",
            source="test",
            lang="en",
            messages=tuple(Message("user", turn) for turn in text.split(" | ")),
        )
        for number, text in enumerate(texts)
    ]


def go(
    folder: Path,
    server: BatchServer,
    texts: Sequence[str],
    *,
    out: str = "out",
    ledger: str = "ledger",
    stage: Stage | None = None,
    is_batch: bool = True,
    base_url: str = "",
    spending: Spending = FREE,
    **settings: Any,
) -> dict[str, Any]:
    """Annotates `texts` through batches (or online); gives the run's summary."""
    stage = stage or build_stage("annotate", {})
    endpoint = Endpoint(base_url=base_url or server.base_url, model="m", api_key=Secret(KEY, origin="OPENAI_API_KEY"))
    job = Job(
        label=stage.name,
        work=((record, [stage]) for record in records(texts)),
        stages=(stage.name,),
        out=folder / out,
        endpoints=(endpoint,),
        ledger=folder / f"{ledger}.sqlite",
        spending=spending,
        batch=BatchSettings(**{"lines": 20, "poll_s": 0.03, "patience": PATIENCE, **settings}) if is_batch else None,
    )
    return run_job(job)


def digest(out: Path) -> dict[str, str]:
    """The hash of each file of a data set folder; which ledger its manifest names is left out."""
    return {
        str(file.relative_to(out)): hashlib.sha256(_LEDGER.sub(b"", file.read_bytes())).hexdigest()
        for file in sorted(out.rglob("*"))
        if file.is_file()
    }
