"""Which records a mix takes: candidates go into a private SQLite file, and the draw is a few sorted queries.

    candidate   part, place, draw (keyed hash of the id), ident (hash of the id), prompt (key), lang, source
    chosen      the same for what is taken; no two with one prompt or one id

Memory does not grow with the number of records: SQLite sorts on disk (the temporary folder, about 100 bytes a
candidate). Parts choose in order; each takes the lowest draws among its records whose prompt is not taken yet. Of equal
prompts within a part the lowest draw stands for all.
"""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from blossom_data.errors import BlossomError, ConfigError
from blossom_data.mix.plan import Mix, Part, split_evenly

_PENDING_MAX = 20_000
_CACHE_KB = 16_384
_FREE = """FROM candidate WHERE part = ? AND prompt NOT IN (SELECT prompt FROM chosen)
           AND ident NOT IN (SELECT ident FROM chosen)"""


@dataclass(slots=True)
class Taken:
    """What became of one part: `asked` is None for a part that takes what there is."""

    candidates: int = 0
    duplicates: int = 0
    """Records whose prompt stands for another one, in this part or an earlier one."""
    over_cap: int = 0
    asked: int | None = None
    taken: int = 0
    by_lang: dict[str, int] = field(default_factory=dict)
    short: dict[str, tuple[int, int]] = field(default_factory=dict)
    """(asked, there) of each language that is short, of "" where no language was asked for."""


class Draws:
    """The candidates of a mix, and what was chosen of them."""

    def __init__(self) -> None:
        self._pending: list[tuple[int, int, int, int, bytes, int, int]] = []
        self._ids: list[tuple[int, str]] = []
        self._sources: dict[str, int] = {}
        self._languages: dict[str, int] = {}
        self._database = sqlite3.connect("", isolation_level=None)
        for statement in (
            "PRAGMA journal_mode = OFF",
            "PRAGMA synchronous = OFF",
            f"PRAGMA cache_size = -{_CACHE_KB}",
            "CREATE TABLE candidate (part INT, place INT, draw INT, ident INT, prompt BLOB, lang INT, source INT)",
            "CREATE TABLE chosen (prompt BLOB PRIMARY KEY, ident INT NOT NULL, part INT, place INT, draw INT, "
            "source INT) WITHOUT ROWID",
            "CREATE UNIQUE INDEX one_id ON chosen (ident)",
            "CREATE TABLE taken_id (part INT, id TEXT)",
        ):
            self._database.execute(statement)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, why: BaseException | None, at: TracebackType | None) -> None:
        self._database.close()

    def add(self, part: int, place: int, draw: int, ident: int, prompt: bytes, lang: str, source: str) -> None:
        """One candidate of part number `part`, at ordinal `place` of its input."""
        number = self._sources.setdefault(source, len(self._sources))
        tag = self._languages.setdefault(lang, len(self._languages))
        self._pending.append((part, place, draw, ident, prompt, tag, number))
        if len(self._pending) >= _PENDING_MAX:
            self._store()

    def redraw(self, part: int, draws: Iterable[tuple[int, int]]) -> None:
        """Gives candidates of `part`, each by its place, other draws."""
        self._store()
        self._execute("CREATE TABLE IF NOT EXISTS redrawn (place INTEGER PRIMARY KEY, draw INT)")
        self._execute("DELETE FROM redrawn")
        self._database.execute("BEGIN")
        self._database.executemany("INSERT INTO redrawn VALUES (?, ?)", draws)
        self._database.execute("COMMIT")
        self._execute(
            "UPDATE candidate SET draw = redrawn.draw FROM redrawn WHERE part = ? AND candidate.place = redrawn.place",
            part,
        )

    def select(self, mix: Mix) -> list[Taken]:
        """Draws every part; what each gave, in the order of the parts."""
        self._store()
        order = [number for number, part in enumerate(mix.parts) if part.weight is None]
        taken = {number: self._draw(number, mix, mix.parts[number].count) for number in order}
        for number, size in self._weigh(mix, taken).items():
            taken[number] = self._draw(number, mix, size)
        return [taken[number] for number in range(len(mix.parts))]

    def places(self, parts: tuple[int, ...]) -> Iterator[tuple[int, int, int, int]]:
        """(place, part, draw, ident) of what was chosen from one input, by place."""
        marks = ",".join("?" * len(parts))
        yield from self._execute(
            f"SELECT place, part, draw, ident FROM chosen WHERE part IN ({marks}) ORDER BY place", *parts
        )

    def note_id(self, part: int, identifier: str) -> None:
        """Remembers the id of a record that was written."""
        self._ids.append((part, identifier))
        if len(self._ids) >= _PENDING_MAX:
            self._store()

    def ids(self, part: int) -> Iterator[str]:
        """The ids of a part that were written, in the order of their bytes."""
        self._store()
        return (
            identifier for (identifier,) in self._execute("SELECT id FROM taken_id WHERE part = ? ORDER BY id", part)
        )

    def _draw(self, number: int, mix: Mix, size: int | None) -> Taken:
        """Takes `size` records of a part; None: its share, or all."""
        part, result = mix.parts[number], Taken(asked=size)
        result.candidates = self._count("FROM candidate WHERE part = ?", number)
        self._execute("DROP TABLE IF EXISTS free")
        self._execute(
            "CREATE TABLE free AS SELECT prompt, min(draw) AS draw, ident, place, lang, source "
            f"{_FREE} GROUP BY prompt",
            number,
        )
        result.duplicates = result.candidates - self._count("FROM free")
        result.over_cap = self._apply(mix.caps)
        there = self._by_language()
        if size is None:
            size = self._share(part, number, sum(there.values()))
        quotas = split_evenly(size, part.lang) if part.lang else {"": min(size, sum(there.values()))}
        if not part.lang and size > sum(there.values()):
            result.short[""] = (size, sum(there.values()))
        for lang, quota in quotas.items():
            if lang and quota > there.get(lang, 0):
                result.short[lang] = (quota, there.get(lang, 0))
            self._execute(
                "INSERT INTO chosen SELECT prompt, ident, ?, place, draw, source FROM free "
                f"{'WHERE lang = ?' if lang else 'WHERE ? = 0'} ORDER BY draw, place LIMIT ?",
                number,
                self._languages.get(lang, -1) if lang else 0,
                quota,
            )
        result.taken = self._count("FROM chosen WHERE part = ?", number)
        result.by_lang = {lang: min(quotas[lang], there.get(lang, 0)) for lang in part.lang} or (
            self._by_language("JOIN chosen USING (prompt) WHERE part = ?", number)
        )
        return result

    def _share(self, part: Part, number: int, there: int) -> int:
        """The size of a part that asks for a share of its own distinct prompts; never more than is free."""
        if part.share is None or part.share == 1:
            return there
        own = self._count("FROM (SELECT DISTINCT prompt FROM candidate WHERE part = ?)", number)
        return min(round(part.share * own), there)

    def _apply(self, caps: Mapping[str, int]) -> int:
        """Takes what is over a source's cap out of the free ones; gives how many."""
        before = self._count("FROM free")
        for source, cap in caps.items():
            if (number := self._sources.get(source)) is not None:
                left = cap - self._count("FROM chosen WHERE source = ?", number)
                self._execute(
                    "DELETE FROM free WHERE rowid IN (SELECT rowid FROM free WHERE source = ? "
                    "ORDER BY draw, place LIMIT -1 OFFSET ?)",
                    number,
                    left,
                )
        return before - self._count("FROM free")

    def _weigh(self, mix: Mix, taken: Mapping[int, Taken]) -> dict[int, int]:
        """The sizes of the weighted parts: what `records` leaves them, else as large as all of them permit."""
        weights = {str(number): part.weight for number, part in enumerate(mix.parts) if part.weight is not None}
        if not weights:
            return {}
        if mix.records is not None:
            left = max(0, mix.records - sum(result.taken for result in taken.values()))
            return {int(number): size for number, size in split_evenly(left, weights).items()}
        there = self._free_by_part(tuple(map(int, weights)))
        scale = math.inf
        for number, weight in weights.items():
            for lang, share in (mix.parts[int(number)].lang or {"": 1.0}).items():
                if share and not there.get((int(number), lang)):
                    label = mix.parts[int(number)].label
                    raise ConfigError(
                        f"mix {mix.name}: {label} has no record to take{f' in {lang}' if lang else ''}",
                        hint="take the part out, or change its source, weight or language shares",
                    )
                if share:
                    scale = min(scale, there[int(number), lang] / (weight * share))
        return {int(number): int(scale * weight + 1e-9) for number, weight in weights.items()}

    def _free_by_part(self, parts: tuple[int, ...]) -> dict[tuple[int, str], int]:
        """Prompts by (part, language) and (part, ""); one that several parts hold counts for the first."""
        marks = ",".join("?" * len(parts))
        rows = self._execute(
            "SELECT first, lang, count(*) FROM (SELECT min(part) AS first, lang FROM candidate "
            f"WHERE part IN ({marks}) AND prompt NOT IN (SELECT prompt FROM chosen) GROUP BY prompt) "
            "GROUP BY first, lang",
            *parts,
        )
        counts: dict[tuple[int, str], int] = {}
        tags = list(self._languages)
        for part, lang, number in rows:
            counts[part, tags[lang]] = number
            counts[part, ""] = counts.get((part, ""), 0) + number
        return counts

    def _by_language(self, rest: str = "", *values: int) -> dict[str, int]:
        rows = self._execute(f"SELECT lang, count(*) FROM free {rest} GROUP BY lang", *values)
        tags = list(self._languages)
        return dict(sorted((tags[lang], number) for lang, number in rows))

    def _count(self, rest: str, *values: int) -> int:
        return int(self._execute(f"SELECT count(*) {rest}", *values).fetchone()[0])

    def _execute(self, statement: str, *values: int) -> sqlite3.Cursor:
        try:
            return self._database.execute(statement, values)
        except sqlite3.OperationalError as why:
            raise BlossomError(
                f"cannot draw the records of the mix ({why})", hint="free some space in the temporary folder (TMPDIR)"
            ) from why

    def _store(self) -> None:
        try:
            self._database.execute("BEGIN")
            self._database.executemany("INSERT INTO candidate VALUES (?, ?, ?, ?, ?, ?, ?)", self._pending)
            self._database.executemany("INSERT INTO taken_id VALUES (?, ?)", self._ids)
            self._database.execute("COMMIT")
        except sqlite3.OperationalError as why:
            raise BlossomError(
                f"cannot keep the candidates of the mix ({why})",
                hint="free some space in the temporary folder (TMPDIR)",
            ) from why
        self._pending.clear()
        self._ids.clear()
