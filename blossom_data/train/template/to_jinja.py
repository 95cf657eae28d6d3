"""Writes a template as the Jinja text that transformers, vLLM and others take as `chat_template`.

    {{ bos_token }}{% for message in messages %}...{% endfor %}{% if add_generation_prompt %}{{ "..." }}{% endif %}

It gives the text of every chat letter for letter. Jinja cannot read JSON: where a template writes a tool's result as
JSON, a text that begins like it is taken for it, and keeps its blanks. The ids of the whole text, tokenised at once,
can differ from those of the pieces where a content begins with what the tokenizer merges with the end of a head;
gates.py counts how often.
"""

from __future__ import annotations

import json
import re

from blossom_data.train.template.chat_formats import TOOLS, Calls, Form, Template, Tools
from blossom_data.train.template.encode import Encoder
from blossom_data.train.template.writing import reply_head

_PLACE = re.compile(r"\{(name|arguments|id|content|json|value)\}")
_ENDS = "loop.last and not add_generation_prompt"


def chat_template(encoder: Encoder) -> str:
    """The Jinja text of the encoder's template."""
    template = encoder.template
    text = ("{{ bos_token }}" if encoder.bos else "") + _opening(template)
    starts = "messages and messages[0]['role'] == 'system'"
    if template.intro:
        text += "{% if not (" + starts + ") %}" + _say(template.intro) + "{% endif %}"
    text += "{% set state = namespace(held='', tools='', question=-1, first=-1, name='', id='') %}"
    text += "{% if " + starts + " %}{% set rest = messages[1:] %}{% else %}{% set rest = messages %}{% endif %}"
    text += "{% for message in rest %}{% if message['role'] == 'user' %}{% set state.question = loop.index0 %}"
    text += "{% if state.first < 0 %}{% set state.first = loop.index0 %}{% endif %}{% endif %}{% endfor %}"
    if template.tools:
        text += _definitions(template.tools)
        text += "{{ state.tools }}" if template.tools.place == "start" else ""
    text += _system(template, starts)
    text += "{% for message in rest %}{% set content = message['content'] if message['content'] is string else '' %}"
    branch = "if"
    for role, form in template.forms.items():
        text += "{% " + branch + f" message['role'] == '{role}'" + " %}" + _trim(template, role)
        write = {"user": _question, "assistant": _reply, "tool": _result}.get(role)
        text += write(template, form) if write else _turn(form, "content")
        branch = "elif"
    text += "{% else %}{{ raise_exception('unknown role ' + message['role']) }}{% endif %}{% endfor %}"
    return (
        text
        + "{% if add_generation_prompt %}"
        + _head(template, "messages and messages[-1]", prompts=True)
        + "{% endif %}"
    )


def _opening(template: Template) -> str:
    before, place, after = template.opening.partition(TOOLS)
    notice = _say(template.tools.notice) if place and template.tools else ""
    return _say(before) + ("{% if tools %}" + notice + "{% endif %}" if notice else "") + _say(after)


def _head(template: Template, before: str, *, prompts: bool = False) -> str:
    """The head of a reply behind the turn `before`; with `prompts`, all that inference sends of it."""
    head = _say(reply_head(template) if prompts else template.forms["assistant"].head)
    if template.calls is None or template.calls.reply_head is None:
        return head
    answers = f"{before}['role'] == 'tool'"
    return "{% if " + answers + " %}" + _say(template.calls.reply_head) + "{% else %}" + head + "{% endif %}"


def _definitions(tools: Tools) -> str:
    written = f"{{{{ tool | tojson(indent={tools.indent}) }}}}" if tools.indent else "{{ tool | tojson }}"
    text = "{% if tools %}{% set state.tools = " + _quoted(tools.before) + " %}{% for tool in tools %}"
    text += "{% set one_tool %}{{ '' }}" + (tools.definition.removesuffix("\n") or written) + "{% endset %}"
    text += "{% set state.tools = state.tools + (" + _quoted(tools.between) + " if not loop.first else '') + one_tool"
    return text + " %}{% endfor %}{% set state.tools = state.tools + " + _quoted(tools.after) + " %}{% endif %}"


def _system(template: Template, starts: str) -> str:
    """The system turn, or what a question begins with in its place (in state.held)."""
    rule, tools = template.system, template.tools
    default = rule.default
    in_system = tools is not None and tools.place == "system"
    given = "messages[0]['content']" + _TRIMS[template.trims.get("system", "")]
    text = "{% if " + starts + " %}{% set system = " + given + " %}"
    shown = default is not None
    text += "{% else %}{% set system = " + _quoted(default or "") + " %}{% endif %}"
    has = f"({starts})" if not shown else "true"
    body = _quoted(rule.lead) + " + system" + (f" + {_quoted(rule.tail)}" if rule.tail else "")
    if not shown and (rule.lead or rule.tail):
        body = f"(({body}) if {starts} else '')"
    if tools is not None and tools.opening:
        body = f"({_quoted(tools.opening)} if tools else '') + {body}"
    if in_system and tools is not None:
        body += f" + ({_quoted(tools.join)} if state.tools and {has} else '') + state.tools"
    condition = f"{has} or state.tools" if in_system else has
    if rule.place == "turn":
        if "system" not in template.forms:
            return text + "{% if " + starts + " %}{{ raise_exception('unknown role system') }}{% endif %}"
        return text + "{% if " + condition + " %}" + _turn(template.forms["system"], body) + "{% endif %}"
    joined = "state.first == 0" if rule.place == "first question" else "state.question >= 0"
    text += "{% if " + condition + " %}{% if " + joined + " %}"
    text += "{% set state.held = " + body + " + " + _quoted(rule.join) + " %}{% else %}"
    return text + _turn(template.forms["user"], body) + "{% endif %}{% endif %}"


def _question(template: Template, form: Form) -> str:
    at = "state.first" if template.system.place != "last question" else "state.question"
    body, before = "content", ""
    if template.tools is not None and template.tools.place == "first question":
        body = "(state.tools if loop.index0 == state.first else '') + content"
    elif template.tools is not None and template.tools.place == "last question":
        before = "{% if loop.index0 == state.question %}{{ state.tools }}{% endif %}"
    return before + _turn(form, f"(state.held if loop.index0 == {at} else '') + {body}")


def _reply(template: Template, form: Form) -> str:
    rule = template.thinking
    text = "{% set thought = message['reasoning_content'] if message['reasoning_content'] is string else '' %}"
    if rule.strips:
        opened, closed = _quoted(rule.before.strip()), _quoted(rule.after.strip())
        inline = f"content.split({closed})[0].rstrip('\\n').split({opened})[-1].lstrip('\\n')"
        text += "{% if not thought and " + closed + " in content %}{% set thought = " + inline + " %}"
        text += "{% set content = content.split(" + closed + ")[-1].lstrip('\\n') %}{% endif %}"
        text += "{% set thought = thought.strip('\\n') %}"
    if template.calls and template.calls.thinks_text:
        text += "{% if message['tool_calls'] %}{% set thought = content if content.strip() else thought %}"
        text += "{% set content = '' %}{% endif %}"
    current = "loop.index0 > state.question"
    shown = "thought" if rule.keep == "all" else f"(thought and {current})"
    if rule.fills:
        is_opened = f" and not ({_behind_result(template)})" if rule.is_prompted and template.calls else ""
        shown += f" or ({current} and {_ENDS}{is_opened})"
    lead = ""
    if form.lead:
        block_speaks = "" if rule.precedes_lead else "block or "
        lead = "{% if " + block_speaks + "content or not message['tool_calls'] %}" + _say(form.lead) + "{% endif %}"
    block = "{% if block %}" + _say(rule.before) + "{{ thought }}" + _say(rule.after) + "{% endif %}"
    text += "{% set block = " + shown + " %}"
    if rule.strips:
        text += "{% if block %}{% set content = content.lstrip('\\n') %}{% endif %}"
    text += (
        _head(template, "loop.index0 and rest[loop.index0 - 1]")
        + (block + lead if rule.precedes_lead else lead + block)
        + "{{ content }}"
    )
    if template.calls:
        text += _calls(template.calls)
    return text + _say(form.tail) + _end(template, form) + _say(form.after)


def _behind_result(template: Template) -> str:
    if template.calls is None or template.calls.reply_head is None:
        return "false"
    return "loop.index0 and rest[loop.index0 - 1]['role'] == 'tool'"


def _end(template: Template, form: Form) -> str:
    if template.calls and template.calls.end:
        text = "{% if message['tool_calls'] %}" + _say(template.calls.end) + "{% else %}"
        return text + _last_end(template, form) + "{% endif %}"
    return _last_end(template, form)


def _last_end(template: Template, form: Form) -> str:
    if template.next_stops:
        roles = json.dumps(sorted(template.next_stops))
        after_calls = template.next_stops.get("tool", template.next_stops["user"])
        text = "{% if loop.last or rest[loop.index0 + 1]['role'] not in " + roles + " %}"
        text += "{% if message['tool_calls'] %}" + _say(after_calls) + "{% else %}" + _say(template.next_stops["user"])
        return text + "{% endif %}{% endif %}"
    if template.earlier_end:
        text = "{% if loop.index0 > state.question %}" + _say(form.end) + "{% else %}" + _say(template.earlier_end)
        return text + "{% endif %}"
    return _say(form.end)


def _calls(rule: Calls) -> str:
    text = "{% if message['tool_calls'] %}"
    text += "{% if content %}" + _say(rule.join or "") + "{% endif %}" + _say(rule.before)
    text += "{% for call in message['tool_calls'] %}{% if not loop.first %}" + _say(rule.between) + "{% endif %}"
    text += "{% set state.name = (call['function'] or call)['name'] %}{% set state.id = call['id'] or '' %}"
    text += "{% set arguments = (call['function'] or call)['arguments'] %}"
    places = {
        "name": "{{ (state.name | tojson)[1:-1] }}",
        "arguments": "{{ arguments if arguments is string else arguments | tojson }}",
        "id": _identifier(rule.id, "state.id"),
    }
    return text + _filled(rule.call, places) + "{% endfor %}" + _say(rule.after) + "{% endif %}"


def _result(template: Template, form: Form) -> str:
    rule = template.calls or Calls(call="{name}")
    is_json = "(content | trim)[:1] in ('{', '[')"
    places = {
        "content": "{{ content }}",
        "json": "{{ content | tojson }}",
        "value": "{{ content | trim if " + is_json + " else content | tojson }}",
        "id": _identifier(rule.result_id or "{id}", "(message['tool_call_id'] or '')"),
        "name": "{{ state.name }}",
    }
    body = _say(form.lead) + _filled(rule.result, places) + _say(form.tail)
    if not rule.merges:
        return _say(form.head) + body + _say(form.end + form.after)
    opens = "{% if loop.first or rest[loop.index0 - 1]['role'] != 'tool' %}" + _say(form.head) + "{% endif %}"
    closes = (
        "{% if loop.last or rest[loop.index0 + 1]['role'] != 'tool' %}" + _say(form.end + form.after) + "{% endif %}"
    )
    between = opens[: -len("{% endif %}")] + "{% else %}" + _say(rule.between_results) + "{% endif %}"
    return (between if rule.between_results else opens) + body + closes


def _identifier(text: str, value: str) -> str:
    before, _, after = text.partition("{id}")
    if not before and not after:
        return "{{ " + value + " }}" if text else ""
    return "{% if " + value + " %}" + _say(before) + "{{ " + value + " }}" + _say(after) + "{% endif %}"


def _filled(text: str, places: dict[str, str]) -> str:
    written, position = "", 0
    for found in _PLACE.finditer(text):
        written += _say(text[position : found.start()]) + places.get(found[1], "")
        position = found.end()
    return written + _say(text[position:])


def _turn(form: Form, body: str) -> str:
    return _say(form.head + form.lead) + "{{ " + body + " }}" + _say(form.tail + form.end + form.after)


_TRIMS = {"": "", "both": " | trim", "end": ".rstrip(' ')"}


def _trim(template: Template, role: str) -> str:
    how = template.trims.get(role, "")
    return "{% set content = content" + _TRIMS[how] + " %}" if how else ""


def _say(text: str) -> str:
    return "{{ " + _quoted(text) + " }}" if text else ""


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
