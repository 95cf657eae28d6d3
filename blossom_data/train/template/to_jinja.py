"""Writes a template as the Jinja text that transformers, vLLM and others take as `chat_template`.

    {{ bos_token }}{% for message in messages %}...{% endfor %}{% if add_generation_prompt %}{{ "..." }}{% endif %}

It gives the text of every chat letter for letter. The ids of the whole text, tokenised at once, can differ from those
of the pieces where a content begins with what the tokenizer merges with the end of a head; gates.py counts how often.
"""

from __future__ import annotations

import json

from blossom_data.train.template.chat_formats import Form
from blossom_data.train.template.encode import Encoder


def chat_template(encoder: Encoder) -> str:
    """The Jinja text of the encoder's template."""
    template = encoder.template
    content = "message['content'] | trim" if template.trims else "message['content']"
    starts_with_system = "messages and messages[0]['role'] == 'system'"
    text = "{{ bos_token }}" if encoder.bos else ""
    unasked = template.intro
    if template.default_system:
        form = template.forms["system"]
        unasked += form.head + form.lead + template.default_system + form.end + form.after
    if unasked:
        text += "{% if not (" + starts_with_system + ") %}" + _say(unasked) + "{% endif %}"
    text += "{% set state = namespace(held='') %}{% for message in messages %}{% set content = " + content + " %}"
    branch = "if"
    if template.system_join is not None:
        lead, join = json.dumps(template.system_lead), json.dumps(template.system_join, ensure_ascii=False)
        is_first = "loop.first and message['role'] == 'system'"
        text += "{% if " + is_first + " and messages | length > 1 and messages[1]['role'] == 'user' %}"
        text += "{% set state.held = " + f"{lead} + content + {join}" + " %}"
        text += "{% elif " + is_first + " %}" + _turn(template.forms["user"], f"{lead} + content")
        branch = "elif"
    for role, form in template.forms.items():
        body = "state.held + content" if role == "user" else "content"
        text += "{% " + branch + f" message['role'] == '{role}'" + " %}" + _turn(form, body)
        if role == "user":
            text += "{% set state.held = '' %}"
        branch = "elif"
    text += "{% else %}{{ raise_exception('unknown role ' + message['role']) }}{% endif %}{% endfor %}"
    return text + "{% if add_generation_prompt %}" + _say(template.forms["assistant"].head) + "{% endif %}"


def _turn(form: Form, body: str) -> str:
    parts = [_quoted(form.head + form.lead), f"({body})", _quoted(form.end + form.after)]
    return "{{ " + " + ".join(parts) + " }}"


def _say(text: str) -> str:
    return "{{ " + _quoted(text) + " }}"


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
