"""Full and broken disks: a clear error, `current` whole, and a run after it succeeds."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
from broken_disk import BrokenDisk, in_a_namespace
from datasets_made import make, record, tidy, whole

from blossom_data.errors import BlossomError
from blossom_data.publish.reading import Part
from blossom_data.publish.versions import publish, version_names

pytestmark = pytest.mark.slow

OLD = [record(number) for number in range(20)]
NEW = [record(number) for number in range(30)]


@pytest.mark.parametrize(
    ("layout", "code", "stride"), [("jsonl", errno.ENOSPC, 1), ("jsonl", errno.EIO, 1), ("parquet", errno.ENOSPC, 4)]
)
def test_whichever_call_fails_current_is_whole_and_the_next_run_succeeds(
    tmp_path: Path, layout: str, code: int, stride: int
) -> None:
    old, new = make(tmp_path / "old", OLD), make(tmp_path / "new", NEW)
    failed = []
    for k in range(0, 400, stride):
        root = tmp_path / f"data{k}"
        publish([Part(old)], root=root, name="math", layout=layout)
        with pytest.MonkeyPatch.context() as monkeypatch:
            disk = BrokenDisk(monkeypatch, root, k, code)
            try:
                publish([Part(new)], root=root, name="math", layout=layout)
            except BlossomError as why:
                told = f"{why} {why.hint}"
                assert os.strerror(code) in told and "math" in told, told
                assert why.exit_code == 1
        assert whole(root / "math") in (OLD, NEW)
        if not disk.failed:
            break
        failed.append(disk.failed)
        publish([Part(new)], root=root, name="math", layout=layout)
        assert whole(root / "math") == NEW
        assert tidy(root / "math")
        assert len(version_names(root / "math")) == 2
    assert {"write", "fsync"} <= set(failed)
    assert stride > 1 or {"rename", "replace", "mkdir", "symlink"} <= set(failed)


def test_a_real_full_disk_is_told_and_a_later_run_succeeds(tmp_path: Path) -> None:
    import random

    dice = random.Random(1)
    texts = [record(n, source_id="".join(chr(dice.randrange(0x4E00, 0x9FA5)) for _ in range(300))) for n in range(900)]
    make(tmp_path / "new", texts)
    make(tmp_path / "old", OLD)
    script = """
    mkdir data; mount -t tmpfs -o size=300k none data
    publish() { "$PYTHON" -m blossom_data publish "$1" -o data --name math --format jsonl; }
    publish old
    before=$(readlink data/math/current)
    code=0; publish new || code=$?
    test $code = 1
    test "$(readlink data/math/current)" = "$before"
    test -z "$(ls -A data/math | grep building)"
    mount -o remount,size=10m data
    publish new
    test "$(readlink data/math/current)" != "$before"
    """
    done = in_a_namespace(script, tmp_path)
    assert done.returncode == 0, done.stderr
    assert "error: cannot publish to" in done.stderr
    assert "No space left on device" in done.stderr


def test_a_read_only_folder_is_told(tmp_path: Path) -> None:
    make(tmp_path / "new", NEW)
    make(tmp_path / "old", OLD)
    script = """
    mkdir data; mount -t tmpfs none data
    publish() { "$PYTHON" -m blossom_data publish "$1" -o data --name "$2" --format jsonl; }
    publish old math
    mount -o remount,ro data
    for name in math other; do
        code=0; publish new $name || code=$?
        test $code = 2
    done
    "$PYTHON" -c 'from blossom_data.rows import read_records; print(len(list(read_records("data/math/current"))))'
    """
    done = in_a_namespace(script, tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "20"
    assert "Read-only file system" in done.stderr
