"""blossom-data view."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from blossom_data.cli import output
from blossom_data.cli.diagnose.located_set import located_set
from blossom_data.cli.diagnose.set_ledger import SetLedger, checked_ledger
from blossom_data.cli.flags.common import Common
from blossom_data.cli.flags.groups import as_command
from blossom_data.cli.flags.talkers import TalkerFlags, Talkers
from blossom_data.cli.flags.values import choice, switch
from blossom_data.cli.pipelines.job import open_source
from blossom_data.cli.work_bar import working
from blossom_data.errors import ConfigError, extra_hint
from blossom_data.ledger.address import LedgerAddress
from blossom_data.pipelines.load import find_pipeline, open_pipeline
from blossom_data.pipelines.settings import Pipeline
from blossom_data.records import Record
from blossom_data.shards import BUILDING

if TYPE_CHECKING:
    from blossom_data.view.index.opening import Source
    from blossom_data.view.record.attempts import Workshop
    from blossom_data.view.server.library import OpenSet

_PORTS = 65_535
_MOST_CHATS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """What is shown beside the sets."""

    original: Annotated[
        Path | None,
        typer.Option(
            "--original",
            exists=True,
            metavar="SET",
            help="Set to show beside, by id; else the one that a stage made SET of.",
        ),
    ] = None
    ledger: SetLedger = None
    pipeline: Annotated[
        str,
        typer.Option("--pipeline", metavar="FILE", help="Pipeline that made SET: by its settings requests are shown."),
    ] = ""
    prices: Annotated[
        Path | None,
        typer.Option("--prices", exists=True, dir_okay=False, metavar="FILE", help="Prices by which replies cost."),
    ] = None


@as_command("view")
def command(
    beside: Beside,
    endpoint: TalkerFlags,
    common: Common,
    sets: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="SET", exists=True, help="Data sets, versions, files, or runs that go on; several are compared."
        ),
    ] = None,
    chat: Annotated[
        list[str] | None,
        typer.Option("--chat", metavar="MODEL", help="Chat with this model too; twice: two side by side."),
    ] = None,
    port: Annotated[
        int, typer.Option("--port", min=0, max=_PORTS, metavar="N", help="Port of 127.0.0.1; 0: a free one.")
    ] = 0,
    lang: Annotated[str, choice("--lang", among=("en", "zh"), help="Language of the pages.")] = "en",
    no_open: Annotated[bool, switch("--no-open", help="Print the link, and open no browser.")] = False,
) -> int:
    """Look at data sets in the browser: filter, search, compare, see how a record was made, mark it.

    The page is served on this machine alone, to whoever has its link. An index of each SET is built once, beside it.
    Marks go to SET.review.jsonl, and `mix` and `publish` honour them. Ctrl-C ends it.

    Example: blossom-data view demo/dataset --lang zh
    """
    if not sets and not chat:
        raise ConfigError("nothing to look at", hint="name a data set, or a model: --chat MODEL")
    if len(chat or ()) > _MOST_CHATS:
        raise ConfigError(f"{len(chat or ())} models to chat with", hint="one, or two side by side")
    try:
        from blossom_data.view.server import serving
        from blossom_data.view.server.library import Library
    except ImportError as why:
        raise ConfigError(f"`view` needs {why.name}, which is not installed", hint=extra_hint("view")) from why
    ledger = checked_ledger(beside.ledger)
    talkers = Talkers(endpoint)
    library = Library([])
    opened = serving.bound(port)
    try:
        answering = tuple(talkers.make(name) for name in chat or ())
        library = Library([_opened(path, beside, ledger, common) for path in sets or ()])
        serving.serve(
            library,
            answering,
            opened=opened,
            lang=lang,
            is_debug=common.is_debug,
            tell=lambda link: _tell(link, common, is_opened=not no_open),
        )
    finally:
        library.close()
        talkers.close()
        opened.close()
    return 0


def _opened(path: Path, beside: Beside, ledger: LedgerAddress | None, common: Common) -> OpenSet:
    """One set with its index, which is built with a bar where it is missing."""
    from blossom_data.view.index.opening import Source
    from blossom_data.view.server.library import made_of, open_set

    located_set(path, "view")
    source = Source(path)
    pipeline = _pipeline(source, beside)
    other = beside.original or made_of(source)
    original = Source(other) if other else _pulled(source, pipeline) if pipeline else None
    with working(f"index {path}", is_quiet=common.is_quiet) as counters:
        return open_set(source, _workshop(source, pipeline, ledger, beside.prices), original, counters)


def _pipeline(source: Source, beside: Beside) -> Pipeline | None:
    """The pipeline that made a set: the one that is named, or one that comes along, by the set's manifest."""
    made: Any = source.manifest.get("made_of")
    name = beside.pipeline or _bundled(str(made.get("command", "")) if isinstance(made, dict) else "")
    return open_pipeline(name) if name else None


def _pulled(source: Source, pipeline: Pipeline) -> Source | None:
    """The records that a pipeline's sources give: what its stages were given; of files on this machine alone."""
    from blossom_data.view.index.opening import Source

    sources = [each for each in pipeline.sources if Path(each.path).exists()]
    if not sources:
        return None

    def records() -> Iterator[Record]:
        for each in sources:
            yield from (item for item in open_source(each) if isinstance(item, Record))

    known = hashlib.sha256(repr(sources).encode(errors="surrogateescape")).hexdigest()
    return Source(source.path, pulled=records, known=known, name=f"{pipeline.name}: {len(sources)} sources")


def _workshop(source: Source, pipeline: Pipeline | None, ledger: LedgerAddress | None, prices: Path | None) -> Workshop:
    """What is known of how a set was made: by flags, else by its manifest."""
    from blossom_data.ledger.place import find_ledger
    from blossom_data.llm.money.prices import load_prices
    from blossom_data.view.record.attempts import Workshop, ledger_of

    ledger = ledger or ledger_of(source.path)
    if ledger is None and (source.is_live or (source.path / BUILDING).is_dir()):
        ledger = find_ledger(source.path)
    asked = source.manifest.get("asked")
    models = [str(row.get("model", "")) for row in asked if isinstance(row, dict)] if isinstance(asked, list) else []
    known: dict[str, Any] = {}
    if pipeline is not None:
        first = dict(pipeline.endpoint)
        effort = {"reasoning_effort": first["reasoning_effort"]} if first.get("reasoning_effort") else {}
        known = {
            "settings": pipeline.stages,
            "prompts": pipeline.file.resolve().parent,
            "further": {**first.get("extra_body", {}), **effort},
        }
        models += [str(each["model"]) for each in pipeline.endpoints if each.get("model")]
    return Workshop(
        ledger=ledger,
        models=models,
        prices=load_prices(prices) if prices else {},
        **known,
    )


def _bundled(command_line: str) -> str:
    """The pipeline that comes with blossom-data, where a set was made by it."""
    verb, _, name = command_line.partition(" ")
    name = name.split(" ")[0]
    if verb != "run" or not name or "/" in name:
        return ""
    try:
        find_pipeline(f"{name}.toml")
    except ConfigError:
        return ""
    return name


def _tell(link: str, common: Common, *, is_opened: bool) -> None:
    if common.is_json:
        output.json_result({"url": link})
    else:
        output.result(link)
        output.say("the link is for you alone: it holds a token. Ctrl-C ends it.")
    if is_opened:
        import webbrowser

        webbrowser.open(link)
