"""Source text that stands untranslated in the output.

    en -> ja  "Explain how rainbows form."  -> "how rainbows form を説明して"      'how rainbows form'
    ja -> de  "虹ができる仕組みを説明して"        -> "Erkläre 虹ができる仕組み"           '虹ができる仕組み'

Names stay as they are in every language, so what counts is a run of words of which most are in lower case, or of
letters in a script without blanks; what is quoted does not count.
"""

from __future__ import annotations

import re
from functools import cache

from blossom_data.languages.scripts import UNSPACED, run_of
from blossom_data.languages.tags import scripts_of
from blossom_data.stages.translate.guard.any_pair.language import QUOTED, alike
from blossom_data.stages.translate.guard.finding import Pair

_FEWEST_WORDS, _FEWEST_WORDS_OF_ONE_SCRIPT, _FEWEST_SIGNS = 3, 6, 4
_WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")


def find_residue(pair: Pair) -> str:
    """The longest run that the output shares with the source, if it is too long to be a name."""
    if pair.is_lang_task:
        return ""
    outside = QUOTED.sub(" | ", pair.output)
    theirs = tuple(script for script in scripts_of(pair.source_lang) if script not in scripts_of(pair.target_lang))
    if not theirs:
        close = alike(pair.source_lang) & alike(pair.target_lang)
        return "" if close or _is_unspaced(pair.source_lang) else _kept(pair, outside, _FEWEST_WORDS_OF_ONE_SCRIPT)
    if set(theirs) & UNSPACED or "Hang" in theirs:
        signs = [run for run in run_of(theirs).findall(outside) if len(run) >= _FEWEST_SIGNS and run in pair.source]
        return max(signs, key=len)[:40] if signs else ""
    return _kept(pair, "".join(_of_script(theirs).findall(outside)), _FEWEST_WORDS)


def _kept(pair: Pair, text: str, fewest: int) -> str:
    """A run of at least `fewest` words that stands word for word in the source, half of them in lower case."""
    own = f" {' '.join(_WORD.findall(pair.source_lower))} "
    for stretch in re.split(r"[|\n.!?。！？;:]", text):
        words = _WORD.findall(stretch)
        for start in range(len(words) - fewest + 1):
            run = words[start : start + fewest]
            lower = sum(not word[:1].isupper() for word in run)
            if lower * 2 >= fewest and f" {' '.join(run).lower()} " in own:
                return " ".join(run)
    return ""


def _is_unspaced(lang: str) -> bool:
    return bool(UNSPACED & set(scripts_of(lang)))


@cache
def _of_script(scripts: tuple[str, ...]) -> re.Pattern[str]:
    """Words of `scripts` with what stands between them, and the signs at which a run ends."""
    letters = run_of(scripts).pattern
    return re.compile(rf"{letters}|[\s'’,-]+|[|.!?。！？;:]")
