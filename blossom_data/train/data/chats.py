"""Chats to train on, replies included, in the layouts in which data sets have them; read strictly.

    {"messages": [{"role": "user", ...}, {"role": "assistant", ...}]}                 records, OpenAI
    {"conversations": [{"from": "human", ...}, {"from": "gpt", ...}], "system": ""}     ShareGPT
    {"instruction": "...", "input": "", "output": "..."}                               Alpaca, BELLE, Evol-Instruct
    {"system_prompt": "...", "question": "...", "response": "..."}                      Orca
    {"question": "...", "answer": "..."}                                               GSM8K
    {"inputs": "...", "targets": "..."}   {"prompt": "...", "completion": "..."}        Flan
    {"prompt": [{"role": "user", ...}], "completion": [{"role": "assistant", ...}]}    TRL: the completion is learnt

Beside each, `system`, `history` (earlier questions and replies) and `tools` (definitions) are read. It is for data that
a user wants learnt as it stands. What `pull` reads loses its replies, and gets new ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from blossom_data.records import Message, Record
from blossom_data.rows import BadRow, read_rows
from blossom_data.rows.row import Row, Unreadable
from blossom_data.rows.turns import OF_A_REPLY
from blossom_data.rows.valid import distinct_records, valid_record
from blossom_data.sources.alpaca import compose
from blossom_data.sources.instruction import list_of, text_of
from blossom_data.train.data.turns import read_history, read_message

_SYSTEM = ("system", "system_prompt")
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
    return distinct_records(read_rows(path), chat_of)


def chat_of(row: Row, *, finds_language: bool = True) -> Record:
    """The chat of one row, in whichever layout.

    Args:
        finds_language: training asks for none, and it takes a third of the time.

    Raises:
        Unreadable: wrong_layout, or what is wrong with the fields of the layout.
    """
    value = row.value
    if value.get("chosen") is not None and value.get("rejected") is not None:
        raise Unreadable("wrong_layout", "a preference pair: pack it with --pairs, for a stage with dpo")
    if value.get("messages") is not None:
        values = {**value, "messages": _written(_turns(value, "messages"))}
        return valid_record(values, finds_language=finds_language)
    # Equal rows are the user's choice here, and an id of the row's own may stand for several chats.
    identity = f"{row.file}:{row.line}"
    values = {"id": identity, "messages": _written(_all_turns(value)), "tools": value.get("tools")}
    return valid_record(values, finds_language=finds_language)


def _all_turns(row: Mapping[str, Any]) -> Iterator[Message]:
    if row.get("conversations") is not None:
        yield Message("system", text_of(row, "system", ""))
        yield from _turns(row, "conversations")
    elif isinstance(row.get("prompt"), list) and isinstance(row.get("completion"), list):
        yield from (replace(turn, train=turn.role != "assistant") for turn in _turns(row, "prompt"))
        yield from _turns(row, "completion")
    else:
        yield from _instruction(row)


def _written(turns: Iterable[Message]) -> list[dict[str, Any]]:
    return [turn.to_dict() for turn in turns if turn.content or turn.role != "system"]


def _turns(row: Mapping[str, Any], field: str) -> Iterator[Message]:
    return (read_message(turn, f"turn {number}") for number, turn in enumerate(list_of(row, field), 1))


def _instruction(row: Mapping[str, Any]) -> Iterator[Message]:
    for asked, reply in _ASKED_AND_REPLY:
        if row.get(asked) is not None and row.get(reply) is not None:
            yield Message("system", "\n\n".join(filter(None, (text_of(row, field, "") for field in _SYSTEM))))
            yield from read_history(row)
            question = text_of(row, asked)
            yield Message("user", compose(question, text_of(row, "input", "")) if asked == "instruction" else question)
            yield read_message({**_thought(row), "role": "assistant", "content": text_of(row, reply)}, "the reply")
            return
    raise Unreadable("wrong_layout", "neither messages, conversations, nor an instruction with its output")


def _thought(row: Mapping[str, Any]) -> dict[str, Any]:
    """What a row says of its reply beside its text: its thinking, and whether it is learnt."""
    return {key: value for key, value in row.items() if key in OF_A_REPLY}
