"""The summary of a run: a funnel, the rejects by code, what was asked and paid; as rows, and as text.

demo -> demo/dataset
  read                60
  translate           49   (1 rejected: quarantine 1)
  ...
  kept                58
  cost           $0.0040   ($0.0044 over all runs of this job)
    translate    $0.0030   (qwen: 57 replies, in 29,200 out 5,900 tokens)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from blossom_data.report import judged
from blossom_data.report.verify import render_verify

_WIDTH = 14
_SHOWN_VALUES = 6
_TOTALS = ("chunks", "personas")
"""What a synthesis tells by numbers of their own (read, used, there), not as values with the records of each."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the summary: its name, a number or text, and remarks."""

    name: str
    value: int | str
    remark: str = ""
    is_count: bool = False
    """Whether the number is one of records, which a display may draw as a bar."""

    @property
    def told(self) -> str:
        """The value as it is shown."""
        return f"{self.value:,}" if isinstance(self.value, int) else self.value

    def __str__(self) -> str:
        room = max(0, 7 + min(0, _WIDTH - len(self.name)))  # a long name takes of the blanks before the number
        return f"  {self.name:<{_WIDTH}} {self.told:>{room}}" + (f"   ({self.remark})" if self.remark else "")


def render_summary(summary: dict[str, Any]) -> str:
    """What `run_job` gave, for people."""
    lines = [f"{summary['stage']} -> {summary['out']}", *map(str, funnel(summary)), *map(str, rounds(summary))]
    lines += map(str, asked(summary))
    return "\n".join([*lines, *answers(summary), *map(str, further(summary))])


def funnel(summary: dict[str, Any]) -> list[Row]:
    """What became of the records: read, through each stage, kept."""
    rows = [Row("read", summary["read"], _by(summary["rejected"], "read"), is_count=True)]
    if summary["added"]:
        rows.append(Row("added", summary["added"], is_count=True))
    if summary["skipped"]:
        duplicates, not_drawn = summary["skipped"] - summary["not_drawn"], summary["not_drawn"]
        remarks = [f"{duplicates:,} exact duplicates"] if duplicates else []
        remarks += [f"{not_drawn:,} not drawn"] if not_drawn else []
        rows.append(Row("skipped", summary["skipped"], "; ".join(remarks), is_count=True))
    for stage, passed in summary["passed"].items():
        lost = [_by(summary["rejected"], stage), _by(summary["failed"], stage, "not answered")]
        untouched = summary.get("untouched", {}).get(stage, 0) if stage == "translate" else 0
        rows.append(Row(stage, passed - untouched, "; ".join(filter(None, lost)), is_count=True))
        if untouched:
            why = "already in that language, or no text to translate"
            rows.append(Row("passed through", untouched, why, is_count=True))
    rows.append(Row("kept", summary["kept"], is_count=True))
    sources = {name: counts for name, counts in summary["by_source"].items() if name}
    if len(sources) > 1:
        rows.append(
            Row("by source", ", ".join(f"{name} {counts.get('kept', 0):,}" for name, counts in sources.items()))
        )
    return rows


def rounds(summary: dict[str, Any]) -> list[Row]:
    """What each round of a synthesis brought, and each operator; empty for what is no synthesis."""
    found = summary.get("synthesize", {})
    rows = []
    for each in found.get("rounds", ()):
        remark = f"{each['verb_objects']:,} verbs with objects, {each['new_clusters']:.0%} new"
        rows.append(Row(f"round {each['round']}", each["kept"], remark))
    for name, counts in found.get("operators", {}).items():
        lost = ", ".join(f"{code} {number:,}" for code, number in counts.items() if code != "kept")
        rows.append(Row(name, counts.get("kept", 0), lost))
    for name, counts in found.get("coverage", {}).items():
        if name in _TOTALS:
            first, *others = counts.items()
            rows.append(
                Row(name, first[1], ", ".join([first[0], *(f"{value} {number:,}" for value, number in others)]))
            )
            continue
        told = ", ".join(f"{value} {number:,}" for value, number in list(counts.items())[:_SHOWN_VALUES])
        rest = len(counts) - _SHOWN_VALUES
        rows.append(Row(name, len(counts), told + (f", and {rest:,} more" if rest > 0 else "")))
    return rows


def asked(summary: dict[str, Any]) -> list[Row]:
    """What was asked, what it cost by stage and model, and what was asked again."""
    run, rows = summary["run"], []
    if run["taken_over"]:
        rows.append(Row("taken over", run["taken_over"], "records of shards with nothing new: not worked on again"))
    if summary["asked"] or run["calls"]:
        rows.append(Row("calls", run["calls"], f"{run['replayed']:,} more replies came from the ledger"))
        tokens = f"in {run['tokens_in']:,}  out {run['tokens_out']:,}"
        rows.append(Row("tokens", tokens, "partly estimated" if run["tokens_estimated"] else ""))
        rows += _cost(run)
    if "judged" in summary:
        rows.append(Row("judged", summary["judged"]["shown"], judged.told(summary["judged"])))
    asking = dict.fromkeys([*summary["passed"], *(["judge"] if "judged" in summary else [])])
    again = [told for stage in asking if (told := _by(summary["asked_again"], stage, stage))]
    rows += [Row("asked again" if place == 0 else "", told) for place, told in enumerate(again)]
    if summary["noted"]:
        rows.append(Row("tolerated", ", ".join(f"{text} {times:,}" for text, times in summary["noted"].items())))
    return rows


def _cost(run: dict[str, Any]) -> list[Row]:
    """What was paid, by stage and model over all runs of the job; nothing where nothing was."""
    rows = []
    if run["calls"] and run["cost_usd"] is None:
        rows.append(Row("cost", "unknown", "the model has no price here; see --prices"))
    elif run["spent_usd"]:
        over_all = f"${run['spent_usd']:,.4f} over all runs of this job"
        rows.append(Row("cost", f"${run['cost_usd']:,.4f}", f"{over_all}; prices: {', '.join(run['prices'])}"))
    if rows or any(spent["cost_usd"] for spent in run["spent"]):
        rows += [_spent(spent) for spent in run["spent"]]
    return rows


def _spent(spent: dict[str, Any]) -> Row:
    cost = "unknown" if spent["cost_usd"] is None else f"${spent['cost_usd']:,.4f}"
    tokens = f"in {spent['tokens_in']:,} out {spent['tokens_out']:,} tokens"
    return Row(f"  {spent['stage']}", cost, f"{spent['model']}: {spent['replies']:,} replies, {tokens}")


def answers(summary: dict[str, Any]) -> list[str]:
    """How the final answers compare with the gold labels; empty without verify-math."""
    return ["  " + line for line in render_verify(summary["verify"])] if "verify" in summary else []


def further(summary: dict[str, Any]) -> list[Row]:
    """Why calls were sent again, notes, and where the data set is."""
    run, rows = summary["run"], []
    if run["retries"]:
        rows.append(Row("sent again", ", ".join(f"{cause} {times:,}" for cause, times in run["retries"].items())))
    rows += [Row("note", note) for note in run["notes"]]
    files = len(summary["shards"])
    rows.append(Row("data set", summary["out"], f"{files} shard{'s' if files != 1 else ''}, manifest.json, README.md"))
    return rows


def _by(counts: dict[str, int], stage: str, word: str = "rejected") -> str:
    """`4 rejected: answered 2, refusal 1`, or "" when there are none of this stage."""
    codes = [(code.split("/", 1)[1], number) for code, number in counts.items() if code.split("/")[0] == stage]
    codes.sort(key=lambda code: -code[1])
    total = sum(number for _, number in codes)
    return f"{total:,} {word}: " + ", ".join(f"{code} {number:,}" for code, number in codes) if codes else ""
