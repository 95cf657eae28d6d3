"""Which language something is asked in: by its script first, then by a small offline model.

    language_of("小明有5个苹果，吃了2个")                     -> "zh"
    language_of("What does 你好 mean?")                      -> "en"
    language_of("Schreibe ein Gedicht über das Meer.")      -> "de"
    language_of("把下面的句子翻译成中文：Life is like a box") -> "zh": the request, not what it is about

The first sentence that holds at least three words decides. Its script is the language where only one is written in it
(kana, hangul, Thai ...); for the others the model of lid.176.ftz is asked. A text that it is not sure of is in the
caller's default for Latin letters, and for another script in the language that most texts in it are in. Code does not
count: its words are English in any language.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from functools import cache
from importlib import resources
from typing import Any

from blossom_data.languages.scripts import ONE_LANGUAGE, runs_in, simplified_only, traditional_only
from blossom_data.languages.tags import known

_CODE = re.compile(r"```[^`]*+(?:`{1,2}(?!`)[^`]*+)*+(?:```|\Z)|`[^`\n]*+`")
_FULL_WIDTH = re.compile(r"[\u3001-\u303f\uff01-\uff60]")
_LATIN_WORD = re.compile(r"[A-Za-z\u00c0-\u024f]{2,}+")
_SENTENCE = re.compile(r"[^\n.:!?。：！？؟।]++")
_QUOTED = re.compile(r"\"[^\"\n]{1,400}\"|“[^“”\n]{1,400}”|«[^«»\n]{1,400}»|„[^„“”\n]{1,400}[“”]")
"""What a request is about, as often as not."""
_MIN_WORDS = 3
_UNSPACED = ("Hani", "Kana", "Hang", "Thai", "Laoo", "Khmr", "Mymr")
"""Scripts of which each letter counts as a word."""
_MOST_USED = {"Cyrl": "ru", "Arab": "ar", "Deva": "hi"}
_READ_CHARS = 400
"""So much of a sentence is looked at, and of a text shown to the model."""

_SURE, _UNLIKELY = 0.4, 0.1
"""How probable a language must be that is not the usual one, and how probable English may be then."""
_SURE_OF_MALAY = 0.8
"""The model calls much of Indonesian Malay; less than this is Indonesian."""
_FEWEST_LETTERS = 15
_NO_LETTERS = re.compile(r"[\d_]+|[^\w\s'’\u0300-\u036f\u0900-\u0dff]+")
_ENGLISH_WORDS = 3
"""A sentence with so many words of english_words.txt is English, and the model is not asked."""
_LABELS = {"no": "nb", "nn": "nb", "bs": "hr", "sh": "sr-Latn"}


def chat_language(turns: Iterable[str], default: str = "en") -> str:
    """The language of most turns, of the first one where they are even."""
    votes = [language_of(turn, default) for turn in turns]
    if len(votes) == 1:
        return votes[0]
    return max(votes, key=votes.count, default=default)


def language_of(text: str, default: str = "en") -> str:
    """The tag of the language of `text`; `default` for one without any word, such as `6*7=`."""
    if "`" in text:
        text = _CODE.sub("\n", text)
    for found in _SENTENCE.finditer(text):
        # The beginning of a long one tells as much as all of it.
        sentence = found[0][:_READ_CHARS]
        if len(sentence) >= _MIN_WORDS and (script := _script_of(sentence, _MIN_WORDS)):
            return _language(script, sentence, text, default)
    if script := _script_of(text, 1):
        return _language(script, text, text, default)
    return "zh" if _FULL_WIDTH.search(text) else default


def _script_of(text: str, least: int) -> str:
    """The script of most words of `text`, "" where they are fewer than `least`; Latin where it is even."""
    if text.isascii():
        return "Latn" if len(_LATIN_WORD.findall(text)) >= least else ""
    words: Counter[str] = Counter()
    for script, run in runs_in(text):
        if script in _UNSPACED:
            words[script] += len(run)
        elif len(run) > 1:
            words[script] += 1
    han, kana = words["Hani"], words["Kana"]
    if kana * 4 > han:
        words["Kana"] += words.pop("Hani", 0)
    if words["Hang"] * 4 > han:
        words["Hang"] += words.pop("Hani", 0)
    if words.total() < least:
        return ""
    most, number = max(words.items(), key=lambda entry: (entry[1], entry[0] == "Latn"))
    return most if number else ""


def _language(script: str, sentence: str, text: str, default: str) -> str:
    if script == "Hani":
        return "zh-Hant" if default == "zh-Hant" or (default != "zh" and _is_traditional(text)) else "zh"
    if script in ONE_LANGUAGE:
        return ONE_LANGUAGE[script]
    if script == "Latn" and (_is_english(sentence) or (text.isascii() and _is_english(text))):
        return "en"
    among = _written_in(script)
    usual = default if default in among else _MOST_USED.get(script, "en")
    found = _sure(sentence, among, usual)
    # The first sentence may be a name; the whole of a text may be about another language. What both are in, it is in.
    return found if found and (sentence == text or _sure(text, among, usual) == found) else usual


def _sure(text: str, among: frozenset[str], usual: str) -> str:
    """The language of `text` where the model is sure of it, and that it is not the usual one; else ""."""
    text = text[:_READ_CHARS]
    chances = guess(_QUOTED.sub(" ", text), among) or guess(text, among)
    best = max(chances, key=lambda tag: chances[tag], default="")
    is_sure = bool(best) and chances[best] >= _SURE and (usual != "en" or chances.get("en", 0.0) <= _UNLIKELY)
    return best if is_sure else ""


def _is_traditional(text: str) -> bool:
    signs = set(text[:4000])
    return len(signs & traditional_only()) > len(signs & simplified_only())


def _is_english(sentence: str) -> bool:
    frequent = _frequent_english()
    return sum(word in frequent for word in sentence[:_READ_CHARS].lower().split()) >= _ENGLISH_WORDS


@cache
def _frequent_english() -> frozenset[str]:
    return frozenset((resources.files(__package__) / "english_words.txt").read_text(encoding="utf-8").split())


@cache
def _written_in(script: str) -> frozenset[str]:
    return frozenset(tag for tag, entry in known().items() if script in entry.scripts)


def guess(text: str, among: frozenset[str]) -> dict[str, float]:
    """How probable each language of `among` is; nothing for a text of too few letters."""
    line = " ".join(_NO_LETTERS.sub(" ", text[:_READ_CHARS]).split()).lower().encode("utf-8", "ignore").decode()
    if len(line) < _FEWEST_LETTERS and line.isascii():
        return {}
    chances: dict[str, float] = {}
    for label, chance in zip(*_model().predict(line, 8), strict=True):
        tag = label.removeprefix("__label__")
        tag = "id" if tag == "ms" and chance < _SURE_OF_MALAY else _LABELS.get(tag, tag)
        if tag in among:
            chances[tag] = chances.get(tag, 0.0) + float(chance)
    return chances


@cache
def _model() -> Any:
    import fasttext

    return fasttext.load_model(str(resources.files(__package__) / "lid.176.ftz"))
