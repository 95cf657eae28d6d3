"""Selection: exact, de-duplicated, reproducible, and hardly moved by a grown input."""

from __future__ import annotations

import hashlib
import itertools
import json
import random
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from command import values, write_lines
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sets import chat, ids, numbered

from blossom_data.errors import BlossomError, ConfigError, InputError
from blossom_data.mix import Mix, Part, write_mix
from blossom_data.mix.write import replacement_of
from blossom_data.shards import read_manifest


def mixed(out: Path, *parts: Part, may_replace: bool = False, **further: Any) -> dict[str, Any]:
    mix = Mix(name=out.name, out=out, parts=parts, **further)
    return write_mix(mix, replacement_of(mix, is_allowed=may_replace))


def test_stage_one_and_a_fifth_of_it_again(tmp_path: Path) -> None:
    orca = numbered(tmp_path / "orca.jsonl", "orca", range(900))
    wizard = numbered(tmp_path / "wizard.jsonl", "wizard", range(400), lang="zh")
    rest = numbered(tmp_path / "chat.jsonl", "chat", range(150))
    stage1 = tmp_path / "stage1"
    first = mixed(stage1, Part(data=str(orca), count=400), Part(data=str(wizard), count=400), seed=3)
    assert first["by_source"] == {"orca": {"kept": 400}, "wizard": {"kept": 400}}
    replay = Part(data=str(stage1), share=0.2, is_replay=True)
    second = mixed(tmp_path / "stage2", Part(data=str(rest), count=120), replay, seed=3)
    again = [row for row in values(tmp_path / "stage2") if row["source"] != "chat"]
    assert (len(again), second["kept"]) == (160, 280)
    assert {json.dumps(row) for row in again} <= {json.dumps(row) for row in values(stage1)}
    # wizard was taken whole, orca by its lowest draws: a replay by the same key would be nearly all orca.
    assert 55 <= Counter(row["source"] for row in again)["wizard"] <= 105
    told = "".join(f"{identifier}\n" for identifier in sorted(row["id"] for row in again))
    assert second["parts"][1]["ids_sha256"] == hashlib.sha256(told.encode()).hexdigest()


def test_the_same_inputs_give_the_same_bytes_whatever_their_order(tmp_path: Path) -> None:
    rows = [chat(f"r{n}", f"Question {n % 70}", f"Answer {n}") for n in range(100)]
    shards = []
    for run in range(3):
        random.Random(run).shuffle(rows)
        data = write_lines(tmp_path / f"{run}.jsonl", rows)
        shards.append(mixed(tmp_path / f"out{run}", Part(data=str(data), count=40, name="all"), seed=5)["shards"])
    assert shards[0] == shards[1] == shards[2]
    other = mixed(tmp_path / "other", Part(data=str(data), count=40, name="all"), seed=6)
    assert other["shards"] != shards[0]


def test_the_order_is_shuffled(tmp_path: Path) -> None:
    data = numbered(tmp_path / "a.jsonl", "a", range(200))
    mixed(tmp_path / "out", Part(data=str(data)))
    order = [int(name.removeprefix("a-")) for name in ids(tmp_path / "out")]
    assert sorted(order) == list(range(200))
    assert sum(b == a + 1 for a, b in itertools.pairwise(order)) < 10


@pytest.mark.parametrize("grown", [1, 30])
def test_a_grown_input_changes_no_more_than_it_grew(tmp_path: Path, grown: int) -> None:
    part = {"count": 250, "name": "all"}
    mixed(tmp_path / "old", Part(data=str(numbered(tmp_path / "a.jsonl", "a", range(500))), **part))
    mixed(tmp_path / "new", Part(data=str(numbered(tmp_path / "b.jsonl", "a", range(500 + grown))), **part))
    old, new = ids(tmp_path / "old"), ids(tmp_path / "new")
    assert len(set(old) - set(new)) <= grown
    stayed = set(old) & set(new)
    assert [name for name in old if name in stayed] == [name for name in new if name in stayed]


def test_a_prompt_is_taken_once_from_the_first_part_that_takes_it(tmp_path: Path) -> None:
    one = write_lines(tmp_path / "1.jsonl", [chat("a", "Same?", "1"), chat("b", "Only one", "1")])
    two = write_lines(
        tmp_path / "2.jsonl", [chat("c", " ＳＡＭＥ? ", "2"), chat("d", "Only two", "2"), chat("e", "same?", "2")]
    )
    manifest = mixed(tmp_path / "out", Part(data=str(one)), Part(data=str(two)))
    assert sorted(ids(tmp_path / "out")) == ["a", "b", "d"]
    assert [part["duplicates"] for part in manifest["parts"]] == [0, 2]


def test_what_one_part_leaves_another_may_take(tmp_path: Path) -> None:
    one = numbered(tmp_path / "1.jsonl", "a", range(10))
    two = write_lines(tmp_path / "2.jsonl", [chat(f"x{n}", f"a {n}?", "other") for n in range(10)])
    manifest = mixed(tmp_path / "out", Part(data=str(one), count=4), Part(data=str(two), count=6))
    assert manifest["kept"] == 10
    assert len({row["messages"][0]["content"] for row in values(tmp_path / "out")}) == 10


def test_one_id_with_two_prompts_is_taken_once(tmp_path: Path) -> None:
    one = write_lines(tmp_path / "1.jsonl", [chat("1", "first", "a")])
    two = write_lines(tmp_path / "2.jsonl", [chat("1", "second", "a"), chat("2", "third", "a")])
    mixed(tmp_path / "out", Part(data=str(one)), Part(data=str(two)))
    assert sorted(ids(tmp_path / "out")) == ["1", "2"]


def test_too_few_records_name_the_part_and_leave_the_old_mix(tmp_path: Path) -> None:
    data = numbered(tmp_path / "orca.jsonl", "orca", range(31))
    out = tmp_path / "out"
    before = mixed(out, Part(data=str(data), count=5))
    with pytest.raises(ConfigError, match=r"orca\.jsonl has 31 of 40"):
        mixed(out, Part(data=str(data), count=40))
    assert read_manifest(out) == before
    assert len(ids(out)) == 5
    assert mixed(out, Part(data=str(data), count=40), is_short_allowed=True)["kept"] == 31


def test_language_shares_are_exact_and_a_short_language_is_named(tmp_path: Path) -> None:
    rows = [chat(f"{n}", f"q{n}", "a", lang="zh" if n % 3 == 0 else "en") for n in range(90)]
    data = str(write_lines(tmp_path / "a.jsonl", rows))
    manifest = mixed(tmp_path / "out", Part(data=data, count=41, lang={"zh": 0.5, "en": 0.5}))
    assert sorted(manifest["by_lang"].values()) == [20, 21]
    with pytest.raises(ConfigError, match=r"a\.jsonl has 30 of 40 in zh"):
        mixed(tmp_path / "out", Part(data=data, count=80, lang={"zh": 0.5, "en": 0.5}))


def test_weights_grow_until_one_part_is_used_up_or_the_size_is_reached(tmp_path: Path) -> None:
    big, small = (numbered(tmp_path / f"{name}.jsonl", name, range(n)) for name, n in (("big", 500), ("small", 60)))
    parts = Part(data=str(big), weight=2), Part(data=str(small), weight=1)
    assert mixed(tmp_path / "out", *parts)["by_source"] == {"big": {"kept": 120}, "small": {"kept": 60}}
    sized = mixed(tmp_path / "out", *parts, records=100)
    assert sized["by_source"] == {"big": {"kept": 67}, "small": {"kept": 33}}
    fixed = mixed(tmp_path / "out", Part(data=str(big), count=40), Part(data=str(small), weight=1), records=50)
    assert fixed["by_source"] == {"big": {"kept": 40}, "small": {"kept": 10}}


def test_caps_and_sources_hold_over_all_parts(tmp_path: Path) -> None:
    rows = [chat(f"{n}", f"q{n}", "a", source=("flan", "cot")[n % 2]) for n in range(100)]
    more = [chat(f"m{n}", f"m{n}", "a", source="flan") for n in range(50)]
    one, two = write_lines(tmp_path / "1.jsonl", rows), write_lines(tmp_path / "2.jsonl", more)
    manifest = mixed(tmp_path / "out", Part(data=str(one)), Part(data=str(two)), caps={"flan": 60})
    assert manifest["by_source"] == {"cot": {"kept": 50}, "flan": {"kept": 60}}
    assert [part["over_cap"] for part in manifest["parts"]] == [0, 40]
    only = mixed(
        tmp_path / "only", Part(data=str(one), sources=("cot",), count=7), Part(data=str(one), sources=("flan",))
    )
    assert only["by_source"] == {"cot": {"kept": 7}, "flan": {"kept": 50}}
    assert only["read"] == 100


def test_what_cannot_be_trained_on_is_a_counted_reject(tmp_path: Path) -> None:
    rows = [
        chat("good", "q", "a"),
        chat("silent", "q2"),
        chat("blank", "q3", "  "),
        chat("mute", "", "a"),
        chat("open", "q4", "a", "and then?"),
        {"id": "none", "messages": []},
    ]
    data = write_lines(tmp_path / "a.jsonl", rows)
    manifest = mixed(tmp_path / "out", Part(data=str(data)), layout="alpaca", max_bad=1.0)
    assert manifest["rejected"] == {
        "mix/empty_answer": 1,
        "mix/no_answer": 1,
        "mix/no_prompt": 1,
        "mix/not_alternating": 1,
        "read/empty": 1,
    }
    assert manifest["read"] == manifest["kept"] + sum(manifest["rejected"].values()) + manifest["skipped"]
    stored = {row["id"]: row["code"] for row in values(tmp_path / "out" / "rejects")}
    assert stored["open"] == "not_alternating"
    with pytest.raises(InputError, match="1 of 6 rows are unreadable"):
        mixed(tmp_path / "out", Part(data=str(data)))


@pytest.mark.parametrize("place", ["data", "data/mix", "."])
def test_the_output_may_not_touch_an_input(tmp_path: Path, place: str) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    file = numbered(folder / "part-0.jsonl", "a", range(3))
    with pytest.raises(ConfigError, match="input"):
        mixed(tmp_path / place, Part(data=str(folder)))
    with pytest.raises(ConfigError, match="input"):
        mixed(file, Part(data=str(file)))
    assert [entry.name for entry in folder.iterdir()] == ["part-0.jsonl"]
    link = tmp_path / "link"
    link.symlink_to(folder)
    with pytest.raises(ConfigError, match="input"):
        mixed(link, Part(data=str(folder)))


def test_an_input_that_changes_between_the_readings_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from blossom_data.mix.sampling import Draws

    data, select = numbered(tmp_path / "a.jsonl", "a", range(50)), Draws.select

    def change_then_select(self: Draws, mix: Mix) -> Any:
        numbered(data, "b", range(50))
        return select(self, mix)

    monkeypatch.setattr(Draws, "select", change_then_select)
    with pytest.raises(BlossomError, match="changed while it was mixed"):
        mixed(tmp_path / "out", Part(data=str(data), count=20))
    assert read_manifest(tmp_path / "out") is None


LAYOUT = st.sampled_from(["messages", "sharegpt", "alpaca"])
FILES = st.sampled_from([("jsonl", False), ("jsonl", True), ("parquet", False)])


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    prompts=st.lists(st.integers(0, 30), min_size=1, max_size=60), layout=LAYOUT, files=FILES, seed=st.integers(0, 3)
)
def test_any_mix_can_be_mixed_again(
    tmp_path: Path, prompts: list[int], layout: str, files: tuple[str, bool], seed: int
) -> None:
    rows = [chat(f"r{n}", f"Prompt {p}", f"a{n}", "more", "b", system="s" * (n % 2)) for n, p in enumerate(prompts)]
    data = write_lines(tmp_path / "data.jsonl", rows)
    file_format, is_plain = files
    further: dict[str, Any] = {"layout": layout, "format": file_format, "is_plain": is_plain, "seed": seed}
    first = mixed(tmp_path / "one", Part(data=str(data)), shard_records=7, may_replace=True, **further)
    assert first["kept"] == len(set(prompts))
    assert len(first["shards"]) == -(-first["kept"] // 7)
    mixed(tmp_path / "two", Part(data=str(tmp_path / "one"), is_replay=True), may_replace=True)
    kept = {row["id"]: row["messages"] for row in values(tmp_path / "two")}
    assert kept == {row["id"]: row["messages"] for row in rows if row["id"] in kept}
    assert len(kept) == len(set(prompts))
