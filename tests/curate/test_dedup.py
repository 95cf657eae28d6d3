"""`dedup`: what counts as the same request and what does not, who stays, what is told, and that nothing gets lost."""

from __future__ import annotations

import random
from collections.abc import Iterable
from pathlib import Path

import orjson
import pytest
from command import user, values, write_lines
from forked import blossom

from blossom_data.curate import Item, Ruled
from blossom_data.curate.dedup import Dedup
from blossom_data.curate.spool import Spool
from blossom_data.records import Message, Record, Reject
from blossom_data.rows import BadRow

CLIPS = (
    "Natalia sold clips to 48 of her friends in April, and then she sold half as many clips in May. "
    "How many clips did Natalia sell altogether in April and May?"
)
ROAD = "修一条长1200米的公路，已经修了3天，平均每天修150米，剩下的要5天修完，剩下的平均每天要修多少米？"
PASSAGE = "Patrick and Lisa walked to the old mill by the river. Patrick brought bread, and Lisa carried the map. "

SAME = [
    (CLIPS, CLIPS.upper()),
    (CLIPS, CLIPS.replace(",", "").replace(".", " !!") + " ..."),
    (CLIPS, "Please answer the following question:\n\n" + CLIPS + " Thank you very much in advance!"),
    (CLIPS, "\n".join(CLIPS.split(" "))),
    (CLIPS, CLIPS.replace("altogether", "altogehter")),
    (CLIPS, CLIPS.replace(" her", "")),
    (CLIPS, CLIPS.replace("48", "４８")),
    ("The trip costs 1,200 dollars for two people. What is the price each?",) * 2,
    ("The trip costs 1,200 dollars for two people. What is the price each?",
     "The trip costs 1200 dollars for 2 people. What is the price each?"),
    (CLIPS, CLIPS.partition(". ")[2] + " " + CLIPS.partition(". ")[0] + "."),
    (ROAD, ROAD.replace("，", ",").replace("1200", "１２００")),
    (ROAD, "请回答下面的问题：" + ROAD + "谢谢！"),
    (ROAD, ROAD.replace("剩下的平均", "剩下平均")),
    (ROAD, "修一条长1200米的公路，\n已经修了3天，平均每天修150米，\n剩下的要5天修完，剩下的平均每天要修多少米?"),
]  # fmt: skip

OTHERS = [
    (CLIPS, CLIPS.replace("48", "84")),
    (CLIPS, CLIPS.replace("half as many", "twice as many")),
    (CLIPS, CLIPS.replace("Natalia", "Wendy").replace("48", "52")),
    (CLIPS, CLIPS.replace("she sold", "she did not sell")),
    (CLIPS, CLIPS.replace("Natalia sold", "Natalia bought")),
    (CLIPS, CLIPS.replace("clips", "lamps")),
    (CLIPS, CLIPS + " Answer in French."),
    (CLIPS + " Answer in French.", CLIPS + " Answer in German."),
    (CLIPS + " Answer as JSON.", CLIPS + " Answer as a table."),
    (PASSAGE + "What did Patrick bring?", PASSAGE + "What did Lisa carry?"),
    (PASSAGE + "What does Patrick like?", PASSAGE + "What does Lisa like?"),
    (PASSAGE + "Who walked to the mill?", PASSAGE + "Where did they walk?"),
    ("Ann has 5 more apples than Bob, who has 7 apples.", "Ann has 5 fewer apples than Bob, who has 7 apples."),
    ("Ann gives Bob 5 of the apples that are in the old basket.", "Bob gives Ann 5 of the apples that are in the old basket."),  # noqa: E501
    ("Compute 12 + 5 and explain each of the steps.", "Compute 12 - 5 and explain each of the steps."),
    ("Write a short poem about cats.", "Write a short poem about dogs."),
    ("You are a careful writer for a monthly magazine. Write an opening paragraph about orchards that makes readers go on.",  # noqa: E501
     "You are a careful writer for a monthly magazine. Write an opening paragraph about harbours that makes readers go on."),  # noqa: E501
    ("Is the town north of the river and east of the hills?", "Is the town south of the river and east of the hills?"),
    (ROAD, ROAD.replace("150", "160")),
    (ROAD, ROAD.replace("已经修了", "没有修了")),
    ("小明上午跑了3公里，休息以后又骑车去了学校，路上用了多久？", "小明下午跑了3公里，休息以后又骑车去了学校，路上用了多久？"),  # noqa: E501
    ("水店里有苹果300千克，比运来的雪梨少一些，运来雪梨多少？", "水店里有苹果300千克，运来的雪梨比苹果少一些，运来雪梨多少？"),  # noqa: E501
    ("写一首关于猫的诗。", "写一首关于狗的诗。"),
    ("把这段话翻译成法语：今天天气很好，我们去公园。", "把这段话翻译成德语：今天天气很好，我们去公园。"),
    ("一根绳子长3米，用去了(1/3)，还剩下多少米？", "一根绳子长3米，用去了(1/3)米，还剩下多少米？"),
]  # fmt: skip


def record(text: str | tuple[str, ...], identifier: str, *, lang: str = "", **further: str) -> Record:
    turns = (text,) if isinstance(text, str) else text
    found = lang or ("en" if turns[0].isascii() else "zh")
    system = (Message("system", further.pop("system")),) if "system" in further else ()
    return Record(identifier, "test", found, (*system, *(Message("user", turn) for turn in turns)), **further)


def left_out(items: Iterable[Record], measure: Dedup | None = None) -> dict[str, Reject]:
    judged = (measure or Dedup())((item, 0) for item in items)
    return {content.record.id: content.reject for content, _ in judged if isinstance(content, Ruled)}


@pytest.mark.parametrize(("one", "other"), SAME)
def test_one_of_two_copies_goes(one: str, other: str) -> None:
    gone = left_out([record(one, "first", lang="en"), record(other, "second", lang="en")])
    assert len(gone) == 1
    ((name, reject),) = gone.items()
    assert reject.code in ("exact", "near")
    assert ("first" if name == "second" else "second") in reject.detail


@pytest.mark.parametrize(("one", "other"), OTHERS)
def test_two_requests_both_stay(one: str, other: str) -> None:
    assert left_out([record(one, "first"), record(other, "second")]) == {}
    assert left_out([record(other, "first"), record(one, "second")]) == {}


def test_what_is_beside_the_words_makes_two_records() -> None:
    assert left_out([record(CLIPS, "a", gold="72"), record(CLIPS, "b", gold="73")]) == {}
    assert left_out([record(CLIPS, "a", system="Answer in French."), record(CLIPS, "b", system="Be brief.")]) == {}
    assert left_out([record(CLIPS, "a", lang="en"), record(CLIPS, "b", lang="zh")]) == {}
    assert left_out([record("...", "a"), record("???", "b")]) == {}
    # Two chats with one opening are two, and so are two that go on in other ways.
    assert left_out([record(CLIPS, "a"), record((CLIPS, "Now explain it to a child."), "b")]) == {}
    assert left_out([record((CLIPS, "Shorter."), "a"), record((CLIPS, "Longer."), "b")]) == {}
    assert set(left_out([record((CLIPS, "Shorter."), "a"), record((CLIPS.lower(), "shorter"), "b")])) == {"b"}


def test_the_best_stays_and_every_copy_is_one_of_it() -> None:
    gold = record(CLIPS, "gold", gold="72")
    courteous = record("Please answer this question: " + CLIPS, "courteous")
    copies = [record(CLIPS.lower(), "lower"), courteous, gold, record(CLIPS, "same")]
    gone = left_out(copies)
    assert set(gone) == {"lower", "courteous", "same"}
    assert all("stays: gold;" in reject.detail for reject in gone.values())
    assert gone["courteous"].code == "near" and "+please" in gone["courteous"].detail
    assert {gone[name].code for name in ("lower", "same")} == {"exact"}
    # Of an exact copy of a row that goes, the row that stays in the end is told.
    longer = record("Hello! Please: " + CLIPS, "longer")
    gone = left_out([record(CLIPS, "one"), record(CLIPS, "two"), longer])
    assert {name: reject.detail.partition(";")[0] for name, reject in gone.items()} == dict.fromkeys(
        ("one", "two"), "stays: longer"
    )


def test_nothing_chains_and_templates_are_no_copies() -> None:
    rows = [record(f"Write a short poem about {one} and {other}.", f"{one}-{other}")
            for one in ["cats", "rain", "tea", "snow", "bread", "maps", "owls"] for other in ["trains", "honey", "clouds", "music", "salt"]]  # fmt: skip  # noqa: E501
    assert left_out(rows) == {}
    # Each step is a copy of the one before, the last one of the first no more: what a copy names stays itself.
    text = "Describe several different festivals celebrated across northern mountain villages throughout winter"
    steps = [text]
    for word in ("festivals", "celebrated", "northern", "mountain", "villages", "throughout"):
        steps.append(steps[-1].replace(word, word[:2] + word[3:]))
    gone = left_out([record(step, str(number)) for number, step in enumerate(steps)])
    stays = {reject.detail.removeprefix("stays: ").partition(";")[0] for reject in gone.values()}
    assert gone and not stays & set(gone) and {"0", "2"} <= stays


def test_signatures_find_what_all_comparisons_find() -> None:
    draw = random.Random(7)
    words = [
        f"{start}{end}"
        for start in ("ba", "ko", "mi", "tu", "sha", "gri")
        for end in ("ler", "ning", "dow", "stone", "ver")
    ]
    texts = [" ".join(draw.choices(words, k=draw.randrange(6, 24))) for _ in range(150)]
    edited = [text.replace(draw.choice(words), "please", 1) for text in texts]
    template = [f"Tell the story of the {one} and the {other}." for one in words for other in words[:4]]
    rows = [record(text, str(number)) for number, text in enumerate([*texts, *edited, *template, *template[::3]])]
    draw.shuffle(rows)
    found = {name: (reject.code, reject.detail) for name, reject in left_out(rows).items()}
    assert found == {
        name: (reject.code, reject.detail) for name, reject in left_out(rows, Dedup(is_exhaustive=True)).items()
    }
    assert len(found) >= 40


def test_long_texts_cost_little() -> None:
    draw = random.Random(1)
    long = " ".join(str(draw.randrange(100)) + draw.choice(("apples", "pears", "plums")) for _ in range(60_000))
    other = " ".join(reversed(long.split()))
    rows = [
        record(long, "a", gold="1"),
        record(long + " thanks", "b", gold="1"),
        record(other, "c"),
        record("a " * 90_000, "d"),
    ]
    assert set(left_out(rows)) <= {"a", "b"} and len(left_out(rows)) == 1


def test_items_come_back_as_they_were_and_in_order() -> None:
    bad = BadRow("x.jsonl", 3, "bad_json", "torn", b"{\xff")
    ruled = Ruled("other", record("hello there", "r"), Reject("leak", "found"))
    items: list[Item] = [(record("你好吗", "a", gold="1"), 3), (bad, 0), (ruled, 2), (record("what now", "b"), 1)]
    with Spool() as spool:
        assert [spool.add(item) for item in items] == [0, 1, 2, 3]
        again = [spool[place] for place in range(4)]
    judged = list(Dedup()(items))
    for found in (again, judged):
        assert [each for each in found if each[1] != 2] == [each for each in items if each[1] != 2]
        kept = found[2][0]
        assert isinstance(kept, Ruled) and (kept.record, kept.reject.code) == (ruled.record, "leak")
    assert list(Dedup()([])) == []


def test_the_command(tmp_path: Path) -> None:
    rows = [
        user(CLIPS, id="a", gold="72"),
        user(CLIPS.lower(), id="b"),
        user(CLIPS + " Thanks!", id="c"),
        user(ROAD, id="d"),
    ]
    write_lines(tmp_path / "in.jsonl", rows)
    with (tmp_path / "in.jsonl").open("a") as file:
        file.write("{torn\n")
    done = blossom("dedup", "in.jsonl", "-o", "out", cwd=tmp_path)
    assert done.code == 2 and "unreadable" in done.err, done
    done = blossom("dedup", "in.jsonl", "-o", "out", "--max-bad", "50%", "--json", cwd=tmp_path)
    assert (done.code, done.json["kept"], done.json["passed"]) == (0, 2, {"dedup": 2}), done
    assert done.json["rejected"] == {"dedup/exact": 1, "dedup/near": 1, "read/bad_json": 1}
    assert [row["id"] for row in values(tmp_path / "out")] == ["a", "d"]
    shown = blossom("show", "out", "--rejected", "dedup/near", "--json", cwd=tmp_path).json["records"]
    assert [row["detail"].split(";")[0] for row in shown] == ["stays: a"]
    # The same bytes from standard input, and again; another input does not take the place of what is there.
    piped = blossom(
        "dedup", "-", "-o", "piped", "--max-bad", "50%", cwd=tmp_path, stdin=(tmp_path / "in.jsonl").read_bytes()
    )
    assert piped.code == 0, piped
    parts = [(tmp_path / name / "part-00000.jsonl.zst").read_bytes() for name in ("out", "piped")]
    assert parts[0] == parts[1]
    write_lines(tmp_path / "other.jsonl", rows)
    refused = blossom("dedup", "other.jsonl", "-o", "out", cwd=tmp_path)
    assert (refused.code, "--replace" in refused.err) == (2, True), refused
    assert blossom("dedup", "out", "-o", "out", cwd=tmp_path).code == 2
    two = blossom("dedup", "in.jsonl", "other.jsonl", "-o", "both", cwd=tmp_path)
    assert (two.code, "cat A.jsonl B.jsonl | blossom-data dedup -" in two.err) == (2, True), two
    assert orjson.loads((tmp_path / "out/manifest.json").read_bytes())["curate"] == {"dedup": {"threshold": 0.7}}


def test_paraphrases_are_listed_and_go_on_request(tmp_path: Path) -> None:
    rows = [
        user("How can I learn to play the guitar quickly?", id="a"),
        user("What is the fastest way for me to learn playing the guitar?", id="b"),
        user("How can I learn to play the guitar in 3 weeks?", id="c"),
        user("Name a river in Finland.", id="d"),
        user("我怎样才能很快学会弹吉他？", id="e"),
        user("How can I learn to play the violin quickly?", id="g"),
        user("how can i learn to play the guitar quickly", id="f"),
    ]
    write_lines(tmp_path / "in.jsonl", rows)
    listed = blossom("dedup", "in.jsonl", "-o", "listed", "--semantic", "list", cwd=tmp_path)
    assert listed.code == 0 and "paraphrases    1\n    b of a, score 0.9" in listed.out, listed
    assert [row["id"] for row in values(tmp_path / "listed")] == ["a", "b", "c", "d", "e", "g"]
    gone = blossom("dedup", "in.jsonl", "-o", "gone", "--semantic", "remove", "--json", cwd=tmp_path)
    assert gone.json["rejected"] == {"dedup/exact": 1, "dedup/paraphrase": 1}, gone
    (pair,) = gone.json["curate"]["dedup"]["paraphrases"]
    assert (pair["id"], pair["of"]) == ("b", "a")
    shown = blossom("show", "gone", "--rejected", "dedup/paraphrase", "--json", cwd=tmp_path).json["records"]
    assert shown[0]["detail"].startswith("stays: a; score 0.9")


def test_of_a_text_that_is_no_request_only_the_exact_copy_goes() -> None:
    draw = random.Random(7)
    text = " ".join(draw.choice(("lake", "owl", "river", "violin", "glacier")) for _ in range(500_100))
    assert left_out([record(text, "a"), record(f"{text} please", "b"), record(text.upper(), "c")]).keys() == {"c"}
