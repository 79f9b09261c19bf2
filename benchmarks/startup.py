"""CPU time of `aifbench --help` (limit 0.3 s) and `recipe check` (0.5 s), beside that of an empty Python."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from tempfile import TemporaryDirectory

CALLS = {
    "python -c pass": ([sys.executable, "-c", "pass"], None),
    "aifbench --help": ([sys.executable, "-m", "aifbench", "--help"], 0.3),
    "aifbench recipe check quickstart": ([sys.executable, "-m", "aifbench", "recipe", "check", "quickstart"], 0.5),
    "aifbench plan quickstart": ([sys.executable, "-m", "aifbench", "plan", "quickstart"], None),
    "aifbench list": ([sys.executable, "-m", "aifbench", "list"], None),
}
TIMES = 10


def cpu_s(argv: list[str], environment: dict[str, str]) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(argv, env=environment, check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    kept = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    print(f"{'':34} {'CPU s':>7} {'of limit':>9} {'of empty':>9}   least of {TIMES} calls, byte code compiled")
    empty = 0.0
    with TemporaryDirectory() as folder:
        environment = {**kept, "PYTHONPYCACHEPREFIX": f"{folder}/cache", "AIFBENCH_HOME": folder}
        for name, (argv, limit) in CALLS.items():
            cpu_s(argv, environment)
            least = min(cpu_s(argv, environment) for _ in range(TIMES))
            empty = empty or least
            share = f"{least / limit:.0%}" if limit else "–"
            print(f"{name:34} {least:7.3f} {share:>9} {least / empty:8.1f}x")


if __name__ == "__main__":
    main()
