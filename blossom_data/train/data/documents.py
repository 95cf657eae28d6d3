"""What is trained of one chat: its ids and mask, shortened to a row, and as the bytes of a packed set.

document = shorten(chat, 2048, "all")      ids, runs, and what was left out; or the code of why nothing is trained
stored(document, digest, question, "<u2")  the same as bytes
"""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Sequence
from dataclasses import dataclass, replace

from blossom_data.records import Message, Record
from blossom_data.train.data.store import Stored
from blossom_data.train.template.chat_formats import Supervise
from blossom_data.train.template.encode import EncodedChat, Encoder


@dataclass(frozen=True, slots=True)
class Document:
    """What is trained of one chat: ids, lengths of unsupervised and supervised runs in turn, and what was left out."""

    ids: list[int]
    runs: list[int]
    turns: int
    cut_turns: int
    cut_tokens: int
    empty_replies: int
    context_replies: int = 0


def shorten(chat: EncodedChat, seq_len: int, supervise: Supervise) -> Document | str:
    """What of `chat` is trained in a row of `seq_len` tokens, or the code of why nothing is."""
    length, fits, fitting = len(chat.intro), 0, 0
    for number, turn in enumerate(chat.turns, 1):
        length += len(turn.ids)
        if turn.is_learnt and length <= seq_len:
            fits, fitting = number, length
    last = max((number for number, turn in enumerate(chat.turns, 1) if turn.is_learnt), default=0)
    if not fits:
        has_reply = any(turn.role == "assistant" for turn in chat.turns)
        return "too_long" if last else "no_learnt_turn" if has_reply else "no_assistant_turn"
    ids, runs = list(chat.intro), [0]
    empty_replies, context, position = 0, 0, 0
    for number, turn in enumerate(chat.turns[:fits], 1):
        if turn.is_learnt and (supervise == "all" or number == fits):
            runs[-1] += len(ids) + turn.start - position
            runs += [turn.end - turn.start, 0]
            position = len(ids) + turn.end
            empty_replies += turn.is_empty
        context += turn.role == "assistant" and not turn.is_learnt
        ids += turn.ids
    runs[-1] = len(ids) - position
    wanted = len(chat.intro) + sum(len(turn.ids) for turn in chat.turns[:last])
    return Document(ids, runs if runs[-1] else runs[:-1], fits, last - fits, wanted - fitting, empty_replies, context)


def fitted(
    encoder: Encoder, record: Record, chat: EncodedChat, seq_len: int, supervise: Supervise
) -> tuple[EncodedChat, Document | str]:
    """The chat and what of it is trained; one that is too long, and is written otherwise when it ends earlier, so."""
    document = shorten(chat, seq_len, supervise)
    if document != "too_long" or not encoder.template.looks_back:
        return chat, document
    replies = [place for place, turn in enumerate(record.messages) if turn.role == "assistant"]
    lengths = [len(turn.ids) for turn in chat.turns if turn.role == "assistant"]
    for place, length in zip(replies[-2::-1], lengths[-2::-1], strict=True):
        if length > seq_len:
            continue
        shorter = encoder.encode(record.messages[: place + 1], record.tools)
        if isinstance(shorter, EncodedChat) and not isinstance(found := shorten(shorter, seq_len, supervise), str):
            cut = len(chat.turns) - len(shorter.turns) + found.cut_turns
            return shorter, replace(found, cut_turns=cut, cut_tokens=len(chat.ids) - len(found.ids))
    return chat, document


def messages_until(messages: Sequence[Message], written: EncodedChat) -> Sequence[Message]:
    """The messages up to the last reply of what was written."""
    replies = [place for place, turn in enumerate(messages) if turn.role == "assistant"]
    return messages[: replies[sum(turn.role == "assistant" for turn in written.turns) - 1] + 1]


def question_of(messages: Sequence[Message]) -> int:
    """64 bits of a hash of the first question: chats that begin with the same one are held out together."""
    text = next((turn.content for turn in messages if turn.role == "user"), "")
    return int.from_bytes(hashlib.blake2b(" ".join(text.split()).encode(), digest_size=8).digest(), "big")


def stored(document: Document, digest: bytes, question: int, ids: str) -> Stored:
    """The document as a packed set has it; `ids` names the type of its ids."""
    return Stored(
        array(_CODES[ids], document.ids).tobytes(),
        len(document.ids),
        array("I", document.runs).tobytes(),
        len(document.runs),
        sum(document.runs[1::2]),
        digest,
        question,
    )


_CODES = {"<u2": "H", "<u4": "I"}
