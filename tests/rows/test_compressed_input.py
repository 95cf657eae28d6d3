"""gzip and Zstandard: recognised by content, whole or refused, and never larger in memory than their blocks."""

from __future__ import annotations

import gzip
import io
from pathlib import Path

import pytest
import zstandard

from blossom_data.errors import InputError
from blossom_data.rows import Row, read_rows
from blossom_data.rows import compressed as limits
from blossom_data.rows.compressed import inflate

TEXT = b"".join(b'{"n": %d, "text": "row %d"}\n' % (number, number * 7919) for number in range(3000))
PACKED = {"gzip": gzip.compress(TEXT), "zstd": zstandard.ZstdCompressor(write_checksum=True).compress(TEXT)}


def unpack(data: bytes) -> bytes:
    file = io.BytesIO(data)
    return b"".join(inflate(file, "x", file.read(limits.BLOCK_BYTES)))


@pytest.mark.parametrize("kind", PACKED)
@pytest.mark.parametrize("name", ["x.jsonl.gz", "x.jsonl.zst", "x.jsonl", "x"])
def test_compression_is_recognised_whatever_the_name(tmp_path: Path, kind: str, name: str) -> None:
    (tmp_path / name).write_bytes(PACKED[kind])
    rows = list(read_rows(tmp_path / name))
    assert [row.value["n"] for row in rows if isinstance(row, Row)] == list(range(3000))
    assert rows[-1].line == 3000


@pytest.mark.parametrize("kind", PACKED)
def test_streams_one_behind_the_other_are_one_input(kind: str) -> None:
    assert unpack(PACKED[kind] * 3) == TEXT * 3


def test_gzip_may_be_padded_with_zeros() -> None:
    assert unpack(PACKED["gzip"] + bytes(500)) == TEXT
    assert unpack(PACKED["gzip"] + bytes(500) + PACKED["gzip"]) == TEXT * 2


@pytest.mark.parametrize("kind", PACKED)
def test_a_stream_cut_anywhere_is_refused(tmp_path: Path, kind: str) -> None:
    data = PACKED[kind]
    for end in (5, 12, len(data) // 3, len(data) // 2, len(data) - 9, len(data) - 1):
        (tmp_path / "x").write_bytes(data[:end])
        with pytest.raises(InputError, match=r"ends early|damaged"):
            list(read_rows(tmp_path / "x"))


@pytest.mark.parametrize("kind", PACKED)
def test_a_damaged_stream_is_refused(tmp_path: Path, kind: str) -> None:
    data = bytearray(PACKED[kind])
    data[len(data) // 2] ^= 0xFF
    data[len(data) // 2 + 1] ^= 0xFF
    (tmp_path / "x").write_bytes(data)
    with pytest.raises(InputError, match="damaged"):
        list(read_rows(tmp_path / "x"))


def bomb(kind: str, size: int) -> bytes:
    out = io.BytesIO()
    opened = gzip.GzipFile(fileobj=out, mode="wb") if kind == "gzip" else zstandard.ZstdCompressor().stream_writer(out)
    for _ in range(size >> 20):
        opened.write(bytes(1 << 20))
    data = out.getvalue() if kind == "gzip" and opened.close() is None else b""
    if kind == "zstd":
        opened.flush(zstandard.FLUSH_FRAME)
        data = out.getvalue()
    return data


@pytest.mark.parametrize("kind", PACKED)
def test_a_bomb_is_refused_with_its_numbers(monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    monkeypatch.setattr(limits, "MAX_BOMB_BYTES", 8 << 20)
    data = bomb(kind, 32 << 20)
    with pytest.raises(InputError, match=r"inflate to more than [\d,]+: this looks like a compression bomb"):
        unpack(data)


def test_text_that_repeats_is_no_bomb() -> None:
    text = b'{"question": "What is the capital of France?", "answer": "Paris"}\n' * 400_000
    assert len(unpack(zstandard.compress(text))) == len(text)


@pytest.mark.parametrize("kind", PACKED)
def test_blocks_stay_small(kind: str) -> None:
    file = io.BytesIO(bomb(kind, 64 << 20))
    assert max(map(len, inflate(file, "x", file.read(limits.BLOCK_BYTES)))) <= 33 << 20
