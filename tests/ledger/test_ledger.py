"""The SQLite ledger: what it promises about replies, seen from outside."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from blossom_data.asks import Ask, Reply, Usage
from blossom_data.errors import ConfigError, LedgerError, Locked
from blossom_data.ledger.sqlite import SqliteLedger
from blossom_data.llm.batch.store import BatchStore
from blossom_data.records import Message


def ask_of(text: str) -> Ask:
    return Ask(stage="annotate", version=1, messages=(Message("user", text),))


def put(ledger: SqliteLedger, *texts: str) -> None:
    async def put_all() -> None:
        reply = Reply(text="答案", finish_reason="length", model="m", usage=Usage(tokens_in=3, tokens_out=5))
        await asyncio.gather(*(ledger.put(ask_of(text).key("m"), ask_of(text), reply) for text in texts))

    asyncio.run(put_all())


def test_a_reply_is_served_whole_by_the_next_process(tmp_path: Path) -> None:
    ledger = SqliteLedger(tmp_path / "deep" / "ledger.sqlite")
    put(ledger, "a")
    ledger.close()
    ledger = SqliteLedger(tmp_path / "deep" / "ledger.sqlite")
    key = ask_of("a").key("m")
    assert ledger.get(key) == Reply(
        text="答案", finish_reason="length", model="m", usage=Usage(tokens_in=3, tokens_out=5), key=key.hex()
    )
    assert ledger.get(ask_of("b").key("m")) is None
    assert [(row.stage, row.replies, row.tokens_out) for row in ledger.totals()] == [("annotate", 1, 5)]
    ledger.close()


def test_everything_that_decides_a_reply_is_in_its_key() -> None:
    ask = ask_of("a")
    variants = [
        ask_of("b"),
        Ask(stage="annotate", version=2, messages=ask.messages),
        Ask(stage="translate", version=1, messages=ask.messages),
        Ask(stage="annotate", version=1, messages=ask.messages, attempt=1),
        Ask(stage="annotate", version=1, messages=ask.messages, temperature=0.5),
        Ask(stage="annotate", version=1, messages=ask.messages, max_tokens=5),
        Ask(stage="annotate", version=1, messages=ask.messages, response_schema={"type": "object"}),
        Ask(stage="annotate", version=1, messages=(Message("system", "a"),)),
    ]
    keys = {variant.key("m") for variant in variants} | {ask.key("m"), ask.key("other")}
    assert len(keys) == len(variants) + 2
    same = Ask(stage="annotate", version=1, messages=ask.messages, response_schema={"a": 1, "b": 2})
    turned = Ask(stage="annotate", version=1, messages=ask.messages, response_schema={"b": 2, "a": 1})
    assert same.key("m") == turned.key("m")


def test_a_second_process_is_told_who_holds_the_ledger(tmp_path: Path) -> None:
    ledger = SqliteLedger(tmp_path / "ledger.sqlite")
    with pytest.raises(Locked, match=f"pid {os.getpid()}"):
        SqliteLedger(tmp_path / "ledger.sqlite")
    ledger.close()
    SqliteLedger(tmp_path / "ledger.sqlite").close()


def test_what_was_acknowledged_survives_a_sigkill(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    script = textwrap.dedent(
        """
        import asyncio, sys
        from pathlib import Path
        from blossom_data.asks import Ask, Reply
        from blossom_data.ledger.sqlite import SqliteLedger
        from blossom_data.records import Message

        async def fill(ledger):
            for number in range(100_000):
                ask = Ask(stage="annotate", version=1, messages=(Message("user", str(number)),))
                await ledger.put(ask.key("m"), ask, Reply(text=str(number), model="m"))
                print(number, flush=True)

        asyncio.run(fill(SqliteLedger(Path(sys.argv[1]))))
        """
    )
    child = subprocess.Popen([sys.executable, "-c", script, str(path)], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    acknowledged = [int(child.stdout.readline()) for _ in range(20)]
    child.send_signal(signal.SIGKILL)
    acknowledged += [int(line) for line in child.communicate()[0].splitlines() if line.strip()]
    ledger = SqliteLedger(path)
    for number in acknowledged:
        reply = ledger.get(ask_of(str(number)).key("m"))
        assert reply is not None
        assert reply.text == str(number)
    ledger.close()


def killed_before_any_commit(path: Path, count: int) -> None:
    """A process that has got `count` replies, and is killed before one of them is committed."""
    script = f"""
        import asyncio, os, signal
        from pathlib import Path
        from blossom_data.asks import Ask, Reply, Usage
        from blossom_data.ledger import sqlite
        from blossom_data.records import Message

        sqlite.LINGER_S = 60.0

        async def main():
            ledger = sqlite.SqliteLedger(Path({str(path)!r}), job="j")
            for number in range({count}):
                ask = Ask(stage="annotate", version=1, messages=(Message("user", str(number)),))
                reply = Reply(text="word " * 500 + str(number), model="m", usage=Usage(tokens_in=3, tokens_out=5))
                asyncio.ensure_future(ledger.put(ask.key("m"), ask, reply))
            await asyncio.sleep(0.01)
            os.kill(os.getpid(), signal.SIGKILL)

        asyncio.run(main())
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(script)])
    assert done.returncode == -signal.SIGKILL


def test_replies_that_a_sigkill_kept_from_being_committed_are_there_and_counted_once(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    count = 1_500
    for _ in range(2):
        killed_before_any_commit(path, count)
    ledger = SqliteLedger(path, job="j")
    for number in range(count):
        found = ledger.get(ask_of(str(number)).key("m"))
        assert found is not None and found.text == "word " * 500 + str(number)
    assert [(row.replies, row.tokens_out) for row in ledger.totals("j")] == [(count, 5 * count)]
    ledger.close()
    assert sorted(file.name for file in tmp_path.iterdir()) == [
        "ledger.sqlite",
        "ledger.sqlite.lock",
        "ledger.sqlite.reserve",
    ]


@pytest.mark.parametrize(
    "damage", [lambda data: data[:-7], lambda data: data + bytes(64), lambda data: data + b"\xff" * 64]
)
def test_a_journal_that_a_power_cut_tore_gives_the_rows_before_the_tear(
    tmp_path: Path, damage: Callable[[bytes], bytes]
) -> None:
    path = tmp_path / "ledger.sqlite"
    killed_before_any_commit(path, 3)
    journal = tmp_path / "ledger.sqlite.journal-0"
    journal.write_bytes(damage(journal.read_bytes()))
    ledger = SqliteLedger(path)
    assert ledger.get(ask_of("0").key("m")) and ledger.get(ask_of("1").key("m"))
    assert sum(row.replies for row in ledger.totals()) in (2, 3)
    ledger.close()


def test_a_journal_says_its_version_and_one_of_before_is_read(tmp_path: Path) -> None:
    path, journal = tmp_path / "ledger.sqlite", tmp_path / "ledger.sqlite.journal-0"
    killed_before_any_commit(path, 3)
    mark, line_break, entries = journal.read_bytes().partition(b"\n")
    assert mark == b"blossom journal 1"
    journal.write_bytes(mark[:-1] + b"2" + line_break + entries)
    with pytest.raises(LedgerError, match=r"journal-0 is of version 2") as told:
        SqliteLedger(path)
    assert "upgrade" in told.value.hint
    journal.write_bytes(entries)
    ledger = SqliteLedger(path)
    assert all(ledger.get(ask_of(str(number)).key("m")) for number in range(3))
    ledger.close()


def test_a_ledger_that_cannot_be_trusted_is_refused_never_rebuilt(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    path.write_bytes(b"this is not a database" * 100)
    with pytest.raises(LedgerError, match="cannot open"):
        SqliteLedger(path)
    assert path.read_bytes().startswith(b"this is not")
    newer = tmp_path / "newer.sqlite"
    database = sqlite3.connect(newer)
    database.execute("PRAGMA user_version=99")
    database.close()
    with pytest.raises(LedgerError, match="version 99"):
        SqliteLedger(newer)


def test_a_reply_that_cannot_be_stored_is_an_error_to_who_waits(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    ledger = SqliteLedger(path)
    put(ledger, "before")
    other = sqlite3.connect(path)
    other.execute("DROP TABLE replies")
    other.commit()
    with pytest.raises(LedgerError, match="cannot write"):
        put(ledger, "after")
    other.close()
    ledger.close()
    ledger = SqliteLedger(path)
    assert ledger.get(ask_of("after").key("m")) is not None
    ledger.close()


def test_a_reply_that_can_be_written_nowhere_is_said_to_be_lost(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    for number in (0, 1):
        path.with_name(f"{path.name}.journal-{number}").mkdir()
    ledger = SqliteLedger(path)
    put(ledger, "before")
    other = sqlite3.connect(path)
    other.execute("DROP TABLE replies")
    other.commit()
    other.close()
    with pytest.raises(LedgerError, match="cannot write"):
        put(ledger, "after")
    with pytest.raises(LedgerError, match="1 paid replies are lost"):
        ledger.close()


def test_a_commit_that_failed_once_is_made_up_for(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    ledger = SqliteLedger(path)
    put(ledger, "before")
    other = sqlite3.connect(path)
    other.execute("ALTER TABLE replies RENAME TO away")
    with pytest.raises(LedgerError, match="no such table"):
        put(ledger, "a", "b")
    other.execute("ALTER TABLE away RENAME TO replies")
    other.close()
    with pytest.raises(LedgerError, match="no such table"):
        put(ledger, "c")
    ledger.close()
    ledger = SqliteLedger(path)
    assert all(ledger.get(ask_of(text).key("m")) for text in "abc")
    assert [row.replies for row in ledger.totals()] == [4]
    ledger.close()


def test_the_ledger_is_for_its_owner_alone(tmp_path: Path) -> None:
    os.umask(0)
    try:
        SqliteLedger(tmp_path / "own" / "ledger.sqlite").close()
    finally:
        os.umask(0o022)
    assert (tmp_path / "own").stat().st_mode & 0o077 == 0
    assert (tmp_path / "own" / "ledger.sqlite").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("name", ["", ".", "/", "folder", "nul\0", "loop"])
def test_a_ledger_that_can_be_no_file_is_a_mistake_of_the_user(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(ConfigError, match="the ledger"):
        SqliteLedger(Path(name))
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["folder", "loop"]


@pytest.mark.parametrize("name", [":memory:", "file:x?mode=memory", "a?b#c%41.sqlite", "-x", "\udcff\n.sqlite"])
def test_a_ledger_is_the_file_of_its_name_however_odd(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    ledger = SqliteLedger(Path(name))
    put(ledger, "a")
    BatchStore(Path(name)).close()
    ledger.close()
    assert (tmp_path / name).stat().st_size > 0
    ledger = SqliteLedger(Path(name))
    assert ledger.get(ask_of("a").key("m")) is not None
    ledger.close()


def test_a_ledger_under_another_name_is_the_same_ledger(tmp_path: Path) -> None:
    path, alias = tmp_path / "big disk" / "ledger.sqlite", tmp_path / "ledger.sqlite"
    alias.symlink_to(path)
    killed_before_any_commit(alias, 3)
    ledger = SqliteLedger(path)
    assert sum(row.replies for row in ledger.totals()) == 3
    with pytest.raises(Locked):
        SqliteLedger(alias)
    ledger.close()
    assert [entry.name for entry in tmp_path.iterdir() if entry != path.parent] == ["ledger.sqlite"]


def test_a_journal_that_cannot_be_read_is_not_thrown_away(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    SqliteLedger(path).close()
    journal = tmp_path / "ledger.sqlite.journal-1"
    journal.mkdir()
    with pytest.raises(LedgerError, match=r"journal-1.*directory"):
        SqliteLedger(path)
    journal.rmdir()
    SqliteLedger(path).close()
