"""How long the command line takes to answer: `--help` of the root and of a command, beside a bare python.

    python benchmarks/startup.py [COMMAND]

Nine runs of each in turn, so that what else the machine does meets all alike. Wall is what a user waits for.

    wall ms    CPU ms   x python
       14.2      13.9        1.0   python -c pass
      ...
"""

from __future__ import annotations

import resource
import statistics
import subprocess
import sys
import time

RUNS = 9


def run(arguments: list[str]) -> tuple[float, float]:
    """Wall and CPU milliseconds of `python ARGUMENTS`."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    begun_s = time.perf_counter()
    subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)
    wall_s = time.perf_counter() - begun_s
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_s = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
    return wall_s * 1e3, cpu_s * 1e3


def main() -> None:
    command = sys.argv[1] if len(sys.argv) > 1 else "translate"
    measured = {
        "python -c pass": ["-c", "pass"],
        "blossom-data --help": ["-m", "blossom_data", "--help"],
        f"blossom-data {command} --help": ["-m", "blossom_data", command, "--help"],
    }
    for arguments in measured.values():
        run(arguments)  # files in the page cache, bytecode written
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in measured}
    for _ in range(RUNS):
        for name, arguments in measured.items():
            times[name].append(run(arguments))
    print(f"medians of {RUNS} runs\n{'wall ms':>10}{'CPU ms':>10}{'x python':>10}")
    bare_ms = statistics.median(wall for wall, _ in times["python -c pass"])
    for name, runs in times.items():
        wall_ms, cpu_ms = statistics.median(wall for wall, _ in runs), statistics.median(cpu for _, cpu in runs)
        print(f"{wall_ms:>10.1f}{cpu_ms:>10.1f}{wall_ms / bare_ms:>10.1f}   {name}")


if __name__ == "__main__":
    main()
