"""What names or reaches a person, found without asking anybody: addresses, numbers with their checksums, keys.

    find_pii("Mail ann@site.org or call +1 650-253-0000.", "en")
        -> [Found("email", 5, 17, "ann@site.org"), Found("phone", 26, 41, "+16502530000")]
    Scrubber().text("ann@site.org wrote to bob@site.org and ann@site.org", "en")
        -> "<email_1> wrote to <email_2> and <email_1>"

A number counts only where it proves to be one: a card by Luhn's checksum and its issuer, a Chinese identity number by
ISO 7064, a bank account by ISO 13616, a telephone number by the numbering plan of its country (phonenumbers). Names
and postal addresses are not found: that takes a model, and guesses.
"""

from __future__ import annotations

import functools
import ipaddress
import json
import re
import string
import sys
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

from blossom_data.records import Message, Record
from blossom_data.rows import BadRow

_REGIONS = {
    "zh": "CN", "en": "US", "ja": "JP", "ko": "KR", "de": "DE", "fr": "FR", "es": "ES", "it": "IT", "pt": "BR",
    "ru": "RU", "ar": "SA", "hi": "IN", "vi": "VN", "th": "TH", "id": "ID", "tr": "TR", "pl": "PL", "nl": "NL",
}  # fmt: skip
"""Where a number without a country code is looked up, by the language of the record."""
_LATIN = "A-Za-z0-9À-ÖØ-öø-ɏ"
_EMAIL = re.compile(
    rf"(?<![{_LATIN}_.+%-])(?!git@)[{_LATIN}_][{_LATIN}_.+%'-]{{0,63}}@(?![1-9](?:\.[0-9])?x\.)"
    rf"(?:[{_LATIN}\u4e00-\u9fff](?:[{_LATIN}\u4e00-\u9fff-]{{0,61}}[{_LATIN}\u4e00-\u9fff])?\.){{1,6}}[A-Za-z]{{2,24}}"
    r"(?![A-Za-z0-9-]|\.[A-Za-z]|\(\))"
)
"""None: the remote of a repository (git@host), an image for fine screens (icon@2x.png), a product (a@b.sum())."""
_KEY = re.compile(
    r"-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----[\s\S]{1,8000}?-----END [A-Z ]{0,30}PRIVATE KEY-----"
    r"|(?<![A-Za-z0-9])(?:sk-(?=[A-Za-z0-9_-]{0,120}[A-Za-z0-9]{16})(?=[A-Za-z_-]{0,120}[0-9])[A-Za-z0-9_-]{16,200}"
    r"|(?:AKIA|ASIA)[A-Z0-9]{16}|gh[pousr]_[A-Za-z0-9]{30,255}"
    r"|github_pat_[A-Za-z0-9_]{30,255}|glpat-[A-Za-z0-9_-]{20,}|xox[abprs]-[A-Za-z0-9-]{10,250}|AIza[A-Za-z0-9_-]{35}"
    r"|hf_[A-Za-z0-9]{30,}|[rs]k_(?:live|test)_[A-Za-z0-9]{16,}|LTAI[A-Za-z0-9]{12,30}|AKID[A-Za-z0-9]{13,40}"
    r"|eyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,})(?![A-Za-z0-9])"
)
_DIGITS = re.compile(
    r"(?<![\w-])(?<![0-9][.,])(?:[0-9]{13,19}|[0-9]{4}(?:\.[0-9]{4}){3}"
    r"|[0-9]{3,6}(?:(?:[ -]|[ -]?\r?\n[ ]?)[0-9]{3,13}){2,5})(?![\w]|[.,-][0-9])",
    re.ASCII,
)
_CN_ID = re.compile(r"(?<![A-Za-z0-9])[1-8](?:[ -]?[0-9]){16}[ -]?[0-9Xx](?![A-Za-z0-9])")
_SSN = re.compile(r"(?<![\w-])(?!000|666|9)[0-9]{3}([ -]?)(?!00)[0-9]{2}\1(?!0000)[0-9]{4}(?![\w-])", re.ASCII)
_SSN_WORD = re.compile(r"\bssn\b|social|taxpayer", re.IGNORECASE)
_IBAN = re.compile(
    r"(?<![A-Za-z0-9])(?:[A-Z]{2}[0-9]{2}(?:[ -]?[A-Z0-9]{4}){2,7}(?:[ -]?[A-Z0-9]{1,3})?"
    r"|[a-z]{2}[0-9]{2}[a-z0-9]{11,30})(?![A-Za-z0-9])"
)
_IBAN_COUNTRIES = {
    15: "NO",
    16: "BE",
    18: "DK FI FO GL NL",
    19: "MK SI",
    20: "AT BA EE KZ LT LU XK",
    21: "CH HR LI LV",
    22: "BG BH CR DE GB GE IE ME RS VA",
    23: "AE GI IL IQ TL",
    24: "AD CZ ES MD PK RO SA SE SK TN VG",
    25: "LY PT ST",
    26: "IS TR",
    27: "FR GR IT MC MR SM",
    28: "AL AZ BY CY DO GT HU LB PL SV",
    29: "BR EG PS QA UA",
    30: "JO KW MU",
    31: "MT SC",
    32: "LC",
}
"""By how long an account number is there."""
_IPV4 = re.compile(r"(?<![\w.])(?:[0-9]{1,3}\.){3}[0-9]{1,3}(?![\w]|\.[0-9])", re.ASCII)
_IPV6 = re.compile(r"(?<![\w:.])(?:[0-9A-Fa-f]{0,4}:){2,7}[0-9A-Fa-f]{0,4}(?![\w:.]?[\w:])", re.ASCII)
_VERSION = re.compile(r"(?:\bv|version|版本|版本号|release|build)[ :：]*\Z", re.IGNORECASE)
_IP_WORD = re.compile(r"\bip|addr|host|server|login|from|ping|://|@|地址|主机|服务器|网关|登录", re.IGNORECASE)
_CARD_ISSUER = re.compile(r"4|5[1-5]|2[2-7]|3[47]|3[068]|35|6")
_PHONE_WORD = re.compile(
    r"tel|phone|call|mobile|cell|fax|whatsapp|wechat|contact|dial|text me|sms|reach|\b(?:my|his|her|our|your) number"
    r"|电话|手机|致电|联系|拨打|热线|传真|微信|号码",
    re.IGNORECASE,
)
_PHONE_LIKE = re.compile(r"[0-9][0-9 ().\-/]{5,}[0-9]")
_CN_MOBILE = re.compile(r"1[3-9][0-9]([ -]?)[0-9]{4}\1[0-9]{4}")
_QUANTITY = re.compile(r" ?(?:[万亿]?[元人个件吨次年米字]|[%$€£¥])")
_SEPARATED = re.compile(r"[0-9][ ().\-/]+[0-9]")
_WORD_REACH = 40
_SERIAL = re.compile(
    r"(?:订单|运单|单|编|流水|序|批|货|卡|账|帐|学|工|文|型|版本|快递|参考)号[码]?(?:是|为)?[^0-9\w]{0,3}\Z|QQ[^0-9\w]{0,3}\Z"
    r"|\b(?:order|id|serial|ref(?:erence)?|invoice|tracking|account|ticket|no|code|part|model)\b[\s.#:]{0,3}\Z",
    re.IGNORECASE,
)
"""What numbers things: a bare number behind it is none of a telephone."""
_SUM_BEFORE, _SUM_AFTER = re.compile(r"[=×÷*/^+<>≈-] ?\Z"), re.compile(r" ?[=×÷*/^+<>≈]")
_HIDDEN = re.compile("[\u00ad\u034f\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufe00-\ufe0f\ufeff]")
"""Signs that nobody sees, such as zero-width blanks: they part no number from itself."""
_HAS_GROUP = re.compile(r"[0-9]{3}|(?:^|[^0-9])0|[+(]")
_TABLE = re.compile(r"[0-9 ().\-/+]{1000,}")
_BARE = re.compile(r"(?<![0-9])(?:1[3-9][0-9]{9}|\+[0-9]{8,15})(?![0-9])")
"""Of what is counted as telephone numbers where digits go on without a word between."""
_KINDS = ("email", "phone", "id", "card", "account", "ip", "key")


@dataclass(frozen=True, slots=True)
class Found:
    """One stretch; `value` is its plain writing, so that two writings of one number are one."""

    kind: str
    start: int
    end: int
    value: str


def find_pii(text: str, lang: str = "en") -> list[Found]:
    """What is found in `text`, in order and apart from each other.

    Raises:
        ImportError: phonenumbers is not installed.
    """
    places: list[int] = []
    if not text.isascii():
        if _HIDDEN.search(text):
            places = [place for place, sign in enumerate(text) if not _HIDDEN.match(sign)]
            text = "".join(text[place] for place in places)
        text = text.translate(_plain_signs())
    taken: list[Found] = []
    is_taken = bytearray(len(text))
    for find in _FINDERS:
        for found in find(text, lang):
            if not any(is_taken[found.start : found.end]):
                is_taken[found.start : found.end] = b"\1" * (found.end - found.start)
                taken.append(found)
    taken.sort(key=lambda found: found.start)
    if not places:
        return taken
    return [replace(found, start=places[found.start], end=places[found.end - 1] + 1) for found in taken]


@functools.cache
def _plain_signs() -> dict[int, str]:
    """Other writings of digits, letters, blanks and hyphens, each by one character: places stay what they are."""
    digits = (code for code in range(128, sys.maxunicode) if chr(code).isdecimal())
    return {
        **{code: str(unicodedata.decimal(chr(code))) for code in digits},
        **{ord(sign) + 0xFEE0: sign for sign in string.ascii_letters + "@.+-_()"},
        **dict.fromkeys((0x00A0, *range(0x2000, 0x200B), 0x202F, 0x3000), " "),
        **dict.fromkeys((*range(0x2010, 0x2016), 0x2212), "-"),
    }


def _keys(text: str, lang: str) -> Iterator[Found]:
    return (Found("key", *match.span(), match[0]) for match in _KEY.finditer(text))


def _emails(text: str, lang: str) -> Iterator[Found]:
    if "@" in text:
        for match in _EMAIL.finditer(text):
            if ".." not in match[0]:
                yield Found("email", *match.span(), match[0].lower())


def _accounts(text: str, lang: str) -> Iterator[Found]:
    for match in _IBAN.finditer(text):
        plain = re.sub("[ -]", "", match[0]).upper()
        is_length = plain[:2] in _IBAN_COUNTRIES.get(len(plain), "").split()
        if is_length and int("".join(str(int(sign, 36)) for sign in plain[4:] + plain[:4])) % 97 == 1:
            yield Found("account", *match.span(), plain)


def _identities(text: str, lang: str) -> Iterator[Found]:
    for match in _CN_ID.finditer(text):
        plain = re.sub("[ -]", "", match[0]).upper()
        check = sum(int(digit) * (2 ** (17 - at) % 11) for at, digit in enumerate(plain[:17])) % 11
        if "10X98765432"[check] == plain[17] and _is_birthday(plain[6:14]):
            yield Found("id", *match.span(), plain)
    for match in _SSN.finditer(text):
        if match[1] == "-" or _SSN_WORD.search(text, max(0, match.start() - _WORD_REACH), match.start()):
            digits = re.sub("[ -]", "", match[0])
            yield Found("id", *match.span(), f"{digits[:3]}-{digits[3:5]}-{digits[5:]}")


def _is_birthday(digits: str) -> bool:
    try:
        return 1850 < date(int(digits[:4]), int(digits[4:6]), int(digits[6:])).year < 2100
    except ValueError:
        return False


def _cards(text: str, lang: str) -> Iterator[Found]:
    for match in _DIGITS.finditer(text):
        plain = re.sub("[^0-9]", "", match[0])
        is_right = 13 <= len(plain) <= 19 and match[0].count("\n") <= 1
        if is_right and _CARD_ISSUER.match(plain) and len(set(plain)) > 1 and _luhn(plain):
            yield Found("card", *match.span(), plain)


def _luhn(digits: str) -> bool:
    doubled = (2 * int(digit) if at % 2 else int(digit) for at, digit in enumerate(reversed(digits)))
    return sum(number - 9 if number > 9 else number for number in doubled) % 10 == 0


def _addresses(text: str, lang: str) -> Iterator[Found]:
    for pattern in (_IPV4, _IPV6):
        for match in pattern.finditer(text):
            try:
                address = ipaddress.ip_address(match[0])
            except ValueError:
                continue
            is_mask = match[0].startswith(("255.", "0.")) or address.is_loopback or address.is_unspecified
            if not is_mask and not address.is_multicast and _is_address(text, match):
                yield Found("ip", *match.span(), str(address))


def _is_address(text: str, match: re.Match[str]) -> bool:
    """Whether what may be an address is no version, section or name in code.

    Four small numbers are more often one of those: they count only behind a word for addresses.
    """
    if ":" in match[0]:
        groups = [group for group in match[0].split(":") if group]
        return len(groups) >= 3 and max(map(len, groups)) >= 3
    if _VERSION.search(text, max(0, match.start() - 20), match.start()):
        return False
    is_small = all(int(number) < 100 for number in match[0].split("."))
    return not is_small or bool(_IP_WORD.search(text, max(0, match.start() - _WORD_REACH), match.start()))


def _phones(text: str, lang: str) -> Iterator[Found]:
    for table in _TABLE.finditer(text):
        for bare in _BARE.finditer(table[0]):
            plain = bare[0] if bare[0][0] == "+" else f"+86{bare[0]}"
            yield Found("phone", table.start() + bare.start(), table.start() + bare.end(), plain)
    # The matcher takes half a millisecond for each group of digits: it sees none that cannot be one.
    text = _TABLE.sub(_blank, text)
    text = _PHONE_LIKE.sub(lambda match: match[0] if _HAS_GROUP.search(match[0]) else _blank(match), text)
    if not _PHONE_LIKE.search(text):
        return
    import phonenumbers

    home = _REGIONS.get(lang.split("-")[0], "US")
    leniency = phonenumbers.Leniency
    grouped = {
        (match.start, match.end)
        for match in phonenumbers.PhoneNumberMatcher(text, home, leniency.STRICT_GROUPING)
        if _SEPARATED.search(match.raw_string)
    }
    seen: set[tuple[int, int]] = set()
    for region in dict.fromkeys((home, "CN", "US")):
        for match in phonenumbers.PhoneNumberMatcher(text, region, leniency.VALID):
            span = (match.start, match.end)
            if span not in seen and _is_phone(text, match, home, is_grouped=span in grouped):
                seen.add(span)
                plain = phonenumbers.format_number(match.number, phonenumbers.PhoneNumberFormat.E164)
                yield Found("phone", *span, plain)


def _blank(match: re.Match[str]) -> str:
    return "_" * len(match[0])


def _is_phone(text: str, match: Any, home: str, *, is_grouped: bool) -> bool:
    """Whether a valid number is written as a telephone number, and not as an amount, a count or a sum."""
    from phonenumbers import PhoneNumberType, number_type

    raw = match.raw_string
    has_word = bool(_PHONE_WORD.search(text, max(0, match.start - _WORD_REACH), match.start))
    if (has_slash := "/" in raw) or _IPV4.fullmatch(raw):
        return has_slash and has_word and raw.startswith("0") and raw.count("/") == 1
    if _QUANTITY.match(text, match.end):
        return False
    if raw.startswith(("+", "00", "(0")) or has_word:
        return True
    if raw.isdigit():
        if _SERIAL.search(text, max(0, match.start - _WORD_REACH), match.start):
            return False
        if _SUM_BEFORE.search(text, max(0, match.start - 2), match.start) or _SUM_AFTER.match(text, match.end):
            return False
        if _CN_MOBILE.fullmatch(raw):
            return home == "CN"
        # With the 0 that some countries dial first, and no amount or count begins with.
        return raw.startswith("0") and number_type(match.number) == PhoneNumberType.MOBILE
    return is_grouped or bool(_CN_MOBILE.fullmatch(raw))


_FINDERS: tuple[Callable[[str, str], Iterator[Found]], ...] = (
    _keys, _emails, _accounts, _identities, _cards, _addresses, _phones,
)  # fmt: skip


@dataclass(slots=True)
class Scrubber:
    """Replaces what is found by placeholders; one value has one placeholder in all texts that this object sees."""

    numbers: dict[tuple[str, str], int] = field(default_factory=dict)
    _counts: Counter[str] = field(default_factory=Counter)

    def text(self, text: str, lang: str = "en") -> str:
        """`text` with `<email_1>` and the like."""
        written: list[str] = []
        at = 0
        for each in find_pii(text, lang):
            key = each.kind, each.value
            if key not in self.numbers:
                self._counts[each.kind] += 1
                self.numbers[key] = self._counts[each.kind]
            written += (text[at : each.start], f"<{each.kind}_{self.numbers[key]}>")
            at = each.end
        return "".join((*written, text[at:]))

    def record(self, record: Record) -> Record:
        """`record` with every text scrubbed; its id stays."""
        turns = tuple(self._turn(turn, record.lang) for turn in record.messages)
        gold, source_id = (self.text(text, record.lang) for text in (record.gold, record.source_id))
        tools = self._json(record.tools, record.lang)
        return replace(record, messages=turns, gold=gold, source_id=source_id, tools=tools)

    def _turn(self, turn: Message, lang: str) -> Message:
        return replace(
            turn,
            content=self.text(turn.content, lang),
            reasoning_content=self.text(turn.reasoning_content, lang),
            tool_calls=tuple(replace(call, arguments=self._json(call.arguments, lang)) for call in turn.tool_calls),
        )

    def _json(self, text: str, lang: str) -> str:
        """JSON text with all texts and whole numbers in it scrubbed; as it was written where nothing is found."""
        if not text:
            return text
        value = json.loads(text)
        clean = self._value(value, lang)
        return text if clean == value else json.dumps(clean, ensure_ascii=False)

    def _value(self, value: Any, lang: str) -> Any:
        if isinstance(value, dict):
            return {self.text(key, lang): self._value(item, lang) for key, item in value.items()}
        if isinstance(value, list):
            return [self._value(item, lang) for item in value]
        if isinstance(value, bool) or not isinstance(value, str | int):
            return value
        clean = self.text(str(value), lang)
        return value if clean == str(value) else clean


def tagged(*, is_scrubbed: bool) -> Callable[[Record | BadRow], Record | BadRow]:
    """What tags each record with the kinds found in it (pii:email) and, if `is_scrubbed`, takes them out.

    Of a row that could not be read, what is kept of it for the rejects is scrubbed as well.
    """

    def prepare(item: Record | BadRow) -> Record | BadRow:
        scrubber = Scrubber()
        if isinstance(item, BadRow):
            if not is_scrubbed:
                return item
            text = item.raw.decode("utf-8", "surrogateescape")
            detail = scrubber.text(item.detail)
            return replace(item, raw=scrubber.text(text).encode("utf-8", "surrogateescape"), detail=detail)
        clean = scrubber.record(item)
        kinds = [kind for kind in _KINDS if any(kind == found for found, _ in scrubber.numbers)]
        kept = clean if is_scrubbed else item
        return replace(kept, tags=tuple(dict.fromkeys((*item.tags, *(f"pii:{kind}" for kind in kinds)))))

    return prepare
