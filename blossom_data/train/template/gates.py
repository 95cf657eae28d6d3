"""What a template must pass before anything is trained with it.

    prompt prefix   the ids that inference sends before a reply are the first ids of what was trained, for every reply
    stop token      every supervised turn ends with a stop token, which is supervised too

Both are tried on chats that break templates before any data is read; then the second on every document and the first
on every reply of every hundredth. A template that fails packs nothing. What cannot be a gate is counted: on how many of
these prompts a server that tokenises the exported chat template as one text sends the same ids.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from blossom_data.errors import ConfigError
from blossom_data.records import Message
from blossom_data.train.template.encode import EncodedChat, EncodedTurn, Encoder, Unfit

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

_EVERY = 100
_CONTENTS = ("4", "", " four ", "\n\nfour", "[1, 2]", "蓝色的。", "🎉", "<|im_end|></s>[/INST]<|eot_id|>", "four\n")


class Gates:
    """The gates of one packing, and what passed them.

    Args:
        chat_template: the Jinja text that servers will be given.

    Raises:
        ConfigError: the template fails a gate on the built-in chats.
    """

    def __init__(self, encoder: Encoder, tokenizer: PreTrainedTokenizerFast, chat_template: str) -> None:
        self._encoder, self._tokenizer, self._chat_template = encoder, tokenizer, chat_template
        self._stop_ids = frozenset(encoder.stop_ids())
        self._turns = self._prompts = self._served = self._served_alike = 0
        for messages in _chats():
            self._try_chat(messages)
        if not self._turns:
            raise ConfigError(
                f"the template {encoder.template.name} cannot write any chat with this tokenizer",
                hint="name the template of the model's own family",
            )

    def document(
        self,
        number: int,
        messages: Sequence[Message],
        chat: EncodedChat,
        ids: Sequence[int],
        runs: Sequence[int],
        tools: str = "",
    ) -> None:
        """Tries the gates on document `number`, made of `messages` and encoded as `chat`, whose mask is `runs`.

        Raises:
            ConfigError: a gate failed.
        """
        position = end = 0
        for index, length in enumerate(runs):
            position += length
            if index % 2:
                end = position
                self._try_stop(ids[position - length : position])
        if number % _EVERY:
            return
        for index, turn in _replies(messages, chat):
            if turn.is_learnt:
                prompt = self._encoder.encode_prompt(messages[:index], tools)
                # Turns that were cut away were not trained.
                if len(prompt) < end:
                    self._try_prompt(prompt, ids)
                    self._count_served(messages[:index], tools, prompt)

    def take_counts(self) -> tuple[int, ...]:
        """What was tried since the last time, in this process."""
        counts = (self._turns, self._prompts, self._served, self._served_alike)
        self._turns = self._prompts = self._served = self._served_alike = 0
        return counts

    def add_counts(self, counts: tuple[int, ...]) -> None:
        """Adds what was tried in another process."""
        turns, prompts, served, alike = counts
        self._turns += turns
        self._prompts += prompts
        self._served += served
        self._served_alike += alike

    def result(self) -> dict[str, Any]:
        """What was tried, for the manifest: everything in it passed."""
        return {
            "stop_token": {"turns": self._turns, "failed": 0},
            "prompt_prefix": {"prompts": self._prompts, "failed": 0},
            "served_as_one_text": {"prompts": self._served, "same_ids": self._served_alike},
        }

    def _try_chat(self, messages: Sequence[Message]) -> None:
        chat = self._encoder.encode(messages)
        if isinstance(chat, Unfit):
            return
        ids = chat.ids
        for index, turn in _replies(messages, chat):
            if turn.is_learnt:
                self._try_stop(turn.ids[turn.start : turn.end])
                self._try_prompt(self._encoder.encode_prompt(messages[:index]), ids)

    def _try_prompt(self, prompt: Sequence[int], ids: Sequence[int]) -> None:
        self._prompts += 1
        if list(ids[: len(prompt)]) != prompt:
            raise ConfigError(
                f"the template {self._encoder.template.name} fails the prompt-prefix gate: inference would send other "
                "ids than were trained",
                hint="name another template",
            )

    def _try_stop(self, supervised: Sequence[int]) -> None:
        self._turns += 1
        if not supervised or supervised[-1] not in self._stop_ids:
            raise ConfigError(
                f"the template {self._encoder.template.name} fails the stop-token gate: a supervised turn ends without "
                "a stop token",
                hint="name another template",
            )

    def _count_served(self, messages: Sequence[Message], tools: str, prompt: Sequence[int]) -> None:
        turns = [served(turn) for turn in messages]
        try:
            text = self._tokenizer.apply_chat_template(
                turns,
                tools=json.loads(tools) if tools else None,
                chat_template=self._chat_template,
                tokenize=False,
                add_generation_prompt=True,
            )
        except Exception:
            # A model's own template may refuse a chat that its pieces can write; it is then never served.
            return
        self._served += 1
        self._served_alike += self._tokenizer(text, add_special_tokens=False)["input_ids"] == list(prompt)


def served(turn: Message) -> dict[str, Any]:
    """A turn as programs hand it to a chat template: arguments of calls as objects."""
    told = turn.to_dict()
    told.pop("train", None)
    for call in told.get("tool_calls", ()):
        call["function"]["arguments"] = json.loads(call["function"]["arguments"])
    return told


def _replies(messages: Sequence[Message], chat: EncodedChat) -> Iterator[tuple[int, EncodedTurn]]:
    """The place of each reply in `messages`, and the reply as it was encoded."""
    places = (index for index, message in enumerate(messages) if message.role == "assistant")
    return zip(places, (turn for turn in chat.turns if turn.role == "assistant"), strict=True)


def _chats() -> list[list[Message]]:
    chats = []
    for content in _CONTENTS:
        asked, said = Message("user", content), Message("assistant", content)
        system, tool = Message("system", content), Message("tool", content)
        chats += [[asked, said], [system, asked, said, asked, said], [said, asked, said], [asked, said, tool, said]]
    return chats
