"""What languages.tsv and the checks of any pair were measured on: the translations that Django 5.2 comes with.

    pip install --target /tmp/django --no-deps 'django>=5.2,<6'
    python benchmarks/languages.py /tmp/django

Prints for each language the characters for 100 of English, the share of texts of 15 characters and more whose language
is found, and the share of good translations from English that a check flags; then the share of texts that are found out
when they come back in English, or in Spanish (French for Spanish, simplified Chinese where it is not English).
"""

from __future__ import annotations

import gettext
import re
import sys
from collections import Counter
from pathlib import Path

from blossom_data.languages.detect import language_of
from blossom_data.languages.tags import known
from blossom_data.stages.translate.guard.pairs import check_pair

LOCALES = {"zh": "zh_Hans", "zh-Hant": "zh_Hant", "pt": "pt_BR"}
_PLACES = re.compile(r"%\(\w+\)[sd]|%[sd]|<[^>]*>|\{\w*\}|&\w+;")


def texts(root: Path, lang: str) -> dict[str, str]:
    """English text -> its translation, without markup and placeholders."""
    found: dict[str, str] = {}
    for file in sorted(root.glob(f"**/locale/{LOCALES.get(lang, lang)}/LC_MESSAGES/django*.mo")):
        with file.open("rb") as opened:
            catalog = gettext.GNUTranslations(opened)._catalog  # type: ignore[attr-defined]
        for key, text in catalog.items():
            if isinstance(key, str) and isinstance(text, str) and key not in ("", text) and "%z" not in text:
                one, other = (" ".join(_PLACES.sub("", each).split()) for each in (key.split("\x04")[-1], text))
                if len(one) > 1 and other:
                    found[one] = other
    return found


def chars(listed: list[str]) -> int:
    return sum(len("".join(text.split())) for text in listed)


def share(part: int, whole: int) -> str:
    return f"{100 * part / max(1, whole):6.1f}"


def main(root: Path) -> None:
    found = {lang: texts(root, lang) for lang in known() if lang != "en"}
    print("lang      texts  chars  found  flagged  english  foreign")
    totals: Counter[str] = Counter()
    for lang, pairs in found.items():
        long = {one: other for one, other in pairs.items() if len(one) >= 8}
        told = [text for text in pairs.values() if len(text) >= 15]
        right = sum(language_of(text) == lang for text in told)
        flagged = sum(bool(check_pair(one, other, target_lang=lang)) for one, other in long.items())
        whole = [one for one in long if len(one) >= 20]
        english = sum(any(each.is_hard for each in check_pair(one, one, target_lang=lang)) for one in whole)
        wrong = found["zh" if lang in ("ja", "ko", "zh-Hant") else "fr" if lang == "es" else "es"]
        other_way = [(one, wrong[one]) for one in whole if one in wrong]
        foreign = sum(any(each.is_hard for each in check_pair(*pair, target_lang=lang)) for pair in other_way)
        ratio = round(100 * chars(list(pairs.values())) / chars(list(pairs)))
        shares = (
            share(right, len(told)),
            share(flagged, len(long)),
            share(english, len(whole)),
            share(foreign, len(other_way)),
        )
        print(f"{lang:<8} {len(pairs):>6} {ratio:>6} {'  '.join(shares)}")
        totals.update(flagged=flagged, good=len(long), english=english, foreign=foreign, n=len(whole), m=len(other_way))
    print(f"flagged of good ones: {share(totals['flagged'], totals['good'])}")
    print(f"found out, in English: {share(totals['english'], totals['n'])}")
    print(f"found out, in a third language: {share(totals['foreign'], totals['m'])}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
