"""How the answers are written, and in how many voices."""

from __future__ import annotations

from blossom_data.curate.style import LEAST_ANSWERS
from blossom_data.report.dataset.sections.outcome import named
from blossom_data.report.dataset.subject import Subject
from blossom_data.report.dataset.voices import MOST_GROUPS, Group, Voices
from blossom_data.report.page.charts import bars
from blossom_data.report.page.figures import Section, figure, limited, note
from blossom_data.report.page.html import Html, data, joined, tag
from blossom_data.report.page.words import Words

COUNTED = ("words", "words a sentence", "paragraphs", "lines")
RATES = ("commas", "exclamation marks", "question marks", "bold", "emoji", "digits")
SHARES = ("bullet points", "numbered items", "headings", "tables", "LaTeX in dollars", "a question at the end")
_MOST_PAIRS = 15


def style(words: Words, subject: Subject) -> Section | None:
    """The style score and the profile of each source."""
    voices = subject.voices
    title = words("Style of the answers")
    if not voices.profiles:
        told = words("No source has {least} answers of one language: too few to measure style.", least=LEAST_ANSWERS)
        return Section("style", title, [note(told)]) if voices.left_out else None
    content = [_score(words, voices), _profile(words, voices)]
    if voices.left_out:
        told = words(
            "Groups with fewer than {least} answers, and those beyond the {most} largest, are left out: {number}.",
            least=LEAST_ANSWERS,
            most=MOST_GROUPS,
            number=voices.left_out,
        )
        content.append(note(told))
    content.append(
        note(words("All of it is measured on answers drawn at random, at most 500 of a source and language."))
    )
    return Section("style", title, content)


def _score(words: Words, voices: Voices) -> Html:
    found = voices.consistency
    if found is None:
        return note(words("The style score needs the extra curate."))
    if found.score is None:
        return note(words("There are no two sources of one language to compare: a style score needs them."))
    told = words(
        "Score {score}: how well a classifier that sees only how an answer is written tells the sources apart. "
        "0.5 is one voice, 1.0 are several; below 0.65 a set speaks in one.",
        score=f"{found.score:.2f}",
    )
    pairs = sorted(found.pairs, key=lambda pair: -pair.score)
    head = [words("sources"), words("language"), words("score")]
    rows = [
        [
            data(" – ".join(named(words, name) for name in pair.groups)),
            tag("code", data(pair.lang)),
            f"{pair.score:.2f}",
        ]
        for pair in pairs[:_MOST_PAIRS]
    ]
    return joined([tag("p", told), limited(words, head, rows, numbers=[2])])


def _profile(words: Words, voices: Voices) -> Html:
    """The means of each group."""
    groups = list(voices.profiles)
    several = len({lang for lang, _ in groups}) > 1
    rows = [
        *([words(name), *(f"{voices.profiles[group][name]:,.1f}" for group in groups)] for name in COUNTED),
        *(
            [
                words("{what} per 100 words", what=words(name)),
                *(f"{voices.profiles[group][name]:.1f}" for group in groups),
            ]
            for name in RATES
        ),
        *(
            [
                words("answers with {what}", what=words(name)),
                *(f"{voices.profiles[group][name]:.0%}" for group in groups),
            ]
            for name in SHARES
        ),
    ]
    head = [words("mean of the answers"), *(data(_label(words, group, several)) for group in groups)]
    lengths = [(_label(words, group, several), "", round(voices.profiles[group]["words"], 1)) for group in groups]
    chart = bars(words("Words of an answer"), lengths, x=words("words, of Chinese pairs of characters"))
    caption = words("Profile of the answers: the chart shows their mean length in words")
    return figure(words, caption, chart, head, rows, numbers=[*range(1, len(head))])


def _label(words: Words, group: Group, several: bool) -> str:
    lang, source = group
    return f"{named(words, source)} · {lang}" if several else named(words, source)
