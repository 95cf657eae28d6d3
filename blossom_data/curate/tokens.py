"""Texts as tokens: words, single characters where a script has no blanks, numbers by their value, operators.

    tokens = Tokenizer().cut("Ａnn has 1,200 apples. 她有两个。")
    [token.text ...]      ann  has  1200  apples  她 有 2 个
    token.kind            CONTENT, FUNCTION (has, 个), NUMBER (1200, 2), NEGATION

Case, width, white space and punctuation make no difference. A number is its value, however it is written: 1,200 and
1200, two and 2 and 两. What a token is is found once for each distinct word.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import blake2b

from blossom_data.answers.numerals.worded import read_whole
from blossom_data.curate.lexicon import lexicon
from blossom_data.rows.normal import compatible

CONTENT, FUNCTION, COURTESY, NUMBER, NEGATION = range(5)
KIND_BITS = 3
_KEPT_WORDS = 300_000
"""Distinct words that are remembered; then the memory begins anew."""
# Scripts that are written without blanks between words: a character is a token.
SINGLE = (
    "\u0e00-\u0eff\u1000-\u109f\u1100-\u11ff\u1780-\u17ff\u3005-\u3007\u3040-\u30ff\u3130-\u318f\u3400-\u4dbf"
    "\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003134f"
)
_NUMERALS = "零〇一二两三四五六七八九十百千万亿"
# A minus, not a hyphen or a dash; a product, not an emphasis.
_OPERATOR = (
    r"−|(?<![^\W\d_])[-–](?=\s?[0-9a-zA-Z(]\b)|(?<=[0-9a-zA-Z)])\s?[*](?=\s?[0-9a-zA-Z(])"
    r"|[=<>+^%/$€£¥|~#@&\\√∑∏∫≤≥≠±×÷∞∈∪∩→←°²³]|[\u2600-\u27bf\U0001f000-\U0001faff]"
)
_DIGITS = r"[0-9]+(?:,[0-9]{3})+(?![0-9])(?:\.[0-9]+)?|[0-9]+(?:\.[0-9]+)?"
_LETTER = rf"[^\W\d_{SINGLE}]"
_TOKEN = re.compile(
    # What is most frequent comes first.
    rf"{_LETTER}+(?:['’]{_LETTER}+)*|{'|'.join(lexicon().phrases)}|[{_NUMERALS}]{{2,20}}|[{SINGLE}]"
    rf"|{_DIGITS}|[^\W_]|{_OPERATOR}"
)
_BLANK_INSIDE = re.compile(rf"(?<=[{SINGLE}])\s+(?=[{SINGLE}])")
_ASCII_TOKEN = re.compile(rf"[A-Za-z]+(?:'[A-Za-z]+)*|{_DIGITS}|{_OPERATOR}")
_ONE = frozenset(("one", "一"))
"""As often an article as a number."""
_SAME = {"%": "percent", "−": "-", "–": "-"}
TURN = "\ue01e"
"""Stands between the turns of a conversation; no text has it as a word."""


@dataclass(frozen=True, slots=True)
class Token:
    """What is known of a word: its plain spelling, its kind, and 64 bits of hash whose last three are the kind."""

    text: str
    kind: int
    code: int


class Tokenizer(dict[str, Token]):
    """Cuts texts; remembers the words that it has met."""

    def __init__(self) -> None:
        self._codes = _Codes(self)

    def codes(self, text: str) -> Iterable[int]:
        """The codes of the tokens of `text`."""
        return map(self._codes.__getitem__, self.cut(text))

    def cut(self, text: str) -> list[str]:
        """The raw words of `text`, in their own case; each is a key of this dict."""
        if len(self) > _KEPT_WORDS:
            self.clear()
            self._codes.clear()
        if text.isascii():
            words = _ASCII_TOKEN.findall(text)
        else:
            words = _TOKEN.findall(_BLANK_INSIDE.sub("", compatible(text)))
        # Of a text without a word its signs are the words.
        return words or text.split()

    def tokens(self, text: str) -> list[Token]:
        """The tokens of `text`."""
        return [self[word] for word in self.cut(text)]

    def __missing__(self, word: str) -> Token:
        text, kind = _read(word)
        digest = blake2b(text.encode(errors="surrogatepass"), digest_size=8).digest()
        made = Token(text, kind, int.from_bytes(digest, "little") >> KIND_BITS << KIND_BITS | kind)
        self[word] = made
        return made


class _Codes(dict[str, int]):
    """The codes alone: looked up for every word of a set."""

    def __init__(self, tokens: Tokenizer) -> None:
        self._tokens = tokens

    def __missing__(self, word: str) -> int:
        code = self[word] = self._tokens[word].code
        return code


def _read(word: str) -> tuple[str, int]:
    """Plain spelling and kind of one word."""
    if word == TURN:
        return word, COURTESY
    text = word.strip().casefold().replace("’", "").replace("'", "") or word
    text = _SAME.get(text, text)
    words = lexicon()
    if text in words.negation:
        return text, NEGATION
    if text in _ONE:
        return text, FUNCTION
    if text[0].isdecimal():
        return _plain_number(text.replace(",", "")), NUMBER
    if text in words.numbers:
        return words.numbers[text], NUMBER
    if len(text) > 1 and all(sign in _NUMERALS for sign in text) and text not in words.phrases:
        value = read_whole(text)
        return (str(value) if value is not None else text), NUMBER
    return text, FUNCTION if text in words.function else COURTESY if text in words.framing else CONTENT


def is_single(text: str) -> bool:
    """Whether a token is one character of a script without blanks."""
    return len(text) == 1 and not text.isascii()


def _plain_number(text: str) -> str:
    """1.50 as 1.5, 007 as 7; digits of any script as they are read."""
    whole, _, decimals = text.partition(".")
    try:
        whole = "".join(str(int(digit)) for digit in whole[:100]).lstrip("0") or "0"
    except ValueError:
        return text
    decimals = decimals.rstrip("0")
    return f"{whole}.{decimals}" if decimals else whole
