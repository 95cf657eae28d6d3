"""A chat as ids and loss mask, piece by piece, so that mask, stop token and the prompt of inference agree.

    <|im_start|>assistant\\n | 42. | <|im_end|> | \\n
    .  .         .          |#  # | #          | .       # = supervised

Every piece is tokenised apart: no token reaches across the border of what is supervised. What inference sends before a
reply is therefore, token for token, the beginning of what was trained. Chats are not shortened here: pack.py does it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING

from blossom_data.errors import ConfigError
from blossom_data.records import Message
from blossom_data.train.template.chat_formats import BOS, EOS, Form, Template
from blossom_data.train.template.tokens import HeldSpecial, Position, Tokens

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast


@dataclass(frozen=True, slots=True)
class EncodedTurn:
    """One turn: its ids, of which those from `start` to `end` are what an assistant says, stop token included."""

    role: str
    ids: list[int]
    start: int
    end: int
    is_empty: bool


@dataclass(frozen=True, slots=True)
class EncodedChat:
    """A whole chat: the ids before the first turn, its turns, and what a further turn would stand behind."""

    intro: tuple[int, ...]
    turns: tuple[EncodedTurn, ...]
    behind: Position

    @property
    def ids(self) -> list[int]:
        """All ids, one after the other."""
        return [*self.intro, *(token for turn in self.turns for token in turn.ids)]


@dataclass(frozen=True, slots=True)
class Unfit:
    """A chat that the template or the tokenizer cannot write; `code` is unsupported_role or special_token."""

    code: str


class Encoder:
    """A template bound to a tokenizer.

    Raises:
        ConfigError: the tokenizer lacks a token that the template needs, or no stop token would be trained.
    """

    def __init__(self, template: Template, tokens: Tokens) -> None:
        self.tokens = tokens
        self.template = _resolved(template, tokens)
        missing = [control for control in self.template.controls if tokens.single(control) is None]
        if missing:
            raise ConfigError(
                f"the tokenizer has no token {missing[0]}, which the template {template.name} needs",
                hint="take the tokenizer of a model with chat tokens, or a template without them: bloom, blossom",
            )
        begins = template.bos == "always" or (template.bos == "as tokenizer" and tokens.adds_bos)
        self.bos = tokens.special[tokens.bos_id] if begins and tokens.bos_id is not None else ""
        self._reply = self.template.forms["assistant"]
        stop = tokens.control(self._reply.end)[-1:]
        if not stop or stop[0] not in tokens.special:
            raise ConfigError(
                f"the template {template.name} trains no stop token: a reply ends with {self._reply.end!r}",
                hint="the model would never stop; name a template whose replies end with a special token",
            )
        self._stop_ids = stop

    def stop_ids(self, tokenizer: PreTrainedTokenizerFast | None = None) -> list[int]:
        """The ids that end a reply, each supervised turn ends with one; in another tokenizer where one is given."""
        if tokenizer is None:
            return list(self._stop_ids)
        return [tokenizer.get_vocab()[self.tokens.special[stop]] for stop in self._stop_ids]

    def encode(self, messages: Sequence[Message]) -> EncodedChat | Unfit:
        """One chat, as it is trained on."""
        return self.encode_many([messages])[0]

    def encode_many(self, chats: Sequence[Sequence[Message]]) -> list[EncodedChat | Unfit]:
        """Several chats at once, which is faster."""
        written = [self._written(messages) for messages in chats]
        contents = iter(self.tokens.data([turn.content for chat in written if chat for turn in chat.turns]))
        return [
            self._chat(chat, list(islice(contents, len(chat.turns)))) if chat else Unfit("unsupported_role")
            for chat in written
        ]

    def text(self, messages: Sequence[Message]) -> str:
        """The chat as the template writes it, special tokens as their texts."""
        has_system = bool(messages) and messages[0].role == "system"
        written = self.bos + ("" if has_system else self.template.intro)
        for turn in self.template.turns(messages):
            form = self.template.forms[turn.role]
            written += form.head + form.lead + turn.content + form.end + form.after
        return written

    def encode_prompt(self, messages: Sequence[Message]) -> list[int]:
        """The ids that inference sends: all of `messages`, up to where the assistant begins.

        Raises:
            ConfigError: the template cannot write a turn.
        """
        chat = self.encode(messages)
        if isinstance(chat, Unfit):
            raise ConfigError(
                f"the template {self.template.name} cannot write this chat ({chat.code})",
                hint="person and model take turns, a system text first; or name another template",
            )
        return [*chat.ids, *self.tokens.control(self._reply.head, chat.behind)]

    def _written(self, messages: Sequence[Message]) -> _WrittenChat | None:
        """A chat before it is tokenised; None where the template cannot write one of its roles."""
        position: Position = "start"
        intro: tuple[int, ...] = ()
        has_system = bool(messages) and messages[0].role == "system"
        for text in (self.bos, "" if has_system else self.template.intro):
            intro += self.tokens.control(text, position)
            position = self.tokens.after(text, position)
        turns = []
        for turn in self.template.turns(messages):
            form = self.template.forms.get(turn.role)
            if form is None:
                return None
            text = form.lead + turn.content
            before = self.tokens.after(form.head, position)
            behind: Position = "text" if text else before
            turns.append(_WrittenTurn(turn, form, position, (text, before), behind))
            position = self.tokens.after(form.after, self.tokens.after(form.end, behind))
        return _WrittenChat(intro, turns, position)

    def _chat(self, chat: _WrittenChat, contents: Sequence[list[int] | HeldSpecial]) -> EncodedChat | Unfit:
        encoded = []
        for turn, content in zip(chat.turns, contents, strict=True):
            if isinstance(content, HeldSpecial):
                return Unfit("special_token")
            form = turn.form
            ids = [*self.tokens.control(form.head, turn.before_head), *content]
            start = len(ids) - len(content)
            ids += self.tokens.control(form.end, turn.behind_content)
            end = len(ids)
            ids += self.tokens.control(form.after, self.tokens.after(form.end, turn.behind_content))
            is_empty = not turn.message.content.strip()
            encoded.append(EncodedTurn(turn.message.role, ids, start, end, is_empty))
        return EncodedChat(chat.intro, tuple(encoded), chat.behind)


@dataclass(frozen=True, slots=True)
class _WrittenTurn:
    """A turn before it is tokenised; `content` is its text and what stands before it."""

    message: Message
    form: Form
    before_head: Position
    content: tuple[str, Position]
    behind_content: Position


@dataclass(frozen=True, slots=True)
class _WrittenChat:
    """A chat before it is tokenised, but for what stands before its first turn."""

    intro: tuple[int, ...]
    turns: list[_WrittenTurn]
    behind: Position


def _resolved(template: Template, tokens: Tokens) -> Template:
    """The template with the tokenizer's BOS and EOS in the places that stand for them."""
    names = {BOS: tokens.bos_id, EOS: tokens.eos_id}

    def resolve(text: str) -> str:
        for place, identifier in names.items():
            if place not in text:
                continue
            if identifier is None:
                raise ConfigError(
                    f"the tokenizer names no {'BOS' if place == BOS else 'EOS'} token, which the template "
                    f"{template.name} needs",
                    hint="set bos_token and eos_token in the tokenizer's tokenizer_config.json",
                )
            text = text.replace(place, tokens.special[identifier])
        return text

    if template.bos == "always":
        resolve(BOS)
    forms = {
        role: Form(resolve(form.head), resolve(form.end), resolve(form.after), form.lead)
        for role, form in template.forms.items()
    }
    return replace(template, forms=forms)
