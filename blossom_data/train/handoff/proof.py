"""Proves that an exported model is sent what it was trained on: chats as ids, by every way that others write them.

    prove_template(encoder, tokenizer, chat_template)     {"chats": 200, "same_text": 200, "same_ids": 200}

The chats have a system text or none, one turn or several, empty turns, thinking, both languages, code and signs of
other templates. Only what the template can write is tried; what it refuses, servers refuse too.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from typing import Any

from blossom_data.errors import BlossomError
from blossom_data.records import Message
from blossom_data.train.template.encode import Encoder
from blossom_data.train.template.gates import served

CHATS = 200
_SAID = (
    "What is 6 times 7?",
    "42.",
    "",
    "天空是什么颜色？",
    "蓝色的。",
    "def f(x):\n    return [x, {}]",
    "a  b\n\nc",
    "🎉 naïve",
    "{{ .Content }} {% if x %} ${y}",
    'Use "quotes" and \\ slashes.',
    "1. one\n2. two",
    "$x^2$ or `code`",
    "user\nassistant",
)
_THOUGHTS = ("6 * 7 = 42", "先想颜色。\n再回答。")


def proof_chats(count: int = CHATS) -> Iterator[list[Message]]:
    """`count` chats that end in a turn of the user; the same in every run."""
    draw = random.Random(7)
    for number in range(count):
        chat = [Message("system", draw.choice(_SAID[:2] + _SAID[3:]))] if number % 2 else []
        for _ in range(number % 4):
            thought = draw.choice(_THOUGHTS) if number % 5 == 0 else ""
            chat += [Message("user", draw.choice(_SAID)), Message("assistant", draw.choice(_SAID), thought)]
        yield [*chat, Message("user", draw.choice(_SAID))]


def prove_template(encoder: Encoder, tokenizer: Any, chat_template: str) -> dict[str, Any]:
    """How many of the chats the chat template writes as the training did, as text and as ids of the text at once."""
    tried = same_text = same_ids = 0
    for chat in proof_chats():
        try:
            text, ids = encoder.text(chat, is_prompt=True), encoder.encode_prompt(chat)
        except BlossomError:
            continue
        tried += 1
        written = apply_template(tokenizer, chat, chat_template)
        same_text += written == text
        same_ids += written is not None and tokenizer(written, add_special_tokens=False)["input_ids"] == ids
    return {"chats": tried, "same_text": same_text, "same_ids": same_ids}


def apply_template(tokenizer: Any, chat: Sequence[Message], chat_template: str) -> str | None:
    """The text that transformers and vLLM make of a chat; None where the template refuses it."""
    turns = [served(turn) for turn in chat]
    try:
        text: str = tokenizer.apply_chat_template(
            turns, chat_template=chat_template, tokenize=False, add_generation_prompt=True
        )
    except Exception:
        # A template may raise whatever it likes.
        return None
    return text
