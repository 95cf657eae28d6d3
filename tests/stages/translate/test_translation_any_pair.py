"""The checks of a translation between any two languages."""

from __future__ import annotations

import tomllib
from importlib import resources

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blossom_data.languages.tags import known
from blossom_data.stages.translate.guard.pairs import check_pair
from blossom_data.stages.translate.guard.registry import CHECKS

POEM = "Write a short poem about the sea."
RIVERS = "Name four European rivers and tell how long each of them is."
CAPITAL = "What is the capital of France?"
CARRY_ON = "Summarize the following article in two sentences."


def codes(source: str, output: str, source_lang: str, target_lang: str) -> set[str]:
    return {finding.code for finding in check_pair(source, output, source_lang=source_lang, target_lang=target_lang)}


@pytest.mark.parametrize(
    ("source", "output", "pair"),
    [
        (POEM, "海についての短い詩を書いてください。", "en-ja"),
        (POEM, "寫一首關於大海的短詩。", "en-zh-Hant"),
        (POEM, "Schreibe ein kurzes Gedicht über das Meer.", "en-de"),
        (CAPITAL, "ما هي عاصمة فرنسا؟", "en-ar"),
        (CAPITAL, "¿Cuál es la capital de Francia?", "en-es"),
        (CAPITAL, "เมืองหลวงของฝรั่งเศสคือเมืองอะไร", "en-th"),
        (CAPITAL, "フランスの首都はどこですか。", "en-ja"),
        ("Wie heißt die Hauptstadt von Frankreich?", "फ्रांस की राजधानी का नाम क्या है?", "de-hi"),
        ("東京からパリまで約9,700 kmです。", "De Tokyo à Paris, il y a environ 9 700 km.", "ja-fr"),
        ("The country has 1,400,000 people.", "その国の人口は140万人です。", "en-ja"),
        ("Name three colours.", "Nenne 3 Farben.", "en-de"),
        ("Pay $1,234.50 by 3:30 p.m.", "Zahle 1.234,50 $ bis 15:30 Uhr.", "en-de"),
        ("It was built in the 19th century.", "Il fut construit au XIXe siècle.", "en-fr"),
        ("Are you sure? Of course I can't help you, he said.", "¿Seguro? Claro que no puedo ayudarte, dijo.", "en-es"),
        ("Translate the note: it is important.", "Übersetze die Notiz: Sie ist wichtig.", "en-de"),
        ("Correct the sentence: He go to school.", "Corrige la oración: He go to school.", "en-es"),
        ("He called it “naïve” and left the café…", "Il l'a qualifié de « naïf » et a quitté le café…", "en-fr"),
        ("Er sagte „Ja“ und ging.", "Powiedział „tak” i wyszedł.", "de-pl"),
        ("请用两句话总结下面的文章。", "次の記事を二文で要約してください。", "zh-ja"),
        ("Sure, I sent it.", "もちろん、送りましたよ。", "en-ja"),
    ],
)
def test_good_translations_pass(source: str, output: str, pair: str) -> None:
    assert codes(source, output, *pair.split("-", 1)) == set()


@pytest.mark.parametrize(
    ("source", "output", "pair", "code"),
    [
        # In another language or script than the one asked for.
        (POEM, "写一首关于大海的短诗。", "en-ja", "language"),
        (CAPITAL, "法国的首都是哪里？", "en-ko", "language"),
        (CARRY_ON, "用两句话总结下面的文章。", "en-zh-Hant", "simplified"),
        (CAPITAL, "What is the capital of France?", "en-ar", "language"),
        (CAPITAL, "What is the capital of France?", "en-de", "language"),
        (RIVERS, "Nombra cuatro ríos europeos e indica cuánto mide cada uno de ellos.", "en-de", "language"),
        (RIVERS, "Назови четыре европейские реки и укажи длину каждой из них.", "en-hi", "language"),
        ("海についての短い詩を書いてください。", "写一首关于海的の短い诗。", "ja-zh", "language"),
        # Parts left standing.
        ("Explain how rainbows form in the sky.", "how rainbows form in the sky を説明して", "en-ja", "residue"),
        ("虹ができる仕組みを説明してください。", "Erkläre bitte 虹ができる仕組み auf Deutsch.", "ja-de", "residue"),
        (
            "Explain it. Use no more than ten words for your answer.",
            "Erkläre es. Use no more than ten words for deine Antwort.",
            "en-de",
            "residue",
        ),
        # Carried out or far too long.
        (
            POEM,
            "Das Meer so weit, das Meer so blau, die Wellen singen leis und lau, "
            "der Wind trägt Salz an jeden Strand und Träume in ein fernes Land.",
            "en-de",
            "length",
        ),
        (CAPITAL, "Die Hauptstadt von Frankreich ist Paris.", "en-de", "speech_act"),
        (CARRY_ON, "Quel article souhaitez-vous que je résume en deux phrases ?", "en-fr", "speech_act"),
        # Numbers.
        ("Write 100 words about 1990.", "Schreibe 1000 Wörter über 1990.", "en-de", "numbers"),
        ("Give 3 reasons.", "理由を4つ挙げてください。", "en-ja", "numbers"),
        # Damage, masks, structure.
        ("Explain the word over.", "ErklÃ¤re das Wort Ã¼ber.", "en-de", "damage"),
        ("Open https://a.org now.", "Ouvrez maintenant.", "en-fr", "mask"),
        ("- one\n- two", "- eins, zwei", "en-de", "structure"),
    ],
)
def test_bad_ones_do_not(source: str, output: str, pair: str, code: str) -> None:
    assert code in codes(source, output, *pair.split("-", 1))


@pytest.mark.parametrize(
    ("lang", "refusal", "chatter"),
    [
        ("de", "Es tut mir leid, das kann ich nicht.", "Gerne! Schreibe ein Gedicht über das Meer."),
        ("fr", "Désolé, je ne peux pas faire cela.", "Voici la traduction : Écris un poème sur la mer."),
        ("es", "Lo siento, no puedo ayudarte.", "¡Claro! Escribe un poema corto sobre el mar."),
        ("ja", "申し訳ありませんが、お答えできません。", "承知しました。海の短い詩を書いて。"),
        ("ar", "عذرًا، لا أستطيع مساعدتك.", "بالتأكيد! اكتب قصيدة قصيرة عن البحر."),
        ("ko", "죄송합니다만, 도와드릴 수 없습니다.", "물론이죠! 바다에 관한 짧은 시를 쓰세요."),
        ("ru", "Извините, я не могу с этим помочь.", "Конечно! Напиши стихотворение о море."),
        ("pt", "Desculpe, não posso ajudar.", "Escreva um poema sobre o mar. (Nota: tradução livre)"),
        ("zh-Hant", "抱歉，我無法協助。", "好的，寫一首關於大海的短詩。"),
    ],
)
def test_refusals_and_chatter_in_many_languages(lang: str, refusal: str, chatter: str) -> None:
    assert codes(POEM, refusal, "en", lang) & {"refusal"}
    assert codes(POEM, chatter, "en", lang) & {"chatter"}
    # A source that says the same is translated.
    assert "refusal" not in codes("I am sorry, I can't do that.", refusal, "en", lang)


def test_every_check_has_a_line_that_says_where_it_runs() -> None:
    folder = resources.files("blossom_data.stages.translate.guard")
    table = tomllib.loads((folder / "coverage.toml").read_text(encoding="utf-8"))
    assert sorted(table) == sorted(check.name for check in CHECKS)


@given(
    st.sampled_from(sorted(known())),
    st.sampled_from(sorted(known())),
    st.text(max_size=60),
    st.text(max_size=60),
)
def test_no_text_makes_a_check_fail(source_lang: str, target_lang: str, source: str, output: str) -> None:
    for finding in check_pair(source, output, source_lang=source_lang, target_lang=target_lang):
        assert finding.detail
