"""Read the numbers written with Chinese numerals in a normalised payload.

    "四十二元" -> 42   "两千三百" -> 2300   "三分之二" -> 2/3
    "百分之二十五" -> 1/4   "二又三分之一" -> 7/3   "八五折" -> 17/20

Only for payloads without Arabic digits: 一共, 一半, 第一, 千克 and 万元 are full of numeral characters. Runs that are
part of a common word, a name or an ordinal are left out, and so are subjects: 两人一样多, 三个数的和相等.
"""

from __future__ import annotations

import re
from fractions import Fraction

from blossom_data.answers.patterns import pattern
from blossom_data.answers.quantity import ONE, PERCENT, Quantity

_N = "零一二两三四五六七八九十百千万亿"
_D = "零一二三四五六七八九"
_RUN = pattern(
    rf"(?P<sign>负)?(?:(?P<hundred>[百千万]分之)(?P<part>[{_N}]+(?:点[{_D}]+)?)"
    rf"|(?P<main>[{_N}]+)(?:分之(?P<top>[{_N}]+)|又(?P<den>[{_N}]+)分之(?P<num>[{_N}]+)|点(?P<decimals>[{_D}]+))?)"
    r"(?P<unit>折|成(?![为本功果长绩员品]))?"
)
_DIGITS = {character: value for value, character in enumerate(_D)} | {"两": 2}
_UNITS = {"十": 10, "百": 100, "千": 1000}
_WORD_AFTER = pattern(
    r"[共起样定些直般边面旦下半致律切路并旁齐带时点](?![零一二三四五六七八九])|年级|角形|边形|号[楼店馆]|班(?!次)|明治|角星"
)
_WORD_BEFORE = pattern(r"[第统同唯之另每任进星期周张李王赵老小初高专万给]$|不管三七$|礼拜$")
_IS_SUBJECT = pattern(
    r"(?<![是为有得需要剩共等于到给了约])(?=[一二两三四五六七八九十][^，。；,;、=]{0,8}?(?:一样|同样|相等|相同|相距|相差|平均|之[和差间]|都|各|均|的))"
)
_INEXACT_AFTER = pattern(r"[多余几来半]|个半|点半")
_TEN_AS_VERY = pattern(r"分(?![钟米之])|全|足")
_MAX_RUN = 40
_ONE_HUNDREDTH = {"百": PERCENT, "千": Fraction(1, 1000), "万": Fraction(1, 10000)}


def scan_chinese(text: str) -> tuple[list[Quantity], bool]:
    """Find the numbers in Chinese numerals; the flag is False when one could not be read exactly."""
    found: list[Quantity] = []
    is_clean = True
    for match in _RUN.finditer(text):
        run = match[0]
        start, end = match.span()
        if len(run) > _MAX_RUN:
            return found, False
        if len(run) == 1 and (_WORD_AFTER.match(text, end) or run in "零十百千万亿"):
            if run == "十" and not _TEN_AS_VERY.match(text, end):
                found.append(_whole(Fraction(10), start, end))
            elif run == "零":
                found.append(_whole(Fraction(0), start, end))
            continue
        if len(run) == 1 and _IS_SUBJECT.match(text, start):
            continue
        is_label = bool(_WORD_BEFORE.search(text, max(0, start - 2), start) or _WORD_AFTER.match(text, end))
        quantity = _read_run(match, text)
        if quantity is None or _INEXACT_AFTER.match(text, end):
            is_clean = is_clean and is_label
        elif not is_label:
            found.append(quantity)
    return found, is_clean


def _whole(value: Fraction, start: int, end: int) -> Quantity:
    return Quantity(value, start, end, "word")


def _read_run(match: re.Match[str], text: str) -> Quantity | None:
    """Turn one run into a number; None when the numerals do not form one."""
    start, end = match.span()
    sign = -1 if match["sign"] else 1
    if match["hundred"]:
        part = _decimal(match["part"])
        factor = _ONE_HUNDREDTH[match["hundred"][0]]
        return None if part is None else Quantity(sign * part * factor, start, end, "percent", factor=factor)
    main = match["main"]
    if main.endswith("千") and len(main) > 1 and text[end : end + 1] in ("克", "米", "瓦", "卡"):
        if (text[end] == "米" and main[-2] not in "十百") or match["top"]:
            return None
        main, end = main[:-1], end - 1
    value = parse_chinese(main)
    if value is None:
        return None
    factor = ONE
    if match["unit"]:
        value, factor = _tenths(main, value), Fraction(1, 10)
    elif match["top"]:
        top = parse_chinese(match["top"])
        if top is None or value == 0:
            return None
        value = top / value
    elif match["num"]:
        top, bottom = parse_chinese(match["num"]), parse_chinese(match["den"])
        if top is None or not bottom:
            return None
        value += top / bottom
    elif match["decimals"]:
        value += _fraction_digits(match["decimals"])
    elif main[-1] in "万亿" and len(main) > 1:
        factor = Fraction(10**4 if main[-1] == "万" else 10**8)
    return Quantity(sign * value, start, end, "word", factor=factor)


def _tenths(run: str, value: Fraction) -> Fraction:
    """Read 八折 as 0.8 and 八五折 as 0.85."""
    return value / 10 if len(run) == 1 else value / 100


def _decimal(run: str) -> Fraction | None:
    whole, _, decimals = run.partition("点")
    value = parse_chinese(whole)
    return None if value is None else value + _fraction_digits(decimals)


def _fraction_digits(run: str) -> Fraction:
    return Fraction(int("".join(str(_DIGITS[c]) for c in run)), 10 ** len(run)) if run else Fraction(0)


def parse_chinese(run: str) -> Fraction | None:
    """Read a run of Chinese numerals such as 一万零五百 as a whole number; None when it is not one."""
    if all(character in _DIGITS for character in run):
        if len(run) == 1:
            return Fraction(_DIGITS[run])
        return Fraction(int("".join(str(_DIGITS[c]) for c in run))) if "两" not in run else None
    total = section = 0
    digit: int | None = None
    last_unit = 1
    for character in run:
        if character in _DIGITS:
            if digit:
                return None
            digit = _DIGITS[character]
            if digit == 0:
                last_unit = 1
        elif character in _UNITS:
            unit = _UNITS[character]
            if digit is None and unit != 10:
                return None
            section += (1 if digit is None else digit) * unit
            digit, last_unit = None, unit
        else:
            big = 10**4 if character == "万" else 10**8
            amount = section + (digit or 0)
            if amount == 0 and total == 0:
                return None
            total = (total + amount) * big if big == 10**8 else total + amount * big
            section, digit, last_unit = 0, None, big
    if digit and last_unit >= 100:
        digit *= last_unit // 10
    return Fraction(total + section + (digit or 0))
