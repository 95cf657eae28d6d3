"""Numbers: every value of the source stands in the output, and no new one does.

    "400,000 people" -> "40 万人"        right (40 万 is 400,000)
    "five boxes"     -> "5 个箱子"       right
    "3 boxes"        -> "4 个箱子"       3 is lost, 4 is new

Values are compared as sets, so that an order that changes with the language is no finding.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from functools import cache

from blossom_data.stages.translate.guard.finding import Pair
from blossom_data.stages.translate.lexicon import Lexicon

_LEXICON = Lexicon("numbers")

_DIGITS = re.compile(r"(?<![A-Za-z\d])(?<![A-Za-z]{2}-)\d{1,40}(?:,\d{3}(?!\d)){0,10}(?:\.\d{1,40})?")
_NEGATIVE = re.compile(r"(?:(?<![\w)）\]}.%])[-−–]|负|(?<![\w)] )minus |negative )(?=\d)")
_HAN_PART = re.compile(r"([二三四五六七八九十两\d]{1,3})分之")
_HAN_MONTH = re.compile(r"(\d{1,2}|[一二三四五六七八九十]{1,2})\s?月(?!饼|球|亮|光)")
_HAN_COUNT = re.compile(
    r"(?<![这那述列下])([三四五六七八九十百千万]{1,12})(?=[个只位条岁年月天日本次元块名人项倍页题道种根支把台辆张件小]"
    r"|[公千英]里|分钟|公斤|千克|平方)"
)
_SCALE = _LEXICON.pattern(r"\s?({scale_names})", re.IGNORECASE)
_WORD_NUMBER = _LEXICON.pattern(
    r"\b{tens}(?:[- ](?:one|two|three|four|five|six|seven|eight|nine))?\b|\b{units}\b",
    tens=lambda: _LEXICON.table("tens"),
    units=lambda: _LEXICON.table("units"),
)
_HAN_NUMBER = re.compile(r"[零〇一二两三四五六七八九十百千万亿俩仨双半廿]{1,40}")
_HAN_DIGITS = {sign: value for value, sign in enumerate("零一二三四五六七八九")} | {
    "〇": 0, "两": 2, "俩": 2, "双": 2, "仨": 3, "半": 2, "廿": 20,
}  # fmt: skip
_HAN_SCALES = {"十": 10, "百": 100, "千": 1000}


@cache
def _counts() -> dict[str, int]:
    """English words that a count is written with."""
    units: dict[str, int] = _LEXICON.table("units")
    tens: dict[str, int] = _LEXICON.table("tens")
    return units | tens


@cache
def _loose() -> dict[str, int]:
    """English words that Chinese may write with a numeral, though they are no count: ordinals, months, dozens."""
    months: dict[str, int] = _LEXICON.table("months")
    ordinals: dict[str, int] = _LEXICON.table("ordinals")
    loose: dict[str, int] = _LEXICON.table("loose")
    return ordinals | months | {name[:3]: value for name, value in months.items()} | loose


def _plain(digits: str) -> str:
    """Digits without separators, leading zeros and trailing zeros after the point."""
    digits = digits.replace(",", "")
    if "." in digits:
        digits = digits.rstrip("0").rstrip(".")
    return digits.lstrip("0") or "0"


def _scaled(digits: str, scale: int) -> str:
    whole, _, rest = digits.partition(".")
    zeros = len(str(scale)) - 1
    return _plain(whole + rest[:zeros].ljust(zeros, "0") + ("." + rest[zeros:] if len(rest) > zeros else ""))


def _digit_values(text: str) -> Iterator[tuple[str, frozenset[str]]]:
    """Each number written in digits: (as written, the values it may stand for)."""
    for match in _DIGITS.finditer(text):
        value = _plain(match.group())
        values = {value}
        if scale := _SCALE.match(text, match.end()):
            name = scale.group(1).lower()
            values = ({value} if name in _LEXICON.words("loose_scales") else set()) | {
                _scaled(value, _LEXICON.table("scales")[name])
            }
        after = text[match.end() : match.end() + 2].lower()
        if after[:1] == "s" and len(value) == 4:
            values |= {_plain(value[2:]), str(int(value[:2]) + 1)}
        if value.isdecimal() and len(value) <= 2:
            values |= {str(int(value) + 12), str(int(value) - 12)} if _CLOCK.match(text, match.end()) else set()
        yield match.group(), frozenset(values)


_CLOCK = re.compile(r"(?::\d\d)?\s?(?:[ap]\.?m\b|点|时|:)", re.IGNORECASE)


def _han_value(run: str) -> str:
    """The value of a run of Chinese numerals."""
    if all(sign in _HAN_DIGITS for sign in run):
        return _plain("".join(str(_HAN_DIGITS[sign]) for sign in run))
    total = section = digit = 0
    for sign in run:
        if sign in _HAN_DIGITS:
            digit = _HAN_DIGITS[sign]
        elif sign in _HAN_SCALES:
            section += (digit or 1) * _HAN_SCALES[sign]
            digit = 0
        else:
            total = (total + (section + digit or 1)) * (10**4 if sign == "万" else 10**8)
            section = digit = 0
    return str(total + section + digit)


def _word_values(text: str) -> set[str]:
    """The values of all numerals of a Chinese text."""
    found: set[str] = set()
    if text.isascii():
        return found
    for match in _HAN_NUMBER.finditer(text):
        run = match.group()
        found.add(_han_value(run))
        if len(run) > 1:
            found.update(str(_HAN_DIGITS[sign]) for sign in run if sign in _HAN_DIGITS)
            if run[0] == "十" or text[match.start() - 1 : match.start()] in ("周", "期", "拜"):
                found.add("10")
    return found


def _english_values(text: str) -> set[str]:
    """The counts that an English text (lower case) writes as words."""
    found: set[str] = set()
    for match in _WORD_NUMBER.finditer(text):
        if _AND_MORE.match(text, match.end()):
            continue
        value = sum(_counts()[part] for part in re.split("[- ]", match.group()))
        found.add(str(value))
        if scale := _SCALE.match(text, match.end()):
            found.add(str(value * _LEXICON.table("scales")[scale.group(1).lower()]))
    return found


_AND_MORE = re.compile(r" (?:dozen|and a half (hundred|thousand|million|billion))\b")
_TENTHS = re.compile(r"([一二两三四五六七八九])成")


def _compound_values(text: str) -> set[str]:
    """Values that two words tell together: three dozen, one and a half million, 两成 (20 percent)."""
    found = {str(_HAN_DIGITS[part] * 10) for part in _TENTHS.findall(text)}
    for match in _WORD_NUMBER.finditer(text):
        if more := _AND_MORE.match(text, match.end()):
            value = sum(_counts()[part] for part in re.split("[- ]", match.group()))
            scale = _LEXICON.table("scales")[more[1]] if more[1] else 0
            found |= {str(value), str(value * scale + scale // 2 if scale else value * 12)}
    return found


def _loose_values(words: list[str]) -> set[str]:
    """Values that words of a text may be written with in digits: ordinals, months, dozens."""
    values = _loose()
    return {str(values[part]) for word in words for part in word.split("-") if part in values}


def find_numbers(pair: Pair) -> str:
    """A value is lost, or a new one has come, in the whole or in one of its lines."""
    return (
        _find_values(pair)
        or ("(" in pair.source and _find_calls(pair.source_lower, pair.output_lower))
        or (_find_new_units(pair) if pair.target_lang == "zh" else "")
        or _find_in_lines(pair)
    )


def _find_new_units(pair: Pair) -> str:
    """A half, or a period that something is counted by, is the source's own."""
    found = next(_LEXICON.unpaired("new_units", pair.output, pair.source_lower), None)
    return f"{found.group()} is new" if found else ""


_MOST_LINES = 60


def _find_in_lines(pair: Pair) -> str:
    if "\n" not in pair.source or not any(sign.isdecimal() for sign in pair.source):
        return ""
    source = [line for line in pair.source.split("\n") if line.strip()]
    output = [line for line in pair.output.split("\n") if line.strip()]
    if len(source) != len(output):
        return ""
    for one, other in list(zip(source, output, strict=True))[:_MOST_LINES]:
        if not any(sign.isalpha() for sign in one) and _VALUE.findall(one) != _VALUE.findall(other):
            return f"a line of numbers became {other[:30]!r}"
        if one != other:
            line = Pair(one, other, source_lang=pair.source_lang, target_lang=pair.target_lang)
            if found := _find_values(line):
                return f"{found} in {other[:30]!r}"
    return ""


def _find_values(pair: Pair) -> str:
    source, output = pair.source_lower, pair.output_lower
    wanted, got = list(_digit_values(source)), list(_digit_values(output))
    counts = _english_values(source) if pair.source_lang == "en" else set()
    if not wanted and not got and not counts and pair.source_lang == "en" and not ("分之" in output or "月" in output):
        return ""
    in_output = set().union(*(values for _, values in got)) | _word_values(output)
    if pair.output_words:
        in_output |= _english_values(output) | _loose_values(pair.output_words)
    in_source = set().union(*(values for _, values in wanted)) | counts | _word_values(source)
    if pair.source_lang != "en":
        in_source |= _english_values(source)
    in_source |= _compound_values(source) | _loose_values(pair.source_words) | set(_RUN_OF_DIGITS.findall(source))
    if "半" in output:
        in_output |= {"30", "0.5", "5"}
    if "刻" in output:
        in_output |= {"15", "45"}
    if "折" in source:
        in_source |= {_discount(part) for part in _DISCOUNT.findall(source)}
    if discounts := {_discount(part) for part in _DISCOUNT.findall(output)}:
        in_output |= discounts
        in_source |= {
            str(part) for part in range(1, 100) if str(100 - part) in in_source or str(100 - part * 10) in in_source
        }
    for written, values in wanted:
        if not values & in_output and not _in_parts(values, in_output) and written != "00":
            return f"{written} is lost"
    for written, values in got:
        if not values & in_source and written != "00":
            return f"{written} is new"
    for value in sorted(counts - in_output, key=int):
        is_said = _is_part_of_larger(value, in_output) or (value == "2" and _TWO.search(output))
        if 2 <= int(value) <= 99 and not is_said:
            return f"{value} (a word) is lost"
    return (
        _find_order(source, output)
        or _find_signs(source, output)
        or (_find_quarters(source, output) if "季度" in output else "")
        or (_find_parts(pair) if pair.source_lang == "zh" or "分之" in output or "月" in output else "")
        or (_find_counts(source, in_output) if pair.source_lang == "zh" else "")
    )


_DISCOUNT = re.compile(r"([1-9](?:\.[1-9])?|[一二三四五六七八九]{1,2})\s?折")


def _discount(part: str) -> str:
    """The percentage taken off by 八折 (20), 85 折 or 八五折 (15)."""
    digits = "".join(str(_HAN_DIGITS.get(sign, sign)) for sign in part if sign != ".")
    return str(100 - int(digits.ljust(2, "0")))


_TWO = re.compile(r"[对双都俩彼两二和与或、]|分别|之间|相互")


_QUARTER = (re.compile(r"\bq([1-4])\b"), re.compile(r"(?<![上下每这])第?([一二三四1-4])季度"))


def _find_quarters(source: str, output: str) -> str:
    """Q3 is the third quarter."""
    meant = set(_QUARTER[0].findall(source))
    said = {_han_value(quarter) if not quarter.isdecimal() else quarter for quarter in _QUARTER[1].findall(output)}
    return f"quarter {'/'.join(sorted(said))} for {'/'.join(sorted(meant))}" if said and meant and said - meant else ""


_RUN_OF_DIGITS = re.compile(r"\d{1,20}")
_CALL = re.compile(r"(?<![A-Za-z0-9_])[A-Za-z] ?[(（][A-Za-z0-9+*/^,. -]{1,20}[)）]")


def _find_calls(source: str, output: str) -> str:
    """What is written as a function of something, O(n) or f(2), stays so."""
    one, other = (
        Counter(call.replace(" ", "").replace("（", "(").replace("）", ")") for call in _CALL.findall(text))
        for text in (source, output)
    )
    return f"{min(one - other)} is lost" if one - other and other - one else ""


def _find_signs(source: str, output: str) -> str:
    """Negative numbers are as many."""
    signs = [len(_NEGATIVE.findall(text)) for text in (source, output)]
    return (
        f"{signs[1]} negative numbers for {signs[0]}" if signs[0] != signs[1] and (signs[0] or "负" in output) else ""
    )


_SEQUENCE = re.compile(r"\d{1,20}(?:\.\d{1,9})?(?:\s?[,，、]\s?[-−]?\d{1,20}(?:\.\d{1,9})?){3,200}")
_VALUE = re.compile(r"\d+(?:\.\d+)?")


def _find_order(source: str, output: str) -> str:
    """A list of numbers keeps its order."""
    for one, other in zip(_SEQUENCE.findall(source), _SEQUENCE.findall(output), strict=False):
        values = [_VALUE.findall(text) for text in (one, other)]
        if values[0] != values[1] and sorted(values[0]) == sorted(values[1]):
            return "a list of numbers in another order"
    return ""


def _find_parts(pair: Pair) -> str:
    """Fractions in words and months keep their value, where the output has such a form at all."""
    if pair.source_lang == "zh":
        pair = Pair(pair.output, pair.source)
    said = {_han_value(part) if not part.isdecimal() else part for part in _HAN_PART.findall(pair.output)}
    meant = {str(value) for name, value in _LEXICON.table("parts").items() if name in pair.source_lower}
    if said and meant and not said & meant:
        return f"a fraction of {'/'.join(sorted(said))} parts for one of {'/'.join(sorted(meant))}"
    names = _LEXICON.table("months")
    months = {
        names[word] for word in pair.source_words if word in names and word not in _LEXICON.words("no_month_names")
    }
    said = {_han_value(month) if not month.isdecimal() else _plain(month) for month in _HAN_MONTH.findall(pair.output)}
    if said and months and not said & {str(month) for month in months}:
        return f"month {'/'.join(sorted(said))} for {'/'.join(map(str, sorted(months)))}"
    return ""


def _find_counts(source: str, in_output: set[str]) -> str:
    """Counts that a Chinese text writes in numerals stand in the output."""
    for run in _HAN_COUNT.findall(source):
        value = _han_value(run)
        if (
            value not in in_output
            and value not in ("0", "10", "100", "1000", "10000")
            and not _is_part_of_larger(value, in_output)
        ):
            return f"{run} is lost"
    return ""


def _in_parts(values: frozenset[str], found: set[str]) -> bool:
    """Whether a value was read as two (12,000 as 1 万 and 2 千)."""
    return any(value.endswith("000") and value.rstrip("0") in found for value in values)


def _is_part_of_larger(value: str, found: set[str]) -> bool:
    return any(other.startswith(value) and set(other[len(value) :]) <= {"0"} for other in found)
