"""What became of the records: the figures at the top, the funnel by source, the rejects with samples, the parts."""

from __future__ import annotations

from collections.abc import Iterator

from blossom_data.report.codes import meaning
from blossom_data.report.dataset.rejects import Sample
from blossom_data.report.dataset.subject import Subject, numbers
from blossom_data.report.page.charts import KEPT, bars
from blossom_data.report.page.figures import Section, figure, limited, note, tiles
from blossom_data.report.page.html import Html, blocks, data, joined, tag
from blossom_data.report.page.words import Words

_NAME = 120
_OPEN = 3
"""Reasons whose samples are not folded."""


def named(words: Words, name: str) -> str:
    """A source, language or model as it is shown."""
    return name or words("(no name)")


def share(part: float, whole: float) -> str:
    """A share as people read it."""
    return f"{part / whole:.1%}" if whole else "–"


def key_figures(words: Words, subject: Subject) -> Html:
    """The tiles at the head of the page."""
    facts, entries = subject.facts, []
    read = subject.number("read")
    lost = sum(subject.counts("rejected").values()) + sum(subject.counts("failed").values())
    remark = words("of {number} read", number=f"{read:,}") if read and "parts" not in subject.manifest else ""
    entries.append((words("records"), f"{facts.records:,}", remark))
    if lost:
        entries.append((words("rejected"), f"{lost:,}", words("{share} of what was read", share=share(lost, read))))
    entries.append((words("tokens"), f"{_rounded(facts.tokens)}", words("estimated")))
    entries.append((words("sources"), f"{len(facts.sources.counts):,}", ""))
    langs = ", ".join(name for name, _ in facts.langs.ordered()[:4] if name)
    entries.append((words("languages"), f"{len(facts.langs.counts):,}", langs[:40]))
    verified = subject.manifest.get("verify")
    total = verified.get("total") if isinstance(verified, dict) else None
    if isinstance(total, dict) and isinstance(total.get("yield"), float):
        entries.append((words("math answers right"), f"{total['yield']:.1%}", words("equal to the gold label")))
    score = subject.voices.consistency.score if subject.voices.consistency else None
    if score is not None:
        entries.append((words("style score"), f"{score:.2f}", words("0.5 is one voice, 1.0 are several")))
    if subject.purchases.rows and (cost := subject.purchases.cost_usd) is not None:
        entries.append((words("cost"), f"${cost:,.2f}" if cost >= 1 else f"${cost:,.4f}", words("at list price")))
    return tiles(entries)


def _rounded(number: int) -> str:
    for size, unit in ((1e9, " G"), (1e6, " M"), (1e3, " k")):
        if number >= size:
            return f"{number / size:,.3g}{unit}"
    return str(number)


def funnel(words: Words, subject: Subject) -> Section | None:
    """What became of the records of each source."""
    by_source = subject.manifest.get("by_source")
    if not isinstance(by_source, dict) or not subject.counts("passed"):
        return None
    stages = ["read", *subject.counts("passed")]
    counted = {name: numbers(counts) for name, counts in by_source.items()}
    ordered = sorted(counted.items(), key=lambda entry: (-sum(entry[1].values()), entry[0]))
    kept, at = words("kept"), words("rejected at {stage}")
    rows: list[tuple[str, str, float]] = []
    for source, counts in ordered:
        rows.append((named(words, source), kept, counts.get("kept", 0)))
        rows += [(named(words, source), at.format(stage=s), counts[s]) for s in stages if counts.get(s)]
    lost = [stage for stage in stages if any(counts.get(stage) for _, counts in ordered)]
    head = [words("source"), words("kept"), *(at.format(stage=stage) for stage in lost), words("share kept")]
    table = [
        [
            data(named(words, source), _NAME),
            f"{counts.get('kept', 0):,}",
            *(f"{counts.get(stage, 0):,}" for stage in lost),
            share(counts.get("kept", 0), sum(counts.values())),
        ]
        for source, counts in ordered
    ]
    chart = bars(words("Records by source"), rows, x=words("records"), colours={kept: KEPT})
    caption = words("Records by source: kept, or lost at a stage")
    parts = [figure(words, caption, chart, head, table, numbers=[*range(1, len(head))])] if table else []
    return Section("funnel", words("What became of the records"), [*_stages(words, subject), *parts])


def _stages(words: Words, subject: Subject) -> Iterator[Html]:
    """The records that went through each stage."""
    rejected, failed = subject.counts("rejected"), subject.counts("failed")
    rows = [[words("read"), f"{subject.number('read'):,}", _lost("read", rejected), ""]]
    for name, key in ((words("added"), "added"), (words("skipped: exact duplicates, or not drawn"), "skipped")):
        if number := subject.number(key):
            rows.append([name, f"{number:,}", "", ""])
    for stage, number in subject.counts("passed").items():
        rows.append([tag("code", stage), f"{number:,}", _lost(stage, rejected), _lost(stage, failed)])
    rows.append([words("kept"), f"{subject.number('kept'):,}", "", ""])
    head = [words("stage"), words("records that went through"), words("rejected"), words("not answered")]
    yield limited(words, head, rows, numbers=[1, 2, 3])


def _lost(stage: str, counts: dict[str, int]) -> str:
    number = sum(count for name, count in counts.items() if name.partition("/")[0] == stage)
    return f"{number:,}" if number else ""


def rejects(words: Words, subject: Subject) -> Section | None:
    """Why records were rejected, with a few of each kind."""
    found = subject.rejects
    counts = {_reason(name): number for key in ("rejected", "failed") for name, number in subject.counts(key).items()}
    counts |= found.codes.counts
    if not counts:
        return None
    ordered = sorted(counts.items(), key=lambda entry: (-entry[1], entry[0]))
    rows = [(f"{stage}/{code}", "", number) for (stage, code), number in ordered]
    table = [
        [
            tag("code", data(f"{stage}/{code}")),
            f"{number:,}",
            words(meaning(stage, code)) if meaning(stage, code) else "",
        ]
        for (stage, code), number in ordered
    ]
    chart = bars(words("Rejects by reason"), rows, x=words("records"))
    head = [words("reason"), words("records"), words("what it means")]
    content = [figure(words, words("Rejects by reason: the stage, and its code"), chart, head, table, numbers=[1])]
    content += [_samples(words, reason, subject, place < _OPEN) for place, (reason, _) in enumerate(ordered)]
    if not found.codes.counts:
        content.append(note(words("The rejects themselves are not kept beside this set.")))
    return Section("rejects", words("Why records were rejected"), content)


def _reason(name: str) -> tuple[str, str]:
    """Stage and code."""
    stage, _, code = name.partition("/")
    return stage, code


def _samples(words: Words, reason: tuple[str, str], subject: Subject, is_open: bool) -> Html:
    samples = subject.rejects.samples(reason)
    if not samples:
        return Html("")
    told = meaning(*reason)
    title = tag("summary", tag("code", data("/".join(reason))), f" — {words(told)}" if told else "")
    return tag("details", title, *(_sample(words, sample) for sample in samples), cls="samples", open=is_open)


def _sample(words: Words, sample: Sample) -> Html:
    where = [tag("code", data(part)) for part in (sample.id, sample.source, sample.place) if part]
    tries = tag("pre", "\n".join(sample.history), dir="auto") if sample.history else ""
    texts = {words("the record"): sample.original, words("the reply"): sample.reply}
    shown = blocks({name: text for name, text in texts.items() if text})
    head = joined(part for one in where for part in (one, " "))
    return tag("div", tag("p", head, tag("bdi", sample.detail), cls="soft"), tries, shown, cls="sample")


def parts(words: Words, subject: Subject) -> Section | None:
    """What a mix was drawn from."""
    drawn = [row for row in subject.rows("parts") if type(row.get("taken")) is int]
    if not drawn:
        return None
    columns = {
        "taken": words("taken"),
        "usable": words("usable"),
        "duplicates": words("duplicates"),
        "over_cap": words("over the cap"),
    }
    table = [[data(row.get("name", ""), _NAME), *(f"{numbers(row).get(key, 0):,}" for key in columns)] for row in drawn]
    chart = bars(
        words("Parts of the mix"), [(str(row.get("name")), "", row["taken"]) for row in drawn], x=words("records")
    )
    head = [words("part"), *columns.values()]
    caption = words("Records that were taken from each part of the mix")
    return Section("parts", words("The mix"), [figure(words, caption, chart, head, table, numbers=[1, 2, 3, 4])])
