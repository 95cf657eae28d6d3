"""What can leave the ledger: replies that are old, and that no data set which is to stay can ask for again.

    Freed(old=812_000, deleted=790_112, kept={"named by a record": 21_400, "asked by a data set that stays": 488})

A reply that is deleted is bought again if the same question comes up, so the rule is cautious. Of the replies older
than the limit stay those that a record's lineage names and, unless `is_exact`, all of a stage and model that one of the
data sets used: behind rejects and earlier tries are replies that no record names, and a rerun asks for them too.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from blossom_data.errors import ConfigError
from blossom_data.ledger.address import LedgerAddress
from blossom_data.ledger.cleaning import LedgerTables, open_to_clean
from blossom_data.publish.reading import Part, finished_manifest, read_part

_DAY_S = 86_400.0
_BATCH = 5_000


@dataclass(frozen=True, slots=True)
class Freed:
    """Replies older than the limit, how many of them went (or would), and why the others stay."""

    old: int
    deleted: int
    kept_named: int
    kept_asked: int


def free_replies(
    ledger: LedgerAddress,
    datasets: Sequence[Path],
    *,
    older_than_days: float,
    is_exact: bool = False,
    is_dry_run: bool = True,
) -> Freed:
    """Deletes replies from the ledger that none of `datasets` needs.

    Args:
        is_exact: replies behind rejects and earlier tries go as well; they are bought again if their records come back.

    Raises:
        ConfigError: no ledger, no data set, or one that is not finished.
        Locked: a run uses the ledger.
        LedgerError: it cannot be changed; nothing is lost.
    """
    if not datasets:
        raise ConfigError("no data set is named whose replies must stay", hint="name every data set still in use")
    parts = [Part(path) for path in datasets]
    before = time.time() - older_than_days * _DAY_S
    with open_to_clean(ledger, is_dry_run=is_dry_run) as tables:
        return _free(tables, parts, before, is_exact=is_exact, is_dry_run=is_dry_run)


def _free(tables: LedgerTables, parts: Sequence[Part], before: float, *, is_exact: bool, is_dry_run: bool) -> Freed:
    if not tables.is_ledger:
        raise ConfigError("that is no ledger: it has no table `replies`", hint="give what --ledger of the runs named")
    asked = _asked(parts)
    # Temporary tables lie on disk and are gone with the connection.
    tables.execute(f"CREATE TEMP TABLE named (key {tables.bytes_type} PRIMARY KEY)")
    for keys in _batches(parts, asked):
        tables.execute_all("INSERT INTO named VALUES (?) ON CONFLICT DO NOTHING", [(key,) for key in sorted(keys)])
    tables.execute("CREATE TEMP TABLE asked (stage TEXT, model TEXT, PRIMARY KEY (stage, model))")
    pairs = tables.execute(f"SELECT DISTINCT stage, model FROM {tables.replies}").fetchall()
    used = [] if is_exact else [(stage, model) for stage, model in pairs if _is_used(stage, model, asked)]
    tables.execute_all("INSERT INTO asked VALUES (?, ?)", used)
    count = f"SELECT count(*) FROM {tables.replies} WHERE "
    old = tables.execute(f"{count} created < ?", (before,)).fetchone()[0]
    where = "created < ? AND key NOT IN (SELECT key FROM named)"
    unnamed = tables.execute(count + where, (before,)).fetchone()[0]
    where += " AND (stage, model) NOT IN (SELECT stage, model FROM asked)"
    doomed = tables.execute(count + where, (before,)).fetchone()[0]
    if doomed and not is_dry_run:
        tables.execute(f"DELETE FROM {tables.replies} WHERE {where}", (before,))
        tables.give_back_room()
    return Freed(old=old, deleted=doomed, kept_named=old - unnamed, kept_asked=unnamed - doomed)


def _asked(parts: Sequence[Part]) -> set[tuple[str, str]]:
    """The (stage, model) pairs that the manifests say were asked."""
    rows = [row for part in parts for row in finished_manifest(part).get("asked") or ()]
    return {(str(row["stage"]), str(row["model"])) for row in rows}


def _batches(parts: Sequence[Part], asked: set[tuple[str, str]]) -> Iterator[set[bytes]]:
    """The ledger keys that the records name, a few thousand at a time; adds their stages and models to `asked`."""
    keys: set[bytes] = set()
    for part in parts:
        for _, record in read_part(part):
            for step in record.lineage:
                asked.update((step.stage, model) for model in step.model.split(",") if model)
                keys.update(bytes.fromhex(key) for key in step.reply.split(",") if _is_key(key))
            if len(keys) >= _BATCH:
                yield keys
                keys = set()
    yield keys


def _is_key(text: str) -> bool:
    return len(text) == 32 and all(letter in "0123456789abcdef" for letter in text)


def _is_used(stage: str, model: str, asked: set[tuple[str, str]]) -> bool:
    """Whether a data set asked this model in this stage; endpoints answer `gpt-x` as `gpt-x-2026-01-01`."""
    return any(stage == one and (model.startswith(other) or other.startswith(model)) for one, other in asked)
