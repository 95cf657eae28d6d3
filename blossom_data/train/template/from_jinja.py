"""Takes a model's own chat template apart into the pieces of a Template, by writing chats of marked words with it.

    <|im_start|>user\\nqzuser1<|im_end|>\\n<|im_start|>assistant\\nqzreply1<|im_end|>\\n
    head              .       end         head                  .       end        after

The pieces must then write other chats letter for letter, and ordinary ones token for token, as the model's template
does; one that treats a turn differently for its place (reasoning left out of earlier turns) is refused, and so is one
whose text depends on the day. Roles that the template refuses, or writes in a way that pieces cannot, are left out and
named with their reason: chats that need them are dropped and counted.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from blossom_data.errors import ConfigError
from blossom_data.records import Message
from blossom_data.train.template.chat_formats import Form, System, Template
from blossom_data.train.template.encode import Encoder, Unfit
from blossom_data.train.template.tokens import Tokens

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

_USER, _USER_2 = Message("user", "qzuser1"), Message("user", "qzuser2")
_REPLY, _REPLY_2 = Message("assistant", "qzreply1"), Message("assistant", "qzreply2")
_SYSTEM, _TOOL = Message("system", "qzsystem1"), Message("tool", "qztool1")
_ORDINARY = ("What is 6 times 7?", "It is 42.", "天空是什么颜色？", "def f(x):\n    return x", "great 🎉", "[[1], 2]")
_ODD = (*_ORDINARY, "\n\nso", " blank ", "four\n")
_IN_NO_PIECES = "it writes it in a way that head, content and end cannot"
_HINT = "name a template instead, such as --template chatml"


class _Refused(Exception):
    """The template does not write these messages."""


def own_template(tokenizer: PreTrainedTokenizerFast) -> Template:
    """The chat template of `tokenizer` as pieces.

    Raises:
        ConfigError: there is none, or pieces cannot give exactly what it writes.
    """
    if not tokenizer.chat_template:
        raise ConfigError("the tokenizer has no chat template of its own", hint=_HINT)
    try:
        _refuse_todays(tokenizer)
        template = _derived(tokenizer)
    except _Refused as why:
        raise ConfigError(f"the model's own chat template cannot be taken apart: {why}", hint=_HINT) from why
    for role, extra in (("system", _SYSTEM), ("tool", _TOOL)):
        if _writes(template, role) and not _agrees(template, tokenizer, extra):
            template = _without(template, role)
    if not _agrees(template, tokenizer, None):
        raise ConfigError(
            "the model's own chat template cannot be taken apart: its pieces, tokenised apart, do not give its ids",
            hint=_HINT,
        )
    return template


def _refuse_todays(tokenizer: PreTrainedTokenizerFast) -> None:
    """Raises ConfigError where what the template writes holds the date: tomorrow it would be another template."""
    text = str(tokenizer.chat_template)
    if "strftime_now" not in text:
        return
    days = [
        _written(tokenizer, [_USER], chat_template="{% macro strftime_now(form) %}" + day + "{% endmacro %}" + text)
        for day in ("qzmonday", "qztuesday")
    ]
    if days[0] != days[1]:
        raise ConfigError(
            "the text of the model's own chat template depends on the day",
            hint="name a template with a fixed date, such as --template llama-3.1 or gpt-oss",
        )


def _derived(tokenizer: PreTrainedTokenizerFast) -> Template:
    """The pieces as the marked words show them, system and tool turns included where the template takes them."""
    opening, asked, answered, asked_2, closing = _parts(tokenizer, [_USER, _REPLY, _USER_2, _REPLY_2])
    if asked != asked_2:
        raise _Refused("it writes a turn in other ways at other places of the chat")
    if not answered.startswith(closing):
        raise _Refused("it ends the last reply in another way than earlier ones")
    user_head = answered.removeprefix(closing)
    if not opening.endswith(user_head):
        raise _Refused("it begins the first question in another way than later ones")
    prompt = _parts(tokenizer, [_USER], prompt=True)[1]
    if not asked.startswith(prompt):
        raise _Refused("its prompt for a reply is not the beginning of a reply")
    intro = opening.removesuffix(user_head)
    user_end = _parts(tokenizer, [_USER])[1]
    user_end = user_end if prompt.startswith(user_end) else ""
    end = _through_stop(tokenizer, closing)
    bos = str(tokenizer.bos_token or "")
    template = Template(
        name="own",
        forms={
            "user": _with_lead(user_head, user_end),
            "assistant": Form(
                prompt.removeprefix(user_end), end, closing.removeprefix(end), lead=asked.removeprefix(prompt)
            ),
        },
        intro=intro,
    )
    template = _with_system(template, tokenizer, user_head)
    template = _with_tool(template, tokenizer, closing, prompt.removeprefix(user_end))
    template = replace(template, trims={role: "both" for role in _roles(template) if _trims(tokenizer, role)})
    heads = [template.intro, *(form.head for role, form in template.forms.items() if role == "system")]
    if bos and any(head.startswith(bos) for head in heads):
        template = _with_bos(template, bos)
    return template


def _with_system(template: Template, tokenizer: PreTrainedTokenizerFast, user_head: str) -> Template:
    """Adds the system turn: one of its own, or the beginning of the user turn after it."""
    try:
        before, between, *_ = _parts(tokenizer, [_SYSTEM, _USER, _REPLY])
    except _Refused as why:
        return replace(template, left_out={**template.left_out, "system": str(why)})
    if user_head and between.endswith(user_head):
        form = Form(before, between.removesuffix(user_head))
        return replace(template, forms={**template.forms, "system": form})
    user = template.forms["user"]
    written = user.head + user.lead
    opening = template.intro + written
    if before.startswith(opening):
        system = System(place="first question", lead=before.removeprefix(opening), join=between)
        return replace(template, system=system)
    return replace(template, left_out={**template.left_out, "system": _IN_NO_PIECES})


def _with_tool(template: Template, tokenizer: PreTrainedTokenizerFast, closing: str, reply_head: str) -> Template:
    """Adds the tool turn where the template writes one."""
    try:
        _, _, before, after, _ = _parts(tokenizer, [_USER, _REPLY, _TOOL, _REPLY_2])
    except _Refused as why:
        return replace(template, left_out={**template.left_out, "tool": str(why)})
    after = after.removesuffix(template.forms["assistant"].lead)
    if not before.startswith(closing) or not after.endswith(reply_head):
        return replace(template, left_out={**template.left_out, "tool": _IN_NO_PIECES})
    form = Form(before.removeprefix(closing), after.removesuffix(reply_head))
    return replace(template, forms={**template.forms, "tool": form})


def _with_bos(template: Template, bos: str) -> Template:
    """The template with its BOS stated rather than written into the first head."""
    forms = dict(template.forms)
    if "system" in forms:
        forms["system"] = replace(forms["system"], head=forms["system"].head.removeprefix(bos))
    return replace(template, forms=forms, intro=template.intro.removeprefix(bos), bos="always")


def _with_lead(head: str, end: str) -> Form:
    """A user's form; the blank before its content is tokenised with the content, as in the whole text."""
    return Form(head.removesuffix(" "), end, lead=" " if head.endswith(" ") else "")


def _through_stop(tokenizer: PreTrainedTokenizerFast, closing: str) -> str:
    """The part of `closing` up to its first special token, that one included."""
    special = [re.escape(text) for text in Tokens(tokenizer).special.values() if text]
    found = re.search("|".join(special), closing) if special else None
    return closing[: found.end()] if found else closing


def _roles(template: Template) -> list[str]:
    return [role for role in ("user", "assistant", "system", "tool") if _writes(template, role)]


def _trims(tokenizer: PreTrainedTokenizerFast, role: str) -> bool:
    """Whether the template takes white space around the content of a turn of `role` away."""
    told = Message(role, f"  qz{role}  ")
    chats = {"user": [told, _REPLY], "assistant": [_USER, told], "system": [told, _USER, _REPLY]}
    return f"  qz{role}" not in _written(tokenizer, chats.get(role, [_USER, _REPLY, told, _REPLY_2]))


def _writes(template: Template, role: str) -> bool:
    return role in template.forms or (role == "system" and template.system.place != "turn")


def _without(template: Template, role: str) -> Template:
    forms = {name: form for name, form in template.forms.items() if name != role}
    system = System() if role == "system" else template.system
    return replace(template, forms=forms, system=system, left_out={**template.left_out, role: _IN_NO_PIECES})


def _agrees(template: Template, tokenizer: PreTrainedTokenizerFast, extra: Message | None) -> bool:
    """Whether the pieces give the text and the ids of the model's template, on chats with the `extra` turn."""
    encoder = Encoder(template, Tokens(tokenizer))
    for number, content in enumerate(_ODD):
        asked, said = Message("user", content), Message("assistant", _ODD[number - 1])
        chats = [[asked, said], [asked, said, asked, said, asked, said]]
        if extra is not None:
            turn = Message(extra.role, content)
            chats = [[turn, *chat] if extra.role == "system" else [*chat, turn, said] for chat in chats]
        for chat in chats:
            try:
                text = _written(tokenizer, chat)
            except _Refused:
                return False
            if _text(encoder, chat) != text:
                return False
            encoded = encoder.encode(chat)
            is_ordinary = all(message.content in _ORDINARY for message in chat)
            if isinstance(encoded, Unfit) or (is_ordinary and encoded.ids != _whole_ids(tokenizer, text)):
                return False
    return True


def _text(encoder: Encoder, messages: Sequence[Message]) -> str:
    try:
        return encoder.text(messages)
    except ConfigError:
        return ""


def _whole_ids(tokenizer: PreTrainedTokenizerFast, text: str) -> list[int]:
    return list(tokenizer(text, add_special_tokens=False)["input_ids"])


def _parts(tokenizer: PreTrainedTokenizerFast, messages: Sequence[Message], *, prompt: bool = False) -> list[str]:
    """What the template writes before, between and after the contents, each of which must stand there once."""
    rest, parts = _written(tokenizer, messages, prompt=prompt), []
    for message in messages:
        part, found, rest = rest.partition(message.content)
        if not found or message.content in rest:
            raise _Refused(f"it does not write the text of a {message.role} turn once, in its place")
        parts.append(part)
    return [*parts, rest]


def _written(
    tokenizer: PreTrainedTokenizerFast, messages: Sequence[Message], *, prompt: bool = False, **given: Any
) -> str:
    turns = [{"role": message.role, "content": message.content} for message in messages]
    try:
        return str(tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=prompt, **given))
    except Exception as why:
        # A template is a program of the model's author: it raises what it likes.
        raise _Refused(f"it refuses a chat of {', '.join(message.role for message in messages)} turns") from why
