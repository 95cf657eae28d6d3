"""A small reader of Go's text/template: as much of it as a Modelfile of ours holds, with Ollama's data.

render(text, system="Be brief.", messages=[("user", "Hi", "")])      what `ollama run` would send
"""

from __future__ import annotations

import re
from typing import Any

_LENGTH = re.compile(r"eq \(len \(slice (\S+) (\S+)\)\) (\d+)")
_FIELDS = ("Role", "Content", "Thinking")
_PARTS = re.compile(r"\{\{\s*(.*?)\s*\}\}", re.DOTALL)


def template_of(modelfile: str) -> str:
    """The TEMPLATE of a Modelfile."""
    return modelfile.split('TEMPLATE """', 1)[1].split('"""', 1)[0]


def system_of(modelfile: str) -> str:
    """The SYSTEM of a Modelfile, "" for none."""
    return modelfile.split('SYSTEM """', 1)[1].split('"""', 1)[0] if 'SYSTEM """' in modelfile else ""


def render(text: str, *, system: str, messages: list[tuple[str, str, str]]) -> str:
    """What the template writes; anything that this reader does not know is an error."""
    pieces = _PARTS.split(text)
    tokens = [(number % 2 == 1, piece) for number, piece in enumerate(pieces)]
    nodes, rest = _block(tokens, ())
    assert not rest, rest
    out: list[str] = []
    dot = {"System": system, "Messages": [dict(zip(_FIELDS, turn, strict=True)) for turn in messages]}
    _run(nodes, dot, {"$": dot}, out)
    return "".join(out)


def _block(tokens: list[Any], ends: tuple[str, ...]) -> tuple[list[Any], list[Any]]:
    nodes: list[Any] = []
    while tokens:
        is_action, text = tokens[0]
        if is_action and text.split()[0] in ends:
            return nodes, tokens
        tokens = tokens[1:]
        if not is_action:
            nodes.append(("text", text))
        elif text.startswith("if "):
            node, tokens = _if(text[3:], tokens)
            nodes.append(node)
        elif text.startswith("range "):
            body, tokens = _block(tokens, ("end",))
            nodes.append(("range", text[6:], body))
            tokens = tokens[1:]
        else:
            nodes.append(("set", text) if "=" in text else ("put", text))
    return nodes, tokens


def _if(test: str, tokens: list[Any]) -> tuple[Any, list[Any]]:
    body, tokens = _block(tokens, ("else", "end"))
    word, tokens = tokens[0][1], tokens[1:]
    if word == "end":
        return ("if", test, body, []), tokens
    if word.startswith("else if "):
        other, tokens = _if(word[8:], tokens)
        return ("if", test, body, [other]), tokens
    other, tokens = _block(tokens, ("end",))
    return ("if", test, body, other), tokens[1:]


def _run(nodes: list[Any], dot: Any, names: dict[str, Any], out: list[str]) -> None:
    for kind, *node in nodes:
        if kind == "text":
            out.append(node[0])
        elif kind == "put":
            out.append(str(_value(node[0], dot, names)))
        elif kind == "set":
            name, _, value = node[0].partition(":=") if ":=" in node[0] else node[0].partition("=")
            names[name.strip()] = _value(value.strip(), dot, names)
        elif kind == "range":
            number, _, messages = node[0].partition(", $_ := ")
            for index, message in enumerate(_value(messages, dot, names)):
                names[number] = index
                _run(node[1], message, names, out)
        elif _truth(node[0], dot, names):
            _run(node[1], dot, names, out)
        else:
            _run(node[2], dot, names, out)


def _truth(test: str, dot: Any, names: dict[str, Any]) -> bool:
    if test.startswith("not "):
        return not _truth(test[4:], dot, names)
    if found := _LENGTH.fullmatch(test):
        return len(_value(found[1], dot, names)[names[found[2]] :]) == int(found[3])
    if test.startswith("eq "):
        field, _, text = test[3:].partition(" ")
        return bool(_value(field, dot, names) == text.strip('"'))
    return bool(_value(test, dot, names))


def _value(text: str, dot: Any, names: dict[str, Any]) -> Any:
    if text in ("true", "false"):
        return text == "true"
    if text.startswith("$."):
        return names["$"][text[2:]]
    return names[text] if text.startswith("$") else dot[text.removeprefix(".")]
