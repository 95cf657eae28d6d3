"""`decontaminate`: planted test items are found however they are dressed, and what only resembles them stays."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
from command import user, values, write_lines
from forked import blossom
from loopback import Loopback, LoopbackRequest

from blossom_data.curate.decontaminate import Decontaminate, TestItem, read_items
from blossom_data.curate.decontaminate.ngrams import Ngrams
from blossom_data.curate.tokens import Tokenizer
from blossom_data.errors import ConfigError
from blossom_data.records import Lineage, Message, Record

DUCKS = (
    "Janet's ducks lay 16 eggs per day. She eats three for breakfast every morning and bakes muffins for her friends "
    "every day with four. She sells the remainder at the farmers' market daily for $2 per fresh duck egg. How much in "
    "dollars does she make every day at the farmers' market?"
)
DUCKS_ZH = (
    "珍妮特的鸭子每天下16个蛋。她每天早上早餐吃三个，并用四个为朋友们烤松饼。她每天在农贸市场以每个新鲜鸭蛋2美元的价格"
    "出售剩下的蛋。她每天在农贸市场能赚多少美元？"
)
DUCKS_REWORDED = (
    "Every day Janet collects 16 eggs from her ducks. Three of them are her breakfast, and four go into muffins that she "  # noqa: E501
    "makes for friends. The rest she takes to the market, where an egg brings her 2 dollars. What are her daily earnings?"  # noqa: E501
)
POND = "小明有30本书，他借给小红12本，又从图书馆借来8本，请问小明现在手里一共有多少本书？"
FILLER = (
    "The museum opens at nine and closes late. Visitors like the old clocks best, and the guide tells their stories. "
)


def record(text: str, identifier: str = "r", **further: object) -> Record:
    return Record(identifier, "test", "en", (Message("user", text),), **further)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def measure() -> Decontaminate:
    bench = [*read_items("gsm8k-test", None), *read_items("mt-bench", None)]
    return Decontaminate([*bench, TestItem("own", "1", POND), TestItem("own", "2", "Who are you?")], Tokenizer())


def test_items_are_found_however_they_are_dressed(measure: Decontaminate) -> None:
    draw = random.Random(3)
    words = DUCKS.split()
    edited = [draw.choice(FILLER.split()) if place % 10 == 4 else word for place, word in enumerate(words)]
    dressed = (
        DUCKS,
        DUCKS.upper().replace(".", " !"),
        "\n".join(" ".join(words[at : at + 8]) for at in range(0, len(words), 8)),
        FILLER * 4 + DUCKS + FILLER * 8,
        " ".join(edited),
        FILLER * 4 + " ".join(edited) + FILLER * 4,
        POND.replace("，", ",\n"),
        "请回答：" + POND + "谢谢！",
        FILLER + POND.replace("请问", "").replace("图书馆", "书店"),
        "Who are you?",
    )
    for text in dressed:
        assert measure.find(record(text)) is not None, text
    hit = measure.find(record(DUCKS))
    assert hit is not None and hit.told.startswith("gsm8k-test 1: words, score 1.00: Janet")
    # A model's turn, too: an answer may begin with the task.
    chat = Record("c", "test", "en", (Message("user", "Give me a task."), Message("assistant", DUCKS)))
    assert measure.find(chat) is not None


def test_what_only_resembles_an_item_stays(measure: Decontaminate) -> None:
    others = (
        "Janet's hens lay 20 eggs per day. How many eggs do they lay in a week?",
        "How much in dollars does she make every day?",
        POND.replace("30", "45")
        .replace("12", "7")
        .replace("8", "19")
        .replace("借给小红", "送给弟弟")
        .replace("图书馆", "商店"),
        "Tell me, who are you? And what do you do in the evening when the museum closes?",
        FILLER * 3,
    )
    for text in others:
        assert measure.find(record(text)) is None, text


def test_the_source_of_a_translation_and_its_pair_go_too() -> None:
    items = [TestItem("own", "1", DUCKS)]
    step = (Lineage("translate", 1),)
    measure = Decontaminate(items)
    pair = [
        record(DUCKS, "a", tags=("pair:a",)),
        record(DUCKS_ZH, "a.zh", tags=("pair:a",), lineage=step),
        record(DUCKS_ZH, "b", lineage=step),
    ]
    judged = {
        content.record.id for content, _ in measure((each, 0) for each in pair) if not isinstance(content, Record)
    }
    assert judged == {"a", "a.zh"}
    hit = measure.find(pair[0])
    assert hit is not None
    known = Decontaminate(items, source_hits={"b": hit})
    assert not any(isinstance(content, Record) for content, _ in known((each, 0) for each in pair))


def test_names_are_found_and_what_is_not_there_is_told(tmp_path: Path) -> None:
    write_lines(tmp_path / "math23k_test.json", [{"id": "9", "original_text": POND}])
    write_lines(tmp_path / "empty.jsonl", [{"label": 3}])
    assert read_items("math23k-test", tmp_path) == [TestItem("math23k-test", "9", POND)]
    assert (len(read_items("gsm8k-test", None)), len(read_items("mt-bench", None))) == (1319, 80)
    for name, told in (("alignbench", "had from github.com/THUDM"), ("gsm8k-tset", "no test set")):
        with pytest.raises(ConfigError, match=told):
            read_items(name, tmp_path)
    done = blossom("decontaminate", "empty.jsonl", "-o", "out", "--against", "empty.jsonl", cwd=tmp_path)
    assert (done.code, "no row of the test set" in done.err) == (2, True), done


def test_the_command_finds_translations_by_meaning_and_says_when_it_does_not(tmp_path: Path) -> None:
    write_lines(tmp_path / "mine.jsonl", [{"question": DUCKS}, {"question": "Name a lake in Finland."}])
    rows = [
        user(DUCKS, id="verbatim"),
        user(DUCKS_ZH, id="translated"),
        user(DUCKS_REWORDED, id="reworded"),
        user("芬兰有一个湖泊，请说出它的名字。", id="lake"),
        user("Our hens lay 16 eggs, and 3 of them break. How many are left?", id="hens"),
        user("写一首关于鸭子的诗。", id="poem"),
    ]
    write_lines(tmp_path / "in.jsonl", rows)
    command = ["decontaminate", "in.jsonl", "--against", "mine"]
    env = {"BLOSSOM_BENCH": str(tmp_path)}
    done = blossom(*command, "-o", "out", "--json", cwd=tmp_path, env=env)
    assert (done.code, done.json["rejected"]) == (0, {"decontaminate/leak": 4}), done
    assert [row["id"] for row in values(tmp_path / "out")] == ["hens", "poem"]
    assert json.loads((tmp_path / "out/manifest.json").read_text())["curate"]["decontaminate"]["meaning"] is True
    words = blossom(*command, "-o", "words", "--words-only", cwd=tmp_path, env=env)
    assert (words.code, len(values(tmp_path / "words"))) == (0, 5), words


def verdict(request: LoopbackRequest) -> str:
    """A judge that knows that the limerick is a translation, and that nothing else is."""
    document = json.loads(request.text)
    said = next((item["number"] for item in document["items"] if "limerick" in item["text"]), 0)
    return json.dumps({"reason": "So it is.", "item": said if "打油诗" in document["text"] else 0})


LIMERICK, LIMERICK_ZH = "Take your previous response and rephrase it as a limerick.", "把你之前的回答改写成一首打油诗。"
JUDGED = ["decontaminate", "in.jsonl", "--against", "mine.jsonl", "-o", "out", "--judge", "judge_leak", "--json"]


def test_where_meaning_is_not_sure_a_judge_decides(tmp_path: Path) -> None:
    write_lines(tmp_path / "mine.jsonl", [{"question": text} for text in (LIMERICK, DUCKS, "Name a lake in Finland.")])
    poems = [user(f"写一首关于{thing}的短诗，要押韵。", id=f"poem-{thing}") for thing in "山水风雨雪月花鸟"]
    write_lines(tmp_path / "in.jsonl", [user(LIMERICK_ZH, id="limerick"), *poems, user(DUCKS_ZH, id="ducks")])
    with Loopback(respond=verdict) as server:
        asking = ["--base-url", server.base_url, "--model", "judge-1", "--structured", "off"]
        plan = blossom(*JUDGED, *asking, "--dry-run", "--price-in", "1", "--price-out", "2", cwd=tmp_path).json
        assert (plan["calls"], bool(plan["cost_usd"]), server.paid) == (1, True, 0), plan
        done = blossom(*JUDGED, *asking, cwd=tmp_path)
        # Of ten records one may be sent: what is far above the cut goes without a question.
        assert done.code == 0, done
        assert done.json["rejected"] == {"decontaminate/leak": 1, "judge-leak/leak": 1}
        again = blossom(*JUDGED, *asking, cwd=tmp_path)
        assert (again.json["run"]["calls"], server.paid, server.bought_twice) == (0, 1, 0)
    assert [row["id"] for row in values(tmp_path / "out")] == [row["id"] for row in poems]
    shown = blossom("show", "out", "--rejected", "judge-leak", cwd=tmp_path)
    assert "mine.jsonl 1: meaning" in shown.out and "judged: So it is." in shown.out


@pytest.mark.parametrize("said", ['{"reason": "x", "item": 4}', '{"item": 1}', "1"])
def test_a_verdict_that_cannot_be_read_keeps_no_doubtful_record(tmp_path: Path, said: str) -> None:
    write_lines(tmp_path / "mine.jsonl", [{"question": LIMERICK}])
    write_lines(tmp_path / "in.jsonl", [user(LIMERICK_ZH, id="a"), user("今天几号？", id="b")])
    with Loopback(respond=lambda request: said) as server:
        done = blossom(
            *JUDGED, "--base-url", server.base_url, "--model", "m", "--structured", "off", "--tries", "2", cwd=tmp_path
        )
        assert (done.json["kept"], done.json["rejected"]) == (1, {"judge-leak/unreadable": 1}), done
        assert server.paid == 2


@pytest.mark.parametrize(
    ("flags", "told"), [(["--words-only"], "--judge decides on what meaning finds"), (["--model", ""], "no endpoint")]
)
def test_a_judge_without_anything_to_decide_is_refused(tmp_path: Path, flags: list[str], told: str) -> None:
    write_lines(tmp_path / "mine.jsonl", [{"question": LIMERICK}])
    write_lines(tmp_path / "in.jsonl", [user(LIMERICK_ZH, id="a")])
    done = blossom(*JUDGED, *flags, cwd=tmp_path)
    assert (done.code, told in done.json["error"]["message"]) == (2, True), done


def test_a_block_of_records_is_judged_as_each_of_them_alone() -> None:
    items = [*read_items("gsm8k-test", None)[:200], *read_items("mt-bench", None)]
    index = Ngrams(items, Tokenizer())
    texts = [item.text for item in items]
    halves = [" ".join(text.split()[: len(text.split()) // 2]) for text in texts]
    records = [[], [""], ["hello"], *([text] for text in [*texts, *halves]), ["what now", texts[3], halves[5]]]
    found = index.find_all(records)
    assert found == [index.find(record) for record in records]
    assert [hit is not None for hit in found[:4]] == [False, False, False, True] and found[-1] is not None
