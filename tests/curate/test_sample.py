"""`sample`: the same seed draws the same, diversity covers more than chance, shares of strata stay."""

from __future__ import annotations

import json
import random
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from command import blossom, user, values, write_lines

from blossom_data.curate.sample import Sample
from blossom_data.records import Message, Record

DATA = Path(__file__).resolve().parents[2].parent / "shared/data"
VERBS = ["Describe", "Summarise", "Translate", "Classify", "Rewrite", "Explain", "Compare", "List", "Plan", "Name"]


def records(counts: dict[str, int], *, seed: int = 0) -> list[Record]:
    """So many records of each verb, each of it about things of its own."""
    draw = random.Random(seed)
    made = []
    for verb, number in counts.items():
        for at in range(number):
            words = " ".join(f"{verb.lower()}{draw.randrange(60)}" for _ in range(6))
            text = f"{verb} the {verb.lower()}thing for me.\n{words}"
            made.append(Record(id=f"{verb}-{at}", source=verb, lang="en", messages=(Message("user", text),)))
    return made


def drawn(made: list[Record], number: int, **how: Any) -> list[str]:
    return [item.id for item, _ in Sample(number, **how)((record, 0) for record in made) if isinstance(item, Record)]


@pytest.mark.parametrize("by", ["uniform", "diversity"])
def test_the_same_seed_draws_the_same_records_in_any_order(by: str) -> None:
    made = records({verb: 40 for verb in VERBS})
    first = drawn(made, 50, by=by, seed=3)
    assert len(first) == len(set(first)) == 50
    assert first == [record.id for record in made if record.id in set(first)]
    assert set(drawn(made[::-1], 50, by=by, seed=3)) == set(first)
    assert set(drawn(made, 50, by=by, seed=4)) != set(first)


def test_rare_requests_get_their_places() -> None:
    made = records({"Describe": 2_000, **{verb: 12 for verb in VERBS[1:]}})
    counted = {by: Counter(name.split("-")[0] for name in drawn(made, 80, by=by)) for by in ("uniform", "diversity")}
    assert len(counted["diversity"]) == 10
    assert sum(counted["diversity"][verb] for verb in VERBS[1:]) >= 3 * sum(
        counted["uniform"][verb] for verb in VERBS[1:]
    )


def test_languages_keep_their_shares() -> None:
    chinese = [
        Record(id=f"zh-{at}", source="a", lang="zh", messages=(Message("user", f"写一首关于第{at}只猫的诗。"),))
        for at in range(100)
    ]
    names = drawn(records({verb: 30 for verb in VERBS}) + chinese, 80, by="diversity")
    assert sum(name.startswith("zh-") for name in names) == 20


def test_the_command_books_what_is_not_drawn_and_compares(tmp_path: Path) -> None:
    write_lines(
        tmp_path / "in.jsonl", [*(user(f"{verb} thing {at} of {at * 7}.") for verb in VERBS for at in range(20))]
    )
    with (tmp_path / "in.jsonl").open("a") as file:
        file.write("no json\n")
    place = ["sample", "in.jsonl", "-o", "out", "-n", "20", "--by", "diversity", "--max-bad", "1%"]
    done = blossom(*place, "--json", cwd=tmp_path)
    assert (done.code, done.json["read"], done.json["kept"], done.json["skipped"]) == (0, 201, 20, 180)
    manifest = json.loads((tmp_path / "out/manifest.json").read_text())
    assert set(manifest["curate"]["sample"]["compared"]) == {"diversity", "uniform"}
    before = values(tmp_path / "out")
    again = blossom(*place, cwd=tmp_path)
    assert (again.code, "clusters covered" in again.out) == (0, True)
    assert values(tmp_path / "out") == before


def test_a_set_that_is_smaller_than_the_sample_stays_whole(tmp_path: Path) -> None:
    write_lines(tmp_path / "in.jsonl", [user("One?"), user("Two?")])
    done = blossom("sample", "in.jsonl", "-o", "out", "-n", "5", "--by", "diversity", "--json", cwd=tmp_path)
    assert (done.code, done.json["kept"]) == (0, 2)


def _lines(file: str) -> list[str]:
    return (DATA / file).read_text(encoding="utf-8").splitlines()


@pytest.mark.skipif(not DATA.exists(), reason="no shared data")
def test_on_real_rows_diversity_is_ahead_of_chance_in_every_measure() -> None:
    texts = [json.loads(line)["question"] for line in _lines("gsm8k/train.jsonl")[:3_000]]
    for line in _lines("raw/alpaca_en_2000.jsonl"):
        row = json.loads(line)
        texts.append("\n".join(filter(None, (row["instruction"], row["input"]))))
    made = [
        Record(id=str(at), source="x", lang="en", messages=(Message("user", text),)) for at, text in enumerate(texts)
    ]
    sample = Sample(1_000, by="diversity")
    assert len(list(sample((record, 0) for record in made))) == 1_000
    diverse, uniform = sample.compared["diversity"], sample.compared["uniform"]
    assert all(diverse[name] > uniform[name] for name in uniform), sample.compared


def verbs(folder: Path) -> Counter[str]:
    return Counter(row["messages"][0]["content"].split()[0] for row in values(folder))


def lopsided() -> list[dict[str, Any]]:
    """2,000 rows that ask one thing, and twelve of each of nine others; each with an answer."""
    made = records({"Describe": 2_000, **{verb: 12 for verb in VERBS[1:]}})
    random.Random(1).shuffle(made)
    answer = {"role": "assistant", "content": "It is done."}
    return [
        {
            "id": one.id,
            "source": one.source,
            "lang": "en",
            "messages": [turn.to_dict() for turn in one.messages] + [answer],
        }
        for one in made
    ]


def test_a_mix_is_drawn_by_diversity_whatever_the_order_of_its_rows(tmp_path: Path) -> None:
    rows = lopsided()
    write_lines(tmp_path / "in.jsonl", rows)
    write_lines(tmp_path / "turned.jsonl", rows[::-1])
    recipe = '[[mix]]\nname = "{0}"\nsample_by = "{1}"\n[[mix.part]]\ndata = "{2}.jsonl"\ncount = 80\n'
    tables = [("even", "uniform", "in"), ("wide", "diversity", "in"), ("again", "diversity", "turned")]
    (tmp_path / "mix.toml").write_text("".join(recipe.format(*table) for table in tables))
    done = blossom("mix", "mix.toml", "--json", cwd=tmp_path)
    assert done.code == 0, done
    even, wide, again = (verbs(tmp_path / "train" / name) for name in ("even", "wide", "again"))
    assert (len(wide), wide.total(), wide) == (10, 80, again)
    assert wide.total() - wide["Describe"] >= 3 * (even.total() - even["Describe"])
    recipes = [mix["recipe"] for mix in done.json["mixes"]]
    assert [recipe.get("sample_by") for recipe in recipes] == [None, "diversity", "diversity"]
    by_flag = blossom("mix", "in.jsonl=80", "-o", "flag", "--sample-by", "diversity", cwd=tmp_path)
    assert (by_flag.code, verbs(tmp_path / "flag")) == (0, wide), by_flag


def test_a_source_is_drawn_by_diversity(tmp_path: Path) -> None:
    write_lines(tmp_path / "in.jsonl", lopsided())
    source = '[[source]]\nkind = "messages"\npath = "in.jsonl"\nstages = []\nsample = 80\nsample_by = "diversity"\n'
    (tmp_path / "small.toml").write_text(source)
    done = blossom("run", "small.toml", "--json", cwd=tmp_path)
    assert (done.code, done.json["kept"], done.json["not_drawn"]) == (0, 80, 2_028), done
    found = verbs(tmp_path / "data/small")
    assert len(found) == 10 and found["Describe"] < 40
    pulled = blossom(
        "pull", "messages", "in.jsonl", "-o", "raw", "--sample", 80, "--sample-by", "diversity", cwd=tmp_path
    )
    assert (pulled.code, verbs(tmp_path / "raw")) == (0, found), pulled
    (tmp_path / "small.toml").write_text(source.replace("sample = 80\n", ""))
    alone = blossom("plan", "small.toml", cwd=tmp_path)
    assert (alone.code, "sample_by is of sample" in alone.err) == (2, True), alone
