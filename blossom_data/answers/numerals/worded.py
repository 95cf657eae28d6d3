"""Read the numbers written in words, Chinese or English, in a normalised payload.

    "四十二元" -> 42   "两千三百" -> 2300   "三分之二" -> 2/3   "百分之二十五" -> 1/4   "八五折" -> 17/20
    "twenty-five" -> 25   "two thirds" -> 2/3   "three and a half" -> 7/2   "two point five" -> 5/2

Common words are full of numerals: 一共, 第一, 千克, 两人一样多, "one of them", "all three". Such runs are left out; a
run that is no exact number (三十多, "half a dozen") makes the text unclean.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from fractions import Fraction

from blossom_data.answers.patterns import pattern
from blossom_data.answers.quantity import ONE, PERCENT, Quantity

_CHINESE_DIGITS = {digit: value for value, digit in enumerate("零一二三四五六七八九")} | {"两": 2}
_CHINESE_UNITS = {"十": 10, "百": 100, "千": 1000, "万": 10**4, "亿": 10**8}
_ENGLISH_DIGITS = {
    "zero": 0, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9,
    "ten": 10, "eleven": 11, "twelve": 12, "thirteen": 13, "fourteen": 14, "fifteen": 15, "sixteen": 16,
    "seventeen": 17, "eighteen": 18, "nineteen": 19, "twenty": 20, "thirty": 30, "forty": 40, "fifty": 50,
    "sixty": 60, "seventy": 70, "eighty": 80, "ninety": 90,
}  # fmt: skip
_ENGLISH_UNITS = {"dozen": 12, "hundred": 100, "thousand": 10**3, "million": 10**6, "billion": 10**9}
_PARTS = {
    "half": 2, "third": 3, "quarter": 4, "fourth": 4, "fifth": 5, "sixth": 6, "seventh": 7, "eighth": 8, "ninth": 9,
    "tenth": 10, "hundredth": 100,
}  # fmt: skip
_PARTS |= {"halves": 2} | {f"{word}s": value for word, value in _PARTS.items()}
_DIGITS = {**_CHINESE_DIGITS, **_ENGLISH_DIGITS, "a": 1, "an": 1}
_UNITS = {**_CHINESE_UNITS, **_ENGLISH_UNITS}
_SCALES = {word: Fraction(unit) for word, unit in _UNITS.items() if unit > 1000 or word in ("dozen", "thousand")}
_SHARES = {"百": PERCENT, "千": Fraction(1, 1000), "万": Fraction(1, 10000)}

_N, _D = "".join((*_CHINESE_DIGITS, *_CHINESE_UNITS)), "".join(_CHINESE_DIGITS)
_CHINESE = pattern(
    rf"(?P<sign>负)?(?:(?P<share>[百千万])分之)?(?P<main>[{_N}]+)(?:分之(?P<top>[{_N}]+)|又(?P<den>[{_N}]+)分之(?P<num>[{_N}]+)"
    rf"|点(?P<decimals>[{_D}]+)(?P<scale>[万亿]?))?(?P<tenths>折|成(?![为本功果长绩员品]))?"
)
_WORD_AFTER = pattern(
    r"[共起样定些直般边面旦下半致律切路并旁齐带时点](?![零一二三四五六七八九])|(?<=十)(?:分(?![钟米之])|[全足])"
    r"|年级|角形|边形|号[楼店馆]|班(?!次)|明治|角星"
)
_WORD_BEFORE = pattern(r"[第统同唯之另每任进星期周张李王赵老小初高专万给]$|不管三七$|礼拜$")
_IS_SUBJECT = pattern(
    r"(?<![是为有得需要剩共等于到给了约])(?=[一二两三四五六七八九十][^，。；,;、=]{0,8}?(?:一样|同样|相等|相同|相距|相差|平均|之[和差间]|都|各|均|的))"
)
_INEXACT_AFTER = pattern(r"[多余几来半]|个半|点半")

_W = "|".join((*_ENGLISH_DIGITS, *_ENGLISH_UNITS, *_PARTS))
_ENGLISH = pattern(
    rf"\b(?:(?:negative|minus) )?(?:half )?(?:an? )?(?:{_W})\b"
    rf"(?:(?:-| |, | and |-and-| and an? | point )(?:{_W})\b)*(?P<percent> ?(?:%|per ?cent\b))?",
    re.IGNORECASE,
)
_TOKEN = pattern(r"[a-z]+")
_COUNTED = pattern(r"\b(?:have|has|had|needs?|gets?|exactly|only|just|see|buy) $", re.IGNORECASE)
_MAX_RUN = 160


def scan_worded(text: str, lead_end: int) -> tuple[list[Quantity], bool]:
    """Find the numbers in words; `lead_end` is where the payload proper starts.

    The flag is False when one could not be read exactly.
    """
    chinese, is_clean = ([], True) if text.isascii() else scan_chinese(text)
    return (chinese, is_clean) if chinese or not is_clean else scan_english(text, lead_end)


def scan_chinese(text: str) -> tuple[list[Quantity], bool]:
    """Find the numbers in Chinese numerals."""
    found: list[Quantity] = []
    is_clean = True
    for match in _CHINESE.finditer(text):
        start, end = match.span()
        is_word = _WORD_AFTER.match(text, end) is not None
        if end == start + 1 and (is_word or match[0] in "百千万亿" or _IS_SUBJECT.match(text, start)):
            continue
        is_label = is_word or _WORD_BEFORE.search(text, max(0, start - 2), start) is not None
        quantity = _read_chinese(match)
        if quantity is None or _INEXACT_AFTER.match(text, end):
            is_clean = is_clean and is_label
        elif not is_label:
            found.append(quantity)
    return found, is_clean


def _read_chinese(match: re.Match[str]) -> Quantity | None:
    """Turn one run into a number; None when the numerals do not form one."""
    main, top, start, end = match["main"], match["top"], *match.span()
    weight = match.string[end : end + 1]
    if main[-1] == "千" and len(main) > 1 and weight and weight in "克米瓦卡":
        # 三千克 is 3 kg; whether 三千米 is 3 km or 3000 m nobody can tell, but 三十千米 is 30 km.
        if top or (weight == "米" and main[-2] not in "十百"):
            return None
        main, end = main[:-1], end - 1
    if top:
        value = _compose((), top, read_whole(main))
    else:
        value = _compose(main, match["num"] or (), read_whole(match["den"]) if match["den"] else 1, match["decimals"])
    if value is None or len(match[0]) > _MAX_RUN:
        return None
    scale = match["scale"] or (main[-1] if len(main) > 1 and main[-1] in "万亿" and not top else "")
    factor = _SCALES[scale] if scale else _SHARES.get(match["share"], ONE)
    if match["scale"] or match["share"]:
        value *= factor
    if match["tenths"]:
        value, factor = value / (10 if len(main) == 1 else 100), Fraction(1, 10)
    shape = "percent" if match["share"] else "word"
    return Quantity(-value if match["sign"] else value, start, end, shape, factor=factor)


def scan_english(text: str, lead_end: int) -> tuple[list[Quantity], bool]:
    """Find the numbers in English words; a lone "one" or "half" counts only where the payload starts."""
    found: list[Quantity] = []
    is_clean = True
    for match in _ENGLISH.finditer(text):
        start, end = match.span()
        words = _TOKEN.findall(match[0].lower().removesuffix(match["percent"] or ""))
        is_counted = words == ["one"] and _COUNTED.search(text, max(0, start - 10), start)
        if set(words) <= {"a", "one", "half"} and start > lead_end and not is_counted:
            continue
        if len(words) == 1 and words[0] in _PARTS and words != ["half"]:
            continue
        value = _read_english(words) if len(match[0]) <= _MAX_RUN else None
        if value is None:
            is_clean = False
        elif match["percent"]:
            found.append(Quantity(value * PERCENT, start, end, "percent", factor=PERCENT))
        else:
            found.append(Quantity(value, start, end, "word", factor=_SCALES.get(words[-1], ONE)))
    return found, is_clean


def _read_english(words: list[str]) -> Fraction | None:
    """Turn the words of one run into a number; None when they do not form one."""
    if words[0] in ("negative", "minus"):
        value = _read_english(words[1:])
        return None if value is None else -value
    if "point" in words:
        place = words.index("point")
        return _compose(words[:place], decimals=words[place + 1 :])
    if words[-1] not in _PARTS:
        return _compose(words)
    *rest, _ = words
    place = len(rest) - 1 - rest[::-1].index("and") if "and" in rest else -1
    return _compose(rest[: max(place, 0)], rest[place + 1 :] or ("one",), _PARTS[words[-1]])


def _compose(
    whole: Sequence[str], top: Sequence[str] = (), bottom: int | None = 1, decimals: Sequence[str] | None = None
) -> Fraction | None:
    """Add up a whole number, a fraction and decimals; None when one of them is no number."""
    units = read_whole(whole) if whole else 0
    tops = read_whole(top) if top else 0
    digits = [_DIGITS.get(word, 10) for word in decimals or ()]
    if units is None or tops is None or not bottom or max(digits, default=0) > 9 or (whole and top and tops >= bottom):
        return None
    return units + Fraction(tops, bottom) + Fraction(int("".join(map(str, digits)) or "0"), 10 ** len(digits))


def read_whole(words: Sequence[str]) -> int | None:
    """Read the words or numerals of a whole number: hundred times what is smaller before it, and so on."""
    if len(words) > 1 and all(word in _CHINESE_DIGITS for word in words):
        return int("".join(str(_DIGITS[word]) for word in words)) if "两" not in words else None
    parts: list[tuple[int, int]] = []
    for word in words:
        value, unit = _DIGITS.get(word, 0), _UNITS.get(word)
        if word == "and" or (value == 0 and parts and unit is None and word in _DIGITS):
            continue
        if unit is not None:
            while parts and parts[-1][0] < unit:
                value += parts.pop()[0]
            value = (value or (word == "十")) * unit
        if (value == 0 and word not in _DIGITS) or (parts and value >= parts[-1][1]):
            return None
        unit = unit or (10 if value >= 20 else 1)
        parts.append((value, unit))
    last, before = words[-1], _CHINESE_UNITS.get(words[-2], 1) if len(words) > 1 else 1
    shorthand = _CHINESE_DIGITS.get(last, 0) * (before // 10 - 1) if before > 10 else 0
    return sum(value for value, _ in parts) + shorthand
