"""What came of an evaluation: verdict rows out of the answered records, and the scores out of these.

    OUT/answers/                  the data set of the run: questions, answers, verdicts as tags
    OUT/judgements/mt-bench.jsonl {"question_id", "model", "judge", "turn", "category", "score", "judgment", "flags"}
    OUT/scores.json scores.md scores.html

The rows are laid out as FastChat's `model_judgment` files: `--from-judgements` reads them, and so do other tools.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson

from blossom_data.asks import Reply
from blossom_data.errors import InputError
from blossom_data.evaluate.aggregate import accuracy, alignbench, mean_score, mt_bench
from blossom_data.evaluate.checking import SCORE, VERDICT
from blossom_data.evaluate.judgements import read_judgements
from blossom_data.evaluate.judging.grading import FLAG, UNREADABLE
from blossom_data.evaluate.judging.pairwise import ERROR, OURS, PAIR, THEIRS, TIE
from blossom_data.rows import BadRow, read_rows
from blossom_data.shards.dataset import write_atomic
from blossom_data.stages.model_family import of_one_family

ANSWERS, JUDGEMENTS, SCORES = "answers", "judgements", "scores.json"
_AGGREGATES: dict[str, Callable[..., dict[str, dict[str, Any]]]] = {
    "gsm8k": accuracy,
    "math23k": accuracy,
    "mt-bench": mt_bench,
    "alignbench": alignbench,
}

Look = Callable[[bytes], Reply | None]
"""Gives the stored reply of a ledger key."""


def answered_rows(folder: Path) -> Iterator[dict[str, Any]]:
    """The answered records of an evaluation, as plain data.

    Raises:
        InputError: there are none.
    """
    for row in read_rows(folder / ANSWERS):
        if isinstance(row, BadRow):
            raise InputError(f"{row.file}:{row.line}: {row.code} {row.detail}", hint="run the evaluation again")
        yield row.value


def rivals_of(folder: Path) -> dict[tuple[str, str], tuple[str, ...]]:
    """By suite and question, the answers of an evaluation."""
    return {
        (row["source"], row["source_id"]): tuple(
            turn["content"] for turn in row["messages"] if turn["role"] == "assistant"
        )
        for row in answered_rows(folder)
    }


def verdict_rows(row: Mapping[str, Any], model: str, look: Look) -> list[dict[str, Any]]:
    """A row for each verdict on an answered record."""
    steps = {step["stage"]: step for step in row["lineage"]}
    judged = steps.get("grade") or steps.get("compare") or {}
    keys = [bytes.fromhex(key) for key in str(judged.get("reply", "")).split(",") if key]
    tags: Sequence[str] = row["tags"]
    shared: dict[str, Any] = {
        "question_id": row["source_id"],
        "category": next((tag.partition(":")[2] for tag in tags if tag.startswith("category:")), ""),
    }
    flags = [tag.removeprefix(FLAG) for tag in tags if tag.startswith(FLAG)]
    if verdict := next((tag.removeprefix(VERDICT) for tag in tags if tag.startswith(VERDICT)), ""):
        answer = next((turn["content"] for turn in reversed(row["messages"]) if turn["role"] == "assistant"), "")
        shared |= {"verdict": verdict, "gold": row["gold"], "answer": answer}
    told = iter([look(key) for key in keys])
    rows = []
    for tag in tags:
        kind, _, value = tag.partition(":")
        turn, _, result = value.partition(":")
        if f"{kind}:" == SCORE:
            score = {"model": model, "turn": int(turn), "score": float(result)}
            rows.append({**shared, **score, **_judged(judged, [next(told, None)] if keys else []), "flags": flags})
        elif f"{kind}:" == PAIR:
            first, _, second = result.partition(":")
            pair = {"model_1": model, "turn": int(turn), "g1_winner": first, "g2_winner": second}
            rows.append({**shared, **pair, **_judged(judged, [next(told, None), next(told, None)]), "flags": flags})
    return rows


def _judged(step: Mapping[str, Any], replies: Sequence[Reply | None]) -> dict[str, Any]:
    if not step:
        return {}
    texts = [reply.text if reply is not None else "" for reply in replies]
    named = {"judgment": texts[0]} if len(texts) == 1 else {"g1_judgment": texts[0], "g2_judgment": texts[1]}
    return {"judge": [step["model"], step["prompt"]], **named}


def write_judgements(folder: Path, model: str, look: Look, *, rival: str = "") -> dict[str, Path]:
    """Writes a file of verdicts for each suite; gives their paths by suite."""
    lines: dict[str, list[bytes]] = {}
    for row in answered_rows(folder):
        for verdict in verdict_rows(row, model, look):
            if "g1_winner" in verdict:
                verdict["model_2"] = rival
            lines.setdefault(row["source"], []).append(orjson.dumps(verdict, option=orjson.OPT_APPEND_NEWLINE))
    (folder / JUDGEMENTS).mkdir(parents=True, exist_ok=True)
    paths = {suite: folder / JUDGEMENTS / f"{suite}{'.pairs' if rival else ''}.jsonl" for suite in lines}
    for suite, path in paths.items():
        write_atomic(path, b"".join(lines[suite]))
    return paths


def scores_of(suite: str, path: Path) -> dict[str, Any]:
    """The scores of the one model whose verdicts are in `path`, by the rules of the suite."""
    rows = list(read_judgements([path], needs_category=suite == "alignbench"))
    usual = accuracy if _is_exact(path) else mean_score
    models = _AGGREGATES[suite](rows) if suite in _AGGREGATES else usual(rows)
    return next(iter(models.values()))


def questions_in(path: Path) -> int:
    """How many questions have a verdict."""
    return len({row["question_id"] for row in _values(path)})


def _is_exact(path: Path) -> bool:
    return all("verdict" in row for row in _values(path))


def pair_scores(path: Path) -> dict[str, Any]:
    """Wins, losses and ties of the pairs in `path`: who wins in one order alone has not won."""
    found: Counter[str] = Counter()
    for row in _values(path):
        first, second = row["g1_winner"], row["g2_winner"]
        agreed = first if first == second else "inconsistent"
        found["unreadable" if ERROR in (first, second) else agreed] += 1
    n = found.total() - found["unreadable"]
    ties = found[TIE] + found["inconsistent"]
    return {
        "wins": found[OURS],
        "losses": found[THEIRS],
        "ties": ties,
        "inconsistent": found["inconsistent"],
        "dropped": found["unreadable"],
        "n": n,
        # Where no pair was decided there is no rate, for a 0 % would read as a defeat.
        "win_rate": found[OURS] / n if found[OURS] + found[THEIRS] else None,
        "win_rate_with_half_ties": (found[OURS] + ties / 2) / n if n else None,
    }


def remarks(folder: Path, model: str, judge: str = "") -> list[str]:
    """What has to be known beside the scores: flags, unreadable verdicts, a judge of the author's family."""
    flags: Counter[str] = Counter()
    unreadable: Counter[str] = Counter()
    families: set[str] = set()
    flagged = cut = 0
    for row in answered_rows(folder):
        kinds = {tag for tag in row["tags"] if tag.startswith(FLAG)}
        flagged += bool(kinds)
        flags.update(tag.removeprefix(FLAG) for tag in kinds)
        unreadable.update(tag.split(":", 2)[2] for tag in row["tags"] if tag.startswith(UNREADABLE))
        cut += any(tag.startswith("cut:") for tag in row["tags"])
        judges = [step["model"] for step in row["lineage"] if step["stage"] in ("grade", "compare")]
        judges += [judge] if judges else []
        authors = [model, *(step["model"] for step in row["lineage"] if step["stage"] == "answer")]
        families |= {of_one_family(judge, author) for judge in judges for author in authors} - {""}
    told = []
    if families:
        told.append(
            f"judge and author are of one family ({', '.join(sorted(families))}): a judge likes its own family's "
            "answers better; ask another judge too"
        )
    if flagged:
        kinds_told = ", ".join(f"{name} {number}" for name, number in flags.most_common())
        told.append(f"{flagged} answers speak to their judge ({kinds_told}): read them before you trust their scores")
    if unreadable:
        named = ", ".join(f"{name} {number}" for name, number in unreadable.most_common())
        told.append(f"{unreadable.total()} verdicts could not be read, nor could the second try ({named}): no score")
    if cut:
        told.append(f"{cut} answers did not end by themselves (cut off, filtered or empty) and are scored as they are")
    return told


def _values(path: Path) -> Iterable[dict[str, Any]]:
    return (row.value for row in read_rows(path) if not isinstance(row, BadRow))
