"""From what the user typed to a run folder: an id, a unique beginning of one, `latest`, or a path."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from aifbench.errors import StoreError
from aifbench.registry import nearest
from aifbench.store.files import guarded
from aifbench.store.folder import RunFolder, check_folder


def runs_root(given: str | Path | None, environment: Mapping[str, str] = os.environ) -> Path:
    """The folder of all runs: what was given (`--runs`), else AIFBENCH_RUNS, else ./runs; absolute."""
    return Path(given or environment.get("AIFBENCH_RUNS") or "runs").expanduser().absolute()


def run_ids(root: Path) -> list[str]:
    """Names of all run folders under `root`, oldest first; no root, no runs."""
    if not root.exists():
        return []
    with guarded(root, "read"), os.scandir(root) as entries:
        names = [entry.name for entry in entries if not entry.name.startswith(".") and entry.is_dir()]
    return sorted(name for name in names if (root / name / "plan.json").is_file())


def find_run(root: Path, reference: str) -> RunFolder:
    """Raises StoreError: unknown (with the nearest names), ambiguous, foreign folder, or newer schema."""
    folder = _path(reference) or RunFolder(root / _find_id(root, reference))
    check_folder(folder)
    return folder


def _path(reference: str) -> RunFolder | None:
    path = Path(reference).expanduser()
    if (os.sep in reference or (path / "plan.json").is_file()) and path.is_dir():
        return RunFolder(path.absolute())
    return None


def _find_id(root: Path, reference: str) -> str:
    if reference and os.sep not in reference and (root / reference).is_dir() and reference not in (".", ".."):
        return reference
    ids = run_ids(root)
    if not ids:
        raise StoreError(f"no run {reference!r}: there are no runs here yet", where=str(root), hint=_OTHER_ROOT)
    if reference == "latest":
        return _latest(root, ids)
    matching = [name for name in ids if reference and name.startswith(reference)]
    if len(matching) == 1:
        return matching[0]
    if matching:
        shown = ", ".join(matching[-5:])
        raise StoreError(
            f"{reference!r} is the beginning of {len(matching)} runs: {shown}", where=str(root), hint="type more of it"
        )
    close = nearest(reference, ids) or [name for name in reversed(ids) if reference and reference in name][:3]
    guess = f"; nearest: {', '.join(close)}" if close else f"; the latest is {ids[-1]}"
    raise StoreError(f"unknown run {reference!r}{guess}", where=str(root), hint=_OTHER_ROOT)


_OTHER_ROOT = "aifbench list shows all; --runs or AIFBENCH_RUNS names another folder of runs"


def _latest(root: Path, ids: list[str]) -> str:
    """The youngest by the time in its name; runs of the same second are told apart by their plan's time stamp."""

    def age(name: str) -> tuple[str, int]:
        return name[:15], (root / name / "plan.json").stat().st_mtime_ns

    with guarded(root, "read"):
        return max(ids, key=age)
