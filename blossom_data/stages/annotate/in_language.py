"""What makes an answer unfit in the languages that faults.py has no patterns of its own for.

    de  "Es tut mir leid, aber das kann ich nicht beantworten."      refusal
    ja  "AIとして、私はお答えできません。"                              refusal
    es  "Soy ChatGPT, un modelo de lenguaje de OpenAI."              identity
    de  "The capital of France is Paris, a city on the Seine ..."    wrong_language
    ja  "法国的首都是巴黎，位于塞纳河畔。"                               wrong_language

Models fall back to English and Chinese, so these two are looked for among languages of one script; an answer in them
that the question asks for by name is right.
"""

from __future__ import annotations

import re

from blossom_data.languages.detect import guess
from blossom_data.languages.phrases import is_said, opens, says
from blossom_data.languages.scripts import chinese_only, scripts_in, simplified_only
from blossom_data.languages.tags import base_of, known, name_of, scripts_of

MAKERS = re.compile(
    r"(?:OpenAI|ChatGPT|GPT-?[345]|Anthropic|Claude|Gemini|Google|DeepMind|DeepSeek|Qwen|Mistral|Meta|Llama|Kimi|Bard"
    r"|Copilot|Grok|xAI|通义千问|文心一言|百度|阿里(?:云|巴巴)|智谱|月之暗面)"
)
"""Who makes models, and how these are called."""
_APOLOGY_CHARS, _SELF_CHARS, _FEW_LETTERS, _CERTAIN = 150, 30, 40, 0.8
_FIRST_SENTENCE = re.compile(r"[^\n.。!！?？؟।]{0,200}")


def find_talk(text: str, question: str, lang: str) -> tuple[str, str] | None:
    """A refusal or talk of itself as a model at the beginning of an answer, as (code, detail)."""
    opening, cannot, model = opens("sorry", lang), says("cannot", lang), says("model", lang)
    if opening is None or cannot is None or model is None:
        return None
    head = text.lstrip()[:_APOLOGY_CHARS]
    sorry = opening.match(head)
    if sorry and cannot.search(head, sorry.end()) and not is_said("sorry", lang, question):
        return "refusal", head[:80]
    first = _FIRST_SENTENCE.match(head)
    sentence = first.group() if first else ""
    named = model.search(sentence)
    maker = MAKERS.search(sentence)
    if named and maker and not (is_said("model", lang, question) or MAKERS.search(question)):
        return "identity", sentence[:80]
    if named and named.start() <= _SELF_CHARS and cannot.search(sentence) and not is_said("model", lang, question):
        return "refusal", sentence[:80]
    return None


def another_language(prose: str, question: str, lang: str) -> str:
    """Says what is wrong with the language of an answer, "" when nothing is; code is taken out of `prose` already."""
    letters = scripts_in(prose)
    wanted = scripts_of(lang)
    ours = sum(letters[script] for script in wanted)
    others = letters.total() - ours
    if letters["Hani"] >= 8 and "Hani" in wanted and not is_said("chinese", lang, question):
        odd = simplified_only() if base_of(lang) == "zh-Hant" else chinese_only()
        if len(set(prose) & odd - set(question)) >= 3 or (wanted[0] != "Hani" and not letters[wanted[0]]):
            return f"a Chinese answer to a question in {name_of(lang)}"
    if _asks_for_another(question, lang):
        return ""
    if not ours and others >= _FEW_LETTERS:
        return f"no {name_of(lang)} in the answer to a question in it"
    if others > 200 and ours * 12 < others:
        return f"hardly any {name_of(lang)} in the answer to a question in it"
    if wanted == ("Latn",) and ours >= _FEW_LETTERS and base_of(lang) in known() and base_of(lang) != "en":
        chances = guess(prose, frozenset({base_of(lang), "en"}))
        if chances.get("en", 0.0) >= _CERTAIN:
            return f"an English answer to a question in {name_of(lang)}"
    return ""


def _asks_for_another(question: str, lang: str) -> bool:
    return is_said("english", lang, question) or is_said("chinese", lang, question)
