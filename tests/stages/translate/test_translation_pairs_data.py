"""Twenty good and twenty bad translations of English into each of eight languages (any_pair/, a line each)."""

from __future__ import annotations

from pathlib import Path

import pytest

from blossom_data.stages.translate.guard.pairs import check_pair

FOLDER = Path(__file__).parent / "any_pair"
LANGUAGES = sorted(path.stem for path in FOLDER.glob("*.tsv") if path.stem != "en")
ENGLISH = (FOLDER / "en.tsv").read_text(encoding="utf-8").splitlines()
ANOTHER = {"de": "fr", "fr": "de", "es": "ru", "ru": "ja", "ar": "ru", "vi": "ko", "ja": "ko", "ko": "ja"}


def lines(lang: str) -> list[str]:
    return (FOLDER / f"{lang}.tsv").read_text(encoding="utf-8").splitlines()


def bad_outputs(lang: str) -> list[tuple[str, str]]:
    """A bad output for each source: left in English, in another language, cut, doubled, answered, with a mask lost."""
    good, other = lines(lang), lines(ANOTHER[lang])
    kinds = []
    for place, (source, output) in enumerate(zip(ENGLISH, good, strict=True)):
        if "`" in source or "://" in source:
            spoilt = output.replace("`timeout`", "").replace("https://a.org/start", "")
        elif source.endswith("?"):
            spoilt = output.rstrip("?？؟。 か") + (" 42." if lang not in ("ja", "ko") else "42です。")
        elif any(sign.isdigit() for sign in source):
            spoilt = output.replace("5", "6").replace("12", "13")
        else:
            spoilt = (source, other[place], f"{output} {output} {output}", output[: len(output) // 4])[place % 4]
        kinds.append((source, spoilt))
    return kinds


@pytest.mark.parametrize("lang", LANGUAGES)
def test_good_translations_pass_in_each_language(lang: str) -> None:
    found = {
        output: faults
        for source, output in zip(ENGLISH, lines(lang), strict=True)
        if (faults := check_pair(source, output, target_lang=lang))
    }
    assert found == {}


@pytest.mark.parametrize("lang", LANGUAGES)
def test_bad_ones_are_found_in_each_language(lang: str) -> None:
    missed = [pair for pair in bad_outputs(lang) if not check_pair(*pair, target_lang=lang)]
    assert len(ENGLISH) == len(lines(lang)) == 20
    assert len(missed) <= 2, missed
