r"""One plain spelling for the many ways in which a short payload can be typed.

    "２５％"                    -> "25%"
    "$2\frac{1}{3}$ hours"      -> "$2 1/3$ hours"
    "**1,234**"                 -> "1,234"
    "1((1)/(2))"                -> "1(1/2)"
    "12\text{ cm}^2"            -> "12 cm^2"

Works on payloads of at most a few hundred characters; every pattern is linear. An unknown LaTeX command stays
as a backslash, which the number reader takes as a reason to give up.
"""

from __future__ import annotations

import re

from blossom_data.answers.patterns import pattern

_PAIRS = (
    ("０１２３４５６７８９", "0123456789"),
    ("％﹪．／－＋＝：；（）＜＞＄￥＾＊～！＃", "%%./-+=:;()<>$¥^*~！#"),
    ("−‐‑–﹣➖", "------"),
    ("✕✖∗⋅∙•", "××*·· "),
    ("∶⁄∕÷≒≃≅", ":" + "//÷≈≈≈"),
    ("⁰¹²³⁴⁵⁶⁷⁸⁹", "0123456789"),
    ("壹贰叁肆伍陆柒捌玖拾佰仟萬億兩負〇點", "一二三四五六七八九十百千万亿两负零点"),
)
_VULGAR = {
    "½": "1/2", "⅓": "1/3", "⅔": "2/3", "¼": "1/4", "¾": "3/4", "⅕": "1/5", "⅖": "2/5", "⅗": "3/5", "⅘": "4/5",
    "⅙": "1/6", "⅚": "5/6", "⅛": "1/8", "⅜": "3/8", "⅝": "5/8", "⅞": "7/8", "⅐": "1/7", "⅑": "1/9", "⅒": "1/10",
}  # fmt: skip
_INVISIBLE = "\u200b\u200c\u200d\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2060\u2066\u2067\u2068\u2069\ufeff\x00"
_SPACES = "\u00a0\u1680\u2002\u2003\u2004\u2005\u2007\u2008\u200a\u205f\u3000\t\r"
_TABLE = {source: target for left, right in _PAIRS for source, target in zip(left, right, strict=True)}
_TABLE |= dict.fromkeys(_INVISIBLE, "") | dict.fromkeys(_SPACES, " ") | {"\u202f": "\u2009"}

_SPECIAL = pattern("[" + re.escape("".join(_TABLE) + "".join(_VULGAR)) + "]")
_SUPER_RUN = pattern("(?<=[0-9A-Za-z\u4e00-\u9fff)])([⁰¹²³⁴⁵⁶⁷⁸⁹]{1,4})")
_VULGAR_AFTER_DIGIT = pattern("(?<=[0-9]) ?([" + "".join(_VULGAR) + "])")
_WIDE_GROUP = pattern(r"(?<=[0-9])，(?=[0-9]{3}(?![0-9]))")
_THIN_GROUP = pattern("(?<=[0-9])\u2009(?=[0-9]{3}(?![0-9]))")

_LATEX_TEXT = pattern(
    r"\\(?:text|textbf|textit|textrm|mathrm|mathbf|mathit|mathsf|boldsymbol|bm|mbox|operatorname|underline|boxed|fbox)"
    r"\s?\{([^{}]{0,200})\}"
)
_LATEX_FRACTION = pattern(
    r"(?P<before>[0-9)]?) ?\\[dtc]?frac ?(?:\{ ?(?P<a>-?[0-9][0-9.,]*) ?\}|(?P<b>[0-9]))"
    r" ?(?:\{ ?(?P<c>[0-9][0-9.,]*) ?\}|(?P<d>[0-9]))"
)
_LATEX_BRACED_POWER = pattern(r"\^ ?\{ ?([^{}]{1,8}?) ?\}")
_LATEX_COMMAND = pattern(r"\\(?:[A-Za-z]+|.)", re.DOTALL)
_LATEX_SYMBOLS = {
    "times": "×", "cdot": "×", "ast": "*", "div": "÷", "approx": "≈", "simeq": "≈", "sim": "~", "pm": "±",
    "neq": "≠", "ne": "≠", "leq": "≤", "le": "≤", "leqslant": "≤", "geq": "≥", "ge": "≥", "geqslant": "≥", "lt": "<",
    "gt": ">", "sqrt": "√", "pi": "π", "circ": "°", "degree": "°", "rightarrow": "=", "Rightarrow": "=", "to": "=",
    "implies": "=", "ldots": "…", "dots": "…", "cdots": "…", "colon": ":", "euro": "€", "pounds": "£", "yen": "¥",
    "percent": "%", "%": "%", "$": "$", "#": "#", "&": "&", "_": "_", ",": "\u2009", "!": "", ";": " ", ":": " ",
    " ": " ", "quad": " ", "qquad": " ", "\\": " ", "(": " ", ")": " ", "[": " ", "]": " ", "left": "", "right": "",
    "displaystyle": "", "textstyle": "", "bf": "", "rm": "", "checkmark": "", "therefore": "", "{": "(", "}": ")",
    "enspace": " ", "thinspace": "\u2009", "bigl": "", "bigr": "", "big": "", "Large": "", "large": "",
    "boxed": "", "text": "", "mathrm": "", "textbf": "", "mathbf": "", "\n": " ",
}  # fmt: skip
_BOLD_POWER = pattern(r"(?<=[0-9)])(?:\*\*| \*\* )(?=\(?[0-9])")
_TENTHS = pattern(r"([0-9])(元|块|米) ?([0-9])(?:角|毛|分米)(?: ?([0-9])(?:分|厘米))?")
_CALCULATOR = pattern(r"<<[^<>\n]{0,200}>>")
_NESTED_PARENS = pattern(r"\( ?([0-9.]{1,60}) ?\) ?/ ?\( ?([0-9.]{1,60}) ?\)")
_CHAINED_EQUALS = pattern(r"(?:\bis |\bare |\bwhich )?\bequal(?:s\b|(?: to)\b)|[=-]>|={2,3}|:=")
_WORDED_EQUALS = pattern("等于|[→⇒⟹➔]")
_BELOW_ZERO = pattern(
    r"(?P<number>\b[a-z]+|[0-9][0-9.,]*)(?P<unit> ?(?:°|degrees?\b)[^.,;=]{0,14}?)? below (?:zero|0)\b", re.I
)
_DIGIT_GAP = pattern(r"(?<=[0-9])\{,\}(?=[0-9])")


def normalise(text: str) -> str:
    """Return `text` in the plain spelling that the number readers expect."""
    if "<<" in text:
        text = _CALCULATOR.sub("", text)
    if not text.isascii():
        # 24元5角 is 24.5元.
        text = _TENTHS.sub(r"\1.\3\4\2", text)
        text = _WORDED_EQUALS.sub("=", _plain_characters(text))
    if "\\" in text or "{" in text:
        text = _plain_latex(text)
    if "*" in text or "`" in text:
        text = _BOLD_POWER.sub("^", text).replace("**", "").replace("`", "")
    if "__" in text:
        text = text.replace("__", "")
    if ")/" in text or ") /" in text:
        text = _NESTED_PARENS.sub(r"\1/\2", text)
    if "\u2009" in text:
        text = _THIN_GROUP.sub("", text).replace("\u2009", " ")
    if " below " in text:
        text = _BELOW_ZERO.sub(r"negative \g<number>\g<unit>", text)
    if ">" in text or "==" in text or ":=" in text or "equal" in text:
        text = _CHAINED_EQUALS.sub("=", text)
    return text


def _plain_characters(text: str) -> str:
    """Replace full-width forms, Unicode minus and quotes, superscripts and vulgar fractions."""
    if not _SPECIAL.search(text):
        return _WIDE_GROUP.sub(",", text).replace("，", ", ") if "，" in text else text
    text = _VULGAR_AFTER_DIGIT.sub(r" \1", text)
    text = _SUPER_RUN.sub(r"^\1", text)
    text = _SPECIAL.sub(lambda match: _VULGAR.get(match[0]) or _TABLE.get(match[0], ""), text)
    return _WIDE_GROUP.sub(",", text).replace("，", ", ")


def _plain_latex(text: str) -> str:
    """Unwrap text commands, turn fractions into a/b and known symbols into characters."""
    text = _DIGIT_GAP.sub(",", text)
    for _ in range(2):
        text = _LATEX_TEXT.sub(r"\1", text)
    text = _LATEX_FRACTION.sub(_fraction_text, text)
    text = _LATEX_BRACED_POWER.sub(r"^\1", text)
    text = text.replace("^\\circ", "°").replace("^ \\circ", "°")
    text = _LATEX_COMMAND.sub(_symbol_text, text)
    return text.replace("{", "").replace("}", "").replace("^°", "°")


def _fraction_text(match: re.Match[str]) -> str:
    before = match["before"]
    top, bottom = match["a"] or match["b"], match["c"] or match["d"]
    tail = match.string[match.end() : match.end() + 1]
    return f"{before}{' ' if before else ''}{top}/{bottom}{' ' if tail.isdigit() else ''}"


def _symbol_text(match: re.Match[str]) -> str:
    name = match[0][1:]
    return _LATEX_SYMBOLS.get(name, "\\")
