"""`verify-math` as a user meets it: what is kept, what is asked again, and the report at the end."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from command import values, write_lines
from forked import blossom
from hypothesis import given
from hypothesis import strategies as st
from loopback import Loopback, LoopbackRequest, answer

from blossom_data.report.intervals import wilson
from blossom_data.report.verify import build_report


def row(question: str, stored: str, gold: str, source: str = "gsm8k") -> dict[str, Any]:
    turns = [{"role": "user", "content": question}]
    if stored:
        turns.append({"role": "assistant", "content": stored})
    return {"messages": turns, "gold": gold, "source": source}


def flags(server: Loopback) -> list[str]:
    return ["--base-url", server.base_url, "--model", "m", "--max-in-flight", "4"]


def group(summary: dict[str, Any], source: str, shape: str) -> dict[str, Any]:
    (found,) = [each for each in summary["verify"]["groups"] if (each["source"], each["shape"]) == (source, shape)]
    assert isinstance(found, dict)
    return found


def test_stored_answers_are_reported_by_data_set_and_shape_without_a_call(tmp_path: Path) -> None:
    rows = [row(f"What is {n} + {n}?", f"#### {2 * n}", str(2 * n)) for n in range(1, 9)]
    rows += [row("How many in all?", "So there are 12 or 15.", "12")]
    rows += [
        row("是百分之几？", "答案是25%。", "25%", "math23k"),
        row("还剩几分之几？", "\\boxed{\\frac{1}{3}}", "((2)/(3))", "math23k"),
    ]
    rows += [{"messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "hello"}]}]
    done = blossom("verify-math", write_lines(tmp_path / "in.jsonl", rows), "-o", "out", "--json", cwd=tmp_path)
    assert done.code == 0, done
    integers = group(done.json, "gsm8k", "integer")
    assert integers["verdicts"] == {"correct": 8, "ambiguous": 1}
    assert integers["routes"] == {"hash": 8, "last_sentence": 1}
    assert integers["correct_after"] == {"0": 8}
    assert integers["yield"] == pytest.approx(8 / 9, abs=1e-6)
    assert (integers["yield_low"], integers["yield_high"]) == pytest.approx((0.565, 0.980), abs=0.001)
    assert group(done.json, "math23k", "percent")["verdicts"] == {"correct": 1}
    assert group(done.json, "math23k", "fraction")["verdicts"] == {"wrong": 1}
    assert done.json["verify"]["total"]["labels"] == 11
    assert done.json["verify"]["without_gold"] == 1
    assert done.json["noted"] == {}
    assert json.loads((tmp_path / "out" / "manifest.json").read_text())["verify"] == done.json["verify"]


def test_the_table_says_what_the_json_says(tmp_path: Path) -> None:
    rows = [row(f"q{n}?", f"#### {3 if n < 3 else 4}", "3") for n in range(4)] + [row("q?", "#### 1", "a few")]
    done = blossom("verify-math", write_lines(tmp_path / "in.jsonl", rows), "-o", "out", cwd=tmp_path)
    table = done.out[done.out.index("verify-math: 5 gold labels, 1 unreadable") :]
    line = next(line for line in table.splitlines() if "integer" in line)
    assert line.split() == ["gsm8k", "integer", "4", "3", "75.0%", "30.1", "to", "95.4%", "0:", "3", "wrong", "1"]
    assert "answers read at: hash 4" in table
    assert "tolerated" not in done.out


def test_only_what_is_not_correct_is_asked_again_and_never_with_the_gold(tmp_path: Path) -> None:
    rows = [
        row("kept as it is?", "#### 7321", "7321"),
        row("right at the second sample?", "#### 1", "7322"),
        row("never right?", "#### 1", "7323"),
        row("a label in words?", "#### 1", "seven or eight"),
    ]

    def respond(request: LoopbackRequest) -> str:
        return (
            "Answer: 7322" if "second" in request.text and request.try_number == 1 else f"Answer: {request.try_number}"
        )

    path = write_lines(tmp_path / "in.jsonl", rows)
    with Loopback(respond=respond) as server:
        first = blossom("verify-math", path, "-o", "out", "--resample", 3, *flags(server), "--json", cwd=tmp_path)
        asked = [request.text for request in server.requests]
        sent = json.dumps([request.body for request in server.requests])
        again = blossom("verify-math", path, "-o", "out", "--resample", 3, *flags(server), "--json", cwd=tmp_path)
        assert server.paid == 5
    assert sorted(asked) == ["never right?"] * 3 + ["right at the second sample?"] * 2
    assert not any(gold in sent for gold in ("7321", "7322", "7323", "seven"))
    integers = group(first.json, "gsm8k", "integer")
    assert integers["stored_verdicts"] == {"wrong": 2, "correct": 1}
    assert integers["verdicts"] == {"correct": 2, "wrong": 1}
    assert (integers["correct_after"], integers["samples"]) == ({"0": 1, "2": 1}, {"0": 1, "2": 1, "3": 1})
    assert first.json["rejected"] == {"verify-math/bad_gold": 1, "verify-math/wrong": 1}
    assert again.json["verify"] == first.json["verify"]
    assert [kept["messages"][1]["content"] for kept in values(tmp_path / "out")] == ["#### 7321", "Answer: 7322"]


def test_samples_that_agree_make_the_gold_the_suspect(tmp_path: Path) -> None:
    rows = [row("all the same?", "", "5"), row("all different?", "", "5")]

    def respond(request: LoopbackRequest) -> str:
        return "Answer: 6" if "same" in request.text else f"Answer: {10 + request.try_number}"

    with Loopback(respond=respond) as server:
        path = write_lines(tmp_path / "in.jsonl", rows)
        done = blossom("verify-math", path, "-o", "out", "--resample", 3, *flags(server), "--json", cwd=tmp_path)
    assert done.json["rejected"] == {"verify-math/suspect_gold": 1, "verify-math/wrong": 1}
    reject = next(each for each in values(tmp_path / "out" / "rejects") if each["code"] == "suspect_gold")
    assert "3 samples agree on 6" in reject["detail"]
    assert group(done.json, "gsm8k", "integer")["verdicts"] == {"suspect_gold": 1, "wrong": 1}


def test_roundings_of_the_gold_do_not_make_it_the_suspect(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "in.jsonl", [row("How long is the circle?", "", "62.8")])
    with Loopback(respond=lambda request: "Answer: 62.83") as server:
        done = blossom("verify-math", path, "-o", "out", "--resample", 3, *flags(server), "--json", cwd=tmp_path)
    assert done.json["rejected"] == {"verify-math/approx": 1}


def test_marked_only_keeps_what_a_marker_announces(tmp_path: Path) -> None:
    rows = [row("How much a day?", text, "18") for text in ("#### 18", "So she makes $18 a day.")]
    path = write_lines(tmp_path / "in.jsonl", rows)
    done = blossom("verify-math", path, "-o", "out", "--marked-only", "--json", cwd=tmp_path)
    assert (done.json["kept"], done.json["rejected"]) == (1, {"verify-math/unmarked": 1})


def test_the_yield_table_stands_in_the_readme_of_the_set_and_of_what_is_published(tmp_path: Path) -> None:
    rows = [row(f"q{n}?", f"#### {3 if n < 3 else 4}", "3") for n in range(4)]
    blossom("verify-math", write_lines(tmp_path / "in.jsonl", rows), "-o", "set", cwd=tmp_path)
    done = blossom("publish", "set", "-o", "site", "--name", "math", "--licence", "gsm8k=MIT", cwd=tmp_path)
    assert done.code == 0, done
    (published,) = (path for path in (tmp_path / "site").rglob("README.md") if "current" not in path.parts)
    for card in (tmp_path / "set" / "README.md", published):
        assert "| gsm8k | integer | 4 | 3 | 75.0% | 30.1 to 95.4% | 0: 3 | wrong 1 |" in card.read_text(), card


def test_a_sample_that_was_cut_or_is_unfit_is_not_kept_even_with_the_right_number(tmp_path: Path) -> None:
    rows = [row("cut?", "#### 1", "5"), row("identity?", "#### 1", "5"), row("filtered?", "#### 1", "5")]

    def respond(request: LoopbackRequest) -> str | dict[str, Any]:
        if "identity" in request.text:
            return "I am ChatGPT, a language model trained by OpenAI.\nAnswer: 5"
        return answer("Answer: 5", finish_reason="length" if "cut" in request.text else "content_filter")

    with Loopback(respond=respond) as server:
        path = write_lines(tmp_path / "in.jsonl", rows)
        done = blossom("verify-math", path, "-o", "out", "--resample", 2, *flags(server), "--json", cwd=tmp_path)
    unfit = {f"verify-math/{code}": 1 for code in ("content_filter", "identity", "truncated")}
    assert (done.json["kept"], done.json["rejected"]) == (0, unfit)
    details = {each["code"]: each["detail"] for each in values(tmp_path / "out" / "rejects")}
    assert details["truncated"] == "no new sample could be checked: truncated 2; stored: wrong"
    again = done.json["asked_again"]
    assert {code.split("/")[1] for code in again} == {
        "wrong",
        "truncated",
        "identity",
    }  # what is filtered is not asked again


def test_unreadable_labels_are_told_before_the_first_call(tmp_path: Path) -> None:
    rows = [row("q?", "#### 1", "2"), row("q?", "#### 1", "1/0"), row("q?", "#### 1", "2 or 3", "own")]
    path = write_lines(tmp_path / "in.jsonl", rows)
    unreachable = ["--base-url", "http://127.0.0.1:9/v1", "--model", "m"]
    for further in (["--dry-run"], ["--dry-run", "--json"]):
        done = blossom("verify-math", path, "-o", "out", "--resample", 1, *unreachable, *further, cwd=tmp_path)
        assert "2 of 3 gold labels cannot be compared: gsm8k 1, own 1" in done.err, done
        assert "'1/0'" in done.err
    assert "cannot be compared" not in blossom("verify-math", path, "-o", "out", cwd=tmp_path).err


def test_from_standard_input_unreadable_labels_are_told_at_the_end(tmp_path: Path) -> None:
    rows = (json.dumps(row("q?", "#### 1", gold)) for gold in ("1", "1/0"))
    with Loopback(respond=lambda request: "Answer: 2") as server:
        stdin = "\n".join(rows).encode()
        done = blossom("verify-math", "-", "-o", "out", "--resample", 1, *flags(server), cwd=tmp_path, stdin=stdin)
        assert server.paid == 0
    assert "2 gold labels, 1 unreadable (bad_gold: never sampled)" in done.out


@given(st.integers(1, 10**6).flatmap(lambda trials: st.tuples(st.integers(0, trials), st.just(trials))))
def test_the_wilson_interval_holds_the_share_and_narrows(counts: tuple[int, int]) -> None:
    successes, trials = counts
    low, high = rounded_interval(successes, trials)
    assert 0 <= low <= round(successes / trials, 6) <= high <= 1
    narrow_low, narrow_high = rounded_interval(10 * successes, 10 * trials)
    assert low <= narrow_low <= narrow_high <= high


def rounded_interval(right: int, of: int) -> tuple[float, float]:
    interval = wilson(right, of)
    assert interval is not None
    return round(interval[0], 6), round(interval[1], 6)


def test_the_report_does_not_depend_on_the_order_of_the_notes_and_takes_any_name() -> None:
    notes = {
        "verify|integer|correct|correct|boxed|0|a|b": 3,
        "verify|integer|wrong|wrong|hash|2|a|b": 3,
        "verify|||no_gold||0|": 1,
        "verify|unreadable||bad_gold||0|": 2,
    }
    report = build_report(notes)
    assert json.dumps(report) == json.dumps(build_report(dict(reversed(notes.items()))))
    assert [(each["source"], each["shape"], each["labels"]) for each in report["groups"]] == [
        ("", "unreadable", 2),
        ("a|b", "integer", 6),
    ]
    assert wilson(0, 0) is None
