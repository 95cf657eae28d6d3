"""Which translations a judge sees although no check found a fault: kinds of text in which the checks are weakest.

chat       a turn of small talk of eight words or less       "Thanks, that helped!"    "不客气！"
lang_task  a task about the language itself, with what it    "Rhyme it with 'bat'."   "让它与'bat'押韵。"
           is about in the same line
literal    a name, formula or blank that the translation     "the company \"Acme\""    "这家公司"
           does not hold as it stands in the source
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence

from blossom_data.languages.scripts import UNSPACED, run_of
from blossom_data.records import Message
from blossom_data.stages.translate.judge.words import said
from blossom_data.stages.translate.prose import is_ask
from blossom_data.stages.translate.segments import Plan, Segment

CHAT, LANG_TASK, LITERAL = "chat", "lang_task", "literal"
MOST_CHAT_WORDS = 8
_SO_SHORT_IS_CHAT = 3
"""Words of a lone turn that count as small talk whatever they are."""
_UNSPACED_RUN = run_of(tuple(sorted(UNSPACED)))
_CHARS_A_WORD = 2
"""Of scripts that do not part words by blanks; Chinese words have 1.6 to 1.8 characters in running text."""
_QUOTED = re.compile(r"[\"“„«「『]([^\"“”„«»「」『』\n]{1,60})[\"”“»」』]")
_NAME = re.compile(r"[A-ZÀ-ÞĀ-ŽΑ-ΩА-Я][^\s]*(?:\s+(?:[A-ZÀ-ÞĀ-ŽΑ-ΩА-Я0-9]\S*|of|the|and|de|la|von|van))*")
_LITERALS = re.compile(
    r"(?<![\w'-])(?:[A-Z]{3,5}|[A-Z]+[0-9]+[A-Z0-9]*)(?:[-/.][A-Z0-9]+)*(?!\w)"  # NASA, B12, HTTP/2; a shout is longer
    r"|(?<!\w)[A-Z][A-Za-z0-9]{0,9}(?: [+=→⇌] [0-9]{0,3}[A-Z][A-Za-z0-9]{0,9})+(?!\w)"  # Fe + O2, 2 H2 + O2
    r"|\[[^\[\]\n]{2,60}\]"  # [insert passage here]
    r"|(?<!\S)[\w.-]{1,40}@[\w.-]{1,40}(?!\w)",  # a@b
    re.ASCII,
)
_MOST_LITERALS = 64


def chats_of(plan: Plan, lang: str) -> frozenset[int]:
    """Segment.index of each turn of small talk: at most eight words, alone in its turn of user or assistant.

    In a conversation of several turns every such turn is one; a lone turn has to speak of a speaker too, or be shorter
    still, for most short requests stand alone.
    """
    is_conversation = sum(turn.role == "user" for turn in plan.messages) > 1
    found = set()
    for turn, row in zip(plan.messages, plan.pieces, strict=True):
        segment = _alone(turn, row)
        if segment is None or (words := count_words(segment.text)) > MOST_CHAT_WORDS:
            continue
        if is_conversation or words <= _SO_SHORT_IS_CHAT or said(CHAT, lang, segment.text):
            found.add(segment.index)
    return frozenset(found)


def _alone(turn: Message, row: Sequence[str | Segment]) -> Segment | None:
    """The segment that is all that its turn says."""
    segments = [piece for piece in row if isinstance(piece, Segment)]
    is_all = len(segments) == 1 and not any(isinstance(piece, str) and piece.strip() for piece in row)
    return segments[0] if is_all and turn.role != "system" else None


def count_words(text: str) -> int:
    """Words of `text` in any script: between blanks, or two characters each where none are written."""
    unspaced = sum(map(len, _UNSPACED_RUN.findall(text)))
    return len(_UNSPACED_RUN.sub(" ", text).split()) + (unspaced + _CHARS_A_WORD - 1) // _CHARS_A_WORD


def kind_of(segment: Segment, text: str, chats: frozenset[int]) -> str:
    """The kind for which a judge sees the translation `text` of `segment`, "" for none."""
    if holds_material(segment):
        return LANG_TASK
    if segment.index in chats:
        return CHAT
    return LITERAL if lost_literal(segment.text, text) else ""


def holds_material(segment: Segment) -> bool:
    """Whether a segment of a language task is more than its ask, which is checked as any other is."""
    return segment.is_lang_task and (bool(segment.spans) or '"' in segment.text or not is_ask(segment.text))


def lost_literal(source: str, output: str) -> str:
    """The first literal of `source` that `output` does not hold, "" where all are there."""
    there = _flat(output)
    return next((literal for literal in literals_of(source) if _flat(literal) not in there), "")


def literals_of(source: str) -> Iterator[str]:
    """What in `source` a translation most often leaves as it is: names in quotes, acronyms, formulas, blanks."""
    found = 0
    for quoted in _QUOTED.finditer(source):
        if (inner := quoted[1].strip(" .,!?")) and _NAME.fullmatch(inner) and found < _MOST_LITERALS:
            found += 1
            yield inner
    for literal in _LITERALS.finditer(source):
        if found < _MOST_LITERALS and not source.isupper():
            found += 1
            yield literal[0]


def _flat(text: str) -> str:
    """What two spellings of one literal have in common: width, case and blanks apart."""
    return "".join(unicodedata.normalize("NFKC", text).casefold().split())
