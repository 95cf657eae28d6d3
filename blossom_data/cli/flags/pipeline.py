"""The flags that run, plan and refresh share; cli/pipelines/job.py makes a job of what they want."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, ClassVar

import typer

from blossom_data.cli.flags.batch import Batches
from blossom_data.cli.flags.common import Common
from blossom_data.cli.flags.endpoint import AddressFlags, Kept, Trust
from blossom_data.cli.flags.engine import EngineFlags
from blossom_data.cli.flags.money import Money
from blossom_data.cli.flags.records import PANEL, Limit
from blossom_data.cli.flags.values import LedgerFlag, above_zero, choice, ledger_option
from blossom_data.config import STAGES

PIPELINE = typer.Argument(metavar="PIPELINE", help="TOML file, or the name of a pipeline that comes with blossom-data.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """--scale: the whole pipeline in small."""

    panel: ClassVar[str] = PANEL

    scale: Annotated[
        float,
        typer.Option(
            "--scale",
            parser=above_zero,
            metavar="SHARE",
            help="Share of the counts of sources and mixes, such as 0.01; written to scale-0.01/ beside the file.",
        ),
    ] = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Which part of the pipeline is worked on, and where it goes."""

    panel: ClassVar[str] = PANEL

    only: Annotated[
        str | None,
        choice(
            "--only",
            among=STAGES,
            metavar="STAGE",
            help="As --until, but buy for this stage alone: earlier replies must be in the ledger.",
        ),
    ] = None
    until: Annotated[
        str | None,
        choice(
            "--until",
            among=STAGES,
            metavar="STAGE",
            help=f"Stop after this stage ({', '.join(STAGES)}); written to OUT.until-STAGE by itself.",
        ),
    ] = None
    out: Annotated[
        Path | None, typer.Option("-o", "--out", metavar="FOLDER", help="Folder of the data set; overrides `out`.")
    ] = None
    ledger: Annotated[
        LedgerFlag | None,
        ledger_option("File of paid replies, or postgresql://HOST/DATABASE; overrides the file's."),
    ] = None
    limit: Limit = None

    @property
    def last(self) -> str | None:
        """The last stage that is worked on, None for all."""
        return self.only or self.until


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanAsking:
    """What overrides a pipeline's endpoint, budgets and engine where nothing is asked."""

    address: AddressFlags = field(default_factory=AddressFlags)
    trust: Trust = field(default_factory=Trust)
    money: Money = field(default_factory=Money)
    batches: Batches = field(default_factory=Batches)
    engine: EngineFlags = field(default_factory=EngineFlags)

    def of_a_run(self) -> PipelineAsking:
        """The same for a run."""
        return PipelineAsking(
            address=self.address,
            kept=Kept(trust=self.trust),
            money=self.money,
            batches=self.batches,
            engine=self.engine,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class PipelineAsking:
    """What overrides a pipeline's endpoint, budgets and engine."""

    address: AddressFlags = field(default_factory=AddressFlags)
    kept: Kept = field(default_factory=Kept)
    money: Money = field(default_factory=Money)
    batches: Batches = field(default_factory=Batches)
    engine: EngineFlags = field(default_factory=EngineFlags)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What the flags of a command change about its pipeline."""

    common: Common
    asking: PipelineAsking = field(default_factory=PipelineAsking)
    part: Part = field(default_factory=Part)
    dotenv: Mapping[str, str] = field(default_factory=dict)
    is_replacing: bool = False
    """Finished work may go."""
    needs_endpoint: bool = True
    """False: without one the job is made all the same, to be planned."""
