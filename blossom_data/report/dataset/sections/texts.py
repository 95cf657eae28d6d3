"""What the records are: languages, lengths, what they ask for, records drawn from them, repeats and leaks."""

from __future__ import annotations

from collections.abc import Iterator

from blossom_data.report.dataset.counts import Lengths
from blossom_data.report.dataset.sections.outcome import named, share
from blossom_data.report.dataset.subject import Subject, numbers, tables
from blossom_data.report.page.charts import bars, histogram, ranges
from blossom_data.report.page.figures import Section, figure, limited, note
from blossom_data.report.page.html import Html, blocks, data, tag
from blossom_data.report.page.words import Words

_NAME = 120
_QUANTILES = (0.1, 0.5, 0.9, 0.99)
_MOST_SAMPLES, _SAMPLE_CHARACTERS, _MOST_FAMILIES = 4, 700, 12


def languages(words: Words, subject: Subject) -> Section:
    """Records by source and language."""
    groups = subject.facts.groups.ordered()
    total = {name: number for name, number in subject.facts.sources.ordered()}
    ordered = sorted(groups, key=lambda entry: (-total.get(entry[0][0], 0), entry[0][0], -entry[1]))
    rows = [(named(words, source), named(words, lang), number) for (source, lang), number in ordered]
    table = [
        [data(source, _NAME), tag("code", data(lang)), f"{number:,}", share(number, subject.facts.records)]
        for source, lang, number in rows
    ]
    head = [words("source"), words("language"), words("records"), words("share")]
    chart = bars(words("Records by source and language"), rows, x=words("records"))
    content = [figure(words, words("Records by source and language"), chart, head, table, numbers=[2, 3])]
    if others := subject.facts.groups.others:
        content.append(note(words("{number} records are of further sources.", number=f"{others:,}")))
    facts = subject.facts
    kinds = (
        (words("with a gold label"), facts.with_gold),
        (words("with several replies"), facts.several_turns),
        (words("with thinking"), facts.with_thinking),
        (words("with calls of tools"), facts.with_tools),
        (words("rows that could not be read"), facts.unreadable),
    )
    told = [[name, f"{number:,}", share(number, facts.records)] for name, number in kinds if number]
    if told:
        content.append(limited(words, [words("records"), words("number"), words("share")], told, numbers=[1, 2]))
    return Section("languages", words("Sources and languages"), content)


def lengths(words: Words, subject: Subject) -> Section:
    """Tokens of records by source and language."""
    by_group = subject.facts.lengths
    order = [group for group, _ in subject.facts.groups.ordered() if group in by_group]
    several = len({lang for _, lang in order}) > 1
    rows, table = [], []
    for source, lang in order:
        found = by_group[source, lang]
        low, middle, high = found.whole.quantiles((0.1, 0.5, 0.9))
        name = f"{named(words, source)} · {lang}" if several else named(words, source)
        rows.append((name, low, middle, high))
        quantiles = (f"{value:,}" for value in found.whole.quantiles(_QUANTILES))
        asked, answered = (f"{part.quantiles([0.5])[0]:,}" for part in (found.asked, found.answered))
        cells = [data(named(words, source), _NAME), tag("code", data(lang)), asked, answered, *quantiles]
        table.append([*cells, f"{found.whole.longest:,}"])
    head = [words("source"), words("language"), words("median request"), words("median answer")]
    head += [words("10 %"), words("median"), words("90 %"), words("99 %"), words("longest")]
    caption = words("Tokens of a record, by source and language: the point is the median, the line 10 % to 90 %")
    chart = ranges(words("Tokens of a record"), rows, x=words("tokens"))
    how = words(
        "Tokens are estimated, four ASCII characters or one other character each; quantiles are right to three "
        "percent. A tokenizer of your model gives other figures: train pack counts with it."
    )
    figures = [
        figure(words, caption, chart, head, table, numbers=[*range(2, 9)]),
        _distribution(words, subject),
        note(how),
    ]
    return Section("lengths", words("Lengths"), figures)


def _distribution(words: Words, subject: Subject) -> Html:
    """How many records are how long, by language."""
    by_lang: dict[str, Lengths] = {}
    for (_, lang), found in subject.facts.lengths.items():
        by_lang.setdefault(lang, Lengths()).merge(found.whole)
    octaves = {lang: found.by_octave() for lang, found in by_lang.items()}
    ends = sorted({end for counts in octaves.values() for end in counts})
    bins = [1 << power for power in range(ends[0].bit_length() - 1, ends[-1].bit_length())] if ends else []
    order = [lang for lang, _ in subject.facts.langs.ordered() if lang in octaves][:8]
    rows = [(f"<{end:,}", named(words, lang), octaves[lang].get(end, 0)) for end in bins for lang in order]
    table = [[f"{end // 2:,} – {end - 1:,}", *(f"{octaves[lang].get(end, 0):,}" for lang in order)] for end in bins]
    head = [words("tokens"), *(tag("code", data(named(words, lang))) for lang in order)]
    label = words("Records by length")
    chart = histogram(label, rows, x=words("tokens of a record"), y=words("records"))
    return figure(words, words("Records by their length in tokens"), chart, head, table, numbers=[*range(1, 9)])


def categories(words: Words, subject: Subject) -> Section | None:
    """What the records ask for: their tags, by what stands before the colon."""
    families: dict[str, list[tuple[str, int]]] = {}
    for name, number in subject.facts.tags.ordered():
        family, mark, rest = name.partition(":")
        families.setdefault(family if mark else "", []).append((rest if mark else name, number))
    if not families:
        return None
    first = sorted(families, key=lambda family: (family != "category", family != "difficulty", family))
    content = [_tags(words, subject, family, families[family]) for family in first[:_MOST_FAMILIES]]
    if "category" not in families:
        content.append(note(words("Categories come from: {command}", command="blossom-data classify")))
    return Section("categories", words("Categories and tags"), content)


def _tags(words: Words, subject: Subject, family: str, found: list[tuple[str, int]]) -> Html:
    known = {"category": words("Category"), "difficulty": words("Difficulty"), "": words("Tags")}
    title = known.get(family, family)
    records = subject.facts.records
    table = [[data(name, _NAME), f"{number:,}", share(number, records)] for name, number in found]
    chart = Html("")
    if len(found) > 1 and family in known:
        chart = bars(title, [(name, "", number) for name, number in found], x=words("records"))
    head = [words("tag"), words("records"), words("share")]
    return figure(words, title, chart, head, table, numbers=[1, 2])


def repeats(words: Words, subject: Subject) -> Section:
    """Requests that stand twice, what dedup and decontaminate took out, contradictions."""
    distinct, records = subject.facts.repeats.found()
    rejected = subject.counts("rejected")
    rows = [[words("requests that stand more than once in the set"), f"{distinct:,}"]]
    rows.append([words("records with such a request"), f"{records:,}"])
    near, exact = rejected.get("dedup/near", 0), rejected.get("dedup/exact", 0)
    if near or exact:
        rows.append([words("taken out by dedup: the same request"), f"{exact:,}"])
        rows.append([words("taken out by dedup: nearly the same request"), f"{near:,}"])
    if leaks := rejected.get("decontaminate/leak", 0):
        rows.append([words("taken out by decontaminate: an item of a test set"), f"{leaks:,}"])
    conflicts = numbers(subject.manifest.get("conflicts"))
    for key, told in (
        ("gold", words("prompts with different gold labels")),
        ("answers", words("prompts with different answers")),
    ):
        if conflicts.get(key):
            rows.append([told, f"{conflicts[key]:,}"])
    content = [limited(words, [words("what"), words("number")], rows, numbers=[1])]
    found = [[data(name, _NAME), f"{number:,}"] for name, number in subject.rejects.leaks.ordered()]
    if found:
        head = [words("test set"), words("records that held an item of it")]
        content.append(limited(words, head, found, numbers=[1]))
    content += [note(told) for told in _not_looked(words, subject)]
    return Section("repeats", words("Duplicates and leaks"), content)


def _not_looked(words: Words, subject: Subject) -> Iterator[str]:
    """What this set was not searched for."""
    passed = {*subject.counts("passed"), subject.text("stage")}
    for measure in ("dedup", "decontaminate"):
        if measure not in passed and not any(name.startswith(measure) for name in subject.counts("rejected")):
            yield words("The run that wrote this set had no {measure} in it.", measure=measure)


def samples(words: Words, subject: Subject) -> Section | None:
    """Records of the set to look at."""
    groups = subject.facts.draw.groups()
    drawn = [(lang, source, one) for (lang, source), all_of in groups.items() for one in all_of[:1]][:_MOST_SAMPLES]
    if not drawn:
        return None
    content = []
    for lang, source, one in drawn:
        gold = words("gold label: {gold}", gold=one.gold) if one.gold else ""
        head = tag(
            "p",
            tag("code", data(one.id)),
            " ",
            data(source, _NAME),
            " · ",
            data(lang),
            " ",
            tag("bdi", gold),
            cls="soft",
        )
        texts = {words("request"): one.request, words("answer"): one.answer}
        cut = {name: _cut(text) for name, text in texts.items() if text}
        content.append(tag("div", head, blocks(cut), cls="sample"))
    return Section("samples", words("Records to look at"), content)


def _cut(text: str) -> str:
    return text if len(text) <= _SAMPLE_CHARACTERS else text[:_SAMPLE_CHARACTERS] + " …"


def math_yield(words: Words, subject: Subject) -> Section | None:
    """How many answers equal their gold label, with the interval of 95 %."""
    verified = subject.manifest.get("verify")
    groups = tables(verified.get("groups")) if isinstance(verified, dict) else []
    read = [group for group in groups if all(isinstance(group.get(key), float) for key in _INTERVAL)]
    if not isinstance(verified, dict) or not read:
        return None
    total = verified.get("total")
    whole = [total] if isinstance(total, dict) and len(read) > 1 and isinstance(total.get("yield"), float) else []
    rows, table = [], []
    for group in [*read, *whole]:
        name = (
            words("all")
            if group is total
            else f"{named(words, str(group.get('source', '')))} · {group.get('shape', '')}"
        )
        low, middle, high = (100 * float(group[key]) for key in _INTERVAL)
        rows.append((name, low, middle, high))
        others = {key: count for key, count in numbers(group.get("verdicts")).items() if key != "correct"}
        labels, correct = (numbers(group).get(key, 0) for key in ("labels", "correct"))
        interval = f"{low:.1f} – {high:.1f} %"
        told = ", ".join(f"{key} {count:,}" for key, count in others.items())
        table.append([data(name, _NAME), f"{labels:,}", f"{correct:,}", f"{middle:.1f} %", interval, data(told, 200)])
    head = [
        words("data set and shape"),
        words("labels"),
        words("right"),
        words("yield"),
        words("95 % interval"),
        words("not right"),
    ]
    caption = words(
        "Answers that equal their gold label; the line is the 95 % interval (Wilson), which few labels make wide"
    )
    chart = ranges(words("Yield of math answers"), rows, x=words("right answers, percent"), whole=(0, 100))
    return Section("math", words("Math answers"), [figure(words, caption, chart, head, table, numbers=[1, 2, 3, 4])])


_INTERVAL = ("yield_low", "yield", "yield_high")
