"""A user's own rows, by the names of their fields.

    custom_source({"instruction": "q", "input": "ctx", "gold": "label", "id": "key"})
    reads {"key": 7, "q": "Which of these is a fruit?", "ctx": "apple, stone", "label": "apple"}

Only the fields that are named are read, so an answer in any other field is dropped like everywhere; `"output": ""` says
what is so anyway. An empty name is none.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from blossom_data.errors import ConfigError, near_hint
from blossom_data.rows import gold_text
from blossom_data.rows.row import Unreadable
from blossom_data.sources.alpaca import compose
from blossom_data.sources.instruction import Instruction, Layout, RawRow, Source, id_of, text_of

FIELDS = {
    "instruction": "what is asked: a text, or a list of texts that become a record each (required)",
    "input": "a text that the instruction is about",
    "system": "the system text",
    "gold": "the gold label: a text or a number",
    "id": "the row's own id",
}
_OUTPUT = "output"


class FieldsError(ConfigError):
    """Fields that cannot be meant."""


def custom_source(fields: Mapping[str, str]) -> Source:
    """The source that finds what FIELDS names in the user's fields of these names.

    Raises:
        ConfigError: an unknown name, no instruction, or a field named twice.
    """
    for key, field in fields.items():
        if key not in (*FIELDS, _OUTPUT):
            raise FieldsError(f"fields: unknown key {key!r}", hint=near_hint(key, FIELDS))
        if key == _OUTPUT and field:
            raise FieldsError("fields: outputs are never read", hint=f"leave out {key}={field}")
    fields = {key: field for key, field in fields.items() if field}
    if "instruction" not in fields:
        raise FieldsError("no field is named for the instruction", hint="such as --fields instruction=YOUR_FIELD")
    if len(set(fields.values())) < len(fields):
        raise FieldsError("one field is named for two purposes", hint=f"got {dict(fields)}")

    def read(row: RawRow) -> Iterable[Instruction]:
        named = {name: row.get(field) for name, field in fields.items()}
        asked = named["instruction"]
        extra, system = text_of(named, "input", ""), text_of(named, "system", "")
        gold, source_id = gold_text(named.get("gold")), id_of(named)
        if not isinstance(asked, list):
            question = compose(text_of(named, "instruction"), extra)
            yield Instruction(turns=(question,), system=system, gold=gold, source_id=source_id)
            return
        for number, text in enumerate(asked):
            if not isinstance(text, str):
                raise Unreadable("wrong_type", f"{fields['instruction']} holds what is not a text")
            own_id = f"{source_id}#{number}" if source_id else ""
            yield Instruction(turns=(compose(text, extra),), system=system, gold=gold, source_id=own_id)

    required = tuple(field for name, field in fields.items() if name in ("instruction", "gold"))
    return Source("custom", "your own fields", (Layout("custom", required, read),), frozenset(fields.values()))
