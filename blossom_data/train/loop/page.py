"""The report of a run: loss, learning rate, throughput and sampled replies, as one HTML page without scripts.

run_page(Path("runs/blossom"), lang="zh")      b"<!doctype html>..."
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from blossom_data.errors import InputError
from blossom_data.report.page.charts import can_draw
from blossom_data.report.page.charts import lines as line_chart
from blossom_data.report.page.figures import Section, contents, figure, limited, note
from blossom_data.report.page.html import Html, blocks, data, document, tag
from blossom_data.report.page.words import Words
from blossom_data.shards import read_manifest
from blossom_data.train.loop.metrics import SAMPLES, read_lines, read_metrics

_MOST_POINTS = 300
_LAST_REPLIES = 4
_MOST_PROMPTS = 20
_MOST_CHARACTERS = 4_000
Point = tuple[float, float]
Lines = Sequence[Mapping[str, Any]]


def run_page(run: Path, *, lang: str = "en") -> bytes:
    """The page of the run in the folder `run`, finished or not.

    Raises:
        InputError: it holds no metrics.
    """
    lines = read_metrics(run)
    if not lines:
        raise InputError(f"{run} holds no metrics", hint="name the folder of a run")
    return page(lines, read_manifest(run), read_lines(run / SAMPLES), name=run.resolve().name, lang=lang)


def page(
    lines: Lines, manifest: Mapping[str, Any] | None, samples: Lines = (), *, name: str = "", lang: str = "en"
) -> bytes:
    """The page of a run's metrics and sampled replies; `manifest` is that of a finished run."""
    words = Words(lang)
    train = [line for line in lines if line.get("kind") == "train"]
    held_out = [line for line in lines if line.get("kind") == "eval"]
    sections = [_facts(words, train, manifest), *_charts(words, train, held_out), *_replies(words, samples)]
    head = [
        tag("h1", data(name or words("Training run"))),
        tag("p", words("Training run"), cls="soft"),
        contents(words, sections),
        Html("") if can_draw() else note(words("Tables alone: charts come with the extra report.")),
    ]
    title = words("{name}: training run", name=name) if name else words("Training run")
    return document(lang=words.html_lang, title=title, body=[*head, *(section.html() for section in sections)])


def _charts(words: Words, train: Lines, held_out: Lines) -> list[Section]:
    """What was measured over the steps."""
    borders = [float(b["step"]) for a, b in pairwise(train) if a.get("stage") != b.get("stage")]
    loss = {words("training"): _points(train, "loss"), words("held out"): _points(held_out, "loss")}
    loss_told = words("Loss over the steps; a dashed line is where a stage begins")
    score = {words("score"): _points(held_out, "score")}
    drawn = [
        ("loss", words("Loss"), loss_told, words("loss"), loss),
        ("score", words("Score"), words("Score of the suites"), words("score"), score),
        *(
            (key.replace("_", "-"), words(title), words(title), words(unit), {words(title): _points(train, key)})
            for key, title, unit in _OVER_STEPS
        ),
    ]
    return [
        _chart(words, name, title, caption, unit, {label: line for label, line in series.items() if line}, borders)
        for name, title, caption, unit, series in drawn
        if name not in _SOMETIMES or any(series.values())
    ]


def _chart(
    words: Words, name: str, title: str, caption: str, unit: str, series: dict[str, list[Point]], borders: list[float]
) -> Section:
    if not series:
        return Section(name, title, [note(words("nothing was logged"))])
    rows = [(step, label, value) for label, line in series.items() for step, value in line]
    chart = line_chart(title, rows, x=words("step"), y=unit, borders=borders, shape=_SHAPES.get(name, "~s"))
    values = {label: [value for _, value in line] for label, line in series.items()}
    table = [
        [label, *(f"{value:.4g}" for value in (each[0], each[-1], min(each), max(each)))]
        for label, each in values.items()
    ]
    head = [words("series"), words("first"), words("last"), words("least"), words("most")]
    return Section(name, title, [figure(words, caption, chart, head, table, numbers=[1, 2, 3, 4])])


def _replies(words: Words, samples: Lines) -> list[Section]:
    """The prompts with their reference, and what was replied at the first and the last steps."""
    by_prompt: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for sample in samples:
        by_prompt.setdefault((str(sample.get("stage")), str(sample.get("document"))), []).append(sample)
    content = []
    for (stage, _), told in [*by_prompt.items()][:_MOST_PROMPTS]:
        content.append(tag("h3", words("stage {stage}", stage=stage)))
        content.append(
            blocks({words("prompt"): _text(told[0], "prompt"), words("reference"): _text(told[0], "reference")})
        )
        content.append(
            blocks({_step(words, one): _text(one, "reply") for one in [told[0], *told[1:][-_LAST_REPLIES:]]})
        )
    return [Section("replies", words("Replies to held-out prompts"), content)] if content else []


def _step(words: Words, sample: Mapping[str, Any]) -> str:
    step = f"{sample['step']:,}"
    return words("step {step}", step=step) if sample.get("stopped") else words("step {step}, cut", step=step)


def _text(sample: Mapping[str, Any], key: str) -> str:
    return str(sample.get(key))[:_MOST_CHARACTERS]


def _points(lines: Lines, key: str) -> list[Point]:
    """(step, value) of the lines that have `key`, thinned by means to what a screen can show."""
    found = [
        (float(line["step"]), float(line[key]))
        for line in lines
        if isinstance(line.get(key), int | float) and math.isfinite(line[key])
    ]
    every = math.ceil(len(found) / _MOST_POINTS) or 1
    groups = [found[start : start + every] for start in range(0, len(found), every)]
    return [(sum(x for x, _ in part) / len(part), sum(y for _, y in part) / len(part)) for part in groups]


def _facts(words: Words, train: Lines, manifest: Mapping[str, Any] | None) -> Section:
    facts: list[tuple[object, object]] = []
    if manifest:
        facts += [(words(name), data(manifest.get(key))) for name, key in _TOLD if manifest.get(key) is not None]
        for stage in manifest.get("stages", []):
            told = ", ".join(f"{key} {value:,}" for key, value in stage.items() if isinstance(value, int) and value)
            facts.append((words("stage {stage}", stage=stage.get("name")), tag("code", told)))
    if train:
        last = train[-1]
        told = words("{step}: loss {loss}", step=f"{last['step']:,}", loss=f"{last['loss']:.4f}")
        facts.append((words("last step"), told))
    return Section("run", words("The run"), [limited(words, [words("fact"), words("value")], facts)])


_OVER_STEPS = (
    ("reward_margin", "Reward of the chosen over the rejected", "reward"),
    ("learning_rate", "Learning rate", "Learning rate"),
    ("tokens_per_s", "Tokens a second", "tokens a second"),
    ("grad_norm", "Norm of the gradient", "norm"),
)
_SOMETIMES = ("score", "reward-margin")
_SHAPES = {"learning-rate": "~e"}
_TOLD = (
    ("base model", "base_model"),
    ("steps", "steps"),
    ("tokens", "tokens"),
    ("adapter", "adapter"),
    ("processes", "world"),
    ("precision", "dtype"),
    ("newest checkpoint", "checkpoint"),
    ("recipe", "recipe"),
)
