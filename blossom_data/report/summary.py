"""The summary of a run as text: a funnel, the rejects by code, what was asked and paid.

pipeline demo -> demo/dataset
  read            60
  translate       56   (4 rejected: answered 2, refusal 1, ...)
  ...
  kept            51
"""

from __future__ import annotations

from typing import Any

from blossom_data.report.verify import render_verify

_WIDTH = 14


def render_summary(summary: dict[str, Any]) -> str:
    """What `run_job` gave, for people."""
    run = summary["run"]
    lines = [f"{summary['stage']} -> {summary['out']}"]
    lines.append(_row("read", summary["read"], _by(summary["rejected"], "read")))
    if summary["added"]:
        lines.append(_row("added", summary["added"]))
    if summary["skipped"]:
        duplicates, not_drawn = summary["skipped"] - summary["not_drawn"], summary["not_drawn"]
        remarks = [f"{duplicates:,} exact duplicates"] if duplicates else []
        remarks += [f"{not_drawn:,} not drawn"] if not_drawn else []
        lines.append(_row("skipped", summary["skipped"], *remarks))
    lines += [
        _row(stage, passed, _by(summary["rejected"], stage), _by(summary["failed"], stage, "not answered"))
        for stage, passed in summary["passed"].items()
    ]
    lines.append(_row("kept", summary["kept"]))
    sources = {name: counts for name, counts in summary["by_source"].items() if name}
    if len(sources) > 1:
        told = ", ".join(f"{name} {counts.get('kept', 0):,}" for name, counts in sources.items())
        lines.append(_row("by source", told))
    if summary["asked"] or run["calls"]:
        lines.append(_row("calls", run["calls"], f"{run['replayed']:,} more replies came from the ledger"))
        tokens = f"in {run['tokens_in']:,}  out {run['tokens_out']:,}"
        lines.append(_row("tokens", tokens, "partly estimated" if run["tokens_estimated"] else ""))
        if run["calls"] and run["cost_usd"] is None:
            lines.append(_row("cost", "unknown", "the model has no price here; see --prices"))
        elif run["spent_usd"]:
            over_all = f"${run['spent_usd']:,.4f} over all runs of this job"
            lines.append(_row("cost", f"${run['cost_usd']:,.4f}", f"{over_all}; prices: {', '.join(run['prices'])}"))
    again = [told for stage in summary["passed"] if (told := _by(summary["asked_again"], stage, stage))]
    lines += [_row("asked again" if place == 0 else "", told) for place, told in enumerate(again)]
    if summary["noted"]:
        lines.append(_row("tolerated", ", ".join(f"{text} {times:,}" for text, times in summary["noted"].items())))
    if "verify" in summary:
        lines += ["  " + line for line in render_verify(summary["verify"])]
    if run["retries"]:
        lines.append(_row("sent again", ", ".join(f"{cause} {times:,}" for cause, times in run["retries"].items())))
    lines += [_row("note", note) for note in run["notes"]]
    files = len(summary["shards"])
    lines.append(
        _row("data set", summary["out"], f"{files} shard{'s' if files != 1 else ''}, manifest.json, README.md")
    )
    return "\n".join(lines)


def _by(counts: dict[str, int], stage: str, word: str = "rejected") -> str:
    """`4 rejected: answered 2, refusal 1`, or "" when there are none of this stage."""
    codes = [(code.split("/", 1)[1], number) for code, number in counts.items() if code.split("/")[0] == stage]
    codes.sort(key=lambda code: -code[1])
    total = sum(number for _, number in codes)
    return f"{total:,} {word}: " + ", ".join(f"{code} {number:,}" for code, number in codes) if codes else ""


def _row(name: str, value: object, *remarks: str) -> str:
    told = f"{value:,}" if isinstance(value, int) else str(value)
    remark = "; ".join(remark for remark in remarks if remark)
    return f"  {name:<{_WIDTH}} {told:>7}" + (f"   ({remark})" if remark else "")
