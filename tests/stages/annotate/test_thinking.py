"""What a model thought, and what its template leaves in a reply, reach no data set; good answers all do."""

from __future__ import annotations

import json
import random
import string
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from command import Result, user, values, write_lines
from forked import blossom
from loopback import Fault, Loopback, LoopbackRequest, Response, answer
from thinking_forms import FORMS, MORE, TWELVE

from blossom_data.asks import Reply
from blossom_data.stages.annotate.clean import clean_reply

pytestmark = pytest.mark.slow

THOUGHT = {
    "en": "Hm, the user wants the ZEBRA thing. I was trained by nobody.\n\nLet me see: first this, then that.",
    "zh": "嗯，用户想知道斑马的事。\n\n先想一想：第一步这样，第二步那样。",
}
QUESTION = {"en": "Name the city number {} on the Seine, please.", "zh": "请说出塞纳河边的第{}座城市的名字。"}
SAID = {"en": "Number {} is Paris, and it lies on the Seine.", "zh": "第{}座是巴黎，它位于塞纳河畔，风景很美。"}
ASK = {"en": "What is the capital of France?", "zh": "法国的首都是哪里？"}


def message(parts: dict[str, Any], *, finish_reason: str | None = "stop") -> dict[str, Any]:
    """The body of a completion whose message holds `parts`."""
    body = answer("", **{name: value for name, value in parts.items() if name != "content"})
    body["choices"][0]["message"]["content"] = parts["content"]
    body["choices"][0]["finish_reason"] = finish_reason
    body["usage"]["completion_tokens"] = 50
    return body


def annotate(
    tmp_path: Path, rows: list[dict[str, Any]], respond: Callable[[LoopbackRequest], Response], *flags: object
) -> tuple[Result, Loopback]:
    """`annotate` of `rows` into out/, with one try of each turn unless `flags` say more."""
    source = write_lines(tmp_path / "in.jsonl", rows)
    with Loopback(respond=respond) as server:
        at = ["--base-url", server.base_url, "--model", "m", "--json"]
        done = blossom("annotate", source, "-o", "out", *at, "--tries", 1, *flags, cwd=tmp_path)
    return done, server


def answers(tmp_path: Path) -> list[str]:
    return [
        turn["content"] for row in values(tmp_path / "out") for turn in row["messages"] if turn["role"] == "assistant"
    ]


def test_a_hundred_replies_in_twelve_forms_leave_no_thought_and_lose_no_answer(tmp_path: Path) -> None:
    forms = list(TWELVE.values())
    rows = []
    for number in range(34):
        lang = "zh" if number % 2 else "en"
        turns = [QUESTION[lang].format(3 * number + turn) for turn in range(3)]
        rows.append({"lang": lang, "messages": [{"role": "user", "content": text} for text in turns]})

    def respond(request: LoopbackRequest) -> Response:
        number = next(n for n in range(102, -1, -1) if str(n) in request.text)
        lang = "zh" if "塞纳" in request.text else "en"
        # Now in the language of the question, now in the other.
        thought = THOUGHT[("en", "zh")[(number // 2) % 2]]
        return message(forms[number % 12](thought, SAID[lang].format(number)))

    done, server = annotate(tmp_path, rows, respond)
    assert (done.code, done.json["kept"], server.paid) == (0, 34, 102), done
    expected = [SAID[row["lang"]].format(3 * n + turn) for n, row in enumerate(rows) for turn in range(3)]
    assert sorted(answers(tmp_path)) == sorted(expected)
    for request in server.requests:
        history = [turn["content"] for turn in request.body["messages"] if turn["role"] == "assistant"]
        assert all(text in expected for text in history)
    shards = b"".join(path.read_bytes() for path in sorted((tmp_path / "out").glob("part-*")))
    assert not any(mark.encode() in shards for mark in ("think", "ZEBRA", "斑马", "channel", "analysis", "reasoning"))


def test_every_further_form_too_and_the_thought_is_kept_on_request(tmp_path: Path) -> None:
    names = list(FORMS)
    rows = [user(f"{ASK['en']} ({number})", id=name) for number, name in enumerate(names)]

    def respond(request: LoopbackRequest) -> Response:
        number = int(request.text.rsplit("(", 1)[1].split(")")[0])
        return message(FORMS[names[number]]("First this. ZEBRA.", "It is Paris."))

    done, _ = annotate(tmp_path, rows, respond, "--keep-reasoning")
    assert (done.code, done.json["kept"]) == (0, len(rows)), done
    turns = {row["id"]: row["messages"][-1] for row in values(tmp_path / "out")}
    assert {name: turn["content"] for name, turn in turns.items()} == dict.fromkeys(names, "It is Paris.")
    assert {name for name, turn in turns.items() if "ZEBRA" not in turn.get("reasoning_content", "")} == {"empty"}
    assert "reasoning_content" not in turns["empty"]

    # Keeping it or not is in no key: nothing is bought again, and the data set is that of a model that does not think.
    plain, again = annotate(tmp_path, rows, respond)
    assert (plain.json["kept"], again.paid) == (len(rows), 0)
    assert not any("reasoning_content" in turn for row in values(tmp_path / "out") for turn in row["messages"])


@pytest.mark.parametrize(
    "text",
    [
        "<think>The user asks",
        "<|channel|>analysis<|message|>The user asks",
        "[THINK] The user asks",
        "analysisThe user asks about France",
        "◁think▷The user asks",
        "<seed:think>The user asks",
        "<|START_THINKING|>The user asks",
    ],
)
def test_a_thought_that_never_ends_is_cut_off(tmp_path: Path, text: str) -> None:
    done, _ = annotate(tmp_path, [user(ASK["en"])], lambda request: text)
    assert (done.code, done.json["rejected"]) == (3, {"annotate/truncated": 1})
    assert any("thinking and no answer" in note for note in done.json["run"]["notes"])


@pytest.mark.parametrize(
    "text",
    [
        "```x\n" * 20_000 + "</think>",
        "`a" * 50_000 + "</think>",
        "<" * 100_000,
        "<think>" * 9_000,
        "a</think>" * 9_000,
        "< " * 50_000,
        "<|im_end|>" * 9_000,
        "!?" * 50_000,
        "<|channel|>final<|message|>a" * 3_000,
    ],
    ids=range(9),
)
def test_hostile_replies_are_read_in_time(text: str) -> None:
    clean_reply(Reply(text=text), "What?")
    clean_reply(Reply(text=text, reasoning=text), text)


@pytest.mark.parametrize(
    ("question", "text"),
    [
        ("What does <think> do?", "<think> is where Qwen3 begins to think, and </think> where it ends."),
        ("Reason within <reasoning> tags first.", "<reasoning>Seine.</reasoning> Paris."),
        ("Which tags does Qwen3 use?", "It writes `<think>` before and `</think>` after its thoughts."),
        ("Which tags does Qwen3 use?", "It opens with <think> and it closes with </think>."),
        ("Which tags does Qwen3 use?", "The last one is </think>, and the answer follows."),
        ("Show me a reply of R1.", "Such as this:\n\n```\n<think>\nHm.\n</think>\nParis.\n```\n\nThat is all."),
        ("Write a notice.", "Dear neighbours,\n\n[Reasoning]\n\nYours, Ann"),
        ("What is an analysis?", "analysis is the art of taking apart."),
        ("How do chat templates end a turn?", "ChatML ends it with `<|im_end|>`, each turn."),
        ("How is text struck through?", "Like this: <s>old</s>"),
        ("What does <|im_end|> mean?", "It ends a turn: <|im_end|>"),
        ("Give me XML.", "<note>\n<analysis>Deep</analysis>\n</note>"),
        ("How do I write a plan in XML?", "<plan>\n  <step>Rest</step>\n</plan>"),
        ("写一道物理思考题。", "【思考】\n为什么天是蓝的？\n\n【提示】\n想一想光的散射。"),
        ("Write XML of a failure.", "<error>\n<reason>Timeout</reason>\n</error>"),
        ("How does F# pipe?", "It writes f <| x and x |> f for the same."),
        ("Count to 300.", ", ".join(map(str, range(1, 301)))),
        ("Solve it.", "\n".join(f"x^2 + {n}x - 4 = 0, so x = -{n}/2 +- sqrt({n}^2 + 16)/2" for n in range(40))),
        ("What is \ufffd?", "The sign \ufffd stands for what could not be read."),
    ],
)
def test_what_only_looks_like_it_is_an_answer(tmp_path: Path, question: str, text: str) -> None:
    done, _ = annotate(tmp_path, [user(question, lang="en")], lambda request: text)
    assert done.json["rejected"] == {}, done
    assert answers(tmp_path) == [text]


@pytest.mark.parametrize(
    "text",
    [
        "Paris, on the Seine.<|im_end|>",
        "Paris, on the Seine.<|im_end|>\n<|im_end|>\n",
        "Paris, on the Seine.</s>",
        "Paris, on the Seine.<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n",
        "<|im_start|>assistant\nParis, on the Seine.",
        "Paris, on the Seine.<end_of_turn>\n",
        "Paris, on the Seine.<｜end▁of▁sentence｜>",
        "<think>Hm.</think>Paris, on the Seine.<|return|>",
    ],
)
def test_template_tokens_at_the_ends_are_taken_off(tmp_path: Path, text: str) -> None:
    done, _ = annotate(tmp_path, [user(ASK["en"])], lambda request: text)
    assert (done.code, answers(tmp_path)) == (0, ["Paris, on the Seine."]), done


NOISE = "".join(random.Random(7).choices(string.ascii_letters + string.digits + string.punctuation, k=600))


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("Paris.<|im_end|>\n<|im_start|>user\nAnd Spain?<|im_end|>", "template_token"),
        ("Paris.</s>[INST] And Spain? [/INST] Madrid", "template_token"),
        ("Paris.<end_of_turn>\n<start_of_turn>user\nAnd Spain?", "template_token"),
        ("Par\ufffdis is it.", "garbled"),
        ("Paris\x00 is it.", "garbled"),
        ("Paris\x1b[0m is it.", "garbled"),
        ("Itâ\x80\x99s Paris.", "garbled"),
        (NOISE, "garbled"),
        ("!" * 400, "garbled"),
        ("Paris is it. " + "".join(random.Random(8).choices(string.punctuation, k=500)), "garbled"),
    ],
)
def test_what_is_no_text_is_asked_again_and_never_written(tmp_path: Path, text: str, code: str) -> None:
    def respond(request: LoopbackRequest) -> Response:
        return text if request.try_number == 0 else "It is Paris."

    done, server = annotate(tmp_path, [user(ASK["en"])], respond, "--tries", 2)
    assert (done.code, answers(tmp_path), server.paid) == (0, ["It is Paris."], 2), done
    assert done.json["asked_again"] == {f"annotate/{code}": 1}
    read = blossom("show", "out", cwd=tmp_path)
    assert read.code == 0, read


def test_a_lone_half_of_a_surrogate_pair_is_never_written(tmp_path: Path) -> None:
    sound = json.dumps(answer("Paris \\ud83d is it.")).replace("\\\\ud83d", "\\ud83d").encode()

    def respond(request: LoopbackRequest) -> Response:
        return Fault(body=sound) if request.count == 1 else "It is Paris."

    done, _ = annotate(tmp_path, [user(ASK["en"])], respond, "--tries", 2)
    assert (done.code, answers(tmp_path)) == (0, ["It is Paris."]), done


def test_verify_math_samples_again_and_judges_the_answer_alone(tmp_path: Path) -> None:
    row = {
        "messages": [{"role": "user", "content": "What is 6 times 7?"}, {"role": "assistant", "content": "Answer: 41"}],
        "gold": "42",
    }
    source = write_lines(tmp_path / "in.jsonl", [{**row, "id": name, "source": name} for name in MORE])
    names = iter([*MORE])
    with Loopback(respond=lambda request: message(MORE[next(names)]("ZEBRA. Answer: 40", "Answer: 42"))) as server:
        at = ["--base-url", server.base_url, "--model", "m", "--json", "--max-in-flight", 1]
        done = blossom("verify-math", source, "-o", "out", "--resample", len(MORE), *at, cwd=tmp_path)
        kept = blossom("verify-math", source, "-o", "kept", "--resample", 3, "--keep-reasoning", *at, cwd=tmp_path)
    assert (done.code, done.json["kept"], kept.json["run"]["calls"]) == (0, len(MORE), 0), done
    assert {row["messages"][-1]["content"] for row in values(tmp_path / "out")} == {"Answer: 42"}
    assert "ZEBRA" in values(tmp_path / "kept")[0]["messages"][-1]["reasoning_content"]


def test_what_is_added_to_every_request_is_sent_and_part_of_the_key(tmp_path: Path) -> None:
    rows, off = [user(ASK["en"])], '{"chat_template_kwargs": {"enable_thinking": false}}'
    _, plain = annotate(tmp_path, rows, lambda request: "It is Paris.")
    flags = ("--extra-body", off, "--reasoning-effort", "low")
    _, first = annotate(tmp_path, rows, lambda request: "It is Paris.", *flags)
    _, again = annotate(tmp_path, rows, lambda request: "It is Paris.", *flags)
    assert (plain.paid, first.paid, again.paid) == (1, 1, 0)
    assert "reasoning_effort" not in plain.requests[0].body
    body = first.requests[0].body
    assert (body["chat_template_kwargs"], body["reasoning_effort"]) == ({"enable_thinking": False}, "low")
    refused, _ = annotate(tmp_path, rows, lambda request: "no", "--extra-body", '{"messages": []}')
    assert refused.code == 2
    assert "the program sends that itself" in refused.out


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        ("The role of the speaker.</think>\n\nAssistant", "Assistant"),
        ("<think>One word.</think>Model", "Model"),
        ("model\n<think>Hm.</think>\nParis.", "Paris."),
        ("  <plan>a</plan> is a tag, and so is <b>.", "  <plan>a</plan> is a tag, and so is <b>."),
    ],
)
def test_a_role_before_the_thinking_goes_and_one_that_is_the_answer_stays(sent: str, said: str) -> None:
    assert clean_reply(Reply(text=sent), "What is <plan>?").text == said
