"""The output is in the target language: by its script, and by the model of languages/detect.py within a script.

en -> ja  "Write a poem." -> "写一首诗。"          Chinese, for there is no kana in it and 写 and 诗 are not used
en -> ar  "Write a poem." -> "Write a poem"      no Arabic in it
en -> de  "Name four rivers of Europe and their lengths." -> "Nombra cuatro ríos de Europa ..."   Spanish
"""

from __future__ import annotations

import re
from functools import cache

from blossom_data.languages.detect import guess
from blossom_data.languages.scripts import chinese_only, scripts_in, simplified_only
from blossom_data.languages.tags import base_of, known, name_of, scripts_of
from blossom_data.stages.translate.guard.finding import Pair
from blossom_data.stages.translate.masks import HOLE

QUOTED = re.compile(
    r"“[^“”\n]{0,400}”|\"[^\"\n]{0,400}\"|„[^„“”\n]{0,400}[“”]|«[^«»\n]{0,400}»|»[^«»\n]{0,400}«|‘[^‘’\n]{0,400}’"
    r"|「[^「」\n]{0,400}」|『[^『』\n]{0,400}』|《[^《》\n]{0,400}》"
    r"|（[^（）\n]{0,400}）|\([^()\n]{0,400}\)|\[[^\[\]\n]{0,400}\]|(?<!\w)'[^'\n]{1,80}'(?!\w)"
)
_LONE_SIGN = re.compile(r"(?<![^\W\d_])[\u0370-\u03ff\u0400-\u04ff](?![^\W\d_])")
"""α decay, Δ, σ: letters that are signs."""
_MANY_HAN, _FEW_LETTERS = 6, 20
"""So many Chinese characters in a row of a Japanese text have kana beside them; fewer letters tell no language."""
_CERTAIN, _RULED_OUT = 0.8, 0.02
"""How probable another language must be, and how improbable the target, for a finding."""


def find_language(pair: Pair) -> str:
    """The output is empty, or not in the target language."""
    if not pair.output.strip():
        return "empty"
    wanted, name = scripts_of(pair.target_lang), name_of(pair.target_lang)
    letters = scripts_in(_LONE_SIGN.sub("", pair.output))
    source = scripts_in(pair.source)
    for script, number in letters.items():
        if script not in (*wanted, "Latn") and number >= 2 and number > source[script]:
            return f"{number} letters of {script}, which {name} is not written in"
    ours = sum(letters[script] for script in wanted)
    if not ours:
        return "" if _is_nothing_to_say(pair, source.total()) else f"no {name} in it"
    if "Latn" not in wanted and letters["Latn"] > 40 and ours * 4 < letters["Latn"] and not pair.is_lang_task:
        return f"hardly any {name} in it"
    if wanted[0] == "Kana":
        return _not_japanese(pair, letters["Kana"], letters["Hani"])
    if wanted[0] == "Hang":
        return "" if letters["Hang"] or letters["Hani"] < 2 else "Chinese characters alone"
    if wanted[0] == "Hani":
        return f"{letters['Kana']} kana" if letters["Kana"] >= 2 and source["Kana"] >= 2 else ""
    return _same_again(pair) or _another_of_its_script(pair)


def find_simplified(pair: Pair) -> str:
    """Two or more characters of simplified Chinese (one in a very short text) that the source does not hold."""
    found = (set(pair.output) & simplified_only()) - set(pair.source)
    return "".join(sorted(found)[:12]) if len(found) >= 2 or (found and pair.output_han <= 8) else ""


def _is_nothing_to_say(pair: Pair, letters: int) -> bool:
    """Whether the source may stay as it is: signs and numbers, a short name, a hole with a word or two."""
    words = pair.source.split()
    if not letters or (HOLE in pair.output and len(words) <= 2):
        return True
    return len(words) <= 3 and pair.output_flat == pair.source_flat and not pair.source.rstrip().endswith((".", "?"))


def _not_japanese(pair: Pair, kana: int, han: int) -> str:
    chinese = (set(pair.output) & chinese_only()) - set(pair.source)
    if len(chinese) >= 2 or (chinese and not kana):
        return f"characters that Japanese does not use: {''.join(sorted(chinese)[:12])}"
    return "Chinese characters alone" if not kana and han >= _MANY_HAN and not pair.is_lang_task else ""


def _same_again(pair: Pair) -> str:
    """The source word for word, if that is more than a name."""
    if pair.output_flat != pair.source_flat or pair.is_lang_task:
        return ""
    words = [word for word in pair.source.split() if any(sign.isalpha() for sign in word)]
    lower = sum(word[:1].islower() for word in words)
    return "the source again" if len(words) >= 3 and lower * 2 >= len(words) else ""


def _another_of_its_script(pair: Pair) -> str:
    """A language that is written in the same script, where the model is certain; quoted text does not count."""
    text = QUOTED.sub(" ", pair.output)
    if pair.is_lang_task or sum(map(str.isalpha, text)) < _FEW_LETTERS or base_of(pair.target_lang) not in known():
        return ""
    chances = guess(text, _sharing(scripts_of(pair.target_lang)))
    best = max(chances, key=lambda tag: chances[tag], default="")
    ours = sum(chances.get(tag, 0.0) for tag in alike(pair.target_lang))
    return f"it is {name_of(best)}" if best and chances[best] >= _CERTAIN and ours <= _RULED_OUT else ""


@cache
def _sharing(scripts: tuple[str, ...]) -> frozenset[str]:
    return frozenset(tag for tag, entry in known().items() if set(scripts) & set(entry.scripts))


_ALIKE = ("da nb", "nb sv", "id ms", "hr sr", "hr sl", "cs sk", "gl pt", "gl es", "ca es", "hi mr", "hi ne", "az tr")
"""Languages that the model mixes up with each other in short texts."""


@cache
def alike(tag: str) -> frozenset[str]:
    """The language of `tag`, and those that short texts do not tell it from."""
    base = base_of(tag)
    return frozenset({base}.union(*(group.split() for group in _ALIKE if base in group.split())))
