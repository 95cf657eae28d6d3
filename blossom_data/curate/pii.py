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

import ipaddress
import json
import re
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
_EMAIL = re.compile(
    r"(?<![\w.+%-])[A-Za-z0-9][\w.+%'-]{0,63}@(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.){1,6}[A-Za-z]{2,24}"
    r"(?![A-Za-z0-9-]|\.[A-Za-z])",
    re.ASCII,
)
_KEY = re.compile(
    r"-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----[\s\S]{1,8000}?-----END [A-Z ]{0,30}PRIVATE KEY-----"
    r"|(?<![A-Za-z0-9])(?:sk-[A-Za-z0-9_-]{16,200}|(?:AKIA|ASIA)[A-Z0-9]{16}|gh[pousr]_[A-Za-z0-9]{30,255}"
    r"|github_pat_[A-Za-z0-9_]{30,255}|glpat-[A-Za-z0-9_-]{20,}|xox[abprs]-[A-Za-z0-9-]{10,250}|AIza[A-Za-z0-9_-]{35}"
    r"|hf_[A-Za-z0-9]{30,}|[rs]k_(?:live|test)_[A-Za-z0-9]{16,}|LTAI[A-Za-z0-9]{12,30}|AKID[A-Za-z0-9]{13,40}"
    r"|eyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,})(?![A-Za-z0-9])"
)
_DIGITS = re.compile(r"(?<![\w.,-])[0-9](?:[ -]?[0-9]){12,18}(?![\w]|[.,-][0-9])", re.ASCII)
_CN_ID = re.compile(r"(?<![A-Za-z0-9])[1-8][0-9]{16}[0-9Xx](?![A-Za-z0-9])")
_SSN = re.compile(r"(?<![\w-])(?!000|666|9)[0-9]{3}-(?!00)[0-9]{2}-(?!0000)[0-9]{4}(?![\w-])", re.ASCII)
_IBAN = re.compile(r"(?<![A-Za-z0-9])[A-Z]{2}[0-9]{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?(?![A-Za-z0-9])")
_IPV4 = re.compile(r"(?<![\w.])(?:[0-9]{1,3}\.){3}[0-9]{1,3}(?![\w]|\.[0-9])", re.ASCII)
_IPV6 = re.compile(r"(?<![\w:.])(?:[0-9A-Fa-f]{0,4}:){2,7}[0-9A-Fa-f]{0,4}(?![\w:.]?[\w:])", re.ASCII)
_VERSION = re.compile(r"(?:\bv|version|版本|release|build)[ :：]*\Z", re.IGNORECASE)
_CARD_ISSUER = re.compile(r"4|5[1-5]|2[2-7]|3[47]|3[068]|35|6")
_PHONE_WORD = re.compile(
    r"tel|phone|call|mobile|cell|fax|whatsapp|wechat|contact|dial|text me|sms|reach"
    r"|电话|手机|致电|联系|拨打|热线|传真|微信|号码",
    re.IGNORECASE,
)
_PHONE_LIKE = re.compile(r"[0-9０-９][0-9０-９ ().\-/–]{5,}[0-9０-９]")
_CN_MOBILE = re.compile(r"1[3-9][0-9]{9}")
_SEPARATED = re.compile(r"[0-9][ ().\-/–]+[0-9]")
_WORD_REACH = 40
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
    taken: list[Found] = []
    for find in _FINDERS:
        for found in find(text, lang):
            if all(found.end <= other.start or other.end <= found.start for other in taken):
                taken.append(found)
    return sorted(taken, key=lambda found: found.start)


def _keys(text: str, lang: str) -> Iterator[Found]:
    return (Found("key", *match.span(), match[0]) for match in _KEY.finditer(text))


def _emails(text: str, lang: str) -> Iterator[Found]:
    if "@" in text:
        for match in _EMAIL.finditer(text):
            if ".." not in match[0]:
                yield Found("email", *match.span(), match[0].lower())


def _accounts(text: str, lang: str) -> Iterator[Found]:
    for match in _IBAN.finditer(text):
        plain = match[0].replace(" ", "")
        if 15 <= len(plain) <= 34 and int("".join(str(int(sign, 36)) for sign in plain[4:] + plain[:4])) % 97 == 1:
            yield Found("account", *match.span(), plain)


def _identities(text: str, lang: str) -> Iterator[Found]:
    for match in _CN_ID.finditer(text):
        plain = match[0].upper()
        check = sum(int(digit) * (2 ** (17 - at) % 11) for at, digit in enumerate(plain[:17])) % 11
        if "10X98765432"[check] == plain[17] and _is_birthday(plain[6:14]):
            yield Found("id", *match.span(), plain)
    for match in _SSN.finditer(text):
        yield Found("id", *match.span(), match[0])


def _is_birthday(digits: str) -> bool:
    try:
        return 1850 < date(int(digits[:4]), int(digits[4:6]), int(digits[6:])).year < 2100
    except ValueError:
        return False


def _cards(text: str, lang: str) -> Iterator[Found]:
    for match in _DIGITS.finditer(text):
        plain = re.sub("[ -]", "", match[0])
        if _CARD_ISSUER.match(plain) and len(set(plain)) > 1 and _luhn(plain):
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
            is_mask = match[0].startswith("255.") or address.is_loopback or address.is_unspecified
            if is_mask or address.is_multicast or _VERSION.search(text, max(0, match.start() - 20), match.start()):
                continue
            yield Found("ip", *match.span(), str(address))


def _phones(text: str, lang: str) -> Iterator[Found]:
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
            if span not in seen and _is_phone(text, match, is_grouped=span in grouped):
                seen.add(span)
                plain = phonenumbers.format_number(match.number, phonenumbers.PhoneNumberFormat.E164)
                yield Found("phone", *span, plain)


def _is_phone(text: str, match: Any, *, is_grouped: bool) -> bool:
    """Whether a valid number is written as a telephone number, and not as an amount, a count or a sum."""
    raw = match.raw_string
    if "/" in raw or _IPV4.fullmatch(raw):
        return False
    if raw.startswith(("+", "00", "＋")) or _CN_MOBILE.fullmatch(re.sub("[ -]", "", raw)):
        return True
    return is_grouped or bool(_PHONE_WORD.search(text, max(0, match.start - _WORD_REACH), match.start))


_FINDERS: tuple[Callable[[str, str], Iterator[Found]], ...] = (
    _keys, _emails, _accounts, _identities, _cards, _addresses, _phones,
)  # fmt: skip


@dataclass(slots=True)
class Scrubber:
    """Replaces what is found by placeholders; one value has one placeholder in all texts that this object sees."""

    numbers: dict[tuple[str, str], int] = field(default_factory=dict)

    def text(self, text: str, lang: str = "en") -> str:
        """`text` with `<email_1>` and the like."""
        found = find_pii(text, lang)
        for each in found:
            if (each.kind, each.value) not in self.numbers:
                same = sum(kind == each.kind for kind, _ in self.numbers)
                self.numbers[each.kind, each.value] = same + 1
        for each in reversed(found):
            number = self.numbers[each.kind, each.value]
            text = f"{text[: each.start]}<{each.kind}_{number}>{text[each.end :]}"
        return text

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
