"""blossom-data doctor."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from blossom_data.cli import output
from blossom_data.cli.flags.common import Common
from blossom_data.cli.flags.endpoint import AddressFlags, EndpointFlags, build_endpoint
from blossom_data.cli.flags.engine import EngineFlags
from blossom_data.cli.flags.groups import as_command
from blossom_data.cli.flags.values import switch
from blossom_data.cli.tables import Columns, show
from blossom_data.config import Endpoint
from blossom_data.doctor import FAIL, OK, WARN, Finding, attempt
from blossom_data.doctor.database import check_database
from blossom_data.errors import BlossomError, ConfigError
from blossom_data.ledger.address import LedgerAddress, address_of
from blossom_data.ledger.lock import lock_of
from blossom_data.ledger.place import find_ledger
from blossom_data.object_store import ObjectPath
from blossom_data.pipelines.load import open_pipeline
from blossom_data.pipelines.settings import Pipeline


@as_command("doctor")
def command(
    address: AddressFlags,
    common: Common,
    pipeline: Annotated[
        str | None, typer.Argument(metavar="PIPELINE", help="Pipeline file, to look at all that it names.")
    ] = None,
    no_call: Annotated[bool, switch("--no-call", help="Make no call that costs anything.")] = False,
) -> int:
    """Check configuration, prompts, sources, key, endpoint and machine; say how to mend what is wrong.

    Exit code 2 when something fails. It asks the endpoint for one token and for up to three short JSON replies, as a
    run does, and says what a run would meet.

    Example: blossom-data doctor pipelines/math.toml
    Example: blossom-data doctor --base-url http://127.0.0.1:8000/v1 --model qwen2.5-7b-instruct
    """
    looked = _pipeline(pipeline, address, not no_call) if pipeline else _flags(address, not no_call)
    findings = []
    for finding in looked:
        findings.append(finding)
        if not common.is_json and not (common.is_quiet and finding.state == OK):
            fix = [("", "", f"try: {finding.fix}")] if finding.fix and finding.state != OK else []
            show(Columns([(finding.state, finding.name, finding.told), *fix], least=(4, 12), indent=0))
    states = [finding.state for finding in findings]
    if common.is_json:
        told = [asdict(finding) for finding in findings]
        output.json_result({"ok": FAIL not in states, "warnings": states.count(WARN), "findings": told})
    return 2 if FAIL in states else 0


def _flags(given: AddressFlags, is_called: bool) -> Iterator[Finding]:
    """What can be looked at without a pipeline."""
    address = given.base_url or os.environ.get("BLOSSOM_BASE_URL") or os.environ.get("OPENAI_BASE_URL", "")
    model = given.model or os.environ.get("BLOSSOM_MODEL", "")
    try:
        endpoint = build_endpoint(
            EndpointFlags(base_url=address, model=model, ca_file=given.ca_file, max_in_flight=1, timeout_s=60.0)
        )
    except BlossomError as why:
        yield Finding("endpoint", FAIL, str(why), why.hint)
    else:
        yield from _endpoint(endpoint, is_called)
    ledger: LedgerAddress = find_ledger(Path("data"))
    try:
        ledger = address_of(os.environ.get("BLOSSOM_LEDGER") or ledger)
    except BlossomError as why:
        yield Finding("BLOSSOM_LEDGER", FAIL, str(why), why.hint)
    yield from _machine(Path("data"), ledger)


def _pipeline(name: str, given: AddressFlags, is_called: bool) -> Iterator[Finding]:
    from blossom_data.cli.pipelines.endpoints import build_endpoints, endpoint_settings
    from blossom_data.doctor.machine import check_lock
    from blossom_data.pipelines.environment import load_environment

    try:
        pipeline = open_pipeline(name)
        yield Finding("pipeline", OK, f"{pipeline.file} can be read")
        dotenv = load_environment(pipeline)
    except BlossomError as why:
        yield Finding("pipeline", FAIL, str(why), why.hint)
        return
    yield from _settings(pipeline)
    try:
        listed = endpoint_settings(pipeline, given, EngineFlags(), dotenv)
        values = [{key: setting.value for key, setting in settings.items()} for settings in listed]
        if any(settings.get("engine") or settings.get("serve") for settings in values):
            yield Finding("endpoint", OK, "a local engine, started by each run: not looked at")
            endpoints: tuple[Endpoint, ...] = ()
        else:
            endpoints = build_endpoints(values)
    except BlossomError as why:
        yield Finding("endpoint", FAIL, str(why), why.hint)
        endpoints = ()
    for endpoint in endpoints:
        yield from _endpoint(endpoint, is_called)
    yield check_lock("pipeline", pipeline.lock)
    yield from _machine(pipeline.out, pipeline.ledger, pipeline.folder / ".env")


def _settings(pipeline: Pipeline) -> Iterator[Finding]:
    """Stages with their prompts, mixes, what is published, and each source's first row."""
    from blossom_data.cli.flags.pipeline import Wanted
    from blossom_data.cli.pipelines.curating import curating_of
    from blossom_data.cli.pipelines.job import build_stages, open_source
    from blossom_data.doctor.object_store import check_store
    from blossom_data.refresh.notify import webhook
    from blossom_data.refresh.products import check_clean, check_licences, check_train, mixes_of, parts_of
    from blossom_data.stages.build import prompts_of

    def stages() -> str:
        built = build_stages(pipeline, Wanted(common=Common()))[0]
        prompts = prompts_of(list(built.values()))
        return f"{', '.join(built)}; prompts {', '.join(f'{name} {digest[:8]}' for name, digest in prompts.items())}"

    def products() -> str:
        mixes = mixes_of(pipeline)
        parts = parts_of(pipeline, mixes)
        check_train(pipeline, parts)
        check_clean(pipeline, mixes)
        # The licence of a hub data set stands on its card, which is read when it is.
        local = [source for source in pipeline.sources if source.licence or not source.path.startswith("hf:")]
        check_licences(pipeline, [{"source": source.kind, "licence": source.licence} for source in local])
        told = [f"mixes: {', '.join(mix.name for mix in mixes) or 'none'}"]
        told += [f"published: {', '.join(part.config or 'the records' for part in parts) or 'nothing'}"]
        return "; ".join(told)

    yield attempt("stages", stages)

    def measures() -> str:
        about = curating_of(pipeline, is_quiet=True).about
        tested = about.get("decontaminate", {}).get("against", [])
        against = ", ".join(f"{each['name']} ({each['items']:,} items)" for each in tested)
        return ", ".join(about) + (f"; against {against}" if against else "")

    yield attempt("products", products)
    if pipeline.curate is not None:
        yield attempt("curate", measures)
    if pipeline.notify is not None:
        settings = pipeline.notify
        yield attempt("notify", lambda: "webhook" if webhook(settings) else "command" if settings.command else "nobody")
    published = pipeline.publish
    if published is not None and isinstance(published.root, ObjectPath):
        folder = published.root.child(published.name)
        yield attempt("publish", lambda: check_store(folder))
    for number, source in enumerate(pipeline.sources, 1):

        def first(source: Any = source) -> str:
            rows = sum(1 for _ in itertools.islice(open_source(source), 1))
            return f"{source.kind} from {source.path}: {'its first row can be read' if rows else 'it is empty'}"

        yield attempt(f"source {number}", first)


def _endpoint(endpoint: Endpoint, is_called: bool) -> Iterator[Finding]:
    from blossom_data.doctor.endpoint import check_endpoint

    yield Finding("endpoint", OK, f"{endpoint.base_url} with the model {endpoint.model}")
    yield from check_endpoint(endpoint, is_called=is_called)


def _machine(out: Path, ledger: LedgerAddress, *private: Path) -> Iterator[Finding]:
    from blossom_data.doctor import machine

    yield machine.check_disk(out)
    yield machine.check_writable(out)
    yield machine.check_file_system("data set", out, must_be_local=False)
    if isinstance(ledger, Path):
        yield machine.check_file_system("ledger", ledger, must_be_local=True)
        try:
            yield machine.check_lock("ledger", lock_of(ledger))
        except ConfigError as why:
            yield Finding("lock", FAIL, str(why), why.hint)
        private = (ledger, *private)
    else:
        yield check_database(ledger)
    for path in private:
        if (finding := machine.check_mode(path)) is not None:
            yield finding
    yield from machine.check_gpu()
