"""Texts as tokens: words, single characters where a script has no blanks, numbers by their value, operators.

    tokens = Tokenizer().tokens("Ａnn has 1,200 apples. 她有两个。")
    [token.text ...]      ann  has  1200  apples  她 有 2 个
    token.kind            CONTENT, FUNCTION (has, 个), NUMBER (1200, 2), NEGATION
    tokenizer.codes(text) the codes of the same tokens, 8 bytes each: several times faster than the tokens

Case, width, white space and punctuation make no difference. A number is its value, however it is written: 1,200 and
1200, two and 2 and 两. What a token is is found once for each distinct word, and the codes of what stands between two
blanks once for each distinct spelling.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import blake2b

from blossom_data.answers.numerals.worded import read_whole
from blossom_data.curate.lexicon import lexicon
from blossom_data.rows.normal import compatible

CONTENT, FUNCTION, COURTESY, NUMBER, NEGATION = range(5)
KIND_BITS = 3
_KEPT_WORDS = 200_000
"""Distinct words, and spellings between blanks, that are remembered; then the memory begins anew."""
_KEPT_CHARACTERS = 24
"""Of a spelling that is remembered: a longer one does not come again."""
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
# Characters that begin more than themselves: a phrase, a number in characters.
_BEGINNING = "".join(sorted({*_NUMERALS, *(phrase[0] for phrase in lexicon().phrases)}))
_TOKEN = re.compile(
    # What is most frequent comes first.
    rf"(?![{_BEGINNING}])[{SINGLE}]|{_LETTER}+(?:['’]{_LETTER}+)*"
    rf"|(?=[{_BEGINNING}])(?:{'|'.join(lexicon().phrases)}|[{_NUMERALS}]{{2,20}}|[{SINGLE}])"
    rf"|{_DIGITS}|[^\W_]|{_OPERATOR}"
)
_BLANK_INSIDE = re.compile(rf"(?<=[{SINGLE}])\s+(?=[{SINGLE}])")
# An operator that is told by what stands behind the blank next to it.
_ACROSS = re.compile(r"[*]|[-–]\s")
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
        self._by_code: dict[int, Token] = {}
        self._packed = _Packed(self)
        self._spellings = _Spellings(self._packed)

    def codes(self, text: str) -> bytes:
        """The codes of the tokens of `text`, a native uint64 each."""
        self._forget()
        normal = _normal(text)
        is_across = ("*" in normal or "-" in normal or "–" in normal) and _ACROSS.search(normal)
        parts = [normal] if is_across else normal.split()
        return b"".join(map(self._spellings.__getitem__, parts)) or self.packed(text.split())

    def packed(self, words: Iterable[str]) -> bytes:
        """The codes of words that `cut` gave."""
        return b"".join(map(self._packed.__getitem__, words))

    def cut(self, text: str) -> list[str]:
        """The raw words of `text`, in their own case; each is a key of this dict."""
        self._forget()
        # Of a text without a word its signs are the words.
        return _words(_normal(text)) or text.split()

    def tokens(self, text: str) -> list[Token]:
        """The tokens of `text`."""
        return [self[word] for word in self.cut(text)]

    def with_codes(self, codes: Iterable[int]) -> list[Token]:
        """The tokens with these codes.

        Raises:
            KeyError: one of them was not met lately.
        """
        return [self._by_code[code] for code in codes]

    def _forget(self) -> None:
        if len(self) > _KEPT_WORDS or len(self._spellings) > _KEPT_WORDS:
            self.clear()
            self._by_code.clear()
            self._packed.clear()
            self._spellings.clear()

    def __missing__(self, word: str) -> Token:
        text, kind = _read(word)
        digest = blake2b(text.encode(errors="surrogatepass"), digest_size=8).digest()
        made = Token(text, kind, int.from_bytes(digest, "little") >> KIND_BITS << KIND_BITS | kind)
        self[word] = self._by_code[made.code] = made
        return made


class _Packed(dict[str, bytes]):
    """The code of a word as it is packed."""

    def __init__(self, tokens: Tokenizer) -> None:
        self._tokens = tokens

    def __missing__(self, word: str) -> bytes:
        packed = self[word] = array("Q", [self._tokens[word].code]).tobytes()
        return packed


class _Spellings(dict[str, bytes]):
    """The packed codes of what stands between two blanks: looked up for every word of a set."""

    def __init__(self, packed: _Packed) -> None:
        self._packed = packed

    def __missing__(self, part: str) -> bytes:
        codes = b"".join(map(self._packed.__getitem__, _words(part)))
        if len(part) <= _KEPT_CHARACTERS:
            self[part] = codes
        return codes


def _normal(text: str) -> str:
    return text if text.isascii() else _BLANK_INSIDE.sub("", compatible(text))


def _words(normal: str) -> list[str]:
    return (_ASCII_TOKEN if normal.isascii() else _TOKEN).findall(normal)


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
