"""A job as data: a stream of records with their stages, where they go, who answers, and what it may cost.

Job(label="annotate", work=[(record, [annotate])], stages=("annotate",), out=Path("sft/gsm8k"), endpoints=(e,), ...)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from blossom_data.asks import Ask, Reply
from blossom_data.config import Endpoint
from blossom_data.counters import Counters
from blossom_data.engine import Work
from blossom_data.errors import ConfigError
from blossom_data.executors.identity import what_decides
from blossom_data.executors.limits import Deadline
from blossom_data.ledger.address import LedgerAddress
from blossom_data.ledger.place import job_of
from blossom_data.ledger.store import NothingIsBought, StageTotals
from blossom_data.llm.batch.settings import BatchSettings
from blossom_data.llm.money.spending import Spending
from blossom_data.outputs.replacing import Replacement
from blossom_data.shards import SHARD_RECORDS
from blossom_data.synthesize.rounds import Rounds

if TYPE_CHECKING:
    from blossom_data.llm.engines.serve import Serving


class Ending(Protocol):
    """What a run that others may finish, too, asks before its data set takes its place, and tells behind it."""

    def begin(self) -> None:
        """This process finishes now; the job's lock is held."""

    def check(self) -> None:
        """Raises Locked where another process has taken its turn meanwhile."""

    def end(self) -> None:
        """The data set is whole."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One run: what to work on, with what, and where to."""

    label: str
    """Shown in progress and stored in the manifest: a stage's name or the pipeline's."""
    work: Iterable[Work] = ()
    rounds: Rounds | None = None
    """Work that depends on what came of the work before, in place of `work`."""
    is_piped: bool = False
    """Whether the next item of `work` may be long in coming: from standard input, or a hub."""
    stages: tuple[str, ...] = ()
    """Names of the stages, in the order in which records go through them."""
    out: Path
    replacement: Replacement | None = None
    """What may go for the new data set; None: whatever stands in `out`."""
    endpoints: tuple[Endpoint, ...] = ()
    """None: no stage of the job may ask anything."""
    ledger: LedgerAddress | None = None
    about: dict[str, Any] = field(default_factory=dict)
    """Further entries of the manifest: inputs, prompts, settings; nothing that differs from run to run."""
    counters: Counters = field(default_factory=Counters)
    max_bad: float = 0.01
    """Largest share of rows that may be unreadable, 0 to 1."""
    shard_records: int = SHARD_RECORDS
    seed: int = 0
    spending: Spending = field(default_factory=Spending)
    serving: Serving | None = None
    """A local engine to run meanwhile, behind the job's endpoint."""
    batch: BatchSettings | None = None
    """Ask through the endpoint's batches instead of call by call."""
    measures: tuple[str, ...] = ()
    """What has looked at the whole set before the first stage (curating.py), in order."""
    buys: frozenset[str] | None = None
    """Stages that may ask for what the ledger does not hold; None: all."""
    deadline: Deadline | None = None
    workers: int = 0
    """So many processes buy for it at once (cluster/); 0: this one, alone."""
    ending: Ending | None = None
    """Who else may finish it."""
    trust_finish: bool = False
    """Take answers as whole of which the endpoint does not say how they ended."""
    stop_when_kept_below: float | None = None
    """Smallest share of bought records that has to be kept; None: what suits the stages."""
    before_buying: Callable[[], None] | None = None
    """What is said before the first call; a run that buys nothing leaves it unsaid."""

    def __post_init__(self) -> None:
        """What is bought has the list prices of the endpoints that it is bought at."""
        object.__setattr__(self, "spending", replace(self.spending, endpoints=self.endpoints))

    @property
    def is_replacing(self) -> bool:
        return self.replacement is not None and self.replacement.is_allowed

    def judge(self, records: int) -> None:
        """Raises where a set of so many records may not take the place of what stands in `out`."""
        if self.replacement is not None:
            self.replacement.judge(records)
        if self.ending is not None:
            self.ending.check()

    @property
    def decides(self) -> bytes:
        """By what, beside records and stages, a shard of an earlier run is known to be what this one would make."""
        return what_decides(self.endpoints, self.stages, trusts_finish=self.trust_finish)

    @property
    def identity(self) -> str:
        """What a budget counts under: the output that the money is spent for."""
        return job_of(self.out)


class NoEndpoint:
    """The Asker of a job that has no endpoint: any question is the user's to settle."""

    def model_for(self, stage: str) -> str:
        raise ConfigError(
            f"stage {stage} asks a model, but no endpoint is named",
            hint="give --base-url and --model, or set OPENAI_BASE_URL and BLOSSOM_MODEL",
        )

    def stop(self) -> None:
        """Nothing is ever in flight."""

    async def complete(self, ask: Ask) -> Reply:
        self.model_for(ask.stage)
        raise AssertionError("no endpoint, no model")


class NoLedger(NothingIsBought):
    """The ledger of a job that asks nothing."""

    def get(self, key: bytes) -> Reply | None:
        return None

    async def put(self, key: bytes, ask: Ask, reply: Reply) -> None:
        raise ConfigError("a paid reply needs a ledger", hint="this is a bug; please report it")

    def totals(self, job: str | None = None) -> list[StageTotals]:
        return []

    def close(self) -> None:
        """Nothing is open."""
