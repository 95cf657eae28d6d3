"""Fits the weights of the signs that a translation was answered, changed or cut (guard/act/weights.toml).

    python tools/fit_guard.py [--write]

Logistic regression over the labelled suite and over outputs derived from its good pairs: cut at 60 and 80 %, with a
clause less, with another word, with another pair's output, and each pair turned around. Weights are drawn towards those
set by hand and are never negative; a sign that hardly occurs keeps its hand weight. The threshold is the lowest that
flags at most --most-flagged of good pairs in folds that the weights were not fitted on; those of one source are
in one fold.
Prints what held-out folds give. The same suite gives the same file.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import re
import tomllib
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from blossom_data.stages.translate.guard.act import speech_act
from blossom_data.stages.translate.guard.alignment import Word
from blossom_data.stages.translate.guard.finding import Pair
from blossom_data.stages.translate.guard.pairs import pair_of
from blossom_data.stages.translate.guard.registry import CHECKS, covers

ROOT = Path(__file__).resolve().parents[1]
CASES = ROOT / "benchmarks" / "translation_cases"
WEIGHTS = ROOT / "blossom_data/stages/translate/guard/act/weights.toml"
FOLDS = 5
STEEPNESS = 6.0
"""What the sum over the threshold is multiplied with in the logistic function."""
PULL = 2.0
"""How strongly weights are drawn to those set by hand."""
GOOD_COUNTS = 2.0
"""A good pair counts as much as so many bad ones: a false flag costs a call, or the record."""
MOST_OF_A_KIND = 400
"""All bad pairs of a kind count at most as much as so many."""
FEWEST = 8
"""A sign that so few pairs have keeps its hand weight."""
LINE_SHARE = 1.25
"""The threshold of a line is so many times that of a whole text."""


@dataclass(frozen=True, slots=True)
class Example:
    """A pair of one direction, and the signs of it and of its lines; `kind` is "good" or how it is bad."""

    kind: str
    group: str
    rows: tuple[dict[str, float], ...]

    @property
    def is_bad(self) -> bool:
        return self.kind != "good"


def read_cases() -> list[dict[str, Any]]:
    return [
        case
        for path in sorted(CASES.glob("*.jsonl"))
        for case in map(json.loads, path.read_text(encoding="utf-8").splitlines())
        if case["level"] == "value"
    ]


def chance_of(*parts: str) -> random.Random:
    return random.Random(hashlib.sha256("\x1f".join(parts).encode()).hexdigest())


_CLAUSE = re.compile(r"[，,；;](?=.{6,})")
_HAN_WORD = re.compile(r"[\u4e00-\u9fff]{2,}")


def derived(source: str, output: str, others: Sequence[str]) -> Iterator[tuple[str, str]]:
    """(how it is bad, output) for outputs made of a good one."""
    chance = chance_of(source, output)
    for share in (0.6, 0.8):
        cut = cut_at(output, share)
        if len(cut) >= 4 and "\n" not in output:
            yield f"cut_{share:.0%}", cut
    joints = [joint.start() for joint in _CLAUSE.finditer(output)]
    if joints and "\n" not in output and len(output) > 20:
        at = chance.choice(joints)
        after = re.search(r"[，,；;。.！!？?]", output[at + 1 :])
        rest = output[at + 1 + after.start() :] if after else ""
        if len(output) - at - len(rest) > 6:
            yield "clause_dropped", output[:at] + rest
    yield "other_text", chance.choice(others)


def cut_at(text: str, share: float) -> str:
    """So much of a text, cut within a word in Chinese and after one in English."""
    end = max(1, round(len(text) * share))
    if text.isascii():
        end = text.rfind(" ", 0, end) if " " in text[:end] else end
    return text[:end].rstrip()


def changed(pair: Pair, output: str, pool: Sequence[str], chance: random.Random) -> str:
    """`output` with one word that renders something replaced by one that does not; "" where there is none."""
    words = nouns_of(pair)
    if not words:
        return ""
    word, new = chance.choice(words), chance.choice(pool)
    at = output.lower().find(word.text)
    return output[:at] + new + output[at + len(word.text) :] if at >= 0 and new != word.text else ""


def nouns_of(pair: Pair) -> list[Word]:
    """The longer words of the output that render something and are nouns."""
    words = pair.alignment.english if pair.target_lang == "en" else pair.alignment.chinese
    return [
        word
        for word in words
        if word.is_rendered and word.weight >= 0.9 and len(word.text) > (4 if pair.target_lang == "en" else 1)
    ]


def signs_of(pair: Pair) -> dict[str, float]:
    found: dict[str, float] = defaultdict(float)
    for sign in speech_act.signs_of(pair):
        found[sign.name] += sign.strength
    return dict(found)


def is_found_otherwise(pair: Pair) -> bool:
    return any(check.find(pair) for check in CHECKS if not check.name.startswith("speech_act") and covers(check, pair))


def examples(cases: list[dict[str, Any]], source_lang: str, target_lang: str) -> Iterator[Example]:
    """Every pair that no other check finds anything in."""
    direction = f"{source_lang}-{target_lang}"
    good = [(c["source"], c["output"]) for c in cases if c["label"] == "good" and c["direction"] == direction]
    good += [(c["output"], c["source"]) for c in cases if c["label"] == "good" and c["direction"] != direction]
    outputs = [output for _, output in good]
    pairs = [("good", source, output) for source, output in good]
    pairs += [
        (c["kind"], c["source"], c["output"]) for c in cases if c["label"] == "bad" and c["direction"] == direction
    ]
    whole = [pair_of(source, output, source_lang=source_lang, target_lang=target_lang) for source, output in good]
    pool = sorted({word.text for pair in whole for word in nouns_of(pair)})
    for (source, output), pair in zip(good, whole, strict=True):
        pairs += [(kind, source, bad) for kind, bad in derived(source, output, outputs)]
        if not pair.is_lang_task and (bad := changed(pair, output, pool, chance_of("word", source, output))):
            pairs.append(("word_changed", source, bad))
    for kind, source, output in pairs:
        pair = pair_of(source, output, source_lang=source_lang, target_lang=target_lang)
        if not is_found_otherwise(pair):
            group = source if direction == "en-zh" else output
            rows = (signs_of(pair), *(signs_of(line) for line in speech_act.lines_of(pair)))
            yield Example(kind, group if kind == "good" else source, rows)


class Fit:
    """Weights of one direction."""

    def __init__(self, found: list[Example], hand: dict[str, float], fixed: set[str]) -> None:
        counts = Counter(name for example in found for name in example.rows[0])
        self.names = sorted(name for name in counts if name in hand)
        self.is_free = np.array([counts[name] >= FEWEST and name not in fixed for name in self.names])
        self.hand = np.array([hand[name] for name in self.names])
        place = {name: column for column, name in enumerate(self.names)}
        self.owner = np.array([row for row, example in enumerate(found) for _ in example.rows])
        self.is_whole = np.array([at == 0 for example in found for at, _ in enumerate(example.rows)])
        self.matrix = np.zeros((len(self.owner), len(self.names)))
        for row, signs in enumerate(signs for example in found for signs in example.rows):
            for name, strength in signs.items():
                if name in place:
                    self.matrix[row, place[name]] = strength
        kinds = Counter(example.kind for example in found)
        self.count = np.array(
            [GOOD_COUNTS if e.kind == "good" else min(1.0, MOST_OF_A_KIND / kinds[e.kind]) for e in found]
        )
        self.is_bad = np.array([example.is_bad for example in found])
        groups = [hashlib.sha256(example.group.encode()).digest()[0] % FOLDS for example in found]
        self.fold = np.array(groups)

    def weights(self, rows: np.ndarray) -> np.ndarray:
        """Weights fitted on the whole texts `rows`, by projected gradient descent."""
        matrix, is_bad = self.matrix[self.is_whole][rows], self.is_bad[rows]
        label = np.where(is_bad, 1.0, -1.0)
        count = self.count[rows]
        current = self.hand.copy()
        step = 0.5 / (STEEPNESS**2 * np.linalg.norm(matrix * np.sqrt(count)[:, None], 2) ** 2 / 4 + PULL)
        for _ in range(4000):
            margin = np.clip(STEEPNESS * label * (matrix @ current - 1.0), -30, 30)
            slope = -STEEPNESS * label * count / (1 + np.exp(margin))
            gradient = matrix.T @ slope + PULL * STEEPNESS * (current - self.hand)
            current = np.where(self.is_free, np.maximum(0.0, current - step * gradient), self.hand)
        return current

    def sums(self, current: np.ndarray) -> np.ndarray:
        """The largest sum of each example: that of the whole, or of a line over what a line is given."""
        row_sums = self.matrix @ current
        row_sums = np.where(self.is_whole, row_sums, row_sums / LINE_SHARE)
        largest = np.zeros(len(self.is_bad))
        np.maximum.at(largest, self.owner, row_sums)
        return largest

    def held_out(self) -> np.ndarray:
        """The sum of each example by weights that were fitted without its fold."""
        held = np.zeros(len(self.is_bad))
        for fold in range(FOLDS):
            is_out = self.fold == fold
            held[is_out] = self.sums(self.weights(~is_out))[is_out]
        return held


def threshold_of(sums: np.ndarray, is_bad: np.ndarray, most_flagged: float) -> float:
    """The lowest sum that at most `most_flagged` of the good ones reach."""
    good = np.sort(sums[~is_bad])[::-1]
    return round(float(good[int(most_flagged * len(good))]) + 0.005, 2)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="write weights.toml")
    parser.add_argument("--most-flagged", type=float, default=0.012, metavar="SHARE")
    args = parser.parse_args()
    table = tomllib.loads(WEIGHTS.read_text(encoding="utf-8"))
    cases = read_cases()
    for key, source_lang, target_lang in (("en_zh", "en", "zh"), ("zh_en", "zh", "en")):
        hand = {name: row[f"hand_{key}"] for name, row in table["signs"].items() if f"hand_{key}" in row}
        found = list(examples(cases, source_lang, target_lang))
        fixed = {name for name, row in table["signs"].items() if row.get("is_fixed")}
        fit = Fit(found, hand, fixed)
        held = fit.held_out()
        threshold = threshold_of(held, fit.is_bad, args.most_flagged)
        tell(key, found, held, threshold)
        every = fit.weights(np.ones(len(found), dtype=bool))
        fitted = dict(zip(fit.names, every, strict=True))
        free = dict(zip(fit.names, fit.is_free, strict=True))
        for name, row in table["signs"].items():
            if f"hand_{key}" in row:
                weight = hand[name] if name in fixed else fitted.get(name, hand[name]) / threshold
                row[key] = round(float(weight), 2)
                row[f"fitted_{key}"] = bool(free.get(name, False))
    if args.write:
        WEIGHTS.write_text(written(table), encoding="utf-8")


def tell(key: str, found: list[Example], sums: np.ndarray, threshold: float) -> None:
    """Prints what the held-out folds give, by kind."""
    kinds: dict[str, list[bool]] = defaultdict(list)
    for example, total in zip(found, sums, strict=True):
        kinds[example.kind].append(bool(total >= threshold))
    print(f"{key}: threshold {threshold}, good flagged {100 * np.mean(kinds['good']):.2f} % of {len(kinds['good'])}")
    bad = np.array([example.is_bad for example in found])
    for share in (0.005, 0.01, 0.015, 0.02, 0.03):
        at = threshold_of(sums, bad, share)
        by_kind = {
            k: np.mean([t >= at for e, t in zip(found, sums, strict=True) if e.kind == k]) for k in kinds if k != "good"
        }
        told = ", ".join(
            f"{k} {100 * by_kind[k]:.0f}"
            for k in ("word_changed", "clause_dropped", "cut_80%", "other_text", "obeyed", "swapped_topic")
        )
        print(f"  at {100 * share:.1f} % flagged (sum {at}): {told}")
    for kind, flags in sorted(kinds.items(), key=lambda item: np.mean(item[1])):
        if kind != "good" and len(flags) >= FEWEST:
            print(f"  {kind:28} {sum(flags):5}/{len(flags):<5} {100 * np.mean(flags):5.1f} %")


def written(table: dict[str, Any]) -> str:
    """The file with its head and one line a sign."""
    head = WEIGHTS.read_text(encoding="utf-8").partition("[signs]\n")[0]
    lines = []
    for name, row in table["signs"].items():
        parts = [f"{key} = {row[key]}" for key in ("en_zh", "zh_en") if key in row]
        parts += [f"hand_{key} = {row[f'hand_{key}']}" for key in ("en_zh", "zh_en") if f"hand_{key}" in row]
        parts += ["is_fixed = true"] if row.get("is_fixed") else []
        fitted = [key for key in ("en_zh", "zh_en") if row.get(f"fitted_{key}")]
        source = f"fitted {' '.join(fitted)}" if fitted else "hand" if row.get("is_fixed") else "hand, too rare to fit"
        lines.append(f'{name} = {{ {", ".join(parts)}, source = "{source}" }}')
    return f"{head}[signs]\n" + "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
