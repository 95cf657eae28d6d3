"""Checks of whole texts: a source and a translation of it that lie before us, with no request between them.

    check_pair("What is 2+2?", "4")  ->  [Finding("speech_act", False, "not asked any more ...")]

Protected spans are found in the source and looked for, byte for byte, in the output; what the output has of its own
(a link, a fence, a placeholder) is a finding too.
"""

from __future__ import annotations

from collections.abc import Iterator

from blossom_data.stages.translate.guard.finding import Finding, Pair
from blossom_data.stages.translate.guard.registry import Verdict, find_faults, verdicts
from blossom_data.stages.translate.guard.shape import MAX_CHARS
from blossom_data.stages.translate.lang_task import find_lang_task
from blossom_data.stages.translate.masks import HOLE, Span, find_spans, without_spans
from blossom_data.stages.translate.segments import protected_spans, with_kept

_TELLING = frozenset({"fence", "payload", "url", "email", "token", "placeholder", "tag", "latex"})
"""Kinds of span that no translation adds."""


def pair_of(source: str, output: str, *, source_lang: str = "en", target_lang: str = "zh") -> Pair:
    """The Pair of two whole texts, protected spans found on both sides and taken out."""
    if max(len(source), len(output)) > MAX_CHARS:
        return Pair(source, output, source_lang=source_lang, target_lang=target_lang)
    spans = protected_spans(source, source_lang)
    task = find_lang_task(source, spans, lang=source_lang)
    wanted = [source[span.start : span.end] for span in spans]
    got: list[str] = []
    rest = output
    for text in sorted(wanted, key=len, reverse=True):
        at = rest.find(text)
        if at >= 0:
            rest = rest[:at] + HOLE + rest[at + len(text) :]
            got.append(text)
    kept, lost, rest = _without_material(source, output, rest, task.kept)
    new = [span for span in find_spans(rest) if span.kind in _TELLING and not _is_in(span, rest, source, output)]
    got += [rest[span.start : span.end] for span in new]
    return Pair(
        without_spans(source, with_kept(spans, kept)),
        without_spans(rest, new),
        source_lang=source_lang,
        target_lang=target_lang,
        wanted=tuple(sorted(wanted)),
        got=tuple(sorted(got)),
        is_lang_task=task.is_found,
        lost_material=lost,
    )


def _is_in(span: Span, rest: str, source: str, output: str) -> bool:
    """Whether what stands in a span of the output stands as often in the source, where it is no span of its own."""
    text = rest[span.start : span.end]
    return source.count(text) >= output.count(text)


def _without_material(
    source: str, output: str, rest: str, stretches: tuple[tuple[int, int], ...]
) -> tuple[list[tuple[int, int]], str, str]:
    """(stretches of a language task that the output keeps, the first one that it lost, the rest without them)."""
    kept: list[tuple[int, int]] = []
    lost = ""
    for start, end in stretches:
        material = source[start:end].strip(" .,;:!?\"'。，；：！？“”‘’")
        at = rest.lower().find(material.lower())
        if material and at >= 0 and len(rest.lower()) == len(rest):
            rest = rest[:at] + HOLE + rest[at + len(material) :]
            begin = source.index(material, start)
            kept.append((begin, begin + len(material)))
        elif material.lower() not in output.lower():
            lost = lost or material
    return kept, lost, rest


def check_pair(source: str, output: str, *, source_lang: str = "en", target_lang: str = "zh") -> list[Finding]:
    """What is wrong with `output` as a translation of `source`; an empty list means accepted."""
    return find_faults(pair_of(source, output, source_lang=source_lang, target_lang=target_lang))


def explain_pair(source: str, output: str, *, source_lang: str = "en", target_lang: str = "zh") -> Iterator[Verdict]:
    """What each check says of the pair, in run order."""
    return verdicts(pair_of(source, output, source_lang=source_lang, target_lang=target_lang))
