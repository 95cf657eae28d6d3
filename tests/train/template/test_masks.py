"""Masks, stop tokens and prompts of every template, against an oracle that spells chats out and walks over bytes."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

pytest.importorskip("transformers")

from oracle import ADVERSARIAL, blanks_behind_tokens, random_chat, spell, wrong_tokens
from tiny import BOS, byte_level, metaspace
from transformers import PreTrainedTokenizerFast

from blossom_data.records import Message
from blossom_data.train.data.documents import shorten
from blossom_data.train.template.encode import EncodedChat, Encoder
from blossom_data.train.template.templates import template_for

NAMES = ("chatml", "qwen", "llama-3", "mistral", "yi", "baichuan", "bloom", "blossom", "own")
"""What oracle.py spells; test_families.py holds the others against the families' own templates."""
KINDS = {"byte-level": byte_level, "metaspace": metaspace}
LONG = 1 << 20


def encoded(encoder: Encoder, messages: Sequence[Message]) -> tuple[list[int], list[bool]]:
    """The ids of a chat with all of its turns, and their mask."""
    chat = encoder.encode(messages)
    assert isinstance(chat, EncodedChat)
    last = max(number for number, turn in enumerate(messages) if turn.role == "assistant")
    document = shorten(chat, LONG, "all")
    assert not isinstance(document, str)
    mask = [index % 2 == 1 for index, length in enumerate(document.runs) for _ in range(length)]
    assert last == len(messages) - 1, "the oracle's chats end with a reply"
    return document.ids, mask


def until_last_reply(messages: Sequence[Message]) -> list[Message]:
    last = max(number for number, turn in enumerate(messages) if turn.role == "assistant")
    return list(messages[: last + 1])


def bos_of(name: str, kind: str) -> str:
    """The BOS that a chat must begin with."""
    if name in ("llama-3", "mistral") or (name == "blossom" and kind == "metaspace"):
        return BOS[name]
    return ""


def check(tokenizer: PreTrainedTokenizerFast, encoder: Encoder, name: str, bos: str, messages: list[Message]) -> None:
    ids, mask = encoded(encoder, messages)
    in_full = blanks_behind_tokens if tokenizer.unk_token else list
    assert wrong_tokens(tokenizer, in_full(spell(name, messages, bos=bos)), ids, mask) == 0
    stops = encoder.stop_ids(tokenizer)
    ends = [index for index, value in enumerate(mask) if value and mask[index + 1 : index + 2] != [True]]
    assert ends
    assert all(ids[end] in stops for end in ends)
    for number, turn in enumerate(messages):
        if turn.role == "assistant":
            prompt = encoder.encode_prompt(messages[:number])
            assert ids[: len(prompt)] == prompt
            assert mask[len(prompt)]
            spelt = in_full(spell(name, messages[:number], bos=bos, prompt=True))
            assert wrong_tokens(tokenizer, spelt, prompt, mask[: len(prompt)]) == 0


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", NAMES)
def test_no_token_is_wrong_in_chats_made_to_break_templates(name: str, kind: str) -> None:
    tokenizer = KINDS[kind](name)
    encoder = template_for(name, tokenizer)
    for messages in ADVERSARIAL.values():
        check(tokenizer, encoder, name, bos_of(name, kind), until_last_reply(messages))


@pytest.mark.parametrize("name", NAMES)
def test_no_token_is_wrong_in_random_chats(name: str) -> None:
    tokenizer = byte_level(name)
    encoder = template_for(name, tokenizer)
    for number in range(300):
        check(tokenizer, encoder, name, bos_of(name, "byte-level"), until_last_reply(random_chat(number)))
