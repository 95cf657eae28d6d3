"""The report of a run: loss, learning rate, throughput and sampled replies, as one HTML file without scripts.

    page(read_metrics(run), read_manifest(run), read_lines(run / "samples.jsonl"))      "<!doctype html>..."

Everything that comes out of a file is escaped; nothing is loaded from anywhere.
"""

from __future__ import annotations

import html
import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from blossom_data.shards import steerless

_WIDTH, _HEIGHT, _LEFT, _BOTTOM, _TOP = 820, 240, 64, 26, 12
_MOST_POINTS = 800
_LAST_REPLIES = 4
_COLOURS = ("#2563eb", "#d97706")
_STYLE = """body{font:15px/1.5 system-ui,sans-serif;max-width:860px;margin:2em auto;padding:0 1em;color:#1f2937}
table{border-collapse:collapse}td,th{padding:.2em .9em .2em 0;text-align:left}th{font-weight:600}
svg{width:100%;height:auto}text{font:11px system-ui,sans-serif;fill:#6b7280}h2{font-size:1.05em;margin:1.6em 0 .2em}
pre{white-space:pre-wrap;margin:0}td,th{vertical-align:top}
@media(prefers-color-scheme:dark){body{background:#111827;color:#e5e7eb}text{fill:#9ca3af}}"""
Point = tuple[float, float]


def page(
    lines: Sequence[Mapping[str, Any]], manifest: Mapping[str, Any] | None, samples: Sequence[Mapping[str, Any]] = ()
) -> str:
    """The page of a run's metrics and sampled replies; `manifest` is that of a finished run."""
    train = [line for line in lines if line.get("kind") == "train"]
    held_out = [line for line in lines if line.get("kind") == "eval"]
    borders = [b["step"] for a, b in pairwise(train) if a.get("stage") != b.get("stage")]
    loss = [("training", _points(train, "loss"))]
    if held_out:
        loss.append(("held out", _points(held_out, "loss")))
    charts = [
        ("Loss", loss),
        ("Learning rate", [("", _points(train, "learning_rate"))]),
        ("Tokens a second", [("", _points(train, "tokens_per_s"))]),
        ("Norm of the gradient", [("", _points(train, "grad_norm"))]),
    ]
    if margins := _points(train, "reward_margin"):
        charts.insert(1, ("Reward of the chosen over the rejected", [("", margins)]))
    body = "".join(f"<h2>{title}</h2>{chart(series, borders)}" for title, series in charts)
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>Training run</title><style>{_STYLE}</style>'
        f"<h1>Training run</h1>{_facts(train, manifest)}{body}{_replies(samples)}</html>\n"
    )


def chart(series: Sequence[tuple[str, Sequence[Point]]], borders: Sequence[float] = ()) -> str:
    """Lines over steps as one SVG; `borders` are the steps at which a stage begins."""
    points = [point for _, line in series for point in line]
    if not points:
        return "<p>nothing was logged</p>"
    low_x, high_x = min(x for x, _ in points), max(x for x, _ in points)
    low_y, high_y = min(y for _, y in points), max(y for _, y in points)
    pad = (high_y - low_y) * 0.05 or abs(high_y) * 0.05 or 1.0
    low_y, high_y = low_y - pad, high_y + pad

    def place(x: float, y: float) -> str:
        across = (x - low_x) / ((high_x - low_x) or 1)
        up = (y - low_y) / (high_y - low_y)
        return f"{_LEFT + across * (_WIDTH - _LEFT - 8):.1f},{_HEIGHT - _BOTTOM - up * (_HEIGHT - _BOTTOM - _TOP):.1f}"

    parts = []
    for number in range(5):
        value = low_y + (high_y - low_y) * number / 4
        x, y = place(low_x, value).split(",")
        parts.append(f'<line x1="{x}" y1="{y}" x2="{_WIDTH - 8}" y2="{y}" stroke="#9ca3af" stroke-opacity=".3"/>')
        parts.append(f'<text x="{_LEFT - 8}" y="{float(y) + 4:.1f}" text-anchor="end">{value:.3g}</text>')
    for step, anchor in ((low_x, "start"), (high_x, "end")):
        x = place(step, low_y).split(",")[0]
        parts.append(f'<text x="{x}" y="{_HEIGHT - 8}" text-anchor="{anchor}">{step:,.0f}</text>')
    for step in borders:
        x = place(step, low_y).split(",")[0]
        dashes = 'stroke="#6b7280" stroke-dasharray="3 3"'
        parts.append(f'<line x1="{x}" y1="{_TOP}" x2="{x}" y2="{_HEIGHT - _BOTTOM}" {dashes}/>')
    for number, (name, line) in enumerate(series):
        colour = _COLOURS[number % len(_COLOURS)]
        drawn = " ".join(place(x, y) for x, y in line)
        parts.append(f'<polyline points="{drawn}" fill="none" stroke="{colour}" stroke-width="1.5"/>')
        if name:
            parts.append(f'<text x="{_WIDTH - 90}" y="{_TOP + 14 * number + 6}" style="fill:{colour}">{name}</text>')
    return f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img">{"".join(parts)}</svg>'


def _replies(samples: Sequence[Mapping[str, Any]]) -> str:
    """The prompts with their reference, and what was replied at the first and the last steps."""
    by_prompt: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for sample in samples:
        by_prompt.setdefault((str(sample.get("stage")), str(sample.get("document"))), []).append(sample)
    parts = ["<h2>Replies to held-out prompts</h2>"] if by_prompt else []
    for (stage, _), told in by_prompt.items():
        shown = [told[0], *told[1:][-_LAST_REPLIES:]]
        rows = [("prompt", shown[0].get("prompt")), ("reference", shown[0].get("reference"))]
        rows += [(f"step {one['step']:,}{'' if one.get('stopped') else ', cut'}", one.get("reply")) for one in shown]
        cells = "".join(f"<tr><th>{name}</th><td><pre>{_plain(text)}</pre></td></tr>" for name, text in rows)
        parts.append(f"<p>stage {_plain(stage)}</p><table>{cells}</table>")
    return "".join(parts)


def _plain(text: Any) -> str:
    """Text of a file as HTML that shows it and nothing else."""
    return html.escape(steerless(str(text)))


def _points(lines: Sequence[Mapping[str, Any]], key: str) -> list[Point]:
    """(step, value) of the lines that have `key`, thinned by means to what a screen can show."""
    found = [
        (float(line["step"]), float(line[key]))
        for line in lines
        if isinstance(line.get(key), int | float) and math.isfinite(line[key])
    ]
    every = math.ceil(len(found) / _MOST_POINTS) or 1
    groups = [found[start : start + every] for start in range(0, len(found), every)]
    return [(sum(x for x, _ in part) / len(part), sum(y for _, y in part) / len(part)) for part in groups]


def _facts(train: Sequence[Mapping[str, Any]], manifest: Mapping[str, Any] | None) -> str:
    facts: list[tuple[str, str]] = []
    if manifest:
        facts += [(name, str(manifest.get(key))) for name, key in _TOLD if manifest.get(key) is not None]
        for stage in manifest.get("stages", []):
            told = ", ".join(f"{key} {value:,}" for key, value in stage.items() if isinstance(value, int) and value)
            facts.append((f"stage {stage.get('name')}", told))
    if train:
        last = train[-1]
        facts.append(("last step", f"{last['step']:,}: loss {last['loss']:.4f}"))
    rows = "".join(f"<tr><th>{html.escape(name)}</th><td>{html.escape(value)}</td></tr>" for name, value in facts)
    return f"<table>{rows}</table>"


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
