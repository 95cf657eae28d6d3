"""Where a set comes from: inputs and licences, prompts and models, and how it differs from the version before."""

from __future__ import annotations

from blossom_data.report.dataset.sections.outcome import named
from blossom_data.report.dataset.subject import Subject, numbers, tables
from blossom_data.report.page.charts import bars
from blossom_data.report.page.figures import Section, figure, limited, note
from blossom_data.report.page.html import Html, data, joined, tag
from blossom_data.report.page.words import Words

_NAME = 120
KINDS = ("added", "removed", "changed", "same")


def difference(words: Words, subject: Subject) -> Section | None:
    """What became of the records of the version before."""
    found = subject.difference
    if found is None:
        return None
    counts = numbers(found)
    rows = [[words(kind), f"{counts.get(kind, 0):,}"] for kind in KINDS]
    content = [tag("p", words("Compared with"), " ", tag("code", data(subject.before))) if subject.before else Html("")]
    content.append(limited(words, [words("records"), words("number")], rows, numbers=[1]))
    by_source = found.get("by_source")
    if isinstance(by_source, dict) and by_source:
        content.append(_by_source(words, {name: numbers(each) for name, each in by_source.items()}))
    causes = found.get("causes")
    told = [
        [words(kind), data(cause, 200), f"{number:,}"]
        for kind in KINDS[:3]
        for cause, number in numbers(causes.get(kind) if isinstance(causes, dict) else None).items()
    ]
    if told:
        content.append(limited(words, [words("records"), words("cause"), words("number")], told, numbers=[2]))
    return Section("difference", words("Difference to the version before"), content)


def _by_source(words: Words, counts: dict[str, dict[str, int]]) -> Html:
    ordered = sorted(counts.items(), key=lambda entry: (-sum(entry[1].values()), entry[0]))
    rows = [(named(words, name), words(kind), each[kind]) for name, each in ordered for kind in KINDS if each.get(kind)]
    head = [words("source"), *(words(kind) for kind in KINDS)]
    table = [[data(named(words, name), _NAME), *(f"{each.get(kind, 0):,}" for kind in KINDS)] for name, each in ordered]
    chart = bars(words("Difference by source"), rows, x=words("records"))
    return figure(words, words("Difference by source"), chart, head, table, numbers=[1, 2, 3, 4])


def origin(words: Words, subject: Subject) -> Section:
    """By what stage, prompt and model the records were made, out of which inputs."""
    makers = [*subject.facts.makers.counts.items()]
    content = []
    if makers:
        head = [words("stage"), words("version"), words("model"), words("prompt (hash)"), words("records")]
        rows = [
            [
                tag("code", data(stage)),
                str(version),
                data(model, _NAME),
                tag("code", data(prompt)),
                f"{number:,}",
            ]
            for (stage, version, model, prompt), number in makers
        ]
        content += [tag("h3", words("Made by")), limited(words, head, rows, numbers=[1, 4])]
    prompts = subject.manifest.get("prompts")
    if isinstance(prompts, dict) and prompts:
        rows = [[tag("code", data(name)), tag("code", data(prompt))] for name, prompt in sorted(prompts.items())]
        content += [tag("h3", words("Prompts")), limited(words, [words("prompt"), words("hash")], rows)]
    content += [_sources(words, subject), _inputs(words, subject), _written(words, subject)]
    return Section("origin", words("Where it comes from"), content)


def _sources(words: Words, subject: Subject) -> Html:
    rows = [
        [
            data(row.get("source", ""), _NAME),
            data(row.get("licence") or words("not stated"), _NAME),
            data(row.get("name", ""), _NAME),
            tag("code", data(row.get("revision") or str(row.get("sha256", ""))[:16])),
        ]
        for row in subject.rows("sources")
    ]
    if not rows:
        return Html("")
    head = [words("source"), words("licence"), words("from"), words("revision or sha256")]
    return joined([tag("h3", words("Sources")), limited(words, head, rows)])


def _inputs(words: Words, subject: Subject) -> Html:
    rows = [
        [
            data(row.get("name", ""), _NAME),
            data(row.get("stage", "")),
            tag("code", data(str(row.get("sha256", ""))[:16])),
        ]
        for row in tables(subject.manifest.get("inputs"))
    ]
    if not rows:
        return Html("")
    return joined([tag("h3", words("Inputs")), limited(words, [words("input"), words("stage"), words("sha256")], rows)])


def _written(words: Words, subject: Subject) -> Html:
    """By which program and command."""
    program, made_of = subject.text("blossom_data"), subject.manifest.get("made_of")
    if not program:
        return note(words("A file of records tells nothing of how it was made."))
    command = made_of.get("command") if isinstance(made_of, dict) else None
    told = [tag("code", data(f"blossom-data {command or subject.text('stage')}")), f" (blossom-data {program})"]
    return tag("p", words("Written by"), " ", *told, cls="soft")
