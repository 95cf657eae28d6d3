"""How a chat is written for a model family, as text: a head, the content and an end for each turn.

    <|im_start|>user\\n | What is 6 times 7? | <|im_end|> | \\n
    head                 content              end          after

A template says nothing about ids: encode.py tokenises every piece apart. `{bos}` and `{eos}` stand for the tokenizer's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from blossom_data.records import Message

BOS, EOS = "{bos}", "{eos}"
Supervise = Literal["all", "last"]


@dataclass(frozen=True, slots=True)
class Form:
    """How a turn of one role is written."""

    head: str
    """Before the content; an assistant's head is where the prompt of inference ends."""
    end: str = ""
    """After the content; supervised in an assistant's turn, whose last token is the stop token."""
    after: str = ""
    """After the end; never supervised."""
    lead: str = ""
    """Glued to the front of the content and tokenised with it: the blank that a reply begins with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """How the chats of a model family are written; `version` rises when the ids of any chat change."""

    name: str
    forms: Mapping[str, Form]
    """By role; a chat with a turn of another role is not trained on."""
    controls: tuple[str, ...] = ()
    """Texts that must each be one token of the tokenizer, and never come out of data."""
    bos: Literal["never", "always", "as tokenizer"] = "never"
    default_system: str = ""
    """System text of a chat that has none."""
    intro: str = ""
    """Template text before the first turn of a chat without a system turn."""
    system_lead: str = ""
    system_join: str | None = None
    """A system turn becomes the beginning of the user turn after it: `system_lead`, its text, this, the user's text."""
    trims: bool = False
    """Blanks around contents are taken away, as the family's own template does."""
    version: int = 1

    def turns(self, messages: Sequence[Message]) -> list[Message]:
        """The messages as the turns that are written: the default system text, trimming and joining applied."""
        turns = [Message(turn.role, turn.content.strip()) for turn in messages] if self.trims else list(messages)
        if self.default_system and not (turns and turns[0].role == "system"):
            turns.insert(0, Message("system", self.default_system))
        if self.system_join is None or not turns or turns[0].role != "system":
            return turns
        system, *rest = turns
        opening = self.system_lead + system.content
        if rest and rest[0].role == "user":
            return [Message("user", opening + self.system_join + rest[0].content), *rest[1:]]
        return [Message("user", opening), *rest]


def _chatml(name: str, tool: Form | None = None) -> Template:
    forms = {
        role: Form(f"<|im_start|>{role}\n", "<|im_end|>", "\n") for role in ("system", "user", "assistant", "tool")
    }
    if tool is not None:
        forms["tool"] = tool
    return Template(name=name, forms=forms, controls=("<|im_start|>", "<|im_end|>"))


def _llama_3() -> Template:
    spoken = {"system": "system", "user": "user", "assistant": "assistant", "tool": "ipython"}
    return Template(
        name="llama-3",
        forms={
            role: Form(f"<|start_header_id|>{name}<|end_header_id|>\n\n", "<|eot_id|>") for role, name in spoken.items()
        },
        controls=("<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"),
        bos="always",
        trims=True,
    )


def _mistral() -> Template:
    asked = Form("[INST]", "[/INST]", lead=" ")
    return Template(
        name="mistral",
        forms={
            "system": asked,
            "user": asked,
            "assistant": Form("", EOS, lead=" "),
            "tool": Form("[TOOL_RESULTS]", "[/TOOL_RESULTS]", lead=" "),
        },
        controls=("[INST]", "[/INST]"),
        bos="always",
        system_join="\n\n",
    )


def _baichuan() -> Template:
    asked = Form("<reserved_106>")
    return Template(
        name="baichuan",
        forms={"system": Form(""), "user": asked, "assistant": Form("<reserved_107>", EOS), "tool": asked},
        controls=("<reserved_106>", "<reserved_107>"),
    )


def _bloom() -> Template:
    return Template(
        name="bloom",
        forms={
            "system": Form("", "\n\n"),
            "user": Form("Human:", "\n\n", lead=" "),
            "assistant": Form("Assistant:", EOS, "\n\n", lead=" "),
            "tool": Form("Tool:", "\n\n", lead=" "),
        },
        bos="as tokenizer",
    )


def _blossom() -> Template:
    asked = Form("\n|Human|: ")
    return Template(
        name="blossom",
        forms={"system": Form(""), "user": asked, "assistant": Form("\n|Bot|: ", EOS), "tool": asked},
        bos="as tokenizer",
        default_system=(
            "A chat between a human and an artificial intelligence bot. "
            "The bot gives helpful, detailed, and polite answers to the human's questions."
        ),
    )


TEMPLATES: Mapping[str, Template] = {
    template.name: template
    for template in (
        _chatml("chatml"),
        _chatml("qwen", Form("<|im_start|>user\n<tool_response>\n", "\n</tool_response><|im_end|>", "\n")),
        _llama_3(),
        _mistral(),
        _chatml("yi"),
        _baichuan(),
        _bloom(),
        _blossom(),
    )
}
