"""A local engine that misbehaves: python fake_engine.py PORT FOLDER [slow|mute|error|deaf|dies=N|dying]

It leaves its process id in FOLDER/pids, one line a start, and answers like tests/loopback.py.

    slow      listens after a second          error   says why and ends with code 2
    mute      never listens                   deaf    ignores SIGTERM
    dies=N    ends with code 3 after N answers of its first life, leaving a child behind
    dying     ends with code 3 at the first question of each life
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from loopback import Loopback, LoopbackRequest


def main(port: int, folder: Path, *manners: str) -> None:
    """Behaves so until somebody ends it."""
    with (folder / "pids").open("a") as pids:
        pids.write(f"{os.getpid()}\n")
    life = len((folder / "pids").read_text().split())
    if "error" in manners:
        key = next(manner for manner in manners if manner.startswith("key="))
        ours = sorted(name for name in os.environ if name.startswith(("BLOSSOM_", "OPENAI_", "PYTHON")))
        sys.exit(f"the model does not fit into memory ({key}, {ours})")
    if "deaf" in manners:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if "mute" in manners:
        time.sleep(600)
    if "slow" in manners:
        time.sleep(1.0)
    last = next((int(manner[5:]) for manner in manners if manner.startswith("dies=")), None) if life == 1 else None
    answered = 0

    def respond(request: LoopbackRequest) -> str:
        nonlocal answered
        answered += 1
        if answered == last:
            child = subprocess.Popen(["sleep", "600"])
            (folder / "child").write_text(str(child.pid))
        if "dying" in manners or (last is not None and answered > last):
            os._exit(3)
        return f"{request.text} in life {life} with {request.headers.get('authorization', 'no key')}"

    with Loopback(respond, port=port):
        threading.Event().wait()


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]), *sys.argv[3:])
