"""Chats to train on, replies included, in the layouts in which data sets have them; read strictly.

    {"messages": [{"role": "user", ...}, {"role": "assistant", ...}]}                 records, OpenAI
    {"conversations": [{"from": "human", ...}, {"from": "gpt", ...}], "system": ""}     ShareGPT
    {"instruction": "...", "input": "", "output": "..."}                               Alpaca, BELLE, Evol-Instruct
    {"system_prompt": "...", "question": "...", "response": "..."}                      Orca
    {"question": "...", "answer": "..."}                                               GSM8K
    {"inputs": "...", "targets": "..."}   {"prompt": "...", "completion": "..."}        Flan

It is for data that a user wants learnt as it stands. What `pull` reads loses its replies, and gets new ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from blossom_data.records import Record
from blossom_data.rows import BadRow, read_rows
from blossom_data.rows.row import Row, Unreadable
from blossom_data.rows.valid import distinct_records, valid_record
from blossom_data.sources.alpaca import compose
from blossom_data.sources.chat import content_of, role_of
from blossom_data.sources.instruction import list_of, text_of

_SYSTEM = ("system", "system_prompt")
_CALLS = ("function_call", "tool_call")
_ASKED_AND_REPLY = (
    ("instruction", "output"),
    ("instruction", "response"),
    ("question", "response"),
    ("question", "answer"),
    ("inputs", "targets"),
    ("prompt", "completion"),
    ("prompt", "response"),
    ("input", "output"),
)


def read_chats(path: Path | str) -> Iterator[Record | BadRow]:
    """The chats of a file, a folder, a data set or standard input (`-`), in order; bad rows as BadRow.

    Raises:
        InputError: as read_rows.
    """
    return distinct_records(read_rows(path), _chat)


def _chat(row: Row) -> Record:
    """Raises Unreadable: wrong_layout, or what is wrong with the fields of the layout."""
    value = row.value
    if value.get("chosen") is not None and value.get("rejected") is not None:
        raise Unreadable("wrong_layout", "a preference pair: pack it with --pairs, for a stage with dpo")
    if value.get("messages") is not None:
        return valid_record({**value, "messages": _messages(_turns(value, "messages"))})
    turns = _conversation(value) if value.get("conversations") is not None else _instruction(value)
    # Equal rows are the user's choice here, and an id of the row's own may stand for several chats.
    return valid_record({"id": f"{row.file}:{row.line}", "messages": _messages(turns)})


def _messages(turns: Iterable[tuple[str, str]]) -> list[dict[str, str]]:
    return [{"role": role, "content": text} for role, text in turns if text or role != "system"]


def _conversation(row: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    yield "system", text_of(row, "system", "")
    yield from _turns(row, "conversations")


def _turns(row: Mapping[str, Any], field: str) -> Iterator[tuple[str, str]]:
    """Role and text of each turn; a call of a tool is said by the model, and learnt with its other turns."""
    for number, turn in enumerate(list_of(row, field), 1):
        role, text = role_of(turn, f"turn {number}"), content_of(turn, f"turn {number}")
        weight = turn.get("loss_weight", turn.get("weight"))
        if role == "assistant" and isinstance(weight, int | float) and weight != 1:
            detail = f"turn {number} has the loss weight {weight}, and every reply counts as 1"
            raise Unreadable("unsupported_content", detail)
        is_call = turn.get("from", turn.get("role")) in _CALLS
        yield "assistant" if is_call else role, text


def _instruction(row: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for asked, reply in _ASKED_AND_REPLY:
        if row.get(asked) is not None and row.get(reply) is not None:
            yield "system", "\n\n".join(filter(None, (text_of(row, field, "") for field in _SYSTEM)))
            question = text_of(row, asked)
            yield "user", compose(question, text_of(row, "input", "")) if asked == "instruction" else question
            yield "assistant", text_of(row, reply)
            return
    raise Unreadable("wrong_layout", "neither messages, conversations, nor an instruction with its output")
