"""environment.json: written once, by whoever makes or first drives the run, from the user's working folder."""

from __future__ import annotations

from pathlib import Path

from aifbench.model.plan import Plan
from aifbench.store.calibration import calibration_facts
from aifbench.store.environment import read_environment
from aifbench.store.files import guarded
from aifbench.store.folder import RunFolder


def note_environment(folder: RunFolder, plan: Plan) -> None:
    """Nothing when it is there: what counts is where and how the run was begun. Raises StoreError."""
    if not folder.environment.exists():
        with guarded(folder.path, "read"):
            environment = read_environment(folder.path, plan, Path.cwd(), calibration_facts())
        folder.write_json(folder.environment, environment)
