"""Replies that talk in place of translating, by the phrases of languages/phrases.toml.

    en -> de  "Es tut mir leid, aber das kann ich nicht."     refusal
    en -> fr  "Bien sûr ! Voici la traduction : ..."           chatter
    en -> es  "... (Nota: ...)"                                chatter

A reply talks in the target language or in English. Each finding is called off where the source says the same itself.
"""

from __future__ import annotations

import re

from blossom_data.languages.phrases import is_said, opens, says
from blossom_data.stages.translate.guard.finding import Pair

_HEAD_CHARS, _APOLOGY_CHARS, _TOLD = 80, 120, 40
_COLON = re.compile(r"[:：]")
_ASKS = re.compile(r"[!！,，.。:：、]")
_END = re.compile(r"[.!?。！？؟।]+(?=\s|[)\"'”’»」』）]|\Z)|[。！？]")
_BEGINS = re.compile(r"(?:^|[\n.。!！?？(（[【*]\s{0,3}[(（[*]{0,3})", re.MULTILINE)


def find_refusal(pair: Pair) -> str:
    """The model declines, or speaks of itself as a model."""
    for lang in _spoken(pair):
        head = pair.output.lstrip()[:_APOLOGY_CHARS]
        sorry, cannot, model = (says(what, lang) for what in ("sorry", "cannot", "model"))
        opening = opens("sorry", lang)
        if opening is None or sorry is None or cannot is None or model is None:
            continue
        is_sorry = opening.match(head) is not None and not _in_source("sorry", pair)
        if is_sorry and cannot.search(head) and not _in_source("cannot", pair):
            return head[:_TOLD]
        if (is_sorry or cannot.search(head)) and (found := model.search(head)) and not _in_source("model", pair):
            return found.group()[:_TOLD]
    return ""


def find_chatter(pair: Pair) -> str:
    """Words around the translation: an opening, a note, an offer of more help."""
    for lang in _spoken(pair):
        if (found := _opening(pair, lang)) or (found := _note(pair, lang)):
            return found[:_TOLD]
        if found := _offer(pair, lang):
            return found[:_TOLD]
    return ""


def _opening(pair: Pair, lang: str) -> str:
    """Agreement with a sign behind it, or the word translation before a colon, at the very beginning."""
    head = pair.output.lstrip()[:_HEAD_CHARS]
    sure = opens("sure", lang)
    if sure and (match := sure.match(head)) and _ASKS.match(head, match.end()) and not _in_source("sure", pair):
        return match.group()
    word = says("translation", lang)
    if (
        word
        and (match := word.search(head))
        and _COLON.search(head, match.end())
        and not _in_source("translation", pair)
    ):
        return head
    return ""


def _offer(pair: Pair, lang: str) -> str:
    """A sentence at the end that the source does not have, and that offers more."""
    ends = list(_END.finditer(pair.output.rstrip()))
    offer = says("help", lang)
    if offer is None or len(ends) < 2 or len(ends) <= len(_END.findall(pair.source)) or _in_source("help", pair):
        return ""
    found = offer.search(pair.output, ends[-2].end())
    return found.group() if found else ""


def _note(pair: Pair, lang: str) -> str:
    """A sentence that begins with the word note and a colon."""
    word = says("note", lang)
    if word is None or not _COLON.search(pair.output) or _in_source("note", pair):
        return ""
    for start in _BEGINS.finditer(pair.output):
        if (match := word.match(pair.output, start.end())) and _COLON.match(pair.output[match.end() :].lstrip()):
            return match.group()
    return ""


def _spoken(pair: Pair) -> tuple[str, ...]:
    return tuple(dict.fromkeys((pair.target_lang, "en")))


def _in_source(what: str, pair: Pair) -> bool:
    return is_said(what, pair.source_lang, pair.source)
