"""A chat as ids and loss mask, piece by piece, so that mask, stop token and the prompt of inference agree.

    <|im_start|>assistant\\n | 42. | <|im_end|> | \\n
    .  .         .          |#  # | #          | .       # = supervised

Head, content and end are tokenised apart: no token reaches across the border of what is supervised. What inference
sends before a reply is therefore, token for token, the beginning of what was trained. Within a content, what the
template writes beside data (a tag around thinking, the braces of a call) is one text with it, but for special tokens.
Chats are not shortened here: pack.py does it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from blossom_data.errors import ConfigError
from blossom_data.records import Message
from blossom_data.train.template.chat_formats import BOS, EOS, Form, Template
from blossom_data.train.template.tokens import HeldSpecial, Position, Tokens
from blossom_data.train.template.writing import Piece, WrittenChat, WrittenTurn, reply_head, write

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
    is_learnt: bool = False
    """A reply, and not one that is context: inference would write it, and its prompt, in the same way."""


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
    """A chat that the template or the tokenizer cannot write.

    `code` is unsupported_role, unsupported_content (tools, which the template has no form for) or special_token.
    """

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
                hint="add it: blossom-data train add-tokens, or take a template without chat tokens: bloom, blossom",
            )
        begins = template.bos == "always" or (template.bos == "as tokenizer" and tokens.adds_bos)
        self.bos = tokens.special[tokens.bos_id] if begins and tokens.bos_id is not None else ""
        calls_end = self.template.calls.end if self.template.calls else ""
        ends = (self.template.forms["assistant"].end, calls_end, *self.template.next_stops.values())
        stops = [tokens.control(end)[-1:] for end in dict.fromkeys(end for end in ends if end)]
        if not stops or any(not stop or stop[0] not in tokens.special for stop in stops):
            raise ConfigError(
                f"the template {template.name} trains no stop token: a reply ends with {ends[0]!r}",
                hint="the model would never stop; name a template whose replies end with a special token",
            )
        self._stop_ids = list(dict.fromkeys(stop[0] for stop in stops))
        self._frames: dict[tuple[str, str, str, Position], _Frame] = {}

    def stop_ids(self, tokenizer: PreTrainedTokenizerFast | None = None) -> list[int]:
        """The ids that end a reply, each supervised turn ends with one; in another tokenizer where one is given."""
        if tokenizer is None:
            return list(self._stop_ids)
        return [tokenizer.get_vocab()[self.tokens.special[stop]] for stop in self._stop_ids]

    def encode(self, messages: Sequence[Message], tools: str = "", *, is_prompt: bool = False) -> EncodedChat | Unfit:
        """One chat, as it is trained on; with `is_prompt`, as it is sent for a reply."""
        return self._encode([write(self.template, messages, tools, is_prompt=is_prompt)])[0]

    def encode_many(self, chats: Sequence[Sequence[Message]], tools: Sequence[str] = ()) -> list[EncodedChat | Unfit]:
        """Several chats at once, which is faster; `tools` are the definitions that each has."""
        texts = tools or [""] * len(chats)
        return self._encode([write(self.template, chat, text) for chat, text in zip(chats, texts, strict=True)])

    def text(self, messages: Sequence[Message], tools: str = "", *, is_prompt: bool = False) -> str:
        """The chat as the template writes it, special tokens as texts; with `is_prompt`, up to where a reply begins.

        Raises:
            ConfigError: the template cannot write a turn.
        """
        chat = write(self.template, messages, tools, is_prompt=is_prompt)
        if isinstance(chat, str):
            raise self._unfit(chat)
        texts = [*self._beginning(chat)]
        for turn in chat.turns:
            texts += [turn.head, *(text for text, _ in turn.body), turn.end, turn.after]
        if is_prompt:
            texts.append(reply_head(self.template, messages))
        return "".join(texts)

    def encode_prompt(self, messages: Sequence[Message], tools: str = "") -> list[int]:
        """The ids that inference sends: all of `messages`, up to where the assistant begins.

        Raises:
            ConfigError: the template cannot write a turn.
        """
        written = write(self.template, messages, tools, is_prompt=True)
        if isinstance(written, str):
            raise self._unfit(written)
        chat = self._encode([written])[0]
        if isinstance(chat, Unfit):
            raise self._unfit(chat.code)
        return [*chat.ids, *self.tokens.control(reply_head(self.template, messages), chat.behind)]

    def _unfit(self, code: str) -> ConfigError:
        return ConfigError(
            f"the template {self.template.name} cannot write this chat ({code})",
            hint="person and model take turns, a system text first; or name another template",
        )

    def _beginning(self, chat: WrittenChat) -> tuple[str, ...]:
        return (self.bos, chat.opening, "" if chat.has_system else self.template.intro)

    def _encode(self, chats: Sequence[WrittenChat | str]) -> list[EncodedChat | Unfit]:
        placed = [self._placed(chat) if isinstance(chat, WrittenChat) else None for chat in chats]
        contents = iter(
            self.tokens.data([text for chat in placed if chat for turn in chat.turns for text in turn.data])
        )
        return [
            self._chat(one, contents) if one is not None else Unfit(str(code))
            for one, code in zip(placed, chats, strict=True)
        ]

    def _placed(self, chat: WrittenChat) -> _PlacedChat:
        """The chat with what stands before each of its pieces, which decides their ids."""
        position: Position = "start"
        intro: tuple[int, ...] = ()
        for text in self._beginning(chat):
            intro += self.tokens.control(text, position)
            position = self.tokens.after(text, position)
        turns: list[_PlacedTurn | _FramedTurn] = []
        for turn in chat.turns:
            if len(turn.body) == 1 and not turn.body[0][1]:
                frame = self._frame(turn, position)
                turns.append(_FramedTurn(turn, frame, [(turn.body[0][0], frame.place)]))
                position = frame.behind
                continue
            before_head = position
            position = self.tokens.after(turn.head, position)
            runs: list[tuple[int, ...] | None] = []
            data: list[tuple[str, Position]] = []
            for text, is_own in self._runs(turn.body):
                if is_own:
                    runs.append(self.tokens.control(text, position))
                    position = self.tokens.after(text, position)
                else:
                    runs.append(None)
                    data.append((text, position))
                    position = "text"
            turns.append(_PlacedTurn(turn, before_head, runs, data, position))
            position = self.tokens.after(turn.after, self.tokens.after(turn.end, position))
        return _PlacedChat(intro, turns, position)

    def _frame(self, turn: WrittenTurn, position: Position) -> _Frame:
        """What stands around a turn that is one text: the same for most turns of a data set."""
        key = (turn.head, turn.end, turn.after, position)
        known = self._frames.get(key)
        if known is None:
            tokens = self.tokens
            end = tokens.control(turn.end, "text")
            behind_end = tokens.after(turn.end, "text")
            known = self._frames[key] = _Frame(
                head=list(tokens.control(turn.head, position)),
                place=tokens.after(turn.head, position),
                tail=[*end, *tokens.control(turn.after, behind_end)],
                end=len(end),
                behind=tokens.after(turn.after, behind_end),
            )
        return known

    def _runs(self, body: tuple[Piece, ...]) -> Sequence[Piece]:
        """A body as special tokens of the template's, and the texts between them, each one text."""
        if len(body) == 1 and not body[0][1]:
            return body
        runs: list[Piece] = []
        text = ""
        for piece, is_own in body:
            for part, is_special in self.tokens.parted(piece) if is_own else ((piece, False),):
                if not is_special:
                    text += part
                    continue
                runs += [(text, False)] if text else []
                runs.append((part, True))
                text = ""
        return [*runs, (text, False)] if text else runs

    def _chat(self, chat: _PlacedChat, contents: Iterator[list[int] | HeldSpecial]) -> EncodedChat | Unfit:
        encoded = []
        is_held = False
        for turn in chat.turns:
            written = turn.written
            if isinstance(turn, _FramedTurn):
                frame, content = turn.frame, next(contents)
                if isinstance(content, HeldSpecial):
                    is_held = True
                    continue
                start = len(frame.head)
                end = start + len(content) + frame.end
                ids = [*frame.head, *content, *frame.tail]
                encoded.append(EncodedTurn(written.role, ids, start, end, written.is_empty, written.is_learnt))
                continue
            ids = [*self.tokens.control(written.head, turn.before_head)]
            start = len(ids)
            for run in turn.runs:
                said = next(contents) if run is None else run
                if isinstance(said, HeldSpecial):
                    is_held = True
                else:
                    ids += said
            ids += self.tokens.control(written.end, turn.behind_content)
            end = len(ids)
            ids += self.tokens.control(written.after, self.tokens.after(written.end, turn.behind_content))
            encoded.append(EncodedTurn(written.role, ids, start, end, written.is_empty, written.is_learnt))
        return Unfit("special_token") if is_held else EncodedChat(chat.intro, tuple(encoded), chat.behind)


@dataclass(frozen=True, slots=True)
class _Frame:
    """The ids around a turn that is one text: `end` of those in `tail` stop it, `place` is what stands before it."""

    head: list[int]
    place: Position
    tail: list[int]
    end: int
    behind: Position


@dataclass(slots=True)
class _FramedTurn:
    """A turn that is one text, before it is tokenised."""

    written: WrittenTurn
    frame: _Frame
    data: list[tuple[str, Position]]


@dataclass(frozen=True, slots=True)
class _PlacedTurn:
    """A turn before it is tokenised: `runs` are ids, or None for the next of `data`, a text and what is before it."""

    written: WrittenTurn
    before_head: Position
    runs: list[tuple[int, ...] | None]
    data: list[tuple[str, Position]]
    behind_content: Position


@dataclass(frozen=True, slots=True)
class _PlacedChat:
    """A chat before it is tokenised, but for what stands before its first turn."""

    intro: tuple[int, ...]
    turns: list[_PlacedTurn | _FramedTurn]
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
        role: Form(resolve(form.head), resolve(form.end), resolve(form.after), form.lead, form.tail)
        for role, form in template.forms.items()
    }
    return replace(template, forms=forms, earlier_end=resolve(template.earlier_end))
