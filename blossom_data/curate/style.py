"""The style-consistency score: how well a simple classifier tells groups of answers apart by how they are written.

    Consistency(score=0.93, pairs=[Pair("en", ("a", "b"), score=0.93, told=["b opens with 'sure' ..."])])

0.5 is one voice, 1.0 several. Each pair of groups within a language is measured alone, whatever their sizes (area
under the ROC curve of answers that the classifier has not seen, five folds), and the score is the mean over the pairs:
neither the size of a source, nor its share of a language, nor what it talks about passes for style.

Source: logistic regression with an L2 penalty by Newton's method (Hastie, Tibshirani, Friedman, The Elements of
Statistical Learning, 4.4.1); the area as a rank sum (Hanley and McNeil 1982).
"""

from __future__ import annotations

import hashlib
import heapq
import itertools
import os
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from blossom_data.curate.extra import require
from blossom_data.curate.style_features import Voice, measure
from blossom_data.errors import ConfigError
from blossom_data.records import Record

BY = ("source", "lang", "model")
MOST_ANSWERS = 1_000
"""Of each group, drawn by the hash of the record's id: the same answers in any order of the rows."""
LEAST_ANSWERS = 30
MOST_GROUPS = 32
_FOLDS = 5
_MOST_PHRASES = 24
_LEAST_SHARE = 0.03
_PENALTY = 3.0
_MOST_STEPS = 12
_CONVERGED = 1e-3
_TOLD = 3
_TELLING = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Two groups of one language (of two where the groups are languages)."""

    lang: str
    groups: tuple[str, str]
    answers: tuple[int, int]
    score: float
    told: tuple[str, ...]
    """What tells them apart most, in words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Consistency:
    """`score` is None where there are no two groups to compare."""

    score: float | None
    groups: dict[str, int]
    """Answers of each "lang/group"."""
    left_out: dict[str, int]
    """Groups with fewer than LEAST_ANSWERS answers."""
    pairs: tuple[Pair, ...]


@dataclass(slots=True)
class _Group:
    """The answers of a group with the lowest hashes, as a heap of (-hash, voice)."""

    count: int = 0
    drawn: list[tuple[int, Voice]] = field(default_factory=list)

    def add(self, record: Record, lang: str, measuring: Callable[..., Voice]) -> None:
        self.count += 1
        order = -int.from_bytes(hashlib.blake2b(record.id.encode(), digest_size=8).digest(), "big")
        if len(self.drawn) == MOST_ANSWERS and order < self.drawn[0][0]:
            return
        asked, answer = _first_answer(record)
        entry = (order, measuring(answer, asked=asked, lang=lang))
        if len(self.drawn) < MOST_ANSWERS:
            heapq.heappush(self.drawn, entry)
        else:
            heapq.heapreplace(self.drawn, entry)

    def voices(self) -> list[Voice]:
        return [voice for _, voice in sorted(self.drawn, key=lambda entry: -entry[0])]


def style_consistency(
    records: Iterable[Record], *, by: str = "source", measuring: Callable[..., Voice] = measure
) -> Consistency:
    """Measures how many voices `records` speak in; records without an answer do not count.

    Args:
        measuring: in place of `measure`, for who remembers what was measured.
        by: one of BY. `lang` compares languages with each other, by what is counted alike in all of them.

    Raises:
        ConfigError: numpy is not installed, or there are more than MOST_GROUPS groups.
    """
    require_numpy()
    groups: dict[tuple[str, str], _Group] = {}
    for record in records:
        if not _first_answer(record)[1].strip():
            continue
        lang, name = ("", record.lang) if by == "lang" else (record.lang, _group(record, by))
        if (lang, name) not in groups and len(groups) == MOST_GROUPS:
            raise ConfigError(f"more than {MOST_GROUPS} groups by {by}", hint=f"compare by one of {', '.join(BY)}")
        groups.setdefault((lang, name), _Group()).add(record, lang, measuring)
    named = {key: "/".join(filter(None, key)) for key in sorted(groups)}
    large = [key for key in named if groups[key].count >= LEAST_ANSWERS]
    pairs = tuple(
        _pair(one[0], (one[1], other[1]), groups[one].voices(), groups[other].voices())
        for one, other in itertools.combinations(large, 2)
        if one[0] == other[0]
    )
    return Consistency(
        score=round(max(0.5, sum(pair.score for pair in pairs) / len(pairs)), 4) if pairs else None,
        groups={named[key]: groups[key].count for key in large},
        left_out={named[key]: groups[key].count for key in named if key not in large},
        pairs=pairs,
    )


def _group(record: Record, by: str) -> str:
    """The source, or the model that wrote the answer: the last one of the lineage but for judges and checks."""
    if by == "source":
        return record.source or "(no source)"
    return next((step.model for step in reversed(record.lineage) if step.model), "(no model)")


def _first_answer(record: Record) -> tuple[str, str]:
    """The first answer of a conversation, and what stands in front of it."""
    for number, turn in enumerate(record.messages):
        if turn.role == "assistant":
            return "\n".join(before.content for before in record.messages[:number]), turn.content
    return "", ""


def _pair(lang: str, groups: tuple[str, str], one: Sequence[Voice], other: Sequence[Voice]) -> Pair:
    names, table = _table([*one, *other])
    truth = [0] * len(one) + [1] * len(other)
    return Pair(
        lang=lang,
        groups=groups,
        answers=(len(one), len(other)),
        score=round(_cross_validated(table, truth), 4),
        told=tuple(_told(names, table, truth, groups)),
    )


def _table(voices: Sequence[Voice]) -> tuple[list[str], Any]:
    """The features' names, and their values: float64 [answers, features]; frequent openers and closers are columns."""
    numpy = _numpy()
    columns = {name: [float(voice.numbers[name]) for voice in voices] for name in voices[0].numbers}
    for verb, phrases in (("opens", [v.opener for v in voices]), ("closes", [v.closer for v in voices])):
        for phrase, count in Counter(filter(None, phrases)).most_common(_MOST_PHRASES):
            if count >= _LEAST_SHARE * len(voices) and _is_at_its_place(phrase, count, voices):
                columns[f"{verb} with {phrase!r}"] = [float(each == phrase) for each in phrases]
    return list(columns), numpy.array(list(columns.values())).T


def _is_at_its_place(phrase: str, count: int, voices: Sequence[Voice]) -> bool:
    """Whether `phrase` stands more often where it opens or closes an answer than anywhere else: else it is a topic."""
    return 2 * count > sum(voice.text.count(f" {phrase} ") for voice in voices)


def _cross_validated(table: Any, truth: Sequence[int]) -> float:
    """The area under the ROC curve over all folds; an answer's fold is its place, for they stand in drawn order."""
    numpy = _numpy()
    values, labels = numpy.log1p(table), numpy.array(truth)
    folds = numpy.empty(len(labels), dtype=int)
    for label in (0, 1):
        folds[labels == label] = numpy.arange((labels == label).sum()) % _FOLDS
    areas = []
    for fold in range(_FOLDS):
        seen, unseen = folds != fold, folds == fold
        middle, spread = values[seen].mean(axis=0), values[seen].std(axis=0)
        scaled = (values - middle) / numpy.where(spread > 1e-9, spread, 1.0)
        scaled = numpy.hstack([numpy.clip(scaled, -5, 5), numpy.ones((len(labels), 1))])
        areas.append(_area(scaled[unseen] @ _fitted(scaled[seen], labels[seen]), labels[unseen]))
    return float(sum(areas) / len(areas))


def _fitted(values: Any, labels: Any) -> Any:
    """Weights of a logistic regression, both classes counting alike: float64 [features]."""
    numpy = _numpy()
    counts = numpy.bincount(labels, minlength=2)
    importance = (len(labels) / (2 * counts))[labels]
    weights = numpy.zeros(values.shape[1])
    penalty = numpy.full(values.shape[1], _PENALTY)
    penalty[-1] = 1e-6
    for _ in range(_MOST_STEPS):
        likely = 1 / (1 + numpy.exp(-numpy.clip(values @ weights, -30, 30)))
        gradient = values.T @ (importance * (likely - labels)) + penalty * weights
        curvature = (values.T * (importance * likely * (1 - likely))) @ values + numpy.diag(penalty)
        step = numpy.linalg.solve(curvature, gradient)
        weights -= step
        if numpy.abs(step).max() < _CONVERGED:
            break
    return weights


def _area(scores: Any, labels: Any) -> float:
    """The probability that an answer of class 1 scores above one of class 0, ties counting half."""
    numpy = _numpy()
    _, inverse, counts = numpy.unique(scores, return_inverse=True, return_counts=True)
    ranks = (counts.cumsum() - (counts - 1) / 2)[inverse]
    ones = int(labels.sum())
    zeros = len(labels) - ones
    return float((ranks[labels == 1].sum() - ones * (ones + 1) / 2) / (ones * zeros))


def _told(names: Sequence[str], table: Any, truth: Sequence[int], groups: tuple[str, str]) -> Iterable[str]:
    """The features that tell the groups apart by themselves, the most telling first."""
    numpy = _numpy()
    labels = numpy.array(truth)
    telling = [(abs(_area(table[:, at], labels) - 0.5), at) for at in range(len(names))]
    # Of two that tell as much, the words themselves come first: they stand behind the counts.
    for area, at in sorted(telling, key=lambda pair: (-round(pair[0], 2), -pair[1]))[:_TOLD]:
        if area < _TELLING:
            continue
        one, other = (table[labels == label, at] for label in (0, 1))
        (more, high), (less, low) = sorted(zip(groups, (one, other), strict=True), key=lambda pair: -pair[1].mean())
        name = names[at]
        if set(numpy.unique(table[:, at])) <= {0.0, 1.0}:
            verb = "" if name.startswith(("opens", "closes")) else "has "
            yield f"{more} {verb}{name} in {high.mean():.0%}, {less} in {low.mean():.0%}"
        else:
            unit = "" if name.startswith(("words", "paragraphs", "lines")) else " per 100 words"
            yield f"{name}: {more} {high.mean():.3g}{unit}, {less} {low.mean():.3g}"


def require_numpy() -> None:
    """Raises ConfigError where numpy, which measures, is not installed."""
    require("the style score", "curate", "numpy")


def _numpy() -> Any:
    # The tables are small: threads would wait for each other longer than they work.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    import numpy

    return numpy
