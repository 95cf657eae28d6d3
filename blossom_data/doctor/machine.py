"""The machine: space, locks, file modes, network file systems, GPUs, torch.

check_disk(Path("data/math"))   ->   Finding("disk", "ok", "81.3 GB and 5,242,880 files free at data/math")
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from blossom_data.doctor import FAIL, OK, WARN, Finding
from blossom_data.errors import LedgerError
from blossom_data.ledger.lock import holder_of

_LOW_BYTES, _SCARCE_BYTES = 5 << 30, 200 << 20
_LOW_FILES = 10_000
_NETWORK = (
    "nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "ceph", "glusterfs", "fuse.glusterfs", "lustre", "gpfs", "beegfs",
    "fuse.sshfs", "fuse.s3fs", "fuse.gcsfuse", "fuse.rclone", "afs", "davfs",
)  # fmt: skip
_LONGEST_S = 60.0


def nearest(path: Path) -> Path:
    """`path`, or the first folder above it that is there."""
    place = path.absolute()
    while not place.exists():
        place = place.parent
    return place


def check_disk(path: Path) -> Finding:
    """Free bytes and files where `path` is or will be."""
    facts = os.statvfs(nearest(path))
    free = facts.f_bavail * facts.f_frsize
    # File systems without a fixed number of files say 0 of 0.
    files = facts.f_favail if facts.f_files else None
    told = f"{free / 1e9:.1f} GB{'' if files is None else f' and {files:,} files'} free at {path}"
    if free < _SCARCE_BYTES or files == 0:
        return Finding("disk", FAIL, told, "free some space, or set out and ledger on another disk")
    is_low = free < _LOW_BYTES or (files is not None and files < _LOW_FILES)
    return Finding("disk", WARN if is_low else OK, told, "free some space before a large run" if is_low else "")


def check_writable(path: Path) -> Finding:
    """Whether what is to be at `path` can be written."""
    place = nearest(path)
    if os.access(place if place.is_dir() else place.parent, os.W_OK | os.X_OK):
        return Finding("write", OK, f"{path} can be written")
    return Finding("write", FAIL, f"{path} cannot be written by this user", f"chown or chmod {place}")


def check_lock(name: str, path: Path) -> Finding:
    """Whether another run holds the lock at `path`."""
    try:
        holder = holder_of(path)
    except LedgerError as why:
        return Finding("lock", FAIL, str(why), why.hint)
    if holder is None:
        return Finding("lock", OK, f"no run holds the lock of the {name}")
    who = f"pid {holder['pid']} on {holder['host']} since {holder['since']}" if holder else "another process"
    return Finding("lock", WARN, f"the {name} is in use by {who}", "wait for it; a lock goes with its process")


def check_mode(path: Path) -> Finding | None:
    """Whether others can read a file that holds keys or paid replies; None where there is none."""
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
    except FileNotFoundError:
        return None
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        return Finding("modes", WARN, f"others can read {path} (mode {mode:o})", f"chmod 600 {path}")
    return Finding("modes", OK, f"{path} is the owner's alone")


def check_file_system(name: str, path: Path, *, must_be_local: bool) -> Finding:
    """Whether `path` lies on a network file system, on which locks and WAL cannot be relied on."""
    kind = file_system(nearest(path))
    if kind not in _NETWORK:
        return Finding("file system", OK, f"the {name} lies on {kind or 'a file system of unknown kind'}")
    told = f"the {name} lies on a network file system ({kind})"
    if must_be_local:
        return Finding(
            "file system", FAIL, told, "set ledger to a local disk: SQLite's WAL does not work over a network"
        )
    return Finding("file system", WARN, told, "refresh from one machine only: locks may not hold across machines")


def file_system(path: Path) -> str:
    """The kind of file system that `path` lies on, "" where it cannot be told."""
    best, kind = "", ""
    real = str(path.resolve())
    try:
        lines = Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    for line in lines:
        left, _, right = line.partition(" - ")
        mount = left.split()[4].encode("latin-1", "replace").decode("unicode_escape", "replace")
        inside = real == mount or real.startswith(mount.rstrip("/") + "/")
        if inside and len(mount) >= len(best):
            best, kind = mount, right.split()[0]
    return kind


def check_gpu() -> Iterator[Finding]:
    """GPU and torch, where they are installed: nothing here needs them but training and local engines."""
    if shutil.which("nvidia-smi"):
        asked = ["nvidia-smi", "--query-gpu=name,memory.total,driver_version", "--format=csv,noheader"]
        told = _output(asked)
        yield (
            Finding("gpu", OK, told.replace("\n", "; "))
            if told
            else Finding("gpu", WARN, "nvidia-smi is there and says nothing", "look at the driver: nvidia-smi")
        )
    if importlib.util.find_spec("torch") is None:
        return
    script = "import torch; print(torch.__version__, torch.cuda.is_available(), torch.cuda.device_count())"
    version, has_cuda, count = (*_output([sys.executable, "-c", script]).split(), "", "", "")[:3]
    if not version:
        yield Finding("torch", WARN, "torch is installed and cannot be imported", "install it anew")
    elif has_cuda == "True":
        yield Finding("torch", OK, f"torch {version} with {count} GPU")
    else:
        is_odd = shutil.which("nvidia-smi") is not None
        fix = "install a torch that was built for this driver" if is_odd else ""
        yield Finding("torch", WARN if is_odd else OK, f"torch {version} without a GPU", fix)


def _output(command: list[str]) -> str:
    """What a program prints, "" when it fails."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_LONGEST_S, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
