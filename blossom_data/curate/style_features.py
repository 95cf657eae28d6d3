"""How an answer is written, as numbers: length, openers, closers, Markdown, lists, numbers, person, hedges, LaTeX.

    measure("Sure! The capital is Paris.\n\nI hope this helps!", asked="What is the capital of France?", lang="en")
    -> Voice(opener="sure", closer="i hope", numbers={"words": 9, ...}, text=" sure the ... ")

No word of a topic counts: code blocks are left out, lengths are counted in words (of scripts that write none, in pairs
of characters), and an opening or closing that the question holds too is what is talked about. Everything but person
and hedges is measured alike in every language.
"""

from __future__ import annotations

import functools
import importlib.resources
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass

_FENCED = re.compile(r"^ {0,3}(```|~~~).*?(?:^ {0,3}\1|\Z)", re.MULTILINE | re.DOTALL)
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?")
_WIDE = re.compile(r"[\u2e80-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")
_CLAUSE = re.compile(r"[^,.!?;:，。！？；：、…\n—]{1,80}")
_SENTENCE_END = re.compile(r"[.!?。！？…]+[\"”’)）】]*(?=\s|$|[\u2e80-\u9fff])")
_WIDE_WORD_CHARACTERS = 2
_MOST_CHARACTERS = 20_000
_SHORT_CLAUSE_WORDS = 3

# What is counted, per 100 words of the answer.
_RATES = {
    "exclamation marks": re.compile(r"[!！]"),
    "question marks": re.compile(r"[?？]"),
    "colons": re.compile(r"[:：]"),
    "semicolons": re.compile(r"[;；]"),
    "commas": re.compile(r"[,，、]"),
    "brackets": re.compile(r"[(（]"),
    "dashes": re.compile(r"\S - |[–—]"),
    "quotation marks": re.compile(r"[\"“”「」『』《》]"),
    "emoji": re.compile(r"[\u2600-\u27bf\U0001f300-\U0001faff]"),
    "bold": re.compile(r"\*\*[^*\n]+\*\*|__[^_\n]+__"),
    "digits": re.compile(r"[0-9]"),
}
# What an answer has or has not.
_MARKS = {
    "bullet points": re.compile(r"^ *[-*+•] +\S", re.MULTILINE),
    "numbered items": re.compile(r"^ *(?:\d{1,2}[.)、]|[(（]\d{1,2}[)）]|[①-⑳]) *\S", re.MULTILINE),
    "headings": re.compile(r"^ {0,3}#{1,6} +\S", re.MULTILINE),
    "tables": re.compile(r"^ *\|.*\|\s*$", re.MULTILINE),
    "LaTeX in dollars": re.compile(r"\$[^$\n]*[\\^_={][^$\n]*\$"),
    "LaTeX in brackets": re.compile(r"\\[(\[]"),
    "thousands separators": re.compile(r"\d,\d{3}\b"),
    "a question at the end": re.compile(r"[?？][\"”’)）]*\s*\Z"),
    "no stop at the end": re.compile(r"[^\s.!?。！？…\"”’)）`|*$\]}:：]\s*\Z"),
    "an exclamation at the end": re.compile(r"[!！][\"”’)）]*\s*\Z"),
}


@dataclass(frozen=True, slots=True)
class Voice:
    """How one answer is written."""

    opener: str
    """Its first word, in lower case (of Chinese and Japanese its first two characters); "" where it is the topic."""
    closer: str
    """The first two words of its last sentence, likewise."""
    numbers: Mapping[str, float]
    """Of each feature its value; rates are per 100 words, what an answer has or has not is 1 or 0."""
    text: str
    """Its words in lower case, for who wants to know where else they stand."""


def measure(answer: str, *, asked: str, lang: str) -> Voice:
    """How `answer` to the question `asked` is written."""
    text = _FENCED.sub("", answer[:_MOST_CHARACTERS]).strip()
    words = _words(text)
    length = max(1, len(words))
    sentences = [each for each in _SENTENCE_END.split(text) if each.strip()]
    opening = _CLAUSE.match(text)
    first = opening[0].strip() if opening else ""
    follows = text[len(opening[0]) :][:1] if opening else ""
    is_short = bool(first) and len(_words(first)) <= _SHORT_CLAUSE_WORDS
    numbers: dict[str, float] = {
        "words": len(words),
        "words a sentence": length / max(1, len(sentences)),
        "paragraphs": text.count("\n\n") + 1,
        "lines": text.count("\n") + 1,
        "a short opening clause": is_short and follows in (",", "，", "!", "！", ".", "。", ":", "："),
        "an exclamation at the start": is_short and follows in ("!", "！"),
    }
    for name, pattern in _RATES.items():
        numbers[name] = 100 * len(pattern.findall(text)) / length
    for name, pattern in _MARKS.items():
        numbers[name] = pattern.search(text) is not None
    for name, pattern in _class_words(lang).items():
        numbers[name] = 100 * len(pattern.findall(text)) / length
    last = sentences[-1].strip().rsplit("\n", 1)[-1] if len(sentences) > 1 else ""
    closing = _unasked(_words(last[:80])[:2], asked)
    return Voice(_unasked(words[:1], asked), closing, numbers, f" {' '.join(words)} ")


def _words(text: str) -> list[str]:
    """The words of `text` in lower case; of scripts that write none, pairs of characters."""
    words: list[str] = []
    for word in _WORD.findall(text):
        if _WIDE.match(word):
            words += [word[at : at + _WIDE_WORD_CHARACTERS] for at in range(0, len(word), _WIDE_WORD_CHARACTERS)]
        else:
            words.append(word.lower().replace("’", "'"))
    return words


def _unasked(words: list[str], asked: str) -> str:
    """The words in a row, or "" where one of them stands in the question: then it is its topic."""
    text = asked.lower()
    return "" if any(word in text for word in words) else " ".join(words)


@functools.cache
def _class_words(lang: str) -> dict[str, re.Pattern[str]]:
    """The closed classes of a language: first and second person, hedges."""
    text = importlib.resources.files("blossom_data.curate").joinpath("style_words.toml").read_text("utf-8")
    named = tomllib.loads(text).get(lang.split("-")[0], {})
    return {name.replace("_", " "): re.compile(pattern) for name, pattern in named.items()}
