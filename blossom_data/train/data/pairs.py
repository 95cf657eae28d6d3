"""Preference pairs: two replies to one prompt, one of them preferred; read strictly, a bad row is a value.

    {"prompt": "Name a colour.", "chosen": "Blue.", "rejected": "A dog."}     or instruction (and input), or question
    {"prompt": [{"role": "user", ...}], "chosen": [{"role": "assistant", ...}], "rejected": [...]}      TRL
    {"prompt": "...", "chosen": [{"role": "user", ...}, {"role": "assistant", ...}], ...}               UltraFeedback
    {"chosen": "\\n\\nHuman: ...\\n\\nAssistant: ...", "rejected": "..."}                                   HH
    {"prompt": "\\n\\nHuman: ...\\n\\nAssistant:", "chosen": " Blue.", "rejected": " A dog."}               BELLE
    {"conversations": [{"from": "human", ...}], "chosen": {"from": "gpt", ...}, ...}                    LLaMA-Factory

A reply may be a text, a turn, or a whole chat that ends with it; whole chats must agree in every turn before the last.
`messages` may hold the prompt too; `system` and `history` stand before a prompt that is a text, `tools` defines tools.
Calls of tools and thinking are read as in chats.py. Further keys are left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import takewhile
from pathlib import Path
from typing import Any

from blossom_data.records import Message
from blossom_data.rows import BadRow, read_rows
from blossom_data.rows.row import Row, Unreadable
from blossom_data.rows.turns import tools_text
from blossom_data.rows.valid import shown
from blossom_data.sources.alpaca import compose
from blossom_data.sources.instruction import text_of
from blossom_data.train.data.turns import read_history, read_message

Turns = tuple[Message, ...]
_SPEAKER = re.compile(r"\n\n(Human|Assistant):")
_TRANSCRIPT = "\n\nHuman:"


@dataclass(frozen=True, slots=True)
class Pair:
    """Two replies to `prompt`, whose last turn is no assistant's, and the place where they were read."""

    file: str
    line: int
    prompt: Turns
    chosen: Message
    rejected: Message
    tools: str = ""

    def chats(self) -> tuple[Turns, Turns]:
        """The prompt with the chosen and with the rejected reply."""
        return (*self.prompt, self.chosen), (*self.prompt, self.rejected)


def pair_of(row: Row) -> Pair:
    """The pair of one row.

    Raises:
        Unreadable: as valid_pair.
    """
    prompt, chosen, rejected = valid_pair(row.value)
    return Pair(row.file, row.line, prompt, chosen, rejected, tools_text(row.value.get("tools")))


def read_pairs(path: Path | str) -> Iterator[Pair | BadRow]:
    """The pairs of a file, a folder, a data set or standard input (`-`), in order; bad rows as BadRow.

    Raises:
        InputError: as read_rows.
    """
    for row in read_rows(path):
        if isinstance(row, BadRow):
            yield row
            continue
        try:
            yield pair_of(row)
        except Unreadable as why:
            yield why.at(row.file, row.line, shown(row.value))


def valid_pair(row: Mapping[str, Any]) -> tuple[Turns, Message, Message]:
    """The prompt of `row`, its chosen and its rejected reply.

    Raises:
        Unreadable: missing_field, wrong_type, unknown_role, wrong_layout, prompt_mismatch or empty.
    """
    chosen, rejected = (_chat(row, key) for key in ("chosen", "rejected"))
    given = _prompt(row, are_whole=len(chosen) > 1 and len(rejected) > 1)
    prompt = _agreed(given, chosen[:-1], rejected[:-1])
    if prompt[-1].role == "assistant":
        raise Unreadable("wrong_layout", "the prompt ends with an assistant's turn")
    if all(turn.is_void for turn in prompt):
        raise Unreadable("empty", "the prompt holds no text")
    # Whichever of the two is learnt is for the pair to say, not for its turns.
    replies = [replace(chat[-1], train=True) for chat in (chosen, rejected)]
    if isinstance(row.get("prompt"), str) and row["prompt"].startswith(_TRANSCRIPT):
        # The blank behind "Assistant:" parts the name from the reply, and is none of it.
        replies = [replace(reply, content=reply.content.strip()) for reply in replies]
    return prompt, replies[0], replies[1]


def _agreed(given: Turns, *fronts: Turns) -> Turns:
    """The one prompt that the row gives, and that stands before the replies where these are whole chats."""
    found = [front for front in fronts if front]
    if not given and len(found) < len(fronts):
        raise Unreadable(
            "missing_field", "there is no prompt, instruction or messages, and no whole chat to take it of"
        )
    for front in found:
        if front != found[0]:
            same = sum(1 for _ in takewhile(lambda turns: turns[0] == turns[1], zip(front, found[0], strict=False)))
            raise Unreadable("prompt_mismatch", f"chosen and rejected part at turn {same + 1}, before their replies")
        if given and given not in (front, front[1:] if front[0].role == "system" else front):
            raise Unreadable("prompt_mismatch", "the turns before the replies are not the prompt")
    return found[0] if found else given


def _chat(row: Mapping[str, Any], key: str) -> Turns:
    """The turns of chosen or rejected, of which the last is the reply."""
    value = row.get(key)
    if value is None:
        raise Unreadable("missing_field", f"{key} is absent or null")
    turns = _turns(value, key)
    if not turns or turns[-1].role != "assistant":
        raise Unreadable("wrong_layout", f"{key} does not end with an assistant's turn")
    return turns


def _prompt(row: Mapping[str, Any], *, are_whole: bool) -> Turns:
    """The prompt as a key of its own; empty where the row has none."""
    key = next((name for name in ("prompt", "instruction", "question") if row.get(name) is not None), "")
    if not key:
        # Beside whole chats `messages` is one of these chats once more.
        key = next((name for name in ("messages", "conversations") if row.get(name) is not None and not are_whole), "")
    value = row.get(key)
    if not isinstance(value, str) or key in ("messages", "conversations"):
        return _turns(value, key) if key else ()
    if value.startswith(_TRANSCRIPT):
        *turns, last = _turns(value, key)
        return tuple(turns) if (last.role, last.content) == ("assistant", "") else (*turns, last)
    if key == "instruction":
        value = compose(value, text_of(row, "input", ""))
    system = text_of(row, "system", "")
    before = [Message("system", system)] if system.strip() else []
    return (*before, *read_history(row), Message("user", value))


def _turns(value: Any, key: str) -> Turns:
    """A text (a reply, or a transcript), a turn or a list of turns as turns."""
    if isinstance(value, str):
        if not value.startswith(_TRANSCRIPT):
            return (Message("assistant", value),)
        _, *parts = _SPEAKER.split(value)
        roles = {"Human": "user", "Assistant": "assistant"}
        return tuple(Message(roles[name], text.strip()) for name, text in zip(parts[::2], parts[1::2], strict=True))
    if isinstance(value, dict):
        value = [value]
    if not isinstance(value, list):
        raise Unreadable("wrong_type", f"{key} is neither a text nor a list of turns: {type(value).__name__}")
    places = ((turn, f"turn {number} of {key}") for number, turn in enumerate(value, 1))
    return tuple(read_message(turn, place) for turn, place in places)
