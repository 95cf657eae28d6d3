"""How a chat is written for a model family, as text: a head, the content and an end for each turn.

    <|im_start|>user\\n | What is 6 times 7? | <|im_end|> | \\n
    head                 content              end          after

The families lie in families/NAME.toml, and a file of a user's own has the same keys. A template says nothing about ids:
encode.py tokenises every piece apart. `{bos}` and `{eos}` stand for the tokenizer's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Literal

from pydantic import Field, Strict, with_config

from blossom_data.settings_types import STRICT, Flag, FreeText, OneOf, Text, Whole

BOS, EOS, TOOLS = "{bos}", "{eos}", "{tools}"
Supervise = Literal["all", "last"]
Role = Annotated[str, OneOf("system", "user", "assistant", "tool")]
Count = Annotated[int, Strict(), Field(ge=1)]


@with_config(STRICT)
@dataclass(frozen=True, slots=True)
class Form:
    """[roles.NAME]: how a turn of one role is written."""

    head: FreeText = ""
    """Before the content; an assistant's head is where the prompt of inference ends."""
    end: FreeText = ""
    """After the content; supervised in an assistant's turn, whose last token is the stop token."""
    after: FreeText = ""
    """After the end; never supervised."""
    lead: FreeText = ""
    """Glued to the front of the content and tokenised with it: the blank that a reply begins with."""
    tail: FreeText = ""
    """Glued to the back of the content and tokenised with it."""


@with_config(STRICT)
@dataclass(frozen=True, slots=True, kw_only=True)
class System:
    """[system]: what becomes of the first system turn."""

    default: FreeText | None = None
    """Text of a chat that has none; "" for a turn without text."""
    place: Literal["turn", "first question", "last question"] = "turn"
    """A turn of its own, or the beginning of a question; where a chat has several, the first or the last."""
    lead: FreeText = ""
    """In front of its text."""
    join: FreeText = ""
    """Between its text and the question that it begins."""
    tail: FreeText = ""
    """Behind its text, in front of definitions of tools."""


@with_config(STRICT)
@dataclass(frozen=True, slots=True, kw_only=True)
class Thinking:
    """[thinking]: how `reasoning_content` is written in front of a reply."""

    before: FreeText = "<think>\n"
    """In front of the thinking."""
    after: FreeText = "\n</think>\n\n"
    """Behind it."""
    keep: Literal["all", "last"] = "all"
    """Of every reply, or of those behind the last question; a reply that lost its thinking is context, not learnt."""
    fills: Flag = False
    """The last reply has a block without text where it has no thinking."""
    is_prompted: Annotated[Flag, Field(alias="prompted")] = False
    """What inference sends ends with `before`; a reply without a block is context then."""
    strips: Flag = False
    """Line breaks around the thinking go, and thinking in the content itself is taken for what it is."""
    precedes_lead: Flag = False
    """It stands in front of the `lead` of the reply, not behind it."""


@with_config(STRICT)
@dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    """[tools]: where definitions of tools stand, and how they are written."""

    place: Literal["system", "start", "first question", "last question"] = "system"
    """Behind the system text, before all turns, in front of the first question's text, or before the turn of the last
    question."""
    before: FreeText = ""
    """In front of the first definition."""
    between: FreeText = "\n"
    """Between two."""
    after: FreeText = ""
    """Behind the last."""
    join: FreeText = ""
    """Between a system text and them."""
    opening: FreeText = ""
    """The beginning of the system turn of a chat with tools."""
    notice: FreeText = ""
    """What stands for `{tools}` in the template's `opening` where a chat has tools."""
    indent: Whole = 0
    """Blanks of a level of their JSON; 0: one line."""
    definition: FreeText = ""
    """Jinja that writes one definition, `tool`; without it the definition as JSON."""


@with_config(STRICT)
@dataclass(frozen=True, slots=True, kw_only=True)
class Calls:
    """[calls]: how a reply calls tools, and how what they gave is written."""

    call: Text
    """One call, with {name}, {arguments} and {id}."""
    id: FreeText = ""
    """What {id} stands for in `call`, with {id} in it; it is left out where the call has none."""
    before: FreeText = ""
    """In front of the first call."""
    between: FreeText = "\n"
    """Between two."""
    after: FreeText = ""
    """Behind the last."""
    join: FreeText | None = None
    """Between a reply's text and its calls; without it a reply that does both is not written."""
    thinks_text: Flag = False
    """A reply that calls has its text written as its thinking; one that has both, and calls, is not written."""
    end: FreeText = ""
    """End of a reply that calls, where it is another one."""
    reply_head: FreeText | None = None
    """Head of a reply behind results, where it is another one; thinking is not opened by it."""
    most: Count | None = None
    """Calls of a reply; without it any number."""
    result: Text = "{content}"
    """What a tool gave: {content}, {json} (as a JSON text), {value} (JSON where it is JSON, else a JSON text), {id},
    and {name} of what was called last."""
    result_id: FreeText = ""
    """What {id} stands for in `result`, as `id` for `call`; without it the id alone."""
    merges: Flag = False
    """Results that follow each other share a turn."""
    between_results: FreeText = ""
    """Between two that share a turn."""


@with_config(STRICT)
@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """How the chats of a model family are written; `version` rises when the ids of any chat change."""

    name: Text
    """What recipes and packed sets call it."""
    version: Count = 1
    """Of the template."""
    about: FreeText = ""
    """For people: which models it is for."""
    forms: Annotated[Mapping[Role, Form], Field(alias="roles")]
    """By role; a chat with a turn of another role is not trained on."""
    controls: tuple[Text, ...] = ()
    """Texts that must each be one token of the tokenizer, and never come out of data."""
    bos: Literal["never", "always", "as tokenizer"] = "never"
    """Whether a chat begins with the tokenizer's BOS."""
    opening: FreeText = ""
    """Template text at the very beginning; `{tools}` stands for the notice of tools."""
    intro: FreeText = ""
    """Template text before the first turn of a chat without a system turn."""
    trims: Mapping[Role, Literal["both", "end"]] = field(default_factory=dict)
    """Roles around whose contents white space is taken away, or blanks at their end, as the family's template does."""
    earlier_end: FreeText = ""
    """End of a reply before the last question, where it is another one; such a reply is context."""
    next_stops: Mapping[Role, Text] = field(default_factory=dict)
    """Where a reply ends with the token that begins the next turn: that token by the next turn's role."""
    system: System = field(default_factory=System)
    """What becomes of the first system turn."""
    thinking: Thinking = field(default_factory=Thinking)
    """How thinking is written; without it as `<think>` in front of every reply that has any."""
    tools: Tools | None = None
    """Without it chats with definitions of tools are not trained on."""
    calls: Calls | None = None
    """Without it chats with calls of tools are not trained on."""
    left_out: Mapping[str, str] = field(default_factory=dict)
    """Roles that a model's own template cannot write, and why: for people."""

    @property
    def looks_back(self) -> bool:
        """Whether a chat that goes on may be written in another way than it began."""
        return (
            self.thinking.keep == "last"
            or self.thinking.fills
            or bool(self.earlier_end)
            or self.system.place == "last question"
            or (self.tools is not None and self.tools.place == "last question")
        )
