"""Where a synthetic record comes from, as its tags say it.

    made("evol", "en", messages, parent=seed, tags=("operator:deepen", "round:2"), ...)
    ->  Record(source="evol", source_id=<id of the parent>,
               tags=("synthetic:evol", "seed:9f2c...", "operator:deepen", "round:2"))

`seed:` names the records of the user's own set that it was made of, however many rounds lie between.
"""

from __future__ import annotations

from collections.abc import Iterable

from blossom_data.records import Lineage, Message, Record, content_id

SEED, OPERATOR, ROUND, PERSONA, CHUNK = "seed:", "operator:", "round:", "persona:", "chunk:"
LINKS = (SEED, PERSONA, CHUNK, "pair:")
"""What begins a tag that names another record, a person or a passage: it says nothing of what a record asks."""


def made(
    kind: str,
    lang: str,
    messages: Iterable[Message],
    *,
    seeds: Iterable[str],
    parent: str = "",
    tags: Iterable[str] = (),
    lineage: Iterable[Lineage] = (),
) -> Record:
    """A record that `kind` ("evol", "chat" ...) made; see the module docstring."""
    turns = tuple(messages)
    told = (f"synthetic:{kind}", *(f"{SEED}{seed}" for seed in seeds), *tags)
    return Record(
        id=content_id(kind, parent, turns, ""),
        source=kind,
        source_id=parent,
        lang=lang,
        messages=turns,
        tags=told,
        lineage=tuple(lineage),
    )


def seeds_of(record: Record) -> tuple[str, ...]:
    """The seeds behind `record`: those that its tags name, else itself."""
    return values_of(record, SEED) or (record.id,)


def values_of(record: Record, kind: str) -> tuple[str, ...]:
    """What the tags that begin with `kind` say."""
    return tuple(tag.removeprefix(kind) for tag in record.tags if tag.startswith(kind))


def first_request(record: Record) -> str:
    """The first turn of a person, "" where there is none."""
    return next((turn.content for turn in record.messages if turn.role == "user"), "").strip()
