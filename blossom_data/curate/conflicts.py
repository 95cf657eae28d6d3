"""What contradicts itself in a set: one prompt with different gold labels, or with different answers.

    with Conflicts() as conflicts:
        conflicts.add(prompt_key, record)
        conflicts.found()     {"gold": 1, "answers": 2, "examples": [{"gold": ["72", "73"], "records": [...]}]}

Answers may differ where system prompts, tools or what tools gave do; calls of tools are part of an answer. Only
reported: which of two labels is wrong nobody here knows. Kept in a private SQLite file in the temporary folder,
about 70 bytes a record; memory does not grow.
"""

from __future__ import annotations

import json
import sqlite3
from hashlib import blake2b
from types import TracebackType
from typing import Any, Self

from blossom_data.errors import BlossomError
from blossom_data.records import Message, Record
from blossom_data.rows.normal import normal

_PENDING_MAX = 20_000
_CACHE_KB = 8_192
_EXAMPLES, _RECORDS_SHOWN = 5, 4
_WITH_SEVERAL = "FROM record GROUP BY {1} HAVING count(DISTINCT nullif({0}, '')) > 1"
_GOLD, _ANSWER = _WITH_SEVERAL.format("gold", "prompt"), _WITH_SEVERAL.format("answer", "prompt, context")


class Conflicts:
    """The records of a set by their prompt."""

    def __init__(self) -> None:
        self._pending: list[tuple[bytes, str, str, str, str, str]] = []
        self._database = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        for pragma in ("journal_mode = OFF", "synchronous = OFF", f"cache_size = -{_CACHE_KB}"):
            self._database.execute(f"PRAGMA {pragma}")
        columns = "prompt BLOB, context TEXT, gold TEXT, answer TEXT, id TEXT, source TEXT"
        self._database.execute(f"CREATE TABLE record ({columns})")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, why: BaseException | None, at: TracebackType | None) -> None:
        self._database.close()

    def add(self, prompt: bytes, record: Record) -> None:
        """One record, and by what its prompt is known."""
        context = [record.tools, *(_said(turn) for turn in record.messages if turn.role in ("system", "tool"))]
        answer = normal("\n".join(map(_said, (turn for turn in record.messages if turn.role == "assistant"))))
        gold, name, source = map(_storable, (_plain(record.gold), record.id, record.source))
        self._pending.append((prompt, _digest(normal("\0".join(context))), gold, _digest(answer), name, source))
        if len(self._pending) >= _PENDING_MAX:
            self._store()

    def found(self) -> dict[str, Any]:
        """How many prompts have several gold labels or answers, and the first of the former; {} where none has."""
        self._store()
        gold, answers = self._count(_GOLD), self._count(_ANSWER)
        if not gold and not answers:
            return {}
        return {"gold": gold, "answers": answers, "examples": self._examples()}

    def _count(self, with_several: str) -> int:
        statement = f"SELECT count(DISTINCT prompt) FROM (SELECT prompt {with_several})"
        return int(self._database.execute(statement).fetchone()[0])

    def _examples(self) -> list[dict[str, Any]]:
        statement = f"SELECT prompt {_GOLD} ORDER BY min(rowid) LIMIT {_EXAMPLES}"
        examples = []
        for (prompt,) in self._database.execute(statement).fetchall():
            rows = self._database.execute(
                "SELECT gold, min(id), source FROM record WHERE prompt = ? AND gold != '' GROUP BY gold, source "
                "ORDER BY min(rowid) LIMIT ?",
                (prompt, _RECORDS_SHOWN),
            ).fetchall()
            examples.append(
                {
                    "gold": list(dict.fromkeys(gold for gold, _, _ in rows)),
                    "records": [{"id": name, "source": source} for _, name, source in rows],
                }
            )
        return examples

    def _store(self) -> None:
        try:
            self._database.execute("BEGIN")
            self._database.executemany("INSERT INTO record VALUES (?, ?, ?, ?, ?, ?)", self._pending)
            self._database.execute("COMMIT")
        except sqlite3.OperationalError as why:
            raise BlossomError(
                f"cannot look for conflicts ({why})", hint="free some space in the temporary folder (TMPDIR)"
            ) from why
        self._pending.clear()


def told(found: dict[str, Any]) -> str:
    """What was found, in a line; "" where nothing was."""
    if not found:
        return ""
    kinds = [(found["gold"], "with different gold labels"), (found["answers"], "with different answers")]
    line = ", ".join(f"{number:,} prompt{'s' if number != 1 else ''} {what}" for number, what in kinds if number)
    if found["examples"]:
        first = found["examples"][0]
        names = " and ".join(f"{entry['id']}" for entry in first["records"])
        line += f" (such as {names}: {' or '.join(first['gold'])})"
    return line


def _digest(text: str) -> str:
    """16 hex digits; "" for a text without a word."""
    return blake2b(text.encode(errors="surrogatepass"), digest_size=8).hexdigest() if text.strip("\0\n ") else ""


def _said(turn: Message) -> str:
    """What a reply says and calls, the arguments of a call by their value."""
    return "\n".join([turn.content, *(f"{call.name} {_sorted(call.arguments)}" for call in turn.tool_calls)])


def _sorted(arguments: str) -> str:
    """JSON with its keys in order and no blanks of its own; another text as it is."""
    try:
        return json.dumps(json.loads(arguments), sort_keys=True, separators=(",", ":"))
    except (ValueError, RecursionError):
        return arguments


def _storable(text: str) -> str:
    """Without lone surrogates, which SQLite does not take."""
    return text.encode(errors="replace").decode()


def _plain(gold: str) -> str:
    """A gold label as it is compared: 1,200 is 1200.0."""
    text = normal(gold).replace(",", "")
    whole, _, decimals = text.partition(".")
    return whole if whole and not decimals.strip("0") else text
