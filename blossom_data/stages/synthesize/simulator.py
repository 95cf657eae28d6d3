"""What a simulated user may not say: pure checks of one turn.

find_turn_fault("Of course! Here is a list ...", conversation, "en")     ->  ("answers_itself", "Of course!")
is_farewell("Thank you, that was very helpful!")                         ->  True
"""

from __future__ import annotations

from collections.abc import Sequence

from blossom_data.curate.tokens import Tokenizer
from blossom_data.languages.detect import language_of
from blossom_data.languages.tags import base_of, name_of
from blossom_data.records import Message
from blossom_data.rows.normal import normal
from blossom_data.stages.synthesize.words import begins, finds, is_all

_COPIED_TOKENS = 12
"""So many tokens in a row of an answer, said again by the user, are no question about it."""
_MOST_COPIED = 0.5
"""Share of a turn that may be copied from an answer: a question about a line of it quotes the line."""


def find_turn_fault(text: str, conversation: Sequence[Message], lang: str) -> tuple[str, str] | None:
    """What is wrong with the user's next turn after `conversation`, as (code, detail)."""
    if not text.strip():
        return "empty", "the turn is empty"
    if label := finds("speakers", text):
        return "speaker_label", label[:40]
    if opening := begins("answering", text):
        return "answers_itself", opening[:60]
    if any(normal(turn.content) == normal(text) for turn in conversation if turn.role == "user"):
        return "repeats", text[:60]
    if copied := _copied(text, [turn.content for turn in conversation if turn.role == "assistant"]):
        return "answers_itself", f"it says again what was answered: {copied[:60]!r}"
    if base_of(found := language_of(text, lang)) != base_of(lang):
        return "wrong_language", f"it is in {name_of(found)}"
    return None


def is_farewell(text: str) -> bool:
    """Whether `text` thanks, agrees or says goodbye, and asks for nothing more."""
    return is_all("thanks", text)


def _copied(text: str, answers: Sequence[str]) -> str:
    """The longest run of tokens that is an answer's too, where it is most of `text`; else ""."""
    tokenizer = Tokenizer()
    words = [token.text for token in tokenizer.tokens(text)]
    if len(words) < _COPIED_TOKENS:
        return ""
    for answer in answers:
        heard = " ".join(token.text for token in tokenizer.tokens(answer))
        size = max(_COPIED_TOKENS, round(len(words) * _MOST_COPIED))
        for at in range(len(words) - size + 1):
            if (run := " ".join(words[at : at + size])) in heard:
                return run
    return ""
