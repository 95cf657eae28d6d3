"""blossom-data judge."""

from __future__ import annotations

import re
from typing import Annotated, Any

import typer

from blossom_data.cli.flags.common import CommonOfLong
from blossom_data.cli.flags.endpoint import Asking
from blossom_data.cli.flags.groups import as_command
from blossom_data.cli.flags.records import Records
from blossom_data.cli.flags.values import switch
from blossom_data.errors import ConfigError
from blossom_data.report.card import PAIRS

_LEAST, _MOST = 1, 10
_STYLE, _WARM = "annotate", 0.7
_SCORE = re.compile(r"(>=|>|)\s*(\d{1,2})")


def score(value: str | int) -> int:
    """The smallest score that `>=7`, `>6` or `7` lets through."""
    found = _SCORE.fullmatch(str(value).strip())
    least = int(found[2]) + (found[1] == ">") if found else 0
    if not _LEAST <= least <= _MOST:
        raise typer.BadParameter(f"{value!r} is not a score from {_LEAST} to {_MOST}, such as '>=7'")
    return least


@as_command("judge")
def command(
    given: Records,
    asking: Asking,
    common: CommonOfLong,
    keep: Annotated[
        int, typer.Option("--keep", parser=score, metavar="'>=N'", help="Scores that are kept; all without it.")
    ] = _LEAST,
    rubric: Annotated[
        str,
        typer.Option("--rubric", metavar="PROMPT", help="What is scored or compared how: prompt name or .toml file."),
    ] = "",
    tries: Annotated[int, typer.Option("--tries", min=1, metavar="N", help="Most verdicts until one can be read.")] = 3,
    best_of: Annotated[
        int, typer.Option("--best-of", min=1, max=64, metavar="N", help="Annotate each record N times, keep the best.")
    ] = 1,
    prompt: Annotated[
        str, typer.Option("--prompt", metavar="PROMPT", help="Style of the annotations of --best-of.")
    ] = _STYLE,
    annotator: Annotated[
        str, typer.Option("--annotator", metavar="NAME", help="Model of the annotations; the judge itself without it.")
    ] = "",
    temperature: Annotated[
        float, typer.Option("--temperature", min=0, max=2, metavar="T", help="Of the annotations; verdicts have 0.")
    ] = _WARM,
    is_pairwise: Annotated[
        bool, switch("--pairwise", help="Compare the annotations by twos, in both orders, in place of scoring them.")
    ] = False,
    makes_pairs: Annotated[
        bool, switch("--pairs", help="Write the best and the worst annotation as a preference pair, for DPO.")
    ] = False,
) -> int:
    """Score the last answer of each record from 1 to 10 by a second model, and keep the good ones.

    A kept record carries its score as a tag (judge:8), a rejected one the judge's reason. With --best-of, answers are
    annotated anew and the best one is kept; annotations that `annotate` bought before are not bought again. With
    --pairs, OUT holds preference pairs, as `train pack --pairs` reads them.

    Example: blossom-data judge sft/orca -o judged/orca --keep '>=7' --base-url http://127.0.0.1:8000/v1 --model judge
    """
    if best_of == 1:
        of_annotations = {
            "--annotator": bool(annotator),
            "--prompt": prompt != _STYLE,
            "--temperature": temperature != _WARM,
            "--pairwise": is_pairwise,
            "--pairs": makes_pairs,
        }
        for flag in (flag for flag, is_given in of_annotations.items() if is_given):
            hint = "such as --best-of 4; what verdicts are asked by is --rubric"
            raise ConfigError(f"{flag} is of the annotations of --best-of", hint=hint)
    if best_of > 1 and temperature == 0:
        raise ConfigError(
            f"at --temperature 0 the {best_of} annotations of --best-of are one and the same, each paid for",
            hint=f"give a temperature above 0; it is {_WARM} without the flag",
        )
    if is_pairwise and keep != _LEAST:
        raise ConfigError("--keep goes by scores, and --pairwise gives none", hint="leave one of the two out")
    from blossom_data.cli.jobs import run_stage
    from blossom_data.stages.build import build_stage

    rubric = rubric or ("judge_pair" if is_pairwise else "judge_answer")
    settings: dict[str, Any] = {"prompt": rubric, "keep": keep, "tries": tries, "best_of": best_of}
    if best_of > 1:
        settings |= {
            "annotate": build_stage("annotate", {"prompt": prompt, "temperature": temperature}),
            "annotator": annotator,
            "is_pairwise": is_pairwise,
            "makes_pairs": makes_pairs,
        }
    return run_stage("judge", settings, given, asking, common, about={"layout": PAIRS} if makes_pairs else {})
