"""Protected spans: found where they must be, left alone where prose looks like them, restored byte for byte."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blossom_data.records import Message
from blossom_data.stages.translate.masks import find_spans, masked, restored, tokens_in
from blossom_data.stages.translate.segments import estimate_tokens, in_calls, plan_record


def spans(text: str) -> list[str]:
    return [text[span.start : span.end] for span in find_spans(text)]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("Run `ls -l` now.", ["`ls -l`"]),
        ("Explain:\n```py\nx = 1\n```\nplease", ["```py\nx = 1\n```"]),
        ("See https://a.org/x?y=1, or www.b.net.", ["https://a.org/x?y=1", "www.b.net"]),
        ("Mail bob.x@mail.example.com today", ["bob.x@mail.example.com"]),
        ("Open C:\\tmp\\a.txt and /usr/local/bin.", ["C:\\tmp\\a.txt", "/usr/local/bin"]),
        ("Edit src/main.py and data.csv", ["src/main.py", "data.csv"]),
        ("Dear {{name}}, ${TOTAL} for %s and %d, {city}", ["{{name}}", "${TOTAL}", "%s", "%d", "{city}"]),
        ("Keep <b>bold</b> and <br/> and [MASK]", ["<b>", "</b>", "<br/>", "[MASK]"]),
        ("Solve $x^2 + 1 = 0$ and \\(a+b\\) and $$y$$", ["$x^2 + 1 = 0$", "\\(a+b\\)", "$$y$$"]),
        ("Compute \\frac{1}{2} here", ["\\frac{1}{2}"]),
        ("Call foo() on my_table", ["foo()", "my_table"]),
        ("Convert to Python: for (i = 0; i < 9; i++) { f(i); }", ["for (i = 0; i < 9; i++) { f(i); }"]),
        ("What does this do?\ndef f(x):\n    return x + 1\nThanks", ["def f(x):\n    return x + 1"]),
        ("Fix it:\nSELECT a FROM b WHERE c = 1;", ["SELECT a FROM b WHERE c = 1;"]),
        ("Ping @bob about #launch at 10.0.0.1", ["@bob", "#launch", "10.0.0.1"]),
        ("A stray ⟦C1⟧ token", ["⟦C1⟧"]),
    ],
)
def test_spans_that_are_protected(text: str, wanted: list[str]) -> None:
    assert spans(text) == wanted


@pytest.mark.parametrize(
    "text",
    [
        "It costs $5 and then $10 more.",
        "He said (yes); she said no; they left.",
        "Ingredients: eggs; milk; flour;",
        "Select the best answer from the list.",
        "Use and/or as you like, 50% discount, 24/7.",
        "A note: this is the plan (see below).",
        "If it rains, stay. For example: Paris.",
        "Import taxes rose. Return home early.",
        "x < y and a > b",
    ],
)
def test_prose_that_is_left_to_the_model(text: str) -> None:
    assert spans(text) == []


@given(
    st.text()
    | st.lists(st.sampled_from(["`a`", "```\n", "$x$", "{{a}}", "⟦", "⟧", "\n", "http://a.b", "a ", "<b>", "\\("])).map(
        "".join
    )
)
def test_masking_and_restoring_gives_the_same_text(text: str) -> None:
    found = find_spans(text)
    hidden = masked(text, found, "Nonce", 7)
    assert len([token for token in tokens_in(hidden) if token.startswith("⟦Nonce:")]) >= len(found)
    assert restored(hidden, [text[span.start : span.end] for span in found], "Nonce", 7) == text


@given(
    st.lists(
        st.text(st.sampled_from(" \t\n\r`$aB中{}⟦⟧:|-1.\u2028\x0b"))
        | st.sampled_from(["```\ncode\n```", "Hello there.\n\n", "  - item\n", "Correct the grammar: he go\n"])
    ).map("".join),
    st.sampled_from(["system", "user", "assistant", "tool"]),
)
def test_a_plan_rebuilds_its_record_byte_for_byte(text: str, role: str) -> None:
    turns = (Message(role, text), Message("tool", text))
    plan = plan_record(turns, "en")
    assert plan.rebuild({segment.index: segment.text for segment in plan.segments}) == turns


def test_only_lines_with_something_to_translate_are_sent() -> None:
    text = "  Explain this.  \r\n\n```py\nx = 1\n```\n42\n你好\n\tThanks\n"
    plan = plan_record((Message("user", text), Message("tool", "Not this.")), "en")
    assert [segment.text for segment in plan.segments] == ["Explain this.", "Thanks"]
    assert (
        plan.rebuild({0: "解释一下。", 1: "谢谢"})[0].content
        == "  解释一下。  \r\n\n```py\nx = 1\n```\n42\n你好\n\t谢谢\n"
    )


def test_calls_hold_about_as_many_tokens_as_allowed() -> None:
    plan = plan_record((Message("user", "\n".join(f"Line {number} has a few words." for number in range(900))),), "en")
    calls = in_calls(plan.segments, 2000)
    assert [segment for call in calls for segment in call] == list(plan.segments)
    assert len(calls) > 1
    assert all(sum(estimate_tokens(segment.text) for segment in call) <= 2000 for call in calls)


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("Correct the grammar: He go to school.", ["He go to school."]),
        ('Use the word "serene" in a sentence.', ["serene"]),
        ("Translate to French:\n\nI like tea.", ["I like tea."]),
        ("Rewrite the sentence in passive voice: The cat ate it.", ["The cat ate it."]),
        ('How many syllables are in "banana"?', ["banana"]),
    ],
)
def test_the_material_of_a_language_task_is_kept(text: str, kept: list[str]) -> None:
    plan = plan_record((Message("user", text),), "en")
    assert plan.lang_task
    assert [span for segment in plan.segments for span in segment.protected] + [
        line for line in text.split("\n") if line in kept
    ] == kept


@pytest.mark.parametrize(
    "text", ["Write a poem about grammar school.", "Translate this need into a product plan.", "Name a river."]
)
def test_other_tasks_are_no_language_tasks(text: str) -> None:
    assert not plan_record((Message("user", text),), "en").lang_task


@pytest.mark.parametrize(
    "frame",
    [
        "\\begin{{quote}}{}\\end{{quote}}",
        "\\[ \\text{{{}}} \\]",
        "\\({}\\)",
        "$${}$$",
        "\\textbf{{{}}}",
        "``{}``",
        "~~~\n{}\n~~~",
        "```text\n{}\n```",
    ],
)
def test_no_markup_hides_an_ask(frame: str) -> None:
    ask = "Write a short story about a dragon who lost its fire"
    assert not [span for span in spans(frame.format(ask)) if ask in span]
    formula = "f(x)" if "\n" in frame else "x^2 \\text{ if the value is positive}"
    assert formula in "".join(spans(frame.format(formula))) or frame.startswith("\\textbf")
