"""Each check on what it is for, and on right translations that look alike."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blossom_data.stages.translate.guard.pairs import check_pair, explain_pair
from blossom_data.stages.translate.guard.registry import CHECKS, left_out


def codes(source: str, output: str, source_lang: str = "en", target_lang: str = "zh") -> set[str]:
    return {finding.code for finding in check_pair(source, output, source_lang=source_lang, target_lang=target_lang)}


POEM = "Write a short poem about the sea."
CAPITAL = "What is the capital of France?"


@pytest.mark.parametrize(
    ("source", "output", "code"),
    [
        (POEM, "", "language"),
        (POEM, "Escribe un poema corto sobre el mar.", "language"),
        (POEM, POEM, "language"),
        (POEM, "海についての短い詩を書いてください。", "language"),
        (POEM, "請寫一首關於大海的短詩。", "traditional"),
        (POEM, "写一首 short poem about the sea 的诗。", "residue"),
        (POEM, "Write a short poem about the sea. 写一首关于大海的短诗。", "residue"),
        (POEM, "写一首关于大海的短诗。\n\n蔚蓝的海面泛着银光。", "structure"),
        ("List:\n- tea\n- rice", "列表：\n- 茶\n米饭", "structure"),
        ("| a | b |\n|---|---|\n| Rome | |", "| a | b |\n|---|---|\n| 罗马 | 意大利 |", "structure"),
        (POEM, "好的，以下是译文：写一首关于大海的短诗。", "chatter"),
        (POEM, "写一首关于大海的短诗。希望对您有帮助！", "chatter"),
        (POEM, "请提供您需要翻译的文本。", "ask"),
        (POEM, "这段文字要求写一首关于大海的短诗。", "description"),
        (POEM, "抱歉，我无法协助完成这个请求。", "refusal"),
        ("Write a letter to my landlord.", "作为一个人工智能语言模型，我写不了。", "refusal"),
        ("Say hi, then answer.", "用户：打个招呼，然后回答。助手：", "turns"),
        ("Tell me about rivers in Europe and in Asia, please.", "河流河流河流河流河流河流河流河流", "loop"),
        ("See https://a.org/x for more.", "更多信息见 https://a.org/y。", "mask"),
        ("Dear {{name}}, welcome back to us!", "亲爱的 {{姓名}}，欢迎回来！", "mask"),
        ("Compute $x^2$ for me, please.", "请帮我计算 $x^3$。", "mask"),
        ("Explain this word by word.", "解释这个\ufffd词。", "damage"),
        ("Explain this word by word.", "ä½\xa0å¥½ï¼\x8cè§£é\x87\x8a", "damage"),
        (
            "Who are you?",
            "我是一个乐于助人的助手，可以回答各种问题，也可以陪你聊天、写作和编程，欢迎随时提问。",
            "length",
        ),
        ("There are 36 boxes in 3 rooms.", "3 个房间里有 63 个箱子。", "numbers"),
        ("About 400,000 people came here.", "大约有 4 万人来到这里。", "numbers"),
        ("The meeting is on July 4.", "会议在 4 月 7 日。", "numbers"),
        (CAPITAL, "法国的首都是巴黎。", "speech_act"),
        (CAPITAL, "巴黎是一座美丽的城市。", "speech_act"),
        ("Recommend a good book.", "我推荐《小王子》。", "speech_act"),
        ("Do not accept cash from visitors.", "接受访客的现金。", "speech_act"),
        ("Correct the grammar: He go to school.", "改正语法：他去上学。", "lang_task"),
        ("He called it the best plan.", "他称之为“最好的计划。", "balance"),
    ],
)
def test_a_fault_is_found(source: str, output: str, code: str) -> None:
    assert code in codes(source, output)


@pytest.mark.parametrize(
    ("source", "output"),
    [
        (POEM, "写一首关于大海的短诗。"),
        (POEM, "请以大海为题，作一首小诗。"),
        (CAPITAL, "法国的首都是哪里？"),
        (CAPITAL, "法国首都是哪座城市？"),
        ("What is 2+2?", "2+2=?"),
        ("Sure! Here is the recipe you asked for.", "当然！这是你要的食谱。"),
        ("I'm sorry, but I cannot come.", "抱歉，我来不了。"),
        ("Please provide the text.", "请提供文本。"),
        ("This text describes a red house.", "这段文字描述了一座红房子。"),
        ("User: hello\nAssistant: hi", "用户：你好\n助手：嗨"),
        ("About 400,000 people came here.", "大约有 40 万人来到这里。"),
        ("There are five boxes.", "有 5 个箱子。"),
        ("Call me at 5 p.m.", "下午 5 点给我打电话。"),
        ("Correct the grammar: He go to school.", "改正语法：He go to school."),
        ("See https://a.org/x for more.", "更多信息见 https://a.org/x。"),
        ("Don't forget the tickets.", "记得带票。"),
        ("Can you help me plan a trip?", "请帮我规划一次旅行。"),
        ("Shutter Island", "Shutter Island"),
        ("Ha ha ha ha ha ha ha ha ha ha ha ha!", "哈哈哈哈哈哈哈哈哈哈哈哈！"),
    ],
)
def test_a_right_translation_passes(source: str, output: str) -> None:
    assert codes(source, output) == set()


@pytest.mark.parametrize(
    ("source", "output", "is_right"),
    [
        ("写一首关于大海的诗。", "Write a poem about the sea.", True),
        ("法国的首都是哪里？", "What is the capital of France?", True),
        ("请勿在馆内大声喧哗。", "Please do not make loud noise in the library.", True),
        ("写一首关于大海的诗。", "The sea is wide and blue, and it sings to me at night.", False),
        ("法国的首都是哪里？", "The capital of France is Paris.", False),
        ("请勿在馆内大声喧哗。", "Please make loud noise in the library.", False),
        ("写一首关于大海的诗。", "写一首关于大海的诗。", False),
        ("写一首关于大海的诗。", "Écris un poème sur la mer.", False),
        ("有 36 个箱子。", "There are 63 boxes.", False),
    ],
)
def test_the_other_direction(source: str, output: str, is_right: bool) -> None:
    assert (codes(source, output, "zh", "en") == set()) is is_right


def test_other_pairs_get_the_checks_that_know_them() -> None:
    assert left_out("en", "zh") == left_out("zh", "en") == []
    assert left_out("en", "fr") == ["ask", "description"]
    assert left_out("de", "th") == ["ask", "description", "lang_task", "speech_act"]
    assert left_out("en", "sw") == ["ask", "chatter", "description", "refusal"]
    assert codes("Open https://a.org now.", "Ouvrez https://a.org maintenant.", "en", "fr") == set()
    assert codes("Open https://a.org now.", "Ouvrez maintenant.", "en", "fr") == {"mask"}
    skipped = {verdict.code for verdict in explain_pair("Hi.", "Salut.", target_lang="fr") if not verdict.is_run}
    assert skipped == {"traditional", "simplified", "ask", "description", "residue"}


def test_the_explanation_names_every_check_in_order() -> None:
    verdicts = list(explain_pair(CAPITAL, "巴黎。"))
    # Two checks with one code, for one pair of languages each, are told as one.
    told = {check.name.removesuffix("_en_zh"): check.code for check in CHECKS}
    assert [verdict.code for verdict in verdicts] == list(told.values())
    assert any(verdict.detail for verdict in verdicts if verdict.code == "speech_act")


def test_hostile_megabytes_are_refused_unread() -> None:
    for unit in ("a", "⟦", "\\begin{a}", "写", "def x: ("):
        assert codes("What is this?", unit * (1 << 20)) == {"length"}


PIECES = st.sampled_from(
    [
        "write ",
        "写",
        "“",
        "（",
        "⟦",
        "1",
        ".",
        "\n",
        "- ",
        "|",
        "$x$",
        "`a`",
        "?",
        "？",
        "not ",
        "不",
        "\\",
        "\ud800",
        "用户：",
        "一",
        "万",
    ]
)


@settings(max_examples=300)
@given(
    st.text(st.characters(codec=None, exclude_categories=()), max_size=80) | st.lists(PIECES).map("".join),
    st.text(st.characters(codec=None, exclude_categories=()), max_size=80) | st.lists(PIECES).map("".join),
    st.sampled_from([("en", "zh"), ("zh", "en"), ("en", "fr"), ("ja", "zh")]),
)
def test_no_text_makes_a_check_fail(source: str, output: str, languages: tuple[str, str]) -> None:
    for verdict in explain_pair(source, output, source_lang=languages[0], target_lang=languages[1]):
        assert isinstance(verdict.detail, str)
