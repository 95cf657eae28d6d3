"""The tokens of a chat template that a server has left in a reply.

    without_tokens("Paris, on the Seine.<|im_end|>")         ->  "Paris, on the Seine."
    find_token("Paris.<|im_end|>\\n<|im_start|>user\\nAnd?")    ->  "<|im_end|>": somebody else speaks behind it

What stands in the question, and within code, is text.
"""

from __future__ import annotations

import re

from blossom_data.llm.reply.thinking import code_spans, is_structure

_PIECE = (
    r"<\|/?[A-Za-z0-9_.:-]{1,48}\|>|<｜[^<>｜\n]{1,48}｜>|<\|turn>|<turn\|>|\[/?INST\]|\[\|(?:system|user|assistant|endofturn)\|\]"
    r"|</?(?:start|end)_of_(?:turn|utterance)>"
)
_WORD = r"</?(?:s|eos|bos|eot|eod|pad|unk|EOS|BOS|PAD|UNK|endoftext|end_of_text)>"
_ROLE = (
    r"(?:<\|im_start\|>|<start_of_turn>|<\|start\|>|<\|turn>|<\|start_header_id\|>)[ \t]*(?:assistant|model|gpt)?\s*"
)
_ENDS = re.compile(rf"(?P<token>{_ROLE}(?:<\|end_header_id\|>)?|{_PIECE}|{_WORD})\s*\Z")
_BEGINS = re.compile(rf"\s*(?P<token>{_ROLE}(?:<\|end_header_id\|>)?|{_PIECE}|<(?:s|bos|BOS)>)\s*")
_ANY = re.compile(f"{_PIECE}|(?P<word>{_WORD})")
_MARKS = ("<", "[")
_TAIL_CHARS = 200
_MOST_TOKENS = 20
"""So many are taken off an end; with more the answer is asked for again."""


def without_tokens(text: str, question: str = "") -> str:
    """`text` without the template tokens at its beginning and its end."""
    if not any(map(text.__contains__, _MARKS)):
        return text
    for _ in range(_MOST_TOKENS):
        end = _ENDS.search(text, max(0, len(text.rstrip()) - _TAIL_CHARS))
        if end is None or not _is_wrapping(end["token"], text, question):
            break
        text = text[: end.start()].rstrip()
    for _ in range(_MOST_TOKENS):
        start = _BEGINS.match(text)
        if start is None or not _is_wrapping(start["token"], text, question) or _is_markup(text):
            break
        text = text[start.end() :]
    return text


def find_token(text: str, question: str = "") -> str:
    """The first template token in `text`, "" when there is none."""
    if not any(map(text.__contains__, _MARKS)):
        return ""
    code = code_spans(text)
    for found in _ANY.finditer(text):
        token = found[0]
        if any(start < found.start() < end for start, end in code) or not _counts(token, text, question):
            continue
        before, after = text[: found.start()][-1:], text[found.end() :][:1]
        is_spoken_of = found["word"] and (before in " \t\"'(“‘「" and after in " \t\"').,;:”’」、。，")
        if not is_spoken_of:
            return token
    return ""


def _is_wrapping(token: str, text: str, question: str) -> bool:
    return _counts(token, text, question) and not is_structure(token.strip())


def _counts(token: str, text: str, question: str) -> bool:
    """Whether `token` is one: the question does not hold it, and it closes no element of HTML."""
    if token.strip() in question:
        return False
    return token not in ("</s>", "<s>") or not _is_markup(text)


def _is_markup(text: str) -> bool:
    """Whether `text` strikes something through: <s>...</s>."""
    return re.search(r"<s>[^<]+</s>", text) is not None
