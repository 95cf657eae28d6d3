"""What the words tell: source words that nothing renders, output words that render nothing, and where they stand.

    "about a whale" -> "关于海豚"                         one is lost and one is new: a changed word
    "... whether to move the park."    -> "……决定是否"      the last ones are lost: a cut tail

A good translation lacks 3 words in 100 and has 2 new ones, most of them gaps of the dictionary (alignment.py).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from math import log1p

from blossom_data.stages.translate.guard.act.sign import Sign
from blossom_data.stages.translate.guard.alignment import Word, relation
from blossom_data.stages.translate.guard.finding import Pair
from blossom_data.stages.translate.lexicon import Lexicon
from blossom_data.stages.translate.lexicon.taxonomy import OTHER

_LEXICON = Lexicon("stopwords")

_ENDS = ".?!。？！…；;:："
_OPEN_END_ZH = _LEXICON.pattern(r"(?:{open_ends_in_chinese}|[，、（(“：:])\Z")
_OPEN_END_EN = _LEXICON.pattern(r"(?:\b{open_ends}|[,(“])\Z", re.IGNORECASE)
_JOINT = re.compile(r"[,;:.?!，。；：？！\n]")
_MOST_OF_IT = 0.65
_FEW, _SLACK = 4, 0.4
"""A translation of so few words is often written without its stop."""
_CLOSING = "\"'”’」』）)*_ \n\ufffc"
_FEWEST_FOR_SHARE, _OTHER = 1.5, 0.25
_USUAL_SHARE, _FEW_WORDS = 0.05, 8
"""Beyond the first few words, so many have no counterpart in a good translation."""
_SURE, _TOLD, _SHORT = 0.7, 0.5, 9
"""A noun without any near rendering on each side is hardly a gap twice; least so in a text of few words."""


def weigh_words(pair: Pair, *, is_kept: bool) -> list[Sign]:
    """Signs of lost, new and exchanged words; weaker where the output asks or orders as the source does (`is_kept`)."""
    source, output = sides(pair)
    lost, new = _missing(source), _missing(output)
    signs: list[Sign] = []
    kept = "_kept" if is_kept else ""
    if lost:
        told = "no " + ", ".join(word.text for word in source if not word.is_rendered and word.weight > 0.2)[:80]
        signs.append(Sign(f"lost{kept}", log1p(lost), told))
    if new:
        told = "not in the source: " + ", ".join(word.text for word in output if not word.is_rendered)[:80]
        signs.append(Sign(f"new{kept}", log1p(new), told))
    if min(_heaviest(source), _heaviest(output)) >= _SURE and len(source) <= _SHORT:
        signs.append(Sign("exchanged", 1.0, "a word exchanged"))
    if told := _other_of_its_kind(pair):
        signs.append(Sign("other_of_its_kind", 1.0, told))
    if lost and new and (share := min(_share(lost, source), _share(new, output))) >= _OTHER:
        signs.append(Sign("other_text", share, f"{share:.0%} of the words exchanged"))
    if dropped := _lost_clause(pair.source, source):
        signs.append(Sign("clause_lost", 1.0, f"nothing of {dropped!r}"))
    return signs + weigh_places(pair, source)


def sides(pair: Pair) -> tuple[Sequence[Word], Sequence[Word]]:
    """The words of the source and those of the output."""
    both = pair.alignment.english, pair.alignment.chinese
    return both if pair.source_lang == "en" else both[::-1]


def weigh_places(pair: Pair, source: Sequence[Word]) -> list[Sign]:
    """Signs of lost words at the end, and of a stop that the output ends without."""
    signs: list[Sign] = []
    tail = 0.0
    for word in reversed(source):
        if word.is_rendered or not word.weight:
            break
        tail += word.weight
    if tail and len(source) > 1:
        signs.append(Sign("tail", log1p(tail), f"nothing of the end, {source[-1].text}"))
    if _ends(pair.source) and not _ends(pair.output):
        signs.append(Sign("no_stop", 1.0 if len(source) > _FEW else _SLACK, "it ends without a stop"))
        open_end = _OPEN_END_ZH if pair.target_lang == "zh" else _OPEN_END_EN
        if found := open_end.search(pair.output.rstrip()):
            signs.append(Sign("open_end", 1.0, f"it ends with {found.group().strip()!r}"))
        if tail:
            signs.append(Sign("cut", min(1.0, tail), "it breaks off"))
    return signs


def _missing(words: Sequence[Word]) -> float:
    """The weight of the words without counterpart, each once, above what a good translation has of them."""
    missing = {word.text: word.weight for word in words if not word.is_rendered}
    return max(0.0, sum(missing.values()) - _USUAL_SHARE * max(0, len(words) - _FEW_WORDS))


def _other_of_its_kind(pair: Pair) -> str:
    """A noun that nothing renders, and one that renders nothing, name two things of one kind: spring and autumn."""
    lost, new = (
        [word for word in words if not word.is_rendered and word.weight >= _TOLD]
        for words in (pair.alignment.english, pair.alignment.chinese)
    )
    english = pair.source_lower if pair.source_lang == "en" else pair.output_lower
    pairs = (
        (one.text, other.text)
        for one in lost
        if english[one.place + len(one.text) :][:1] != "-"  # climate-controlled is no climate
        for other in new
    )
    return next((f"{one} and {other}" for one, other in pairs if relation(one, other) == OTHER), "")


def _lost_clause(text: str, words: Sequence[Word]) -> str:
    """The words of a clause of the source, one of several, of which nearly nothing is rendered."""
    clauses: list[list[Word]] = []
    end = 0
    for word in words:
        if not clauses or _JOINT.search(text, end, word.place):
            clauses.append([])
        clauses[-1].append(word)
        end = word.place + len(word.text)
    for clause in clauses if len(clauses) > 1 else ():
        lost = sum(word.weight for word in clause if not word.is_rendered)
        if len(clause) > 1 and lost >= max(
            _SURE, _MOST_OF_IT * sum(w.weight if not w.is_rendered else 1 for w in clause)
        ):
            return " ".join(word.text for word in clause)
    return ""


def _heaviest(words: Sequence[Word]) -> float:
    return max((word.weight for word in words if not word.is_rendered), default=0.0)


def _share(missing: float, words: Sequence[Word]) -> float:
    total = sum(word.weight for word in words)
    return missing / total if total >= _FEWEST_FOR_SHARE else 0.0


def _ends(text: str) -> bool:
    return text.rstrip(_CLOSING).endswith(tuple(_ENDS))
