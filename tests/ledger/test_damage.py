"""A ledger that was damaged, emptied, or lies where no lock can be had."""

from __future__ import annotations

import asyncio
import errno
import fcntl
import os
import shutil
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path
from typing import Any

import command
import pytest
import zstandard
from command import user, values, write_lines
from forked import blossom
from loopback import Loopback

from blossom_data.asks import Ask, Reply, Usage
from blossom_data.errors import LedgerError, Locked
from blossom_data.ledger.damage import drop_damaged
from blossom_data.ledger.lock import holder_of, take_lock
from blossom_data.ledger.sqlite import SqliteLedger
from blossom_data.records import Message
from blossom_data.shards.block_notes import BLOCKS


def fill(path: Path, *texts: str) -> list[bytes]:
    """Stores a reply of each text; gives their keys."""
    ledger = SqliteLedger(path)
    asks = [Ask(stage="annotate", version=1, messages=(Message("user", text),)) for text in texts]

    async def put_all() -> None:
        usage = Usage(tokens_in=3, tokens_out=5)
        await asyncio.gather(
            *(
                ledger.put(a.key("m"), a, Reply(text=t, model="m", usage=usage))
                for a, t in zip(asks, texts, strict=True)
            )
        )

    asyncio.run(put_all())
    ledger.close()
    return [ask.key("m") for ask in asks]


def bodies(path: Path) -> dict[bytes, bytes]:
    with closing(sqlite3.connect(path)) as database:
        return dict(database.execute("SELECT key, body FROM replies"))


def write_body(path: Path, key: bytes, body: bytes) -> None:
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("UPDATE replies SET body = ? WHERE key = ?", (body, key))


def test_no_bit_of_a_stored_reply_flips_unseen(tmp_path: Path) -> None:
    path, text = tmp_path / "l.sqlite", "A text long enough to be packed, packed, packed; 一二三。" * 2
    (key,) = fill(path, text)
    body = bodies(path)[key]
    silent = []
    ledger = SqliteLedger(path)
    for bit in range(8 * len(body)):
        flipped = bytearray(body)
        flipped[bit // 8] ^= 1 << bit % 8
        write_body(path, key, bytes(flipped))
        try:
            reply = ledger.get(key)
        except LedgerError as why:
            assert key.hex() in str(why)
            assert "--drop-damaged" in why.hint
        else:
            silent += [bit] if reply is None or reply.text != text else []
    ledger.close()
    assert silent == []


def test_a_ledger_of_before_has_no_checksums_and_is_read(tmp_path: Path) -> None:
    path = tmp_path / "l.sqlite"
    old, new = fill(path, "old", "new")
    plain = zstandard.ZstdDecompressor().decompress(bodies(path)[old])
    write_body(path, old, zstandard.ZstdCompressor(level=3).compress(plain))
    ledger = SqliteLedger(path)
    assert [reply.text for key in (old, new) if (reply := ledger.get(key))] == ["old", "new"]
    ledger.close()
    assert drop_damaged(path, is_dry_run=False).keys == ()


@pytest.mark.parametrize("torn", [b"no zstd", zstandard.compress(b'{"text": 1}')])
def test_a_run_goes_on_after_what_is_damaged_was_dropped(tmp_path: Path, torn: bytes) -> None:
    rows = write_lines(tmp_path / "in.jsonl", (user(f"question {number}") for number in range(5)))
    with Loopback() as server:
        run = ("annotate", rows, "-o", "out", "--base-url", server.base_url, "--model", "m", "--ledger", "l.sqlite")
        assert blossom(*run, cwd=tmp_path).code == 0
        before = values(tmp_path / "out")
        path = tmp_path / "l.sqlite"
        key = min(bodies(path))
        write_body(path, key, torn)
        (tmp_path / "out" / BLOCKS).unlink()  # else the shard is taken over, and no reply is read
        stopped = blossom(*run, "--quiet", cwd=tmp_path)
        assert stopped.code == 1, stopped
        assert key.hex() in stopped.err
        assert "Traceback" not in stopped.err
        looked = blossom("gc", "--ledger", "l.sqlite", "--drop-damaged", "--dry-run", "--json", cwd=tmp_path)
        assert (looked.json["checked"], looked.json["keys"]) == (5, [key.hex()])
        assert key in bodies(path)
        dropped = blossom("gc", "--ledger", "l.sqlite", "--drop-damaged", cwd=tmp_path)
        assert dropped.code == 0, dropped
        assert key.hex() in dropped.out
        assert blossom(*run, cwd=tmp_path).code == 0
        assert server.paid == 6
    assert values(tmp_path / "out") == before


@pytest.mark.parametrize("length", [0, 1, 50])
def test_an_emptied_ledger_is_refused_where_anything_tells_of_an_earlier_run(tmp_path: Path, length: int) -> None:
    for name in ("l.sqlite.journal-0", "l.sqlite-wal"):
        folder = tmp_path / name
        folder.mkdir()
        path = folder / "l.sqlite"
        fill(path, "a")
        os.truncate(path, length)
        (folder / name).touch()
        with pytest.raises(LedgerError, match="is empty") as refused:
            SqliteLedger(path)
        assert name in str(refused.value)
        assert path.stat().st_size == length
    fresh = tmp_path / "fresh.sqlite"
    fresh.touch()
    assert fill(fresh, "a")


@pytest.mark.parametrize("code", [errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS, errno.EIO, errno.EINVAL, errno.EBADF])
def test_no_locks_are_no_other_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    def fails(*_: Any) -> None:
        raise OSError(code, os.strerror(code))

    path = tmp_path / "l.sqlite.lock"
    path.touch()
    monkeypatch.setattr(fcntl, "flock", fails)
    for act in (take_lock, holder_of):
        with pytest.raises(LedgerError, match="no locks on this file system") as why:
            act(path)
        assert why.value.exit_code == 1


@pytest.mark.parametrize("code", [errno.EWOULDBLOCK, errno.EACCES])
def test_a_lock_that_is_held_is_another_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    def fails(*_: Any) -> None:
        raise OSError(code, os.strerror(code))

    path = tmp_path / "l.sqlite.lock"
    path.write_text('{"pid": 7, "host": "h", "since": "s"}')
    monkeypatch.setattr(fcntl, "flock", fails)
    with pytest.raises(Locked, match="pid 7 on h since s"):
        take_lock(path)
    assert holder_of(path) == {"pid": "7", "host": "h", "since": "s"}


@pytest.mark.skipif(shutil.which("gcc") is None, reason="the failing flock is compiled")
def test_a_file_system_without_locks_is_told_as_that_by_a_real_process(tmp_path: Path) -> None:
    source, shim = tmp_path / "flock.c", tmp_path / "flock.so"
    source.write_text(
        "#include <errno.h>\n#include <stdlib.h>\n"
        'int flock(int file, int how) { (void)file; (void)how; errno = atoi(getenv("FLOCK_ERRNO")); return -1; }\n'
    )
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", shim, source], check=True)
    rows = write_lines(tmp_path / "in.jsonl", [user("a question")])
    with Loopback() as server:
        for code in (errno.ENOLCK, errno.EOPNOTSUPP):
            env = {"LD_PRELOAD": str(shim), "FLOCK_ERRNO": str(code)}
            at = ("--base-url", server.base_url, "--model", "m")
            done = command.blossom("annotate", rows, "-o", "out", *at, cwd=tmp_path, env=env)
            assert (done.code, server.paid) == (1, 0), done
            assert "no locks on this file system" in done.err
            assert len(done.err.splitlines()) <= 2
