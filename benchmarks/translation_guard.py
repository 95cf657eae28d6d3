"""Scores the translation checks on the labelled suite and on real data.

    python benchmarks/translation_guard.py [--show bad|good] [--kind KIND] [--cases DIR] [--judge perfect]

Prints recall by kind, false rejects (hard) and flags (hard or soft) on good outputs, both again with a share of the
word tables' entries gone, the wire-level score, microseconds per pair, the time for 1 MB of hostile text, and what
real data gives. With `--judge perfect` it prints what `translate --judge soft` is worth with a judge that is never
wrong: the share of texts that are shown to it, what is caught and flagged then, and how much of real sets it would see.
It calls no model.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from blossom_data.asks import Reply
from blossom_data.prompts import load_prompt
from blossom_data.records import Message, Record, Reject
from blossom_data.stages.translate.accept import judge_reply
from blossom_data.stages.translate.guard.act import zh_en
from blossom_data.stages.translate.guard.alignment import forget_lookups
from blossom_data.stages.translate.guard.pairs import check_pair
from blossom_data.stages.translate.guard.shape import MAX_CHARS
from blossom_data.stages.translate.guard.vocabulary import own_renderings, verbs, words
from blossom_data.stages.translate.judge.injection import speech_to_judge
from blossom_data.stages.translate.judge.judging import SOFT, Judging
from blossom_data.stages.translate.judge.kinds import chats_of, kind_of
from blossom_data.stages.translate.protocol import Request, letter_id
from blossom_data.stages.translate.segments import plan_record
from blossom_data.stages.translate.stage import Translate

HERE = Path(__file__).resolve().parent
SHARED = HERE.parents[1] / "shared" / "data"


def read_cases(folder: Path) -> list[dict[str, Any]]:
    """All cases of the suite, in file order."""
    return [
        json.loads(line)
        for path in sorted(folder.glob("*.jsonl"))
        for line in path.read_text(encoding="utf-8").splitlines()
        if line.strip()
    ]


def languages(case: dict[str, Any]) -> tuple[str, str]:
    source, _, target = case.get("direction", "en-zh").partition("-")
    return source, target


def score_value(cases: list[dict[str, Any]], show: str, kind: str) -> None:
    """Recall by kind on bad outputs; hard and soft flags on good ones."""
    bad: dict[str, list[bool]] = defaultdict(list)
    good: dict[str, Counter[str]] = defaultdict(Counter)
    codes: Counter[str] = Counter()
    for case in cases:
        source, target = languages(case)
        found = check_pair(case["source"], case["output"], source_lang=source, target_lang=target)
        row = f"{case['direction']}/{case['kind']}" if target == "en" else case["kind"]
        if case["label"] == "bad":
            bad[row].append(bool(found))
            if show == "bad" and not found and kind in row:
                print(f"MISSED {row} {case['id']}: {case['source'][:150]!r} -> {case['output'][:150]!r}")
            continue
        good[row]["n"] += 1
        good[row]["hard"] += any(finding.is_hard for finding in found)
        good[row]["any"] += bool(found)
        codes.update({f"{finding.code}{'!' if finding.is_hard else ''}" for finding in found})
        if show == "good" and found and kind in row:
            print(f"FLAGGED {row} {case['id']}: {case['source'][:120]!r} -> {case['output'][:120]!r}")
            for finding in found:
                print(f"    {finding.code}{'!' if finding.is_hard else ''} {finding.detail}")
    print("bad outputs, caught by kind")
    for row, caught in sorted(bad.items(), key=lambda item: sum(item[1]) / len(item[1])):
        print(f"  {row:36} {sum(caught):4}/{len(caught):<4} {100 * sum(caught) / len(caught):6.1f} %")
    every = [flag for caught in bad.values() for flag in caught]
    total = sum(good.values(), Counter())
    if every:
        print(f"  all {sum(every)}/{len(every)} = {100 * sum(every) / len(every):.2f} %")
    if total["n"]:
        hard, either = (100 * total[name] / total["n"] for name in ("hard", "any"))
        print(f"good outputs {total['n']}: hard {hard:.2f} %, hard or soft {either:.2f} %  {dict(codes)}")


@contextmanager
def forgotten(share: float, seed: int) -> Iterator[None]:
    """The word tables beside the dictionary with `share` of their words bereft of all renderings."""
    chance = random.Random(seed)
    saved: list[tuple[dict[str, Any], str, Any]] = []
    tables: list[dict[str, Any]] = [words(), verbs(), own_renderings(), zh_en.english_heads()]  # type: ignore[list-item]
    for table in tables:
        for word in chance.sample(sorted(table), round(share * len(table))):
            saved.append((table, word, table[word]))
            table[word] = type(table[word])()
    forget_lookups()
    try:
        yield
    finally:
        for table, word, renderings in reversed(saved):
            table[word] = renderings
        forget_lookups()


def score_forgotten(cases: list[dict[str, Any]], seeds: int = 5) -> None:
    """What a gap in the tables costs: flags on good outputs and recall where a share of the words is unknown."""
    for share in (0.1, 0.2):
        tally: Counter[str] = Counter()
        for seed in range(seeds):
            with forgotten(share, seed):
                for case in cases:
                    source, target = languages(case)
                    found = check_pair(case["source"], case["output"], source_lang=source, target_lang=target)
                    tally[case["label"]] += 1
                    tally[f"{case['label']} found"] += bool(found)
        good, bad = (100 * tally[f"{label} found"] / max(1, tally[label]) for label in ("good", "bad"))
        print(f"with {share:.0%} of the words unknown: good flagged {good:.2f} %, bad caught {bad:.2f} %")


def score_wire(cases: list[dict[str, Any]], show: str) -> None:
    """Replies outside the exact JSON are rejected; harmless renderings are accepted with identical text."""
    tally: Counter[str] = Counter()
    for case in cases:
        source, target = languages(case)
        plan = plan_record([Message("user", "\n".join(case["source"]))], source)
        request = Request("Zq7Wm3Kx", source, target, plan.segments)
        text = case["reply"].replace("{{NONCE}}", request.nonce)
        for place in reversed(range(len(case["source"]) + 4)):
            text = text.replace(f'"s{place + 1}"', f'"{letter_id(place)}"')
        outcome = judge_reply(request, Reply(text=text, finish_reason=case.get("finish_reason", "stop")))
        is_accepted = len(outcome.texts) == len(plan.segments) and not outcome.findings
        tally[f"{case['label']} {'accepted' if is_accepted else 'refused'}"] += 1
        if show and is_accepted != (case["label"] == "good"):
            print(f"WIRE {case['kind']} {case['id']} {case['label']}: {outcome.first()} {case['reply'][:200]!r}")
    print("wire level", dict(tally))


def score_speed(cases: list[dict[str, Any]]) -> None:
    """Microseconds per pair of the suite, and milliseconds for hostile megabytes."""
    pairs = [(case["source"], case["output"], *languages(case)) for case in cases]
    for source, output, source_lang, target_lang in pairs:
        check_pair(source, output, source_lang=source_lang, target_lang=target_lang)
    start = time.process_time()
    for source, output, source_lang, target_lang in pairs:
        check_pair(source, output, source_lang=source_lang, target_lang=target_lang)
    spent_s = time.process_time() - start
    good = [pair for pair, case in zip(pairs, cases, strict=True) if case["label"] == "good"]
    checked_s = min(_spent_s(lambda: [check_pair(s, o, source_lang=a, target_lang=b) for s, o, a, b in good]))
    bare_s = min(_spent_s(lambda: [(_TOKEN.findall(s), _TOKEN.findall(o)) for s, o, _, _ in good]))
    told = (
        f"a good one {1e6 * checked_s / max(1, len(good)):.0f} us, {checked_s / bare_s:.0f} times a bare re scan of it"
    )
    print(f"speed {1e6 * spent_s / max(1, len(pairs)):.0f} us of CPU per pair; {told}")
    for name, text in hostile_texts(1 << 20):
        start = time.process_time()
        check_pair("What is this?", text)
        check_s = time.process_time() - start
        start = time.process_time()
        plan_record([Message("user", text)], "en")
        plan_s = time.process_time() - start
        start = time.process_time()
        check_pair(text[:MAX_CHARS], text[:MAX_CHARS])
        both_s = time.process_time() - start
        told = f"check {1e3 * check_s:.1f} ms, plan {1e3 * plan_s:.1f} ms; 50 kB twice {1e3 * both_s:.1f} ms"
        print(f"  1 MB of {name:12} {told}")


_TOKEN = re.compile(r"[A-Za-z]+|\d+|[\u4e00-\u9fff]")


def _spent_s(work: Callable[[], object], times: int = 3) -> Iterator[float]:
    """CPU seconds of each of several runs."""
    for _ in range(times):
        start = time.process_time()
        work()
        yield time.process_time() - start


def hostile_texts(size: int) -> Iterator[tuple[str, str]]:
    """Texts of `size` characters that slow regexes down."""
    units = {
        "words": "write a poem ", "han": "写一首诗。", "a": "a", "dots": ".", "spaces": " ", "fences": "```\n",
        "ticks": "`", "dollars": "$x", "brackets": "{{", "tags": "<a b=", "latex": "\\[\\(", "begin": "\\begin{a}",
        "masks": "⟦", "mail": "a@b.", "paths": "/a", "pipes": "|", "quotes": "\"'“", "lines": "\n", "code": "f(x);\n",
        "urls": "http://", "numbers": "12,", "colons": ": ", "underscores": "a_", "percent": "%(", "dotted": "a.b",
        "task": 'the word "a" ', "def": "def x: (", "select": "SELECT x ", "negation": "not ", "numerals": "万",
    }  # fmt: skip
    for name, unit in units.items():
        yield name, (unit * (size // len(unit) + 1))[:size]


def read_rows(name: str) -> list[dict[str, Any]]:
    """The rows of a JSON Lines file of the real data."""
    return [json.loads(line) for line in (SHARED / name).read_text(encoding="utf-8").splitlines()]


def score_real() -> None:
    """Native Chinese must pass what looks at the output alone; real answers must not pass as translations."""
    if not SHARED.is_dir():
        return
    texts = [
        row["original_text"] for row in map(json.loads, (SHARED / "math23k/math23k.jsonl").open(encoding="utf-8"))
    ][:5000]
    rows = json.loads((SHARED / "raw/alpaca_zh_demo.json").read_text(encoding="utf-8"))
    texts += [row["instruction"] for row in rows] + [row["input"] for row in rows if row["input"]]
    alone = {"damage", "traditional", "loop", "balance", "chatter", "ask", "description", "refusal", "turns"}
    alarms: Counter[str] = Counter()
    for text in texts:
        found = {finding.code for finding in check_pair("Translate nothing", text, target_lang="zh")} & alone
        alarms.update(found)
    print(f"real Chinese texts {len(texts)}, output-only alarms {dict(alarms)}")
    english = [
        row["instruction"] for row in map(json.loads, (SHARED / "raw/alpaca_en_2000.jsonl").open(encoding="utf-8"))
    ]
    chinese = [row["output"] for row in rows if row["output"]]
    caught = sum(
        bool(check_pair(source, output)) for source, output in zip(english, chinese[: len(english)], strict=False)
    )
    print(f"real Chinese answers put in place of a translation, caught {caught}/{min(len(english), len(chinese))}")


def score_ladder() -> None:
    """Replies that never become right end in a Reject, whatever they hold."""
    stage = Translate(prompt=load_prompt("translate"))
    texts = ["", "4", "{}", '{"nonce": "x", "n": 1, "segments": []}', "写一首诗", "[" * 100_000, '{"a":' * 100_000]
    accepted = 0
    for place, text in enumerate(texts):
        record = Record(str(place), "bench", "en", (Message("user", "Write a poem about the sea."),))
        steps = stage.run(record)
        try:
            asks = next(steps)
            while True:
                asks = steps.send([Reply(text=text) for _ in asks])
        except Reject:
            continue
        except StopIteration:
            accepted += 1
    print(f"accepted after tries ran out: {accepted}")


def shown_for(case: dict[str, Any]) -> str:
    """What becomes of a case before a judge: hard, unasked, accepted, or what it is shown to the judge for."""
    source, target = languages(case)
    found = check_pair(case["source"], case["output"], source_lang=source, target_lang=target)
    if any(finding.is_hard for finding in found):
        return "hard"
    plan = plan_record([Message("user", case["source"])], source)
    chats = chats_of(plan, source)
    # Of a text of several lines it is not known which line of the output belongs to which: it is looked for in all.
    kinds = [kind_of(segment, case["output"], chats) for segment in plan.segments]
    kind = f"soft {found[0].code}" if found else next(filter(None, kinds), "accepted")
    return "unasked" if kind != "accepted" and speech_to_judge(case["source"], case["output"]) else kind


def score_judge(cases: list[dict[str, Any]]) -> None:
    """What is shown to a judge that knows the labels, and what is caught and flagged behind it."""
    tally: dict[str, Counter[str]] = {"good": Counter(), "bad": Counter()}
    for case in cases:
        tally[case["label"]][shown_for(case)] += 1
    unshown = ("hard", "unasked", "accepted")
    for label, counts in tally.items():
        total = max(1, counts.total())
        shown = {kind: times for kind, times in counts.most_common() if kind not in unshown}
        told = ", ".join(f"{kind} {times}" for kind, times in shown.items())
        share = 100 * sum(shown.values()) / total
        print(f"shown to a judge, {label} outputs: {sum(shown.values())}/{total} = {share:.1f} % ({told})")
    bad, good = tally["bad"], tally["good"]
    caught = 100 - 100 * bad["accepted"] / max(1, bad.total())
    flagged = 100 * (good["hard"] + good["unasked"]) / max(1, good.total())
    print(f"with a perfect judge: caught {caught:.2f} % of {bad.total()}, flagged {flagged:.2f} % of {good.total()}")


def score_shares() -> None:
    """The share of the segments of real sets that `--judge soft` shows, as far as their sources tell."""
    judging = Judging(load_prompt("judge_translation"), SOFT, 1)
    for name, lang in (
        ("raw/alpaca_en_2000.jsonl", "en"),
        ("gsm8k/train.jsonl", "en"),
        ("math23k/math23k.jsonl", "zh"),
    ):
        if not (SHARED / name).is_file():
            continue
        expected = segments = 0.0
        for row in read_rows(name)[:3000]:
            text = "\n".join(filter(None, map(row.get, ("instruction", "input", "question", "original_text"))))
            plan = plan_record([Message("user", text)], lang)
            chats = chats_of(plan, lang)
            segments += len(plan.segments)
            expected += sum(judging.share_shown(segment, chats) for segment in plan.segments)
        print(f"{name}: {100 * expected / max(1, segments):.1f} % of {segments:.0f} segments shown, as a plan expects")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=Path, default=HERE / "translation_cases")
    parser.add_argument("--show", choices=["bad", "good", "wire"], default="")
    parser.add_argument("--kind", default="")
    parser.add_argument("--quick", action="store_true", help="the suite only")
    parser.add_argument("--judge", choices=["perfect"], help="score the checks together with a judge")
    args = parser.parse_args()
    cases = read_cases(args.cases)
    value = [case for case in cases if case["level"] == "value"]
    score_value(value, args.show, args.kind)
    score_wire([case for case in cases if case["level"] == "wire"], args.show)
    if args.judge:
        score_judge(value)
        score_shares()
        return
    if not args.quick:
        score_forgotten(value)
        score_ladder()
        score_speed(value)
        score_real()


if __name__ == "__main__":
    main()
