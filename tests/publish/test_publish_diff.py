"""diff: which records came, went and changed, and by which cause."""

from __future__ import annotations

import shlex
from dataclasses import replace
from pathlib import Path

from datasets_made import make, record
from forked import blossom
from hypothesis import given, settings
from hypothesis import strategies as st

from blossom_data.publish.diff import diff
from blossom_data.publish.reading import Part, parse_part
from blossom_data.publish.versions import publish
from blossom_data.records import Lineage, Message, Record
from blossom_data.shards import DatasetWriter


def reworded(original: Record, text: str = "other words", **changes: object) -> Record:
    return replace(original, messages=(original.messages[0], Message("assistant", text)), **changes)  # type: ignore[arg-type]


def test_every_cause_is_named(tmp_path: Path) -> None:
    base = [record(number) for number in range(10)]
    pull, annotate = base[0].lineage
    now = [
        base[0],
        replace(base[1], lineage=(pull, replace(annotate, reply="ff" * 16, model="m2"))),
        reworded(base[2], lineage=(pull, replace(annotate, prompt="p2"))),
        reworded(base[3], lineage=(pull, replace(annotate, prompt="p2", model="m2"))),
        reworded(base[4], lineage=(pull, replace(annotate, version=2))),
        reworded(base[5], lineage=(pull, annotate, Lineage("verify-math", 1))),
        reworded(base[6]),
        replace(base[7], id="edited-at-the-source"),
        record(20),
    ]
    make(tmp_path / "a", base)
    make(tmp_path / "b", now)
    found = diff(tmp_path / "a", tmp_path / "b").to_dict()
    assert {kind: found[kind] for kind in ("added", "removed", "changed", "same", "made_anew")} == {
        **{"added": 2, "removed": 3, "changed": 5, "same": 2, "made_anew": 1},
    }
    assert found["causes"] == {
        "added": {"new input": 1, "input changed": 1},
        "removed": {"input gone": 2, "input changed": 1},
        "changed": {
            "annotate: prompt": 2,
            "annotate: model": 1,
            "annotate: stage version": 1,
            "verify-math: stage added": 1,
            "annotate: another reply": 1,
        },
    }
    assert found["by_source"] == {"gsm8k": {"added": 2, "removed": 3, "changed": 5, "same": 2}}
    assert found["samples"]["changed"][0]["id"] == base[2].id


def test_a_record_that_is_rejected_now_says_so(tmp_path: Path) -> None:
    make(tmp_path / "a", [record(1), record(2)])
    with DatasetWriter(tmp_path / "b") as writer:
        writer.write(0, kept=[record(1).to_line()])
        reject = b'{"id": "%s", "stage": "verify-math", "code": "wrong"}\n' % record(2).id.encode()
        writer.write(1, rejects=[reject])
        writer.finish({"stage": "math"})
    assert diff(tmp_path / "a", tmp_path / "b").causes["removed"] == {"rejected now: verify-math/wrong": 1}
    assert diff(tmp_path / "b", tmp_path / "a").causes["added"] == {"rejected before: verify-math/wrong": 1}


def test_published_versions_compare_with_each_other_and_by_configuration(tmp_path: Path) -> None:
    one, two = make(tmp_path / "s1", [record(1), record(2)]), make(tmp_path / "s2", [record(2)])
    parts = [parse_part(f"a={one}"), parse_part(f"b={two}")]
    old = publish(parts, root=tmp_path / "data", name="x", layout="parquet")
    make(two, [reworded(record(2))])
    publish(parts, root=tmp_path / "data", name="x", layout="jsonl")
    found = diff(old.path, tmp_path / "data/x")
    assert dict(found.counts) == {"same": 2, "changed": 1}
    assert found.samples["changed"][0]["config"] == "b"


def test_an_id_in_the_hint_is_no_shell_command(tmp_path: Path) -> None:
    hostile = "x'; touch owned; '$(touch owned)"
    make(tmp_path / "a", [record(1, id=hostile)])
    make(tmp_path / "b", [reworded(record(1, id=hostile))])
    told = blossom("diff", "a", "b", cwd=tmp_path)
    hint = next(line for line in told.out.splitlines() if line.startswith("look at one: "))
    assert f"--id={hostile}" in shlex.split(hint)


def test_the_command_tells_people_and_scripts(tmp_path: Path) -> None:
    make(tmp_path / "a", [record(1), record(2)])
    make(tmp_path / "b", [reworded(record(1)), record(3)])
    publish([Part(tmp_path / "a")], root=tmp_path / "data", name="x", layout="jsonl")
    told = blossom("diff", "data/x", "b", cwd=tmp_path)
    assert told.code == 0
    assert "annotate: another reply" in told.out
    hint = next(line for line in told.out.splitlines() if line.startswith("look at one: "))
    shown = blossom(*shlex.split(hint)[4:], cwd=tmp_path)
    assert (shown.code, record(1).id in shown.out, "assistant (original)" in shown.out) == (0, True, False)
    assert "other words" in shown.out
    beside = blossom("show", "data/x", "--id", record(1).id, "--original", "b", cwd=tmp_path)
    assert "It is 2." in beside.out
    found = blossom("diff", "data/x", "b", "--json", "--limit", "0", cwd=tmp_path).json
    assert (found["added"], found["removed"], found["changed"]) == (1, 1, 1)
    assert found["samples"] == {"added": [], "removed": [], "changed": []}


RECORDS = st.lists(st.tuples(st.integers(0, 12), st.sampled_from("ab")), unique_by=lambda pair: pair[0], min_size=1)


@settings(max_examples=60, deadline=None)
@given(old=RECORDS, new=RECORDS)
def test_it_counts_what_sets_count(old: list[tuple[int, str]], new: list[tuple[int, str]]) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as place:
        for name, pairs in (("a", old), ("b", new)):
            make(Path(place) / name, [reworded(record(number), text) for number, text in pairs])
        found = diff(Path(place) / "a", Path(place) / "b", limit=99)
    before, after = dict(old), dict(new)
    both = before.keys() & after.keys()
    assert found.counts["added"] == len(after.keys() - before.keys())
    assert found.counts["removed"] == len(before.keys() - after.keys())
    assert found.counts["changed"] == len([number for number in both if before[number] != after[number]])
    assert {sample["id"] for sample in found.samples["removed"]} == {record(n).id for n in before.keys() - after.keys()}


def test_mixes_that_differ_in_the_seed_alone_say_so(tmp_path: Path) -> None:
    make(tmp_path / "in", [record(number) for number in range(10)])
    for seed in (1, 2):
        assert blossom("mix", "in", "-o", f"mix{seed}", "--seed", seed, cwd=tmp_path).code == 0
    found = blossom("diff", "mix1", "mix2", "--json", cwd=tmp_path).json
    assert (found["settings"], found["same"], found["changed"]) == (["seed: 1 -> 2"], 10, 0)
    assert "seed: 1 -> 2" in blossom("diff", "mix1", "mix2", cwd=tmp_path).out
    assert blossom("diff", "mix1", "mix1", "--json", cwd=tmp_path).json["settings"] == []
