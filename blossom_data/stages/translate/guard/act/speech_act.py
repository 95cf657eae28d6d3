"""The speech act: a question is still a question, an instruction still an instruction, and nobody answered it.

    "What is the capital of France?"  ->  "巴黎。"                  not asked any more
    "Write a poem about the sea."     ->  "大海啊，你无边无际。"      "write" and "poem" have no counterpart
    "Recommend a book."               ->  "我推荐《小王子》。"        a speaker who is not in the source

Answers share the topic's words with the source, so no single sign decides: each has a weight, and together they must
reach a threshold. Both stand in weights.toml, with where they come from; every finding here is soft.
"""

from __future__ import annotations

from collections.abc import Iterator

from blossom_data.stages.translate.guard.act.en_zh import signs_en_zh
from blossom_data.stages.translate.guard.act.polarity import find_other_member, weigh_comparison, weigh_negation
from blossom_data.stages.translate.guard.act.sign import THRESHOLD, THRESHOLD_OF_A_LINE, Sign, weights, word_signs
from blossom_data.stages.translate.guard.act.zh_en import signs_zh_en
from blossom_data.stages.translate.guard.coverage import EN_ZH
from blossom_data.stages.translate.guard.finding import Pair
from blossom_data.stages.translate.guard.shape import find_length
from blossom_data.stages.translate.masks import HOLE

_MOST_LINES = 40
_MOST_TOLD = 300


def find_speech_act(pair: Pair) -> str:
    """The signs that the output answers, continues or leaves out what it should translate."""
    if found := _told(pair, THRESHOLD):
        return found
    for line in lines_of(pair):
        if (found := _told(line, THRESHOLD_OF_A_LINE)) or (found := find_length(line)):
            return f"{found} in {line.output[:30]!r}"
    return ""


def signs_of(pair: Pair) -> list[Sign]:
    """Every sign of the pair as a whole."""
    signs = signs_en_zh(pair) if pair.source_lang == "en" else signs_zh_en(pair)
    strength, negation = weigh_negation(pair.source, pair.output, pair.source_lang)
    if negation:
        signs.append(Sign("negation", strength, negation))
    if other := find_other_member(pair.source, pair.output, pair.source_lang):
        signs.append(Sign("other_member", 1.0, other))
    if pair.source_lang == "en":
        strength, comparison = weigh_comparison(pair.source, pair.output)
        if comparison:
            signs.append(Sign("comparison", strength, comparison))
    return signs


def weighed(pair: Pair) -> list[tuple[float, str]]:
    """(weight, what was seen) of each sign that has one, the heaviest first."""
    table, words = weights(pair.source_lang), word_signs()
    found = [(sign, sign.strength * table.get(sign.name, 0.0)) for sign in signs_of(pair)]
    by_words = sum(weight for sign, weight in found if sign.name in words.signs)
    share = 1.0 if by_words >= words.many else words.share
    counted = ((weight * (share if sign.name in words.signs else 1.0), sign.detail) for sign, weight in found)
    return sorted((each for each in counted if each[0]), reverse=True)


def explain_sum(pair: Pair) -> list[tuple[float, str]]:
    """What the speech act's sum is made of, for `--explain`; [] for languages that it is not made for."""
    return weighed(pair) if (pair.source_lang, pair.target_lang) in EN_ZH else []


def _told(pair: Pair, threshold: float) -> str:
    found = weighed(pair)
    if round(sum(weight for weight, _ in found), 3) < threshold:
        return ""
    return "; ".join(f"{what} ({weight:.2f})" for weight, what in found)[:_MOST_TOLD]


def lines_of(pair: Pair) -> Iterator[Pair]:
    """Line by line, where source and output have equally many: a line that was answered hides among the others."""
    if "\n" not in pair.source:
        return
    source = [line for line in pair.source.split("\n") if line.strip()]
    output = [line for line in pair.output.split("\n") if line.strip()]
    if len(source) != len(output):
        return
    for one, other in list(zip(source, output, strict=True))[:_MOST_LINES]:
        if one != other and one.strip() != HOLE:
            yield Pair(
                one, other, source_lang=pair.source_lang, target_lang=pair.target_lang, is_lang_task=pair.is_lang_task
            )
