"""The output is in the target language, and nothing of the source was left standing.

"Write a poem." -> "Escribe un poema."        language (no Chinese in it)
"Write a poem." -> "写 a poem about the sea"   residue
"""

from __future__ import annotations

import re
from functools import cache

from blossom_data.stages.translate.guard.finding import Pair
from blossom_data.stages.translate.guard.vocabulary import foreign, frequent, links, singular, verbs
from blossom_data.stages.translate.lexicon import Lexicon
from blossom_data.stages.translate.masks import HOLE
from blossom_data.stages.translate.script import HAN, LATIN_WORD, OTHER_SCRIPT

_LEXICON = Lexicon("language")

_NAME = re.compile(r"[A-Z0-9][\w'’-]*")
_QUOTED = re.compile(
    r"“[^“”\n]{0,400}”|\"[^\"\n]{0,400}\"|「[^「」\n]{0,400}」|《[^《》\n]{0,400}》|‘[^‘’\n]{0,400}’"
    r"|（[^（）\n]{0,400}）"
    r"|\([^()\n]{0,400}\)|【[^【】\n]{0,400}】|\[[^\[\]\n]{0,400}\]|'[^'\n]{1,80}'"
)
_RUN = re.compile(r"[A-Za-z][A-Za-z'’-]*(?:,? [A-Za-z][A-Za-z'’-]*){2,}")
_AFTER_COLON = re.compile(r"[：:][ \t]*[^\n：:]*$", re.MULTILINE)
_LETTERS = re.compile(r"[^\W_]+")


_LONE_GREEK = re.compile(r"(?<![\u0370-\u03ff])[\u0391-\u03c9](?![\u0370-\u03ff])")
"""α decay, Δ, σ: letters that are signs."""


@cache
def _endings_of_no_name() -> tuple[str, ...]:
    return tuple(_LEXICON.words("endings_of_no_name"))


def find_language(pair: Pair) -> str:
    """The output is empty, or not in the target language."""
    if not pair.output.strip():
        return "empty"
    letters = OTHER_SCRIPT.findall(_LONE_GREEK.sub("", pair.output))
    if len(letters) > len(OTHER_SCRIPT.findall(pair.source)):
        return f"{''.join(letters[:12])!r} is another script"
    if pair.target_lang == "zh":
        return _not_chinese(pair)
    if pair.target_lang == "en":
        return _not_english(pair)
    return ""


def _not_chinese(pair: Pair) -> str:
    if pair.output_han or not pair.source_words:
        return ""
    if pair.is_lang_task and pair.output_flat in pair.source_flat:
        return ""
    if not pair.output_words:
        keeps = "?" in pair.source and ("?" in pair.output or "？" in pair.output)
        return "" if keeps or (HOLE in pair.output and len(pair.source_words) <= 2) else "no Chinese in it"
    if pair.output_flat == pair.source_flat:
        return "" if _is_name(pair) else "the source again"
    return "" if _is_name(pair) and len(pair.output_words) <= len(pair.source_words) else "no Chinese in it"


def _is_name(pair: Pair) -> bool:
    """Whether the source is a short name, as far as one can see: capitals, and no word of a request."""
    tokens = pair.source.split()
    if len(tokens) > 4 or "?" in pair.source or pair.source.rstrip().endswith("."):
        return False
    words = pair.source_words
    if any(word.endswith(_endings_of_no_name()) and len(word) >= 7 for word in words):
        return False
    if not all(_NAME.match(item) or item.lower() in links() or not item[:1].isalpha() for item in tokens):
        return False
    if any(word in links() and word != "a" for word in words) and len(words) > 3:
        return False
    said = [word for word in words if word not in links()]
    if any(word in verbs() or word in frequent() for word in said):
        return False
    return not all(word in singular() for word in said)


def _not_english(pair: Pair) -> str:
    if not pair.output_words:
        if not pair.source_han or (HOLE in pair.output and pair.source_han <= 4):
            return ""
        asks = "？" in pair.source or "?" in pair.source
        return "" if asks and "?" in pair.output and not pair.output_han else "no English in it"
    english = sum(word in frequent() for word in pair.output_words)
    for stops in foreign():
        other = len({word for word in pair.output_words if word in stops and word not in frequent()})
        if other >= 2 and other > english:
            return "another language with Latin letters"
    accents = sum(not word.isascii() for word in pair.output_words)
    if accents >= 2 and not english and not any(not word.isascii() for word in pair.source_words):
        return "another language with Latin letters"
    return ""


def find_residue(pair: Pair) -> str:
    """Source text stands untranslated in the output."""
    if pair.is_lang_task:
        return ""
    if pair.source_lang == "zh":
        return _han_residue(pair)
    source = _flat(pair.source)
    if len(source) >= 16 and source.count(" ") >= 3 and source in _flat(pair.output):
        return "the whole source"
    if pair.target_lang != "zh" or len(pair.output_words) < 3:
        return ""
    outside = _QUOTED.sub(" | ", _without_kept_lines(pair) if "\n" in pair.source else pair.output)
    if pair.output_han:
        outside = _AFTER_COLON.sub(_unless_han, outside)
    return _english_run(pair, outside, 2)


_ABOUT_ENGLISH = _LEXICON.pattern(r"\b{about_english}\b", re.IGNORECASE)
_COLUMNS = _LEXICON.pattern(r"\b{columns}\b", re.IGNORECASE)
_NAMES = re.compile(r"[\w\\]{1,40}(?:, ?[\w\\]{1,40}){1,99}\.?")


def _without_kept_lines(pair: Pair) -> str:
    """The output without the lines that it rightly has from the source: English to work on, names of columns."""
    first, _, rest = pair.source.strip().partition("\n")
    own = {line.strip() for line in rest.split("\n")}
    is_about = _ABOUT_ENGLISH.search(first) is not None
    is_columns = _COLUMNS.search(first) is not None
    return "\n".join(
        "" if line.strip() in own and (is_about or (is_columns and _NAMES.fullmatch(line.strip()))) else line
        for line in pair.output.split("\n")
    )


_REWRITES = _LEXICON.pattern(r"\b{rewrites}s?\b", re.IGNORECASE)


_ADDRESS = re.compile(r"[\w.+-]{1,64}@[\w.-]{1,64}")


def _scattered(pair: Pair) -> str:
    """Plain words of a short source that stand untranslated among Chinese ones."""
    outside = _AFTER_COLON.sub(_unless_han, _QUOTED.sub(" | ", _ADDRESS.sub(" ", pair.output)))
    words = pair.source_words
    left = [word for word in LATIN_WORD.findall(outside) if word.islower() and len(word) >= 4 and word in words]
    left = [word for word in dict.fromkeys(left) if word not in _LEXICON.words("borrowed")]
    known = sum(word in singular() or word in verbs() or word in frequent() for word in left)
    return ", ".join(left[:5]) if known and len(left) >= 2 and len(left) * 6 >= len(words) else ""


def find_soft_residue(pair: Pair) -> str:
    """A longer run of source text in quotes or after a colon, in a task that is not about language."""
    if pair.is_lang_task or pair.target_lang != "zh" or pair.source_lang != "en" or len(pair.output_words) < 2:
        return ""
    if _REWRITES.search(pair.source) or ("\n" in pair.source and not _english_run(pair, _without_kept_lines(pair), 2)):
        return ""
    if scattered := _scattered(pair):
        return scattered
    if len(pair.output_words) < 5:
        return ""
    return _english_run(pair, _QUOTED.sub(" | ", pair.output), 4)


def _english_run(pair: Pair, text: str, lower_words: int) -> str:
    """A run of three or more Latin words, `lower_words` in lower case, that the source has or that is English."""
    for match in _RUN.finditer(text):
        if text[match.end() : match.end() + 1] in _CALLS:
            continue
        words = match.group().replace(",", "").split()
        lower = [word for word in words if word.islower()]
        if not lower and len(words) >= 4:
            lower = [word.lower() for word in words if word.isupper() and len(word) > 1]
        if len(lower) < lower_words:
            continue
        known = sum(word.lower() in pair.source_word_set for word in words)
        told = sum(
            word in frequent() or word in singular() or word in verbs() or word.endswith(_endings_of_no_name())
            for word in lower
        )
        if len(words) == 3 and told < 2:
            continue  # names: google pub sub
        if known * 2 >= len(words) or sum(word in frequent() for word in lower) >= 2:
            return match.group()[:60]
    return ""


_CALLS = frozenset("([={")
"""What follows a name of code: for i in range(3)."""


def _unless_han(match: re.Match[str]) -> str:
    return match.group() if HAN.search(match.group()) else " | "


def _han_residue(pair: Pair) -> str:
    if pair.target_lang != "en":
        return ""
    output = pair.output
    if _ABOUT_CHINESE.search(pair.source):
        output = _HAN_RUN.sub(lambda run: "" if _is_material(run, pair) else run.group(), output)
    outside = _QUOTED.sub(" ", output)
    left = HAN.findall(outside)
    if len(left) >= 2 and len(left) * 8 > len(LATIN_WORD.findall(outside)):
        return "".join(left[:16])
    inside = len(HAN.findall(output))
    return f"{inside} Chinese characters in quotes" if inside >= 6 and inside * 2 > pair.source_han else ""


_ABOUT_CHINESE = _LEXICON.pattern("{about_chinese}")
_HAN_RUN = re.compile(r"[\u4e00-\u9fff，。！？、；：…]+")
_OPENS_MATERIAL, _ENDS_MATERIAL = frozenset("\"'“‘「（(：:\n"), frozenset("\"'”’」）)\n")


def _is_material(run: re.Match[str], pair: Pair) -> bool:
    """Whether a Chinese run of the output is what its source works on: quoted, behind a colon, or a line of its own."""
    before, after = pair.output[: run.start()].rstrip(" \t"), pair.output[run.end() :].strip(" \t.")
    return (
        run.group() in pair.source
        and before[-1:] in _OPENS_MATERIAL
        and (not after or after[0] in _ENDS_MATERIAL or pair.output[run.end() : run.end() + 1] == "\n")
    )


def _flat(text: str) -> str:
    return " ".join(_LETTERS.findall(text.lower()))
