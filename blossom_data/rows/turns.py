"""What turns say beyond role and content, in the spellings of the field, as a record has it.

    {"role": "assistant", "content": null, "tool_calls": [{"id": "c1", "type": "function",
        "function": {"name": "weather", "arguments": {"city": "Paris"}}}], "weight": 0}
    ->  content "", tool_calls [{"id": "c1", "name": "weather", "arguments": '{"city": "Paris"}'}], train False

Arguments become the text of a JSON object, definitions of tools the text of a JSON list; a text of the data stays as it
is written. What is void (null, "", []) is absent.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from blossom_data.rows.row import Unreadable
from blossom_data.rows.strict import parse_object

_LEARNT = ("train", "training", "trainable", "loss", "loss_weight", "loss_mask", "weight")
"""Keys that say whether a reply is learnt: 1 or true, 0 or false. Source: OpenAI, axolotl, ms-swift, Together."""
_MASKED = ("masked", "mask")
"""Keys that say whether it is not. Source: torchtune."""
_IN_PART = ("train_detail", "training_detail")
"""Keys that name stretches of a reply. Source: axolotl."""
_THOUGHT = ("reasoning_content", "reasoning", "thinking")
_CALLS = ("tool_calls", "function_call")
OF_A_REPLY = (*_LEARNT, *_MASKED, *_IN_PART, *_THOUGHT)
"""Keys that tell of a reply beside its text and its calls."""
_VALUES = {True: True, False: False, "true": True, "false": False, "1": True, "0": False}
_VOID: tuple[Any, ...] = (None, "", [], {}, "[]", "{}", "null")


def full_turn(turn: Mapping[str, Any], place: str) -> dict[str, Any]:
    """The turn with all that it says beyond role and content under the names of a record, values made ready.

    Raises:
        Unreadable: wrong_type, or unsupported_content for a weight that is neither 0 nor 1.
    """
    made: dict[str, Any] = {key: turn[key] for key in ("role", "content") if key in turn}
    is_reply = turn.get("role") == "assistant"
    thought = next((turn[key] for key in _THOUGHT if isinstance(turn.get(key), str) and turn[key]), "")
    if thought:
        made["reasoning_content"] = thought
    if calls := calls_of(turn, place):
        if not is_reply:
            raise Unreadable("wrong_type", f"{place} calls tools and is no assistant's")
        made["tool_calls"] = calls
        made["content"] = "" if turn.get("content") is None else turn["content"]
    if isinstance(answers := turn.get("tool_call_id"), str | int) and turn.get("role") == "tool" and answers != "":
        made["tool_call_id"] = str(answers)
    if is_reply and not learns(turn, place):
        made["train"] = False
    return made


def learns(turn: Mapping[str, Any], place: str) -> bool:
    """Whether a reply is learnt, whichever key says so; it is where none does.

    Raises:
        Unreadable: unsupported_content, for a weight between, and for stretches of a reply.
    """
    for key in _IN_PART:
        if turn.get(key):
            raise Unreadable("unsupported_content", f"{place} has {key}, and a reply is learnt whole or not at all")
    said = [_flag(turn, key, place) for key in _LEARNT if turn.get(key) is not None]
    said += [not _flag(turn, key, place) for key in _MASKED if turn.get(key) is not None]
    return all(said)


def _flag(turn: Mapping[str, Any], key: str, place: str) -> bool:
    value = turn[key]
    wanted = value.strip().lower() if isinstance(value, str) else value
    if isinstance(wanted, str | int | float) and wanted in _VALUES:
        return _VALUES[wanted]
    told = repr(value)[:40]
    raise Unreadable("unsupported_content", f"{place} has the {key} {told}, and a reply counts as 1 or not at all")


def calls_of(turn: Mapping[str, Any], place: str) -> list[dict[str, str]]:
    """The calls of tools that a turn makes; empty where it makes none.

    Raises:
        Unreadable: wrong_type.
    """
    found: list[dict[str, str]] = []
    for key in _CALLS:
        value = _parsed(turn.get(key))
        if value in _VOID:
            continue
        found += [read_call(each, place) for each in (value if isinstance(value, list) else [value])]
    return found


def read_call(value: Any, place: str) -> dict[str, str]:
    """A call of a tool as name, arguments and id.

    Raises:
        Unreadable: wrong_type.
    """
    value = _parsed(value)
    inner = value.get("function", value) if isinstance(value, dict) else None
    name = inner.get("name") if isinstance(inner, dict) else None
    if not isinstance(inner, dict) or not isinstance(name, str) or not name.strip():
        raise Unreadable("wrong_type", f"{place} has a call of a tool without a name")
    given = inner.get("arguments", inner.get("parameters"))
    arguments = {} if given is None or given == "" else _parsed(given)
    if not isinstance(arguments, dict):
        raise Unreadable("wrong_type", f"{place} calls {name[:40]!r} with arguments that are no JSON object")
    text = given.strip() if isinstance(given, str) and given else json.dumps(arguments, ensure_ascii=False)
    _refuse_unsound(text, f"{place} calls {name[:40]!r} with arguments that no row may hold")
    identifier = value.get("id")
    return {"name": name, "arguments": text, "id": str(identifier) if isinstance(identifier, str | int) else ""}


def tools_text(value: Any) -> str:
    """The definitions of tools as the text of a JSON list, each as `{"type": "function", "function": {...}}`.

    Raises:
        Unreadable: wrong_type.
    """
    if (value.strip() if isinstance(value, str) else value) in _VOID:
        return ""
    parsed = _parsed(value)
    tools = parsed if isinstance(parsed, list) else [parsed]
    text = json.dumps([_tool(_parsed(tool)) for tool in tools], ensure_ascii=False)
    _refuse_unsound(f'{{"tools":{text}}}', "tools holds what no row may")
    return text


def _refuse_unsound(text: str, told: str) -> None:
    """Raises Unreadable where JSON within a text is what a row's own JSON may not be, such as NaN or a NUL."""
    try:
        parse_object(text.encode("utf-8", "surrogatepass"))
    except Unreadable as why:
        raise Unreadable(why.code, f"{told}: {why.detail}") from why


def _tool(tool: Any) -> dict[str, Any]:
    inner = tool.get("function", tool) if isinstance(tool, dict) else None
    if isinstance(inner, dict) and isinstance(inner.get("name"), str):
        return {"type": "function", "function": tool} if inner is tool else tool
    raise Unreadable("wrong_type", "tools holds what is no definition of a function with a name")


def _parsed(value: Any) -> Any:
    """A text of JSON as what it says; anything else, and a text of no JSON, as it is."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return value
