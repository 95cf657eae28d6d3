"""What was bought: cost and tokens by stage and model, replies and failures over time, what was asked again."""

from __future__ import annotations

from collections.abc import Iterator

from blossom_data.ledger.timeline import Timeline
from blossom_data.report.codes import meaning
from blossom_data.report.dataset.purchases import Purchases
from blossom_data.report.dataset.sections.outcome import named, share
from blossom_data.report.dataset.subject import Subject
from blossom_data.report.page.charts import bars, lines
from blossom_data.report.page.figures import Section, figure, limited, note
from blossom_data.report.page.html import Html, data, tag
from blossom_data.report.page.words import Words

_NAME = 120
_MOST_CAUSES = 6
_MOST_TIMED = 3
_LEAST_STEPS = 4
"""Of a line that tells anything."""


def buying(words: Words, subject: Subject) -> Section | None:
    """Cost and tokens by stage and model."""
    bought = subject.purchases
    if not bought.rows:
        return None
    head = [words("stage"), words("model"), words("replies"), words("tokens in"), words("tokens out"), words("cost")]
    table = [
        [
            tag("code", data(row.total.stage)),
            data(named(words, row.total.model), _NAME),
            *(f"{number:,}" for number in (row.total.replies, row.total.tokens_in, row.total.tokens_out)),
            words("unknown") if row.cost_usd is None else f"${row.cost_usd:,.4f}",
        ]
        for row in bought.rows
    ]
    rows: list[tuple[str, str, float]] = []
    for row in bought.rows:
        name = f"{row.total.stage} · {named(words, row.total.model)}"
        rows += [(name, words("tokens in"), row.total.tokens_in), (name, words("tokens out"), row.total.tokens_out)]
    chart = bars(words("Tokens by stage and model"), rows, x=words("tokens"))
    caption = words("Tokens and cost by stage and model")
    content = [figure(words, caption, chart, head, table, numbers=[2, 3, 4, 5])]
    return Section("cost", words("Cost and tokens"), [*content, *map(note, _remarks(words, bought))])


def _remarks(words: Words, bought: Purchases) -> Iterator[str]:
    if bought.is_of_ledger:
        yield words("All that the ledger holds for this set, over all its runs, with tries that came to nothing.")
    else:
        yield words(
            "The replies behind these records alone, for there is no ledger of the set here: tries are in it no more."
        )
    if bought.prices:
        yield words("Prices: {origin}", origin=", ".join(bought.prices))
    if any(row.cost_usd is None for row in bought.rows):
        yield words("A price that is not known stays unknown: name it with --prices, or --price-in and --price-out.")


def over_time(words: Words, subject: Subject) -> Section | None:
    """Replies and failures over time, and what was asked again."""
    when = subject.purchases.timeline
    content = [*_pace(words, when), *_latency(words, when), *_again(words, subject)]
    return Section("time", words("Replies over time, and what was asked again"), content) if content else None


def _pace(words: Words, when: Timeline) -> Iterator[Html]:
    if not when.replies:
        return
    last = when.last
    per_minute = 60 / when.step_s
    series = dict(when.replies)
    causes = sorted(when.failures, key=lambda cause: -sum(when.failures[cause].values()))
    series |= {words("failed: {cause}", cause=cause): when.failures[cause] for cause in causes[:_MOST_CAUSES]}
    rows = [
        (when.start + place * when.step_s, name, counts.get(place, 0) * per_minute)
        for name, counts in series.items()
        for place in range(last + 1)
    ]
    label = words("Replies a minute")
    chart = Html("")
    if last >= _LEAST_STEPS:
        chart = lines(label, rows, x=words("time (UTC)"), y=label, is_time=True, from_zero=True)
    table = [
        [data(name, _NAME), f"{sum(counts.values()):,}", f"{max(counts.values()) * per_minute:,.0f}"]
        for name, counts in series.items()
    ]
    head = [words("stage"), words("in all"), words("most in a minute")]
    caption = words(
        "Replies a minute by stage, and tries that brought none, in steps of {step} s", step=f"{when.step_s:,.0f}"
    )
    yield figure(words, caption, chart, head, table, numbers=[1, 2])


def _latency(words: Words, when: Timeline) -> Iterator[Html]:
    """How long answers took: the middle one and the slow ones of each step."""
    shares = ((0.5, words("half")), (0.95, "95 %"))
    stages = sorted(when.times, key=lambda stage: -sum(bins.total() for bins in when.times[stage].values()))
    rows = [
        (when.start + place * when.step_s, f"{stage} · {name}", took_s)
        for stage in stages[:_MOST_TIMED]
        for share, name in shares
        for place in sorted(when.times[stage])
        if (took_s := when.quantile_s(share, stage, place)) is not None
    ]
    if not rows:
        return
    label = words("Seconds that answers took")
    chart = Html("")
    if max(map(len, when.times.values())) > _LEAST_STEPS:
        chart = lines(label, rows, x=words("time (UTC)"), y=words("seconds"), is_time=True, from_zero=True)
    table = [
        [
            data(stage, _NAME),
            f"{sum(bins.total() for bins in when.times[stage].values()):,}",
            *(f"{when.quantile_s(share, stage):,.3g}" for share in (0.5, 0.95, 1.0)),
        ]
        for stage in stages
    ]
    head = [words("stage"), words("replies"), words("half within (s)"), words("95 % within (s)"), words("longest (s)")]
    caption = words("How long answers took from sending to the last sign: what half, and 95 % of them, did not exceed")
    yield figure(words, caption, chart, head, table, numbers=[1, 2, 3, 4])


def _again(words: Words, subject: Subject) -> Iterator[Html]:
    """Replies that a check refused and that were asked for again."""
    again = sorted(subject.counts("asked_again").items(), key=lambda entry: (-entry[1], entry[0]))
    if not again:
        return
    replies = sum(row.total.replies for row in subject.purchases.rows)
    table = []
    for name, number in again:
        stage, _, code = name.partition("/")
        told = meaning(stage, code)
        table.append([tag("code", data(name)), f"{number:,}", share(number, replies), words(told) if told else ""])
    chart = bars(words("Asked again"), [(name, "", number) for name, number in again], x=words("replies"))
    head = [words("reason"), words("replies"), words("share"), words("what it means")]
    caption = words("Replies that a check refused, and that were asked for again")
    yield figure(words, caption, chart, head, table, numbers=[1, 2])


def tolerated(words: Words, subject: Subject) -> Section | None:
    """What was let through with a remark."""
    found = sorted(subject.counts("noted").items(), key=lambda entry: (-entry[1], entry[0]))
    rows = [[data(name, 200), f"{number:,}"] for name, number in found]
    if not rows:
        return None
    table = limited(words, [words("remark"), words("records")], rows, numbers=[1])
    return Section("tolerated", words("Let through with a remark"), [table])
