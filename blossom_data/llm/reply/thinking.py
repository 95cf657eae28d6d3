"""What a model thought, taken off its reply, so that the answer alone is left.

    split_thinking("<think>The user asks ...</think>\\n\\nParis.")    ->  Split("Paris.", "The user asks ...")
    split_thinking("... so Paris.</think>\\n\\nParis.")               ->  Split("Paris.", "... so Paris.")
    split_thinking("<think>The user asks")                          ->  Split("", "The user asks", is_open=True)

One rule for tags of every family: an opening tag begins the reply or a line, a closing one ends what it closes, and one
that nothing has opened ends all that stands before it (the template has opened it). What stands in code, in quotes, as
a word of a sentence, or in the question itself is no tag.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

_MIND = r"think(?:ing)?|thoughts?|reasoning|思考|思考过程|推理|推理过程"
_LEADING = (
    r"reflect(?:ion)?|analysis|internal|denken|gedanken|überlegung(?:en)?|réflexion|pensée|raisonnement|pensamiento"
    r"|razonamiento|pensamento|raciocínio|pensiero|ragionamento|размышлени[ея]|мысл[ьи]|рассуждени[ея]|생각|추론"
    r"|scratch_?pad|monologue|cot|chain[_-]of[_-]thought|reason|rationale|deliberat(?:e|ion)"
    r"|plan(?:ning)?|ponder(?:ing)?|brainstorm(?:ing)?|consider(?:ation)?s?"
)
"""Names that ordinary XML has too: a tag where they begin the reply, nowhere else."""
_TAG = re.compile(
    r"(?P<bracket>[<＜◁\[【&](?:(?<=&)(?:lt|#60|#x3c);|(?<=<)[|｜]|(?<!&)))"
    r"(?P<twice>(?<=<)<|(?<=\[)\[)?[ \t]?(?P<slash>\\?/|／)?[ \t]?"
    r"(?P<edge>(?:begin|start|end)_(?:of_)?)?"
    rf"(?P<name>(?:[A-Za-z0-9]{{1,20}}[:_-]|ant)?(?:(?P<mind>{_MIND})|{_LEADING})(?:[:_-][A-Za-z0-9_]{{1,60}})?)"
    r"(?:\s[^<>\[\]\n]{0,200}?)?(?P<void>/)?(?:\|>|｜>|>|＞|▷|\]|】|&(?:gt|#62|#x3e);)(?(twice)[>\]])",
    re.IGNORECASE,
)
_BRACKETS = ("<", "＜", "◁", "[", "【", "&")
"""A tag begins with one of these; `&` as `&lt;`."""
_BRACKETED = re.compile(r"think(?:ing)?|thoughts?|思考|思考过程", re.IGNORECASE)
"""The names that square brackets make a tag of: [reasoning] may stand for a word to fill in."""
_PHRASES = (
    (r"<\|channel>\s*(?:thought|analysis)\b[ \t]*\n?", r"<channel\|>"),
    (r"<(?:unused|ctrl)94>\s*thought\b[ \t]*\n?", r"<(?:unused|ctrl)95>"),
    (r"<\|inner_prefix\|>", r"<\|inner_suffix\|>"),
    (r"<details\b[^<>\n]*\btype\s*=\s*[\"']?reasoning[^<>\n]*>", r"</details>"),
    (
        r"<details[^<>\n]*>\s*<summary>[^<\n]{0,40}(?:think|thought|reason|思考|推理)[^<\n]{0,40}</summary>",
        r"</details>",
    ),
    (r"(?:Here is|Here['’]s) my thought process:", r"(?:Here is|Here['’]s) my response:"),
    (r"Here are my reasoning steps:", r"\[BEGIN FINAL RESPONSE\]"),
    (r"```(?:think(?:ing)?|thoughts?|reasoning)[ \t]*\n", r"\n```[ \t]*(?:\n|\Z)"),
    (r"Thinking(?:\.{3}|…)[ \t]*\n", r"(?:\.{3}|…)[ \t]*done thinking\.?"),
)
"""Openings and closings that are no tags; an opening begins the reply."""
_OPENED = re.compile(
    r"\s*(?:" + "|".join(f"(?P<p{n}>{each[0]})" for n, each in enumerate(_PHRASES)) + ")", re.IGNORECASE
)
_WORDED = re.compile(r"\s*(?:Here|Thinking|analysis|```)", re.IGNORECASE)
"""Before what tells thinking apart without any bracket, and much else."""
_CLOSED = tuple(re.compile(each[1], re.IGNORECASE) for each in _PHRASES)
_CHANNEL = re.compile(
    r"(?:<\|start\|>[^<\n]{0,40})?(?:<\|channel\|>\s*|\b)(?P<name>analysis|commentary|final)\b[^<\n]{0,80}"
    r"(?:<\|constrain\|>[^<\n]{0,40})?<\|message\|>",
    re.IGNORECASE,
)
_FINAL_OBJECT = re.compile(
    r"\bfinal\b[^<\n]{0,80}(?:<\|constrain\|>[^<\n]{0,40})?<\|message\|>\s*(?:\{|```)", re.IGNORECASE
)
_CHANNEL_END = re.compile(r"(?:<\|(?:end|return|call|start)\|>|<\|channel\|>)[\s\S]*\Z")
_BARE_CHANNELS = re.compile(
    r"\s*analysis(?:(?=[^\s\da-z_,.;:，。：-])|[ \t]*\n(?=[\s\S]*\nassistant ?final\n))"
    r"(?P<thought>[\s\S]*?)(?:assistant ?final(?P<text>[\s\S]*)|\Z)"
)
"""The same where the server has left the special tokens out: `analysisThe user asks ...assistantfinalParis.`"""
_FENCE = re.compile(r"[ \t]*(```+|~~~+)([^`\n]*)$", re.MULTILINE)
_INLINE = re.compile(r"`[^`\n]+`")
_WRAPPER = re.compile(r"\s*<(answer|response|output|solution|final|final[_-]answer|final[_-]response)>", re.IGNORECASE)
_ROLE_NAME = re.compile(r"[\s\ufeff\u200b]*(?:(?:assistant|model)\s*)?", re.IGNORECASE)
"""What may stand before the thinking and is no part of an answer."""
_MOST_TAGS = 500
"""A reply with more of them is no answer."""
_END_OF_RESPONSE = re.compile(r"\s*\[END FINAL RESPONSE\]\s*\Z")
_QUOTES = {'"': '"', "'": "'", "“": "”", "‘": "’", "「": "」", "『": "』", "`": "`"}
_AFTER_A_WORD = ".,;:!?)、。，；：！？）"
_GLUE = re.compile(r"\s*(?:and|or|to|with|和|与|及|或|到|、|,|，|/|…|\.{3})?\s*", re.IGNORECASE)


class Split(NamedTuple):
    """A reply in its parts; `is_open`: the thinking never ends, so there is no answer."""

    text: str
    thinking: str = ""
    is_open: bool = False


@dataclass(frozen=True, slots=True)
class _Mark:
    """A tag, where it stands."""

    start: int
    end: int
    kind: str
    """open, close or void."""
    is_mind: bool
    """False for a name that other texts have too."""
    is_in_question: bool = False
    """Whether the question holds that name as a word."""


def split_thinking(text: str, question: str = "", *, is_object: bool = False) -> Split:
    """The answer and the thinking of a reply; `text` as it is where there is none.

    Args:
        question: what was asked; its tags are none in the answer.
        is_object: the answer is to be JSON; tags behind its beginning are its own.
    """
    if not any(map(text.__contains__, _BRACKETS)) and not _WORDED.match(text):
        # Most replies: nothing in them can open or close a thought.
        return Split(text)
    # An object that the reply begins with holds texts of its own: a channel's name in one of them opens nothing.
    is_begun = is_object and text.lstrip().startswith("{")
    found = None if is_begun else _by_channels(text, question, is_object=is_object) or _by_phrase(text, question)
    if found is None:
        marks = list(itertools.islice(_marks(text, question), _MOST_TAGS + 1))
        if not marks:
            return Split(text)
        if len(marks) > _MOST_TAGS:
            return Split("", text, is_open=True)
        found = _by_marks(text, marks, is_object=is_object)
        is_asked_for = any(mark.is_in_question for mark in marks) and not any(mark.is_mind for mark in marks)
        if found.text == text or (is_asked_for and not found.is_open and not found.text.strip()):
            return Split(text)
    return Split(_unwrapped(found.text).strip(), found.thinking.strip(), found.is_open)


def is_structure(token: str) -> bool:
    """Whether `token` tells thinking and answer apart, other than the tokens that only wrap a turn."""
    return token in ("<|channel|>", "<|message|>", "<|constrain|>") or _TAG.fullmatch(token) is not None


def code_spans(text: str) -> list[tuple[int, int]]:
    """Where `text` holds fenced or inline code; a fence that never closes is none. In linear time."""
    if "`" not in text and "~~~" not in text:
        return []
    spans, at, opened = [], 0, None
    for fence in _FENCE.finditer(text):
        if text[text.rfind("\n", 0, fence.start()) + 1 : fence.start()].strip():
            continue
        if opened is None:
            opened = fence
        elif fence[1] == opened[1] and not fence[2].strip():
            spans += [found.span() for found in _INLINE.finditer(text, at, opened.start())]
            spans.append((opened.start(), fence.end()))
            at, opened = fence.end(), None
    return spans + [found.span() for found in _INLINE.finditer(text, at)]


def _unwrapped(text: str) -> str:
    """An answer that is one element (<answer>...</answer>) without it."""
    if (wrapper := _WRAPPER.match(text)) and text.rstrip().lower().endswith(closing := f"</{wrapper[1].lower()}>"):
        return text.rstrip()[wrapper.end() : -len(closing)]
    return text


def _by_channels(text: str, question: str, *, is_object: bool) -> Split | None:
    """A reply in the channels of gpt-oss; None for any other."""
    opening = min((at for token in ("<|message|>", "<|channel|>") if (at := text.find(token)) >= 0), default=-1)
    # Behind the beginning of the object they are its texts, but where the server has left out the first of them.
    if opening >= 0 and not (is_object and "{" in text[:opening] and not _FINAL_OBJECT.search(text)):
        if "<|message|>" in question or "<|channel|>" in question or _TAG.match(text.lstrip()):
            return None
        code = code_spans(text)
        heads = [head for head in _CHANNEL.finditer(text) if not any(start < head.start() < end for start, end in code)]
        if not heads:
            opening = text.find("<|channel|>")
            is_code = any(start < opening < end for start, end in code)
            return Split("", text, is_open=True) if opening >= 0 and not is_code else None
        thoughts, said = [_CHANNEL_END.sub("", text[: heads[0].start()])], None
        for head, end in zip(heads, [*(each.start() for each in heads[1:]), len(text)], strict=True):
            if is_object and head["name"].lower() == "final" and text[head.end() :].lstrip().startswith(("{", "```")):
                # To its end: an object may hold such tokens in its texts.
                said = text[head.end() :]
                break
            body = _CHANNEL_END.sub("", text[head.end() : end])
            if head["name"].lower() == "final":
                said = body
            else:
                thoughts.append(body)
        return Split(said or "", "\n".join(filter(None, thoughts)), is_open=said is None)
    found = _BARE_CHANNELS.match(text) if text.lstrip().startswith("analysis") and "analysis" not in question else None
    return Split(found["text"] or "", found["thought"], is_open=found["text"] is None) if found else None


def _by_phrase(text: str, question: str) -> Split | None:
    """A reply that begins with one of _PHRASES; None for any other."""
    opened = _OPENED.match(text)
    if opened is None or opened[0].strip() in question:
        return None
    closed = _CLOSED[int(str(opened.lastgroup)[1:])].search(text, opened.end())
    if closed is None:
        # A sentence may begin like this; a special token does not.
        return Split("", text[opened.end() :], is_open=True) if opened[0].lstrip().startswith("<") else None
    return Split(_END_OF_RESPONSE.sub("", text[closed.end() :]), text[opened.end() : closed.start()])


def _marks(text: str, question: str) -> Iterator[_Mark]:
    """The tags of `text`, but those that stand in the question."""
    asked: set[tuple[str, str]] | None = None
    for tag in _TAG.finditer(text) if any(map(text.__contains__, _BRACKETS)) else ():
        if asked is None:
            asked = {_identity(each) for each in _TAG.finditer(question)}
        if _identity(tag) in asked or (tag["bracket"] in "[【" and not _BRACKETED.fullmatch(tag["name"])):
            continue
        if tag["bracket"] == "【" and "【/" not in text:
            continue  # a heading
        is_end = bool(tag["slash"]) or (tag["edge"] or "").lower().startswith("end") or _is_ending(tag["name"])
        kind = "void" if tag["void"] else "close" if is_end else "open"
        is_mind = tag["mind"] is not None
        is_in_question = not is_mind and tag["name"].lower() in question.lower()
        yield _Mark(tag.start(), tag.end(), kind, is_mind, is_in_question)


def _is_ending(name: str) -> bool:
    """Whether a tag's name says that it closes: thought_end."""
    return name.lower().endswith(("_end", "-end", "_close", "_stop"))


def _identity(tag: re.Match[str]) -> tuple[str, str]:
    bracket = "<" if tag["bracket"].startswith("&") else tag["bracket"].replace("<｜", "<|")
    return bracket, tag["name"].lower()


def _by_marks(text: str, marks: list[_Mark], *, is_object: bool) -> Split:
    """Walks through the tags: what lies between an opening and a closing one, or before a lone closing one, goes."""
    said: list[str] = []
    thoughts: list[str] = []
    at, is_open, skipped = 0, False, -1
    code = code_spans(text)
    for place, mark in enumerate(marks):
        if mark.start < skipped or mark.start < at:
            continue
        if is_open:
            if mark.kind == "close" and not _is_quoted(text, mark) and not _is_shown(text, at, marks[place:]):
                thoughts.append(text[at : mark.start])
                at, is_open = mark.end, False
                code = [(at + start, at + end) for start, end in code_spans(text[at:])]
            continue
        if is_object and text[at : mark.start].lstrip().startswith(("{", "```")):
            break
        if _is_quoted(text, mark) or any(start < mark.start < end for start, end in code):
            continue
        if mark.kind == "close":
            is_markup = not mark.is_mind and any(each.kind == "open" for each in marks[:place])
            if not is_markup and not _is_word(text, mark, marks[:place]):
                thoughts += [*said, text[at : mark.start]]
                said, at = [], mark.end
                code = [(at + start, at + end) for start, end in code_spans(text[at:])]
            continue
        has_answer = bool("".join([*said, text[at : mark.start]]).strip())
        if has_answer and not mark.is_mind:
            continue
        if not text[text.rfind("\n", 0, mark.start) + 1 : mark.start].strip() or mark.start == at:
            said.append(text[at : mark.start])
            at, is_open = mark.end, mark.kind == "open"
        elif close := next((each for each in marks[place + 1 :] if each.kind == "close"), None):
            if _GLUE.fullmatch(text[mark.end : close.start]) or _is_word(text, close, marks[: place + 1]):
                skipped = close.end
            else:
                said.append(text[at : mark.start])
                at, is_open = mark.end, True
    (thoughts if is_open else said).append(text[at:])
    if thoughts and len(said) > 1 and _ROLE_NAME.fullmatch(said[0]):
        said[0] = ""
    return Split("".join(said), "\n".join(thoughts), is_open)


def _is_shown(text: str, at: int, marks: list[_Mark]) -> bool:
    """Whether the first of `marks` stands in code that the thinking (from `at` on) shows, and another one closes it."""
    if not any(mark.kind == "close" for mark in marks[1:]):
        return False
    return any(at + start < marks[0].start < at + end for start, end in code_spans(text[at:]))


def _is_quoted(text: str, mark: _Mark) -> bool:
    before, after = text[mark.start - 1 : mark.start], text[mark.end : mark.end + 1]
    return before in _QUOTES and after == _QUOTES[before]


def _is_word(text: str, mark: _Mark, earlier: list[_Mark]) -> bool:
    """Whether a closing tag is spoken of: it stands in a line as a word of its sentence."""
    line = text[text.rfind("\n", 0, mark.start) + 1 : mark.start]
    rest = text[mark.end :].split("\n", 1)[0]
    if not line.strip():
        return False
    if rest[:1] and rest[0] in _AFTER_A_WORD:
        return True
    if not (line[-1].isspace() and rest[:1].isspace() and rest.strip()):
        return False
    first = rest.strip()[0]
    is_spoken_of_before = any(each.kind == "open" and each.start >= mark.start - len(line) for each in earlier)
    return first.islower() or (is_spoken_of_before and not first.isupper())
