"""The run that a command looks at."""

from __future__ import annotations

from pathlib import Path

from aifbench.cli.screen import note
from aifbench.store.find import find_run, runs_root
from aifbench.store.folder import RunFolder


def run_to_look_at(reference: str, runs: Path | None) -> RunFolder:
    """Names damaged lines of the journal on stderr: what they told is missing from what is shown."""
    folder = find_run(runs_root(runs), reference)
    problems = folder.read_journal().problems
    if folder.holder() is None:  # who works on it may be writing the last line just now
        for problem in problems:
            note(f"problem: {problem}")
    return folder
