"""Words of texts: the packed codes are those of the tokens, and plain text is normalised as the standard says."""

from __future__ import annotations

import random
import unicodedata
from array import array

from blossom_data.curate.tokens import Tokenizer
from blossom_data.rows.normal import compatible

PARTS = [
    *"ab1 2-*–−()=+.,'’_\t\n5é中两百請问麻烦 ，；：！？（）。、％１Ａ",
    "\u3000",
    "\u0301",
    "\xa0",
    "- ",
    "how ",
    "怎么回答",
    "12 * (3",
    "a - 5",
]


def drawn(count: int) -> list[str]:
    draw = random.Random(3)
    return ["".join(draw.choices(PARTS, k=draw.randrange(14))) for _ in range(count)]


def test_codes_are_those_of_the_tokens_also_where_a_blank_stands_beside_an_operator() -> None:
    tokenizer = Tokenizer()
    for text in drawn(5_000):
        codes = array("Q", tokenizer.codes(text)).tolist()
        assert codes == [token.code for token in tokenizer.tokens(text)], text
        assert tokenizer.with_codes(codes) == tokenizer.tokens(text)


def test_plain_chinese_is_normalised_as_unicode_has_it() -> None:
    for text in ["他有１２个，对吗？（是）", "，；：！？（）。、“”‘’《》中文 abc", *drawn(2_000)]:
        assert compatible(text) == unicodedata.normalize("NFKC", text), text
