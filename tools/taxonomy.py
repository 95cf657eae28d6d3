"""Compiles WordNet into the table of which kind of thing an English noun names.

    apt-get download wordnet-base && dpkg -x wordnet-base_*.deb . && python tools/taxonomy.py usr/share/wordnet

Reads the database files of WordNet 3.0 (see NOTICE) and writes taxonomy.tsv.zst beside the other words of the checks,
in blocks of lines that begin alike:

    stem, tab, words, tab, class, tab, what it may name, tab, what that is a sort of     "cell cello artifact 1a f 2k"

Only words of the dictionary that are nouns more often than anything else, of their most frequent senses. The same
input gives the same bytes.
"""

from __future__ import annotations

import argparse
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import zstandard
from dictionary import blocks

from blossom_data.stages.translate.lexicon.dictionary import english
from blossom_data.stages.translate.lexicon.stems import stem
from blossom_data.stages.translate.lexicon.taxonomy import BLOCK

TARGET = Path(__file__).resolve().parents[1] / "blossom_data/stages/translate/lexicon/taxonomy.tsv.zst"
CLASSES = [
    "tops",
    "act",
    "animal",
    "artifact",
    "attribute",
    "body",
    "cognition",
    "communication",
    "event",
    "feeling",
    "food",
    "group",
    "location",
    "motive",
    "object",
    "person",
    "phenomenon",
    "plant",
    "possession",
    "process",
    "quantity",
    "relation",
    "shape",
    "state",
    "substance",
    "time",
]
"""The lexicographer files of nouns, from number 3 on: lexnames(5WN)."""
FIRST_CLASS = 3
MOST_SENSES, LEVELS = 3, 4
_NOUN = "1"


@dataclass(frozen=True, slots=True)
class Synset:
    """A sense that words share: its lexicographer file, and what it is a sort of."""

    file: int
    above: tuple[str, ...]


def read_synsets(path: Path) -> dict[str, Synset]:
    found = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith(" "):
            continue
        fields = line.partition(" | ")[0].split()
        pointers = fields[4 + 2 * int(fields[3], 16) :]
        above = tuple(pointers[at + 1] for at in range(1, 1 + 4 * int(pointers[0]), 4) if pointers[at] in ("@", "@i"))
        found[fields[0]] = Synset(int(fields[1]), above)
    return found


def read_index(path: Path) -> Iterator[tuple[str, list[str]]]:
    """(word, its senses that were met in text, the most frequent first; the first one where none was)."""
    for line in path.read_text(encoding="utf-8").splitlines():
        fields = line.split()
        if not line.startswith(" ") and fields[0].isalpha():
            rest = fields[4 + int(fields[3]) :]
            yield fields[0], rest[2:][: max(1, min(MOST_SENSES, int(rest[1])))]


def read_counts(path: Path) -> tuple[Counter[str], Counter[str]]:
    """How often a word was met as a noun, and as anything else."""
    nouns: Counter[str] = Counter()
    others: Counter[str] = Counter()
    for line in path.read_text(encoding="utf-8").splitlines():
        key, _, times = line.split()
        word, _, sense = key.partition("%")
        (nouns if sense[0] == _NOUN else others)[word] += int(times)
    return nouns, others


def above(sense: str, synsets: dict[str, Synset], levels: int) -> Iterator[str]:
    for upper in synsets[sense].above if levels else ():
        yield upper
        yield from above(upper, synsets, levels - 1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("wordnet", type=Path, help="folder with data.noun, index.noun and cntlist.rev")
    parser.add_argument("-o", "--output", type=Path, default=TARGET)
    args = parser.parse_args()
    synsets = read_synsets(args.wordnet / "data.noun")
    nouns, others = read_counts(args.wordnet / "cntlist.rev")
    elsewhere = {word for name in ("verb", "adj", "adv") for word, _ in read_index(args.wordnet / f"index.{name}")}
    named: dict[str, list[tuple[int, str, list[str]]]] = defaultdict(list)
    for word, senses in read_index(args.wordnet / "index.noun"):
        is_noun = nouns[word] > others[word] or (not nouns[word] and not others[word] and word not in elsewhere)
        if is_noun and len(word) > 2 and english(stem(word)) is not None:
            named[stem(word)].append((-nouns[word], word, senses))
    numbers: dict[str, str] = {}
    lines = []
    for key, words in sorted(named.items()):
        words.sort()
        senses = list(dict.fromkeys(sense for _, _, met in words for sense in met))
        rows = [senses, dict.fromkeys(upper for one in senses for upper in above(one, synsets, LEVELS))]
        told = (" ".join(numbers.setdefault(sense, f"{len(numbers):x}") for sense in row) for row in rows)
        kind = CLASSES[synsets[senses[0]].file - FIRST_CLASS]
        lines.append("\t".join((key, " ".join(word for _, word, _ in words), kind, *told)))
    packed = zstandard.ZstdCompressor(level=19).compress(blocks(lines, BLOCK).encode())
    args.output.write_bytes(packed)
    print(f"{args.output}: {len(lines)} nouns, {len(packed) >> 10} kB")


if __name__ == "__main__":
    main()
