"""The stage driven with replies: protocol, ladder, judge, pass-through and what the record becomes."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from translation_driver import document_of, drive, good_model, good_object, translate, user_record

from blossom_data.asks import Ask, Reply
from blossom_data.prompts import load_prompt
from blossom_data.records import Message, Record, Reject
from blossom_data.stages.translate.accept import explain_reply, judge_reply
from blossom_data.stages.translate.protocol import REPLY_SCHEMA, Request, make_nonce
from blossom_data.stages.translate.segments import plan_record
from blossom_data.stages.translate.stage import REJECT_CODES

WORDS = {"Explain": "用一行解释 {}。", "What": "2+2 等于几？", "Be": "回答要简短。", "It": "它会列出文件。"}
RECORD = user_record("Explain `ls -l` in one line.\n\n  What is 2+2?\n", gold="4", tags=("x",))


def test_a_good_model_translates_in_one_call() -> None:
    record, asked = drive(translate(), RECORD, good_model(WORDS))
    assert record.messages == (Message("user", "用一行解释 `ls -l`。\n\n  2+2 等于几？\n"),)
    assert (record.id, record.lang, record.gold, record.tags) == ("r1", "zh", "4", ("x",))
    step = record.lineage[-1]
    assert (step.stage, step.version, step.model, step.reply) == ("translate", 1, "tiny", "k0")
    assert step.prompt == load_prompt("translate").hash
    assert len(asked) == 1


def test_the_request_is_one_document_with_free_fields() -> None:
    _, asked = drive(translate(), RECORD, good_model(WORDS))
    document = document_of(asked[0])
    assert list(document) == ["task", "from", "to", "nonce", "n", "segments", "reminder"]
    assert (document["from"], document["to"], document["n"]) == ("en", "zh-Hans", 2)
    assert document["segments"][0]["text"] == f"Explain ⟦{document['nonce']}:1⟧ in one line."
    assert asked[0].response_schema == REPLY_SCHEMA
    assert "const" not in json.dumps(REPLY_SCHEMA) and "enum" not in json.dumps(REPLY_SCHEMA)
    assert asked[0].stage == "translate" and asked[0].temperature == 0.0
    assert asked[0].max_tokens is not None and asked[0].max_tokens < 400


def test_every_role_but_tool_is_translated_and_tools_are_dropped_on_request_alone() -> None:
    turns = (
        Message("system", "Be brief."),
        Message("user", "What is 2+2?"),
        Message("tool", "What is it"),
        Message("assistant", "It lists files."),
    )
    with pytest.raises(Reject, match="unsupported_content"):
        drive(translate(), Record("r", "t", "en", turns), good_model(WORDS))
    record, _ = drive(translate(drop_tools=True), Record("r", "t", "en", turns), good_model(WORDS))
    assert [turn.content for turn in record.messages] == ["回答要简短。", "2+2 等于几？", "它会列出文件。"]
    with pytest.raises(Reject, match="nothing is left"):
        drive(translate(drop_tools=True), Record("r", "t", "en", turns[2:3]), good_model(WORDS))


@pytest.mark.parametrize(
    "content",
    ["你好，请用 Python 写一个函数。", "```py\nprint('hi')\n```", "42 + 1 = ?", "https://a.org/x", "{{name}}"],
)
def test_nothing_to_translate_means_no_ask(content: str) -> None:
    record, asked = drive(translate(), user_record(content), good_model({}))
    assert asked == []
    assert record.messages[0].content == content and record.lang == "zh"


def test_a_chinese_record_is_passed_through_with_the_english_it_works_on() -> None:
    record, asked = drive(translate(), user_record("把下面的句子翻译成中文：\nI like green tea."), good_model({}))
    assert asked == [] and record.messages[0].content.endswith("\nI like green tea.")


def test_the_explanation_is_what_the_first_attempt_asks() -> None:
    ((request, ask),) = translate().explain(RECORD)
    _, asked = drive(translate(), RECORD, good_model(WORDS))
    assert ask == asked[0] and request.document() == ask.messages[-1].content
    rows = list(explain_reply(request, good_model(WORDS)(ask)))
    assert [segment.text for segment, _, _ in rows] == ["Explain `ls -l` in one line.", "What is 2+2?"]
    assert not any(verdict.detail for _, _, verdicts in rows for verdict in verdicts)


def change(**fields: Any) -> Callable[[dict[str, Any]], Any]:
    return lambda value: {**value, **fields}


def change_segment(**fields: Any) -> Callable[[dict[str, Any]], Any]:
    return lambda value: {**value, "segments": [{**value["segments"][0], **fields}, *value["segments"][1:]]}


@pytest.mark.parametrize(
    ("damage", "code"),
    [
        (change(answer="4"), "keys"),
        (change(n="2"), "keys"),
        (change(n=True), "keys"),
        (change(nonce="other"), "nonce"),
        (change(n=3), "count"),
        (lambda value: {**value, "n": 1, "segments": value["segments"][:1]}, "count"),
        (lambda value: {**value, "segments": value["segments"][::-1]}, "ids"),
        (change_segment(id="c"), "ids"),
        (change_segment(head="What is 2+2?"), "head"),
        (change_segment(head="解释"), "head"),
        (change_segment(note="x"), "keys"),
        (change_segment(text=None), "keys"),
        (change_segment(text="用一行解释它。"), "mask"),
        (change_segment(text="用一行解释 ⟦x:1⟧。"), "mask"),
        (change_segment(text="⟦"), "mask"),
        (lambda value: [value], "envelope"),
    ],
)
def test_a_reply_that_does_not_match_its_request_is_rejected(
    damage: Callable[[dict[str, Any]], Any], code: str
) -> None:
    request = Request("Nonce123", "en", "zh", plan_record(RECORD.messages, "en").segments)
    value = damage(good_object(json.loads(request.document()), WORDS))
    outcome = judge_reply(request, Reply(text=json.dumps(value, ensure_ascii=False)))
    finding = outcome.first()
    assert finding is not None and finding.is_hard and finding.code == code
    assert code in REJECT_CODES


@pytest.mark.parametrize(
    ("reply", "code"),
    [
        (Reply(text="{}", finish_reason="length"), "finish"),
        (Reply(text="", refusal="I cannot help with that."), "refusal"),
        (Reply(text="Sure! Here is the translation."), "envelope"),
    ],
)
def test_replies_that_are_not_read_at_all(reply: Reply, code: str) -> None:
    with pytest.raises(Reject) as caught:
        drive(translate(), RECORD, lambda ask: reply)
    assert caught.value.code == code
    assert f"finish {reply.finish_reason}" in caught.value.history[0]


def test_the_ladder_climbs_in_order_and_never_accepts() -> None:
    stage = translate(tries=3, fallback_model="large")
    asked: list[Ask] = []

    def answer(ask: Ask) -> Reply:
        asked.append(ask)
        return Reply(text="x" * 100_000)

    with pytest.raises(Reject) as caught:
        drive(stage, RECORD, answer)
    assert [(ask.attempt, ask.temperature, document_of(ask)["n"], ask.model) for ask in asked] == [
        (0, 0.0, 2, ""), (1, 0.0, 2, ""), (2, 0.3, 2, ""), (3, 0.0, 1, ""), (3, 0.0, 1, ""), (4, 0.0, 2, "large"),
    ]  # fmt: skip
    nonces = [document_of(ask)["nonce"] for ask in asked]
    assert len(set(nonces)) == len(nonces)
    assert len(caught.value.reply) == 64 << 10
    assert len(caught.value.history) == 6


def test_the_same_record_asks_the_same_again() -> None:
    first, second = (drive(translate(), RECORD, good_model(WORDS))[1] for _ in range(2))
    assert [ask.key("m") for ask in first] == [ask.key("m") for ask in second]


def test_segments_that_were_accepted_are_not_asked_again() -> None:
    asked: list[list[str]] = []

    def answer(ask: Ask) -> Reply:
        document = document_of(ask)
        asked.append([segment["text"] for segment in document["segments"]])
        value = good_object(document, WORDS)
        if ask.attempt == 0:
            value["segments"][1]["text"] = "4"
        return Reply(text=json.dumps(value))

    record, _ = drive(translate(), RECORD, answer)
    assert record.messages[0].content == "用一行解释 `ls -l`。\n\n  2+2 等于几？\n"
    assert [len(texts) for texts in asked] == [2, 1]


def recommend(ask: Ask) -> str:
    return json.dumps(
        good_object(document_of(ask), {"Recommend": "我推荐《小王子》，它篇幅短小。"}), ensure_ascii=False
    )


@pytest.mark.parametrize(
    ("verdict", "is_kept"),
    [
        ('{"same_task": true, "answered": false}', True),
        ('{"same_task": true, "answered": true}', False),
        ('{"same_task": false, "answered": false}', False),
        ('{"same_task": true, "answered": false, "note": ""}', False),
        ("yes", False),
    ],
)
def test_soft_findings_go_to_the_judge(verdict: str, is_kept: bool) -> None:
    stage = translate(judge="soft", judge_prompt=load_prompt("judge_translation"))
    seen: list[Ask] = []

    def answer(ask: Ask) -> Reply:
        seen.append(ask)
        return Reply(text=verdict if ask.stage == "judge" else recommend(ask))

    record = user_record("Recommend a good short book.")
    if is_kept:
        assert drive(stage, record, answer)[0].messages[0].content == "我推荐《小王子》，它篇幅短小。"
        assert [ask.stage for ask in seen] == ["translate", "judge"]
    else:
        with pytest.raises(Reject):
            drive(stage, record, answer)


def test_soft_findings_are_quarantined_without_a_judge() -> None:
    with pytest.raises(Reject) as caught:
        drive(translate(), user_record("Recommend a good short book."), lambda ask: Reply(text=recommend(ask)))
    assert caught.value.code == "quarantine"
    assert caught.value.detail.startswith("speech_act")


def test_language_tasks_are_tagged_kept_or_dropped() -> None:
    record = user_record("Correct the grammar: He go to school.")
    translated, asked = drive(translate(), record, good_model({"Correct": "改正语法：{}"}))
    assert translated.messages[0].content == "改正语法：He go to school."
    assert "lang_task" in translated.tags
    assert "He go" not in asked[0].messages[-1].content
    with pytest.raises(Reject, match="lang_task"):
        drive(translate(drop_lang_tasks=True), record, good_model({}))


def test_source_and_translation_can_be_kept_as_a_pair() -> None:
    (source, target), _ = drive(translate(keep_source=True), RECORD, good_model(WORDS))
    assert (source.id, source.lang, target.id, target.lang) == ("r1", "en", "r1.zh", "zh")
    assert "pair:r1" in source.tags and "pair:r1" in target.tags
    assert source.messages == RECORD.messages


def test_the_other_direction() -> None:
    record = Record("r", "t", "zh", (Message("user", "法国的首都是哪里？"),))
    answer = lambda ask: Reply(  # noqa: E731
        text=json.dumps(
            {
                "nonce": document_of(ask)["nonce"],
                "n": 1,
                "segments": [{"id": "a", "head": "法国的首都是", "text": "What is the capital of France?"}],
            },
        )
    )
    translated, asked = drive(translate(source_lang="zh", target_lang="en"), record, answer)
    assert translated.messages[0].content == "What is the capital of France?" and translated.lang == "en"
    assert document_of(asked[0])["to"] == "en"


def test_one_output_for_two_sources_is_found() -> None:
    record = user_record("What is the capital of France?\nWhat is the capital of Spain?")
    same = good_model({"What": "法国的首都是哪里？"})
    with pytest.raises(Reject) as caught:
        drive(translate(), record, same)
    assert any("cross" in line for line in caught.value.history)


@given(st.text(max_size=60), st.text(max_size=60))
def test_a_nonce_never_stands_in_its_source(seed: str, source: str) -> None:
    nonce = make_nonce((seed,), source)
    assert nonce not in source and len(nonce) == 8 and nonce.isalnum()
    assert nonce == make_nonce((seed,), source)


@given(st.text(st.characters(codec=None, exclude_categories=()), max_size=120))
def test_no_reply_makes_the_stage_fail(text: str) -> None:
    for whole in (text, json.dumps({"nonce": text, "n": 1, "segments": [{"id": "a", "head": text, "text": text}]})):
        reply = Reply(text=whole)
        with pytest.raises(Reject):
            drive(translate(tries=1), RECORD, lambda ask: reply)  # noqa: B023
