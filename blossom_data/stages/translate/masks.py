"""Protected spans: what must come through a translation byte for byte.

    find_spans("Run `ls -l` on {{host}}, see https://a.org/x.")
    ->  [Span(4, 11, "code"), Span(15, 23, "placeholder"), Span(29, 44, "url")]

In a request each span is shown as a token `⟦nonce:k⟧`; in the reply the tokens are counted and put back. The rules
prefer to leave a doubtful span to the model: a span that is wrongly protected makes a right translation fail.
Every pattern is linear on hostile input, and runs only when a character it needs is there.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice

from blossom_data.stages.translate.code import code_spans
from blossom_data.stages.translate.prose import holds_ask, opens_with_ask, without_asks


@dataclass(frozen=True, slots=True)
class Span:
    """Characters `start` to `end` (exclusive) of a text, and the kind of thing that they are."""

    start: int
    end: int
    kind: str


_FILE_TYPES = (
    "py|js|ts|tsx|jsx|java|cpp|hpp|cs|go|rs|rb|php|html?|css|json|jsonl|ya?ml|xml|csv|tsv|txt|md|pdf|docx?|xlsx?|pptx?"
    "|png|jpe?g|gif|svg|sh|bat|exe|zip|tar|gz|log|ini|cfg|conf|toml|sql|ipynb|mp3|mp4|wav|db|bak"
)

# (kind, needed: one of these (at most two) must stand in the text, pattern); earlier kinds win over later ones.
_PATTERNS: tuple[tuple[str, tuple[str, ...], re.Pattern[str]], ...] = (
    ("token", ("⟦",), re.compile(r"⟦[^⟦⟧\n]{0,80}⟧")),
    ("fence", ("```",), re.compile(r"```[\s\S]*?(?:```|\Z)")),
    ("fence", ("~~~",), re.compile(r"^~~~[\s\S]*?(?:^~~~|\Z)", re.MULTILINE)),
    ("code", ("`",), re.compile(r"``[^`\n]+``|`[^`\n]+`")),
    ("latex", ("$$",), re.compile(r"\$\$[^$]+\$\$")),
    ("latex", ("\\[", "\\("), re.compile(r"\\\[(?:[^\\]|\\(?![\[\]]))*+\\\]|\\\((?:[^\\\n]|\\(?![()]))*+\\\)")),
    ("latex", ("\\begin",), re.compile(r"\\begin\{(?:[^\\]|\\(?!begin\{|end\{))*+\\end\{[a-zA-Z]{1,30}\*?\}")),
    (
        "latex",
        ("$",),
        re.compile(
            r"(?<![\\$\w])\$(?=[^\s$])"
            r"(?:[A-Za-z0-9'.,]{1,3}|(?=[^$\n]*[\\^_=+*/<>(-])[^$\n]{1,300})"
            r"(?<=[^\s\\$])\$(?![\w$])",
            re.ASCII,
        ),
    ),
    ("template", ("{%", "{#"), re.compile(r"\{%[^{}\n]{1,300}?%\}|\{#[^{}\n]{1,300}?#\}")),
    ("template", ("<|", "<<"), re.compile(r"<\|[\w/ -]{1,40}\|>|<</?[A-Z]{2,12}>>")),
    (
        "url",
        ("://", "www."),
        re.compile(r"(?:(?:https?|ftp|wss?|file)://|\bwww\.)[!-~]*[A-Za-z0-9/#=&_~%+$-]", re.ASCII),
    ),
    (
        "email",
        ("@",),
        re.compile(r"(?<![A-Za-z0-9_.+-])[A-Za-z0-9_.+-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,5}"),
    ),
    ("path", (":\\",), re.compile(r"\b[A-Za-z]:\\[^\s\"'<>|*?，。；）]*[^\s\"'<>|*?，。；）.,;:]", re.ASCII)),
    (
        "path",
        ("/",),
        re.compile(r"(?<![\w/.:<])(?:~|\.{1,2})?/(?:[\w.@-]{1,64}/)++[\w.@-]*\w|(?<!\S)~?/\w{2,30}/?(?!\S)", re.ASCII),
    ),
    (
        "path",
        (".",),
        re.compile(
            rf"(?<![\w./-])(?:[\w.-]{{1,64}}/)*+[\w-]{{1,64}}(?:\.[\w-]{{1,64}}){{0,4}}?\.(?:{_FILE_TYPES})(?![\w-])",
            re.ASCII,
        ),
    ),
    (
        "tag",
        ("<",),
        re.compile(r"<!--[^<>]{0,500}-->|</?[A-Za-z][\w:.-]{0,60}(?:\s[^<>\n=]{0,200}=[^<>\n]{0,400})?\s?/?>"),
    ),
    (
        "placeholder",
        ("{",),
        re.compile(r"\$?\{\{[^{}\n]{1,80}\}\}|[$#%]\{[^{}\n]{1,80}\}|\{[A-Za-z_][\w.]{0,40}\}|\{\d{0,2}\}"),
    ),
    (
        "placeholder",
        ("%",),
        re.compile(
            r"(?<![\w%])%(?:\(\w{1,40}\))?(?:\d\$)?[-+0#]{0,3}\d{0,3}(?:\.\d{1,2})?[sdfixgeu](?![A-Za-z])"
            r"|%[A-Z_]{2,30}%"
        ),
    ),
    ("placeholder", ("[",), re.compile(r"\[/?[A-Z][A-Z0-9_]{1,30}\]")),
    ("placeholder", ("$",), re.compile(r"(?<![\w$])\$[A-Za-z_][A-Za-z0-9_]{1,40}(?![\w$])", re.ASCII)),
    ("escape", ("\\",), re.compile(r"\\[A-Za-z]{1,30}(?:\{[^{}\n]{0,200}\}){0,4}")),
    ("entity", ("&",), re.compile(r"&(?:[a-z]{2,8}|#\d{1,6}|#x[0-9a-fA-F]{1,6});")),
    ("handle", ("@", "#"), re.compile(r"(?<![\w@.#&/])[@#][A-Za-z_]\w{1,40}", re.ASCII)),
    (
        "name",
        ("_", "("),
        re.compile(
            r"(?<![\w.])_{0,2}[A-Za-z][A-Za-z0-9]*(?:(?:_{1,2}[A-Za-z0-9]+)++_{0,2}(?:\(\))?|(?:\.[A-Za-z_]\w*)*\(\))",
            re.ASCII,
        ),
    ),
    ("name", (".",), re.compile(r"(?<![\w.])(?:10\.\d{4,9}/[\w.()/;-]*\w|\d{1,3}(?:\.\d{1,3}){3})(?!\w)", re.ASCII)),
    (
        "gibberish",
        ("",),
        re.compile(
            r"(?<![\w/.@-])(?:(?=[a-z]{0,20}[bcdfghjklmnpqrstvwxz]{6})(?![a-z]{0,40}?([a-z])\1\1)[a-z]{6,40}"
            r"|(?=[a-f]*\d)(?=\d*[a-f])[0-9a-f]{16,128}"
            r"|[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12})(?![\w/-])"
        ),
    ),
)


_MOST_SPANS = 4000
"""So many spans of a kind are protected; further ones are left to the model."""
_QUICK = tuple((kind, needed[0], needed[-1], pattern) for kind, needed, pattern in _PATTERNS)


def find_spans(text: str) -> list[Span]:
    """The protected spans of `text`, in order, never overlapping."""
    found = [
        (match.start(), rank, match.end(), kind)
        for rank, (kind, first, second, pattern) in enumerate(_QUICK)
        if first in text or second in text
        for match in islice(pattern.finditer(text), _MOST_SPANS)
    ]
    found += [(start, -1, end, "payload") for start, end in code_spans(text)]
    found.sort()
    spans: list[Span] = []
    last = 0
    for start, _, end, kind in found:
        if start >= last and end > start and (parts := _seen(text, start, end, kind)):
            spans += [Span(first, after, kind) for first, after in parts]
            last = spans[-1].end
    return spans


_PROSE_FENCE = re.compile(
    r"(```|~~~)(?:text|plaintext|txt|prompt|markdown|md)?[ \t]*\n(?:[^\n{}();=<>`\\|]*\n)+?[ \t]*\1"
)


def _seen(text: str, start: int, end: int, kind: str) -> list[tuple[int, int]]:
    """What of a span is masked: all of it, or what stands around the asks that it holds."""
    if kind == "fence":
        if not text.endswith(("```", "~~~"), start + 3, end):
            return list(without_asks(text, start, end))
        if _PROSE_FENCE.fullmatch(text, start, end) and opens_with_ask(text, text.index("\n", start), end - 3):
            return [(start, text.index("\n", start)), (end - 3, end)]
    elif kind == "payload":
        return list(without_asks(text, start, end))
    elif kind == "code":
        ticks = 2 if text.startswith("``", start) else 1
        return [] if opens_with_ask(text, start + ticks, end - ticks) else [(start, end)]
    elif kind == "placeholder" or (kind == "latex" and text[start] == "$" != text[start + 1]):
        return [] if opens_with_ask(text, start + 1, end - 1) else [(start, end)]
    elif kind == "latex" or kind == "escape":
        return [] if holds_ask(text, start, end) else [(start, end)]
    return [(start, end)]


def token(nonce: str, number: int) -> str:
    """What stands for protected span `number` (from 1) in a request."""
    return f"⟦{nonce}:{number}⟧"


def masked(text: str, spans: Sequence[Span], nonce: str, first: int) -> str:
    """`text` with each span replaced by its token, numbered from `first`."""
    parts, last = [], 0
    for number, span in enumerate(spans, first):
        parts += [text[last : span.start], token(nonce, number)]
        last = span.end
    parts.append(text[last:])
    return "".join(parts)


_ANY_TOKEN = re.compile(r"⟦[^⟦⟧\n]{0,80}⟧|[⟦⟧]")


def tokens_in(text: str) -> list[str]:
    """Every token in `text`, ours or not, and every stray bracket of one."""
    return _ANY_TOKEN.findall(text)


def restored(text: str, protected: Iterable[str], nonce: str, first: int) -> str:
    """`text` with each token replaced by its span; what a span holds is never looked at again."""
    table = {token(nonce, number): span for number, span in enumerate(protected, first)}
    return _ANY_TOKEN.sub(lambda match: table.get(match.group(), match.group()), text)


HOLE = "\ufffc"
"""What the checks see where a protected span stands: they judge the language around it, not the span."""


def without_tokens(text: str) -> str:
    """`text` with every token replaced by HOLE."""
    return _ANY_TOKEN.sub(HOLE, text)


def without_spans(text: str, spans: Sequence[Span]) -> str:
    """`text` with every span replaced by HOLE."""
    parts, last = [], 0
    for span in spans:
        parts += [text[last : span.start], HOLE]
        last = span.end
    parts.append(text[last:])
    return "".join(parts)
