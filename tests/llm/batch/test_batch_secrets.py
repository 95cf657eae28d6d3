"""A key that a provider echoes into the results of a batch."""

from __future__ import annotations

from pathlib import Path

from command import user, write_lines
from echoes import SPELLINGS, everything, signs
from forked import blossom
from loopback_batch import KEY, BatchServer


def test_an_echoed_key_comes_out_of_no_batch(tmp_path: Path) -> None:
    rows = write_lines(tmp_path / "in.jsonl", (user(f"question {number}") for number in range(len(SPELLINGS))))
    spellings = [spelling(KEY).encode() for spelling in SPELLINGS.values()]

    def mangle(data: bytes) -> bytes:
        lines = data.splitlines(keepends=True)
        return b"".join(
            line.replace(b'"content":"', b'"content":"' + shown + b" ", 1)
            for line, shown in zip(lines, spellings, strict=True)
        )

    with BatchServer() as server:
        server.mangle = mangle
        flags = ("--base-url", server.base_url, "--model", "m", "--batch", "--batch-poll-s", "0.05")
        ledger, key = ("--ledger", "l.sqlite"), {"OPENAI_API_KEY": KEY}
        done = blossom("annotate", rows, "-o", "out", *flags, *ledger, cwd=tmp_path, env=key)
    assert done.code == 0, done
    assert not [text for text in map(signs, everything(tmp_path, done)) if KEY in text]
