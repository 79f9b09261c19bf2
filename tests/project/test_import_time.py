"""What the user waits for before anything happens: CPU time of the two fastest commands, and what they import.

CPU time is the least of several runs, with byte code already compiled: that is the program's own part.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

HELP = ("--help",)
CHECK = ("recipe", "check", "examples/quickstart.yaml")
HEAVY = {
    HELP: [
        "pydantic",
        "rich",
        "numpy",
        "pyarrow",
        "scipy",
        "plotly",
        "jinja2",
        "psutil",
        "ruamel",
        "asyncio",
        "sqlite3",
    ],
    CHECK: ["numpy", "pyarrow", "scipy", "plotly", "jinja2", "psutil", "chromadb", "pymilvus", "botocore", "psycopg"],
}
BUDGET_S = {HELP: 0.3, CHECK: 0.5}
ROOT = Path(__file__).resolve().parents[2]


def environment(cache: Path) -> dict[str, str]:
    """Without coverage hooks and the like; byte code is kept, in a place of this test's own."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    return {**kept, "PYTHONPYCACHEPREFIX": str(cache)}


def call(arguments: tuple[str, ...], cache: Path, *flags: str) -> tuple[float, str]:
    """CPU seconds of one call, and what it wrote to stderr."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [sys.executable, *flags, "-m", "aifbench", *arguments],
        cwd=ROOT,
        env=environment(cache),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert done.returncode == 0, done.stderr
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, done.stderr


@pytest.mark.parametrize("arguments", [HELP, CHECK], ids=" ".join)
def test_a_command_imports_no_heavy_library(arguments: tuple[str, ...], tmp_path: Path) -> None:
    _, said = call(arguments, tmp_path, "-X", "importtime")
    imported = {line.rpartition("|")[2].strip().split(".")[0] for line in said.splitlines() if "|" in line}
    assert "aifbench" in imported
    assert [name for name in HEAVY[arguments] if name in imported] == []


@pytest.mark.parametrize("arguments", [HELP, CHECK], ids=" ".join)
def test_a_command_answers_within_its_budget_of_cpu(arguments: tuple[str, ...], tmp_path: Path) -> None:
    """On failure the slowest imports are named, so that the one that broke it is seen."""
    call(arguments, tmp_path)
    used = min(call(arguments, tmp_path)[0] for _ in range(5))
    assert used <= BUDGET_S[arguments], f"{used:.2f} s\n{slowest(call(arguments, tmp_path, '-X', 'importtime')[1])}"


def slowest(said: str) -> str:
    """The ten imports that took longest by themselves, from the lines of `-X importtime`."""
    rows = [line.removeprefix("import time:").split("|") for line in said.splitlines() if line.count("|") == 2]
    timed = [(int(own), name.strip()) for own, _, name in rows if own.strip().isdigit()]
    return "\n".join(f"{own / 1000:8.1f} ms  {name}" for own, name in sorted(timed, reverse=True)[:10])
