"""Unfenced code and data in running text: lines, tails after a colon, and JSON.

    code_spans("Convert to Python: for (i = 0; i < 9; i++) { f(i); }")  ->  [(19, 52)]
    code_spans('Sort these:\\n[3, 1, 2]')                                ->  []          (numbers: the model keeps them)

A line is code only when it could hardly be prose; what is missed is left to the model, which keeps it as a rule.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from itertools import islice

_MOST_LINES = 4000
"""So many lines of code are looked at in one text."""
_MOST_TAIL_CHARS = 2000
_SIGNS = (";", "{", "}", "=", "(", "[", "def ", "import ", "#include", "SELECT ", "<?php", "</")

_LINE = re.compile(
    r"""^[ \t]*+(?:
      (?:async[ ]+)?def[ ]\w+[ ]?\([^\n]*:[^\n]*
    | class[ ][A-Z]\w*(?:\([^\n()]*\))?[ ]?[:{][^\n]*
    | (?:import[ ][a-z][\w.]*(?:[ ]as[ ]\w+)?|from[ ][a-z][\w.]*[ ]import[ ][\w.,* ]+);?
    | \#include[ ]?[<"][^\n]*
    | (?:public|private|protected|static|final)[ ][^\n]*[({;][^\n]*
    | (?:const|let|var)[ ]\w+[ ]?=[^\n]+
    | (?:int|float|double|char|long|bool|boolean|void|string|String|auto)[ ][*&]?\w+(?:\[\w*\])?[ ]?
      (?:=[^\n]+|\([^\n]*|;)
    | (?:export[ ])?(?:async[ ])?function[ ]\w*[ ]?\([^\n]*
    | (?:for|while|if|elif|switch|catch)[ ]?\([^\n]*\)[ ]?[{;][^\n]*
    | (?:for|while|if|elif)[ ][\w.,() ]{1,60}(?:[<>=!]=?|[ ]in[ ](?:range|len|enumerate)\b)[^\n]*:
    | (?:else|try|finally)[ ]?[:{]
    | (?:return|raise|yield)[ ][\w.]+(?:[ ]?[-+*/%<>=]{1,2}[ ]?[\w.]+){1,6}
    | (?:return|raise|throw|yield)\b[^\n]*[;(\[=][^\n]*
    | (?:SELECT\b[^\n]{1,400}\bFROM|UPDATE\b[^\n]{1,200}\bSET)\b[^\n]*
    | (?:INSERT[ ]INTO|DELETE[ ]FROM|CREATE[ ]TABLE|DROP[ ]TABLE)\b[^\n]*
    | <\?php[^\n]*
    | (?:[a-zA-Z_][\w.]*(?:\[[^\]\n]{0,60}\])?)[ ]?[-+*/]?=[ ]?[\[{(\w"'][^\n]*[\[\](){};"'][^\n]*
    | [a-zA-Z_][\w.]*\([^\n]*\)[ ]?;?
    | [^\n;{}]*[)\w"'\]]\s?;[ ]*(?=\n|\Z)(?<=[)\]"'\d];)
    | (?:@\w+|[{}\[\]]+[;,)]*|\}[ ]?(?:else|catch|while)[^\n]*)
    | "[\w $.-]{1,60}"[ ]?:[^\n]*[,{\["\d}\]]
    | [\[{]\s?[{"\[][^\n]*[}\]][,;]?
    )[ \t]*$""",
    re.MULTILINE | re.VERBOSE,
)
_TAIL = re.compile(r":[ \t]+(?=\S)|：[ \t]*(?=[!-~])")
_TAIL_CODE = re.compile(
    r"""(?:
      (?:def|class|function|public|private|static|var|let|const|import|from|for|while|if|return|print|int|void)\b
      (?=[^\n]*[({=;:])[^\n]*[)};\]:"']
    | [^\n;{}]{0,200}\([^\n;{}]{0,200}\)[^\n;{}]{0,20}[;{][^\n]*
    | [a-zA-Z_][\w.]*\([^\n]*\);?
    | [a-zA-Z_]\w*[ ]?=[ ]?[\["'{(][^\n]*[\]"'})];?
    | SELECT\b[^\n]{1,400}\bFROM\b[^\n]*
    | \{\s?"[^\n]*\}
    | <(?P<tag>\w{1,20})[^<>\n]{0,200}>[^\n]*</(?P=tag)>
    )[.]?$""",
    re.VERBOSE | re.MULTILINE,
)


_INDENTED = re.compile(r"(?:\n(?:[ ]{4}|\t)[^\n]*\S){1,200}")
"""Indented lines right below a line of code: more of its block, whatever they say."""


def _is_block_gap(text: str, end: int, start: int) -> bool:
    """Whether what stands between two stretches of code is blank, or indented lines of the same block."""
    gap = text[end:start]
    return not gap.strip() or bool(_INDENTED.fullmatch(gap.rstrip(" \t\n")))


def code_spans(text: str) -> list[tuple[int, int]]:
    """Start and end of each stretch of unfenced code; neighbouring lines of code make one stretch."""
    if not any(sign in text for sign in _SIGNS):
        return list(_yaml_blocks(text))
    spans: list[tuple[int, int]] = []
    for match in islice(_LINE.finditer(text), _MOST_LINES):
        start = match.start() + len(match.group()) - len(match.group().lstrip())
        end = match.start() + len(match.group().rstrip())
        if end <= start:
            continue
        if spans and _is_block_gap(text, spans[-1][1], start):
            spans[-1] = (spans[-1][0], end)
        else:
            spans.append((start, end))
    last, line_end = 0, -1
    if spans and (more := _INDENTED.match(text, spans[-1][1])):
        spans[-1] = (spans[-1][0], more.end())
    if ":" in text or "：" in text:
        for colon in islice(_TAIL.finditer(text), _MOST_LINES):
            if colon.end() > line_end:
                line_end = text.find("\n", colon.end())
                line_end = len(text) if line_end < 0 else line_end
            if colon.end() < last or line_end - colon.end() > _MOST_TAIL_CHARS:
                continue
            if tail := _TAIL_CODE.match(text, colon.end()):
                last = tail.end()
                spans.append((colon.end(), last))
    spans += [match.span() for match in islice(_INLINE.finditer(text), _MOST_VALUES)]
    return [*spans, *_json_values(text), *_yaml_blocks(text)]


_INLINE = re.compile(
    r"\bfor \w{1,30}(?:, ?\w{1,30})? in (?:range|enumerate|zip|len)\([^()\n]{0,60}\):?|"
    r"\b(?:SELECT\b[^;\n]{1,300}?\bFROM\b|INSERT INTO\b|DELETE FROM\b|UPDATE \w{1,60} SET\b"
    r"|(?:CREATE|DROP|ALTER) TABLE\b)"
    r"[^;\n]{1,300};"
)


_JSON_START = re.compile(r"\{\s*\"[^\"\n]{0,80}\"\s*:|\[\s*\{\s*\"")
_MOST_VALUES, _MOST_JSON_CHARS, _MOST_JSON_DEPTH = 40, 8000, 40


def _json_values(text: str) -> Iterator[tuple[int, int]]:
    """Objects, and arrays of objects, that are whole JSON and stand within a line or over several."""
    last = 0
    for opening in islice(_JSON_START.finditer(text), _MOST_VALUES):
        if opening.start() < last:
            continue
        piece = text[opening.start() : opening.start() + _MOST_JSON_CHARS]
        if piece.count("[") > 4 * _MOST_JSON_DEPTH or piece.count("{") > 4 * _MOST_JSON_DEPTH:
            return
        try:
            _, length = json.JSONDecoder().raw_decode(piece)
        except ValueError:
            continue
        last = opening.start() + length
        yield opening.start(), last


_YAML = re.compile(
    r"^(?:---[ \t]*\n)?(?:[ ]*(?:- )?[a-z][\w.-]{0,40}:(?:[ ]+[^\s:,\[{][^\s,]{0,80})?[ \t]*(?:\n|\Z)"
    r"|[ ]*- [\w./:@=-]{1,80}[ \t]*(?:\n|\Z)){2,400}",
    re.MULTILINE,
)
_NESTED = re.compile(r"^[ ]*(?:- )?[\w.-]+:[ \t]*\n[ ]+\S|^---[ \t]*\n", re.MULTILINE)


def _yaml_blocks(text: str) -> Iterator[tuple[int, int]]:
    """Lines of keys in lower case with at most one word each, of which some stand below another."""
    if ":\n" in text or "---\n" in text:
        for block in islice(_YAML.finditer(text), _MOST_VALUES):
            if _NESTED.search(block.group()):
                yield block.start(), block.start() + len(block.group().rstrip())
