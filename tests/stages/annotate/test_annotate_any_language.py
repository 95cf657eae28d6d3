"""What makes an answer unfit in languages other than English and Chinese."""

from __future__ import annotations

import pytest

from blossom_data.asks import Reply
from blossom_data.records import Message, Record
from blossom_data.stages.annotate.clean import clean_reply
from blossom_data.stages.annotate.faults import find_fault

QUESTIONS = {
    "de": "Was ist die Hauptstadt von Frankreich?",
    "fr": "Quelle est la capitale de la France ?",
    "es": "¿Cuál es la capital de Francia?",
    "ja": "フランスの首都はどこですか？",
    "ko": "프랑스의 수도는 어디인가요?",
    "ar": "ما هي عاصمة فرنسا؟",
    "ru": "Какая столица у Франции?",
    "zh-Hant": "法國的首都是哪裡？",
}
ENGLISH = "The capital of France is Paris, a large city on the banks of the river Seine."
CHINESE = "法国的首都是巴黎，这座城市位于塞纳河畔。"


def fault(lang: str, answer: str, question: str = "") -> str:
    question = question or QUESTIONS[lang]
    record = Record(id="r", source="test", lang=lang, messages=(Message("user", question),))
    reply = Reply(text=answer, finish_reason="stop")
    found = find_fault(reply, clean_reply(reply, question), question, record)
    return found[0] if found else ""


@pytest.mark.parametrize(
    ("lang", "answer"),
    [
        ("de", "Die Hauptstadt von Frankreich ist Paris."),
        ("fr", "La capitale de la France est Paris."),
        ("es", "La capital de Francia es París."),
        ("ja", "フランスの首都はパリです。"),
        ("ja", "東京都"),
        ("ko", "프랑스의 수도는 파리입니다."),
        ("ar", "عاصمة فرنسا هي باريس."),
        ("ru", "Столица Франции — Париж."),
        ("zh-Hant", "法國的首都是巴黎，位於塞納河畔。"),
        ("de", "42"),
        ("ja", "```python\nprint('the capital of France is Paris and nothing else')\n```"),
    ],
)
def test_answers_in_the_language_of_the_question_are_fit(lang: str, answer: str) -> None:
    assert fault(lang, answer) == ""


@pytest.mark.parametrize("lang", sorted(QUESTIONS))
def test_an_english_answer_is_none_unless_it_was_asked_for(lang: str) -> None:
    assert fault(lang, ENGLISH) == "wrong_language"
    for asking, question in (
        ("de", "Übersetze ins Englische: Die Hauptstadt ist Paris."),
        ("ja", "英語に訳してください：フランスの首都はパリです。"),
        ("ar", "ترجم إلى الإنجليزية: عاصمة فرنسا هي باريس."),
    ):
        assert fault(asking, ENGLISH, question) == ""


@pytest.mark.parametrize("lang", ["ja", "ko", "zh-Hant", "de", "ar"])
def test_a_chinese_answer_is_none(lang: str) -> None:
    assert fault(lang, CHINESE * 3) == "wrong_language"


@pytest.mark.parametrize(
    ("lang", "refusal", "identity"),
    [
        ("de", "Es tut mir leid, das kann ich nicht beantworten.", "Ich bin ein Sprachmodell von OpenAI."),
        ("fr", "Désolé, je ne peux pas répondre.", "Je suis un modèle de langage créé par Anthropic."),
        ("es", "Lo siento, no puedo ayudarte con eso.", "Soy un modelo de lenguaje de Google."),
        ("ja", "申し訳ありませんが、お答えできません。", "私はOpenAIが開発した言語モデルです。"),
        ("ar", "عذرًا، لا أستطيع الإجابة.", "أنا نموذج لغوي من OpenAI."),
        ("ko", "죄송합니다만, 답변할 수 없습니다.", "저는 OpenAI의 언어 모델입니다."),
        ("ru", "Извините, я не могу ответить.", "Я языковая модель от OpenAI."),
        ("zh-Hant", "抱歉，我無法回答。", "我是OpenAI的語言模型。"),
    ],
)
def test_refusals_and_talk_of_itself(lang: str, refusal: str, identity: str) -> None:
    assert fault(lang, refusal) == "refusal"
    assert fault(lang, identity) == "identity"
