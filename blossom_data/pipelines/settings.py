"""The settings that a pipeline file holds: what each table may say, and the Pipeline that load.py makes of them.

Ranges, defaults and the line of doc of each key stand here once: errors, docs and the JSON schema are made of them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, Field, PlainValidator, ValidationInfo, WithJsonSchema, with_config

from blossom_data.config import (
    MEASURES,
    SAMPLE_WAYS,
    SOURCE_KINDS,
    STAGES,
    STRUCTURED_MODES,
    check_base_url,
    check_extra_body,
    is_web_address,
)
from blossom_data.ledger.address import LedgerAddress, PostgresAddress, address_of
from blossom_data.object_store import is_url
from blossom_data.pipelines.stage_settings import StageTables
from blossom_data.prompts import bundled
from blossom_data.settings_types import (
    SECRET,
    STRICT,
    Amount,
    Count,
    FilePath,
    Flag,
    FreeText,
    Language,
    OneOf,
    Positive,
    RootPath,
    Share,
    StyleScore,
    TargetPath,
    Text,
    Whole,
    checked,
    one_or_list,
    refuse,
)
from blossom_data.toml_file import TomlFile

_NAME = re.compile(r"(?!.*\.\.)\w[\w.-]{0,63}")
FieldName = Annotated[str, OneOf("instruction", "input", "system", "gold", "id", "output")]
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def _name(text: str) -> str:
    if _NAME.fullmatch(text) is None:
        hint = "letters, digits, dots and dashes, 64 at most; no two dots together"
        raise refuse(f"name is {text[:80]!r}", hint)
    return text


def _ledger(value: object, info: ValidationInfo) -> LedgerAddress:
    if isinstance(value, dict):
        url = value.get("url")
        if set(value) != {"url"} or not isinstance(url, str) or not isinstance(address_of(url), PostgresAddress):
            raise refuse("a ledger that is no file is a database", 'such as ledger = {url = "postgresql://HOST/NAME"}')
        value = url
    if not isinstance(value, str) or not value or "\0" in value:
        raise refuse("ledger is no text", 'such as ledger = "ledger.sqlite"')
    address = address_of(value)
    folder: Path = (info.context or {}).get("folder", Path())
    return (folder / address).absolute() if isinstance(address, Path) else address


Ledger = Annotated[
    Path | PostgresAddress,
    PlainValidator(_ledger),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "minLength": 1},
                {
                    "type": "object",
                    "properties": {
                        "url": {
                            "type": "string",
                            "pattern": "^postgres(ql)?://",
                            "description": "The database that several machines share.",
                        }
                    },
                    "required": ["url"],
                    "additionalProperties": False,
                },
            ]
        }
    ),
]
"""A file, relative to the `folder` of the context, absolute afterwards; or the URL of a database."""


def _variable(text: str) -> str:
    """The value is not told: somebody may have put the key itself here."""
    if _VARIABLE.fullmatch(text) is None:
        raise refuse("key_env is no name of an environment variable", 'such as key_env = "SECOND_KEY"')
    return text


def _web_address(text: str) -> str:
    if text and not is_web_address(text):
        raise refuse("url is not an http(s) address", "such as https://hooks.example.com/..., or BLOSSOM_NOTIFY_URL")
    return text


def _program(command: tuple[str, ...]) -> tuple[str, ...]:
    if not (command and command[0]):
        raise refuse("command must name a program", 'such as ["mail", "-s", "blossom", "me@example.com"]')
    return command


def _source_path(text: str, info: ValidationInfo) -> str:
    """Made absolute: bundled:NAME is a file that comes with blossom-data, hf:ID stays a hub id."""
    if text.startswith("hf:") or is_url(text):
        return text
    if text.startswith("bundled:"):
        file = bundled("demo") / "raw" / text.removeprefix("bundled:")
        if not file.is_file():
            raise refuse(f"path is no bundled file: {text!r}")
        return str(file)
    return str((info.context or {}).get("folder", Path()) / text)


@with_config(STRICT)
@dataclass(frozen=True, slots=True, kw_only=True)
class SourceSettings:
    """One [[source]] of a pipeline."""

    kind: Annotated[str, OneOf(*SOURCE_KINDS)]
    """The layout of the raw rows, one of `blossom-data pull --help`."""
    path: Annotated[Text, AfterValidator(_source_path)]
    """A file or folder, or a hub id: hf:ORG/NAME; bundled:FILE comes along."""
    stages: tuple[Annotated[str, OneOf(*STAGES)], ...] = STAGES
    """What its records go through, in the order translate, annotate, verify-math."""
    limit: Count | None = None
    """So many first rows."""
    sample: Count | None = None
    """So many rows, drawn by `seed`."""
    sample_by: Annotated[str, OneOf(*SAMPLE_WAYS)] = field(default=SAMPLE_WAYS[0], repr=False)
    """How they are drawn: uniform, or diversity, which covers what the source asks."""
    seed: Whole = 0
    """Of the sample."""
    fields: Mapping[FieldName, FreeText] = field(default_factory=dict)
    """Of the kind `custom`: the names of the fields, such as {instruction = "question"}; "" for none."""
    lang: Language | None = None
    """BCP-47 tag of the language of all its records; without it each record's is detected."""
    licence: FreeText = ""
    """What the data are held under; goes before what the data set says."""
    split: Text = "train"
    """Of a folder, by the names of its files, or of a data set of the hub; several as train+validation."""
    allow_eval: Flag = field(default=False, repr=False)
    """Read what models are evaluated on, such as the test set of GSM8K."""
    revision: Text | None = None
    """Commit, branch or tag of a data set of the hub."""


@with_config(STRICT)
@dataclass(frozen=True, slots=True, kw_only=True)
class CurateSettings:
    """[curate]: what looks at all sources together, after they are read and before the first stage."""

    steps: Annotated[tuple[Annotated[str, OneOf(*MEASURES)], ...], Field(min_length=1)]
    """dedup leaves out copies, decontaminate what holds an item of a test set; in the order that is given."""
    against: tuple[Text, ...] = ()
    """Test sets of decontaminate: files, or names such as gsm8k-test and mt-bench."""
    bench_dir: FilePath | None = None
    """Folder in which test sets are looked for by name; or BLOSSOM_BENCH."""
    threshold: Share = 0.7
    """Of dedup: smallest similarity at which two requests are compared."""
    judge: FreeText = ""
    """Prompt of the judge that decides where decontaminate is not sure, such as judge_leak; none asks nobody."""


@with_config(STRICT)
@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointSettings:
    """[endpoint], or one of several [[endpoint]]: an OpenAI-compatible address with its model and limits."""

    base_url: Annotated[Text, checked(check_base_url)] | None = None
    """Such as http://127.0.0.1:8000/v1; or OPENAI_BASE_URL."""
    model: Text | None = None
    """The model's name; or BLOSSOM_MODEL."""
    name: Text | None = None
    """Shown in progress and errors; the host without one."""
    structured: Annotated[str, OneOf(*STRUCTURED_MODES)] | None = None
    """How JSON is asked for: auto, json_schema, json_object or off."""
    extra_body: Annotated[Mapping[str, Any], checked(check_extra_body)] | None = None
    """Further fields of every request, such as {chat_template_kwargs = {enable_thinking = false}}; part of the ledger
    key."""
    reasoning_effort: Text | None = None
    """How much the model thinks, in its provider's words (none, low, medium, high); part of the ledger key."""
    key_env: Annotated[Text, SECRET, AfterValidator(_variable)] | None = None
    """The environment variable that holds this endpoint's key."""
    ca_file: Text | None = None
    """PEM file of the only authorities whose certificates are trusted, relative to this file."""
    engine: Text | None = None
    """`local` runs a GGUF file without a server."""
    serve: Text | None = None
    """The command of a local engine that the run starts and stops, such as "vllm serve MODEL"."""
    max_in_flight: Count | None = None
    """Most calls at once."""
    max_tries: Count | None = None
    """Most times one call is sent when it fails in a way that may pass."""
    requests_per_minute: Count | None = None
    """Most calls a minute."""
    tokens_per_minute: Count | None = None
    """Most tokens a minute."""
    timeout_s: Positive | None = None
    """Wall-clock deadline of one call, in seconds."""
    serve_start_s: Amount | None = None
    """Seconds that a local engine may take to start."""
    replicas: Count | None = None
    """Engines that `serve` starts, each at a port of its own."""
    weight: Positive | None = None
    """Share of the calls that this endpoint takes among those of its role."""
    roles: tuple[Annotated[str, OneOf(*STAGES, "judge")], ...] = ()
    """Stages it serves, and judge; none: all that no other endpoint names."""


@with_config(STRICT)
@dataclass(frozen=True, slots=True, kw_only=True)
class PublishSettings:
    """[publish]: where versions go."""

    root: RootPath = Path("published")
    """Folder of the published data sets."""
    name: FreeText = ""
    """Name of the data set; the pipeline's without one."""
    keep: Count | None = None
    """So many newest versions stay (what was `current` within 24 hours stays too); without it all."""
    layout: Annotated[str, OneOf("", "parquet", "jsonl")] = ""
    """parquet or jsonl; without it Parquet where pyarrow is installed."""
    licences: Mapping[str, Text] = field(default_factory=dict)
    """By source; they go before what the sources state."""
    decontaminated: tuple[Text, ...] = ()
    """Test sets of which nothing may be in what is published: [curate] must leave their items out."""
    parts: tuple[FreeText, ...] = ()
    """What is published: names of mixes, or "records" for the data set itself; without it mixes, else the records."""


@with_config(STRICT)
@dataclass(frozen=True, slots=True, kw_only=True)
class RefreshSettings:
    """[refresh]: the gates that a new version must pass, and the logs."""

    logs: TargetPath = Path(".blossom/logs")
    """Folder of the logs and results of runs."""
    keep_logs: Count = 30
    """Folders of so many newest runs stay."""
    max_rejected: Share | None = None
    """Largest share of the records read that may be rejected."""
    max_failed: Share = 0.0
    """Largest share of the records read that the endpoint may leave unanswered."""
    min_math_yield: Share | None = None
    """Smallest share of the records that reach verify-math which it lets through."""
    min_lang: Mapping[Language, Share] = field(default_factory=dict)
    """Smallest share of each language among the records, such as {zh = 0.4}."""
    max_lang: Mapping[Language, Share] = field(default_factory=dict)
    """Largest share of each language among the records."""
    max_style_score: StyleScore | None = None
    """Largest style-consistency score by source: 0.5 is one voice, 1.0 are several."""
    min_size_ratio: Share | None = None
    """Smallest size of a version, relative to the one that is `current`: 0.98 lets it lose 2 %."""


@with_config(STRICT)
@dataclass(frozen=True, slots=True, kw_only=True)
class NotifySettings:
    """[notify]: who hears of a refresh; the message holds counts and the exit code, never data or keys."""

    on: tuple[Annotated[str, OneOf("start", "done", "fail")], ...] = ("fail",)
    """Events that are told."""
    url: Annotated[FreeText, SECRET, AfterValidator(_web_address)] = ""
    """Webhook that gets the message by POST; BLOSSOM_NOTIFY_URL goes before it."""
    command: Annotated[tuple[FreeText, ...], SECRET, AfterValidator(_program)] | None = None
    """Program and arguments; the message is its standard input."""


@with_config(STRICT)
@dataclass(frozen=True, slots=True, kw_only=True)
class PipelineTables:
    """A pipeline file: what to pull, through which stages, with which endpoints, into which mixes and versions."""

    name: Annotated[FreeText, AfterValidator(_name)] | None = None
    """Name of the pipeline; the file's without one."""
    out: TargetPath | None = None
    """Folder of the data set; data/NAME without one."""
    ledger: Ledger | None = None
    """File of every reply that was paid for (.blossom/ledger.sqlite), or {url = "postgresql://HOST/DATABASE"}."""
    seed: Whole = 0
    """Of the run."""
    shard_records: Count = 10_000
    """Records read for one shard."""
    max_bad: Share = 0.01
    """Largest share of the rows that may be unreadable."""
    budget_usd: Amount | None = None
    """Most US dollars over all runs."""
    budget_tokens: Count | None = None
    """Most tokens over all runs."""
    endpoint: Annotated[tuple[EndpointSettings, ...], one_or_list(EndpointSettings)] = ()
    """Where models are; several [[endpoint]] share the stages by their roles."""
    source: Annotated[
        Annotated[tuple[SourceSettings, ...], Field(min_length=1)],
        one_or_list(SourceSettings),
        Field(examples=['[[source]] kind = "gsm8k" path = "train.jsonl"']),
    ]
    """Raw data, each through stages of its own."""
    curate: CurateSettings | None = None
    """What looks at all sources together, before the first stage."""
    stage: StageTables = field(default_factory=StageTables)
    """Settings of each stage."""
    mix: Annotated[tuple[Mapping[str, Any], ...], one_or_list(dict[str, Any])] = ()
    """Training sets, drawn from the data set."""
    publish: PublishSettings | None = None
    """Where versions go."""
    refresh: RefreshSettings
    """Gates of a new version, and logs."""
    notify: NotifySettings | None = None
    """Who hears of a refresh."""
    train: Mapping[str, Any] = field(default_factory=dict)
    """A recipe: what is trained on what was published."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pipeline:
    """A checked pipeline file; paths are absolute, counts at its scale."""

    name: str
    file: Path
    folder: Path
    """What its relative paths are relative to."""
    out: Path
    ledger: LedgerAddress
    sources: tuple[SourceSettings, ...]
    curate: CurateSettings | None = None
    endpoints: tuple[Mapping[str, Any], ...] = ()
    """Of each endpoint what the file says, as keywords of config.Endpoint and `key_env`, `engine`, `serve`."""
    stages: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """What the file says of each stage, by its name."""
    shard_records: int = 10_000
    max_bad: float = 0.01
    budget_usd: float | None = None
    budget_tokens: int | None = None
    seed: int = 0
    publish: PublishSettings | None = None
    refresh: RefreshSettings
    notify: NotifySettings | None = None
    scale: float = 1.0
    """Counts of sources and mixes are this share of what the file says."""
    source: TomlFile
    """The file's values and their lines; mix/recipe.py reads its [[mix]], train/recipe/recipe.py its [train]."""

    @property
    def endpoint(self) -> Mapping[str, Any]:
        """The first endpoint, {} without one."""
        return self.endpoints[0] if self.endpoints else {}

    @property
    def lock(self) -> Path:
        """The lock of a refresh, beside the output."""
        return self.out.with_name(f".{self.out.name}.lock")
