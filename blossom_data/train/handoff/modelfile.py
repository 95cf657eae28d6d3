"""The Modelfile that gives Ollama the template of the training: Go template text, stop tokens, default system text.

    {{ range $i, $_ := .Messages }}{{ if eq .Role "user" }}<|im_start|>user\\n{{ .Content }}<|im_end|>\\n{{ else if ...

Ollama hands over the system text apart (`.System`) and as a message; with SYSTEM also of a chat that has none. Its
templates have no function that takes white space away: contents that begin or end with some are written as they are,
where a family's template trims.
"""

from __future__ import annotations

from blossom_data.train.template.chat_formats import Form, Template
from blossom_data.train.template.encode import Encoder
from blossom_data.train.template.writing import reply_head

_CONTENT = "{{ .Content }}"
_IS_LAST = "eq (len (slice $.Messages $i)) 1"


def modelfile(encoder: Encoder, stop_tokens: list[str]) -> str:
    """The Modelfile for the folder that it lies in."""
    template = encoder.template
    lines = ["FROM .", f'TEMPLATE """{_template(template)}"""']
    joins = template.system.place != "turn"
    if template.system.default and (joins or "system" in template.forms):
        lines.append(f'SYSTEM """{template.system.default}"""')
    lines += [f'PARAMETER stop "{token}"' for token in stop_tokens]
    return "\n".join(lines) + "\n"


def _template(template: Template) -> str:
    rule = template.system
    joins, system = rule.place != "turn", template.forms.get("system")
    body, branch = "", "if"
    for role, form in template.forms.items():
        if joins and role == "system":
            continue
        body += f'{{{{ {branch} eq .Role "{role}" }}}}{_turn(template, role, form)}'
        branch = "else if"
    start = ("{{ $first := true }}" if rule.place == "first question" else "") + template.opening
    intro = template.intro
    if system is not None and rule.default == "" and not joins:
        intro += system.head + system.lead + rule.lead + system.tail + system.end + system.after
    unasked = intro and f"{{{{ if not .System }}}}{intro}{{{{ end }}}}"
    return f"{start}{unasked}{{{{ range $i, $_ := .Messages }}}}{body}{{{{ end }}}}{{{{ end }}}}{reply_head(template)}"


def _turn(template: Template, role: str, form: Form) -> str:
    """One turn of a role."""
    before, content = form.lead, _CONTENT
    if role == "system":
        before += template.system.lead
    elif role == "user":
        before += _joined_system(template)
    elif role == "assistant" and template.thinking.keep == "all":
        rule = template.thinking
        thought = f"{{{{ if .Thinking }}}}{rule.before}{{{{ .Thinking }}}}{rule.after}{{{{ end }}}}"
        before = thought + form.lead if rule.precedes_lead else form.lead + thought
    return f"{form.head}{before}{content}{form.tail}{form.end}{form.after}"


def _joined_system(template: Template) -> str:
    """The system text in front of the question that it begins; "" where it has a turn of its own."""
    rule = template.system
    system = f"{{{{ if $.System }}}}{rule.lead}{{{{ $.System }}}}{rule.join}{{{{ end }}}}"
    if rule.place == "first question":
        return f"{{{{ if $first }}}}{system}{{{{ end }}}}{{{{ $first = false }}}}"
    return f"{{{{ if {_IS_LAST} }}}}{system}{{{{ end }}}}" if rule.place == "last question" else ""
