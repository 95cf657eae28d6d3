"""The flags of an evaluation: what is evaluated, and who judges; and the endpoint that a judge is turned into."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any, ClassVar

import typer

from blossom_data.cli.flags.endpoint import key_from_environment
from blossom_data.cli.flags.records import PANEL, Replace
from blossom_data.cli.flags.values import json_object
from blossom_data.config import Endpoint, Secret, authority_of
from blossom_data.errors import ConfigError

_KEY = "BLOSSOM_JUDGE_API_KEY"
BenchDir = Annotated[
    Path | None,
    typer.Option("--bench-dir", envvar="BLOSSOM_BENCH", metavar="FOLDER", help="Folder of your test sets."),
]
"""Where suites lie that do not come along."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tested:
    """What is evaluated, on what, and where the results go."""

    panel: ClassVar[str] = PANEL

    out: Annotated[
        Path | None, typer.Option("-o", "--out", metavar="FOLDER", help="Folder for answers, verdicts and scores.")
    ] = None
    checkpoint: Annotated[
        Path | None,
        typer.Option(
            "--checkpoint",
            metavar="MODEL",
            exists=True,
            help="A model of yours in place of an endpoint: a folder that `train export` wrote, or a .gguf file; it is "
            "served for as long as it is asked (with --serve, by that command).",
        ),
    ] = None
    bench_dir: BenchDir = None
    trained_on: Annotated[
        Path | None,
        typer.Option(
            "--trained-on",
            metavar="SET",
            exists=True,
            help="The model's training set: whether it holds questions of the suites stands beside the scores.",
        ),
    ] = None
    temperature: Annotated[
        float | None,
        typer.Option(
            "--temperature", min=0, max=2, metavar="T", help="Of all answers; what each suite prescribes without it."
        ),
    ] = None
    max_tokens: Annotated[
        int, typer.Option("--max-tokens", min=1, metavar="N", help="Longest answer, and longest verdict.")
    ] = 2048
    replace: Replace = field(default_factory=Replace)


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgeFlags:
    """Who judges answers, and how."""

    panel: ClassVar[str] = "Judge"

    judge_file: Annotated[
        Path | None,
        typer.Option(
            "--judge",
            metavar="FILE",
            exists=True,
            dir_okay=False,
            help="TOML file whose table [judge] names model, base_url, extra_body and prompt; flags go before it.",
        ),
    ] = None
    judge_model: Annotated[
        str,
        typer.Option(
            "--judge-model", metavar="NAME", envvar="BLOSSOM_JUDGE_MODEL", help="Model that judges the answers."
        ),
    ] = ""
    judge_base_url: Annotated[
        str,
        typer.Option(
            "--judge-base-url",
            metavar="URL",
            envvar="BLOSSOM_JUDGE_BASE_URL",
            help=f"Its endpoint; that of the model without it. Its key is read from {_KEY}, else it is the model's.",
        ),
    ] = ""
    judge_extra_body: Annotated[
        dict[str, Any] | None,
        typer.Option("--judge-extra-body", parser=json_object, metavar="JSON", help="Further fields of its requests."),
    ] = None
    judge_prompt: Annotated[
        str,
        typer.Option(
            "--judge-prompt",
            metavar="PROMPT",
            help="What it is asked: prompt name or .toml file with ${document}; MT-Bench keeps its published prompts.",
        ),
    ] = ""
    against: Annotated[
        Path | None,
        typer.Option(
            "--against",
            metavar="FOLDER",
            exists=True,
            file_okay=False,
            help="Another model's finished evaluation: the judge says which answer is better, in both orders.",
        ),
    ] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HarnessFlags:
    """How `evaluate lm-eval` runs the harness."""

    panel: ClassVar[str] = "lm-eval"

    limit: Annotated[
        int | None, typer.Option("--limit", min=1, metavar="N", help="First N questions of each task.")
    ] = None
    fewshot: Annotated[
        int | None,
        typer.Option(
            "--fewshot", min=0, metavar="N", help="Examples before each question; the task's own number without it."
        ),
    ] = None
    batch_size: Annotated[int, typer.Option("--batch-size", min=1, metavar="N", help="Questions at once.")] = 8


def build_judge(
    flags: JudgeFlags, tested: Endpoint, roles: tuple[str, ...], *, structured: str, is_local: bool
) -> Endpoint | None:
    """The endpoint of the judge; None where none is named.

    Args:
        structured: how JSON is asked for; one of STRUCTURED_MODES.
        tested: the endpoint of the model; limits and deadlines of its calls are the judge's too.
        is_local: the model's endpoint is an engine of this machine, so that the environment's key is not for it.

    Raises:
        ConfigError: a judge without a model, or without an address.
    """
    if not flags.judge_model:
        if flags.judge_base_url or flags.judge_prompt or flags.judge_extra_body:
            raise ConfigError("a judge needs a model", hint="give --judge-model NAME")
        return None
    base_url = flags.judge_base_url or ("" if is_local else tested.base_url)
    if not base_url:
        raise ConfigError("the judge has no address", hint="give --judge-base-url http://HOST:PORT/v1")
    return replace(
        tested,
        base_url=base_url,
        model=flags.judge_model,
        api_key=_key(base_url, tested, is_local=is_local),
        name="",
        roles=roles,
        structured=structured,
        extra_body=flags.judge_extra_body or {},
        reasoning_effort="",
    )


def _key(base_url: str, tested: Endpoint, *, is_local: bool) -> Secret:
    """The judge's own key; else the environment's, where that is not another host's."""
    if value := os.environ.get(_KEY, "").strip():
        return Secret(value, origin=_KEY)
    is_same = authority_of(base_url) == authority_of(tested.base_url)
    return key_from_environment() if is_local or is_same else Secret()
