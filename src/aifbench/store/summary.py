"""One line about a run, made from its journal alone: what a list of runs shows and the index keeps."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from aifbench.errors import StoreError
from aifbench.store.folder import RunFolder
from aifbench.store.journal import Event


@dataclass(frozen=True)
class RunSummary:
    """`status`: created, running, finished, failed, interrupted, or stopped (its controller died without a word).

    `validity` is the worst of all load points, empty until the run has been evaluated.
    """

    id: str
    name: str = ""
    site: str = ""
    status: str = "created"
    started: str = ""
    ended: str = ""
    plan_hash: str = ""
    points: int = 0
    trials: int = 0
    trials_done: int = 0
    validity: str = ""
    exit_code: int | None = None


def summarize(run_id: str, events: Iterable[Event], *, held: bool) -> RunSummary:
    """Pure. `held` says whether a controller holds the run now."""
    summary = RunSummary(run_id)
    done: set[str] = set()
    for event in events:
        if event.kind in ("trial-finished", "trial-failed"):
            done.add(str(event.data.get("trial")))
        else:
            summary = _apply(summary, event)
    if summary.status == "running" and not held:
        summary = replace(summary, status="stopped")
    return replace(summary, trials_done=len(done))


def _apply(summary: RunSummary, event: Event) -> RunSummary:
    data = event.data
    if event.kind == "run-created":
        return replace(
            summary,
            name=str(data.get("name", "")),
            site=str(data.get("site", "")),
            plan_hash=str(data.get("plan_hash", "")),
            points=_int(data.get("points")) or 0,
            trials=_int(data.get("trials")) or 0,
            started=event.t,
        )
    if event.kind == "run-started":
        return replace(summary, status="running", ended="")
    if event.kind == "run-interrupted":
        return replace(summary, status="interrupted", ended=event.t)
    if event.kind == "run-finished":
        return replace(
            summary,
            status=str(data.get("status", "finished")),
            ended=event.t,
            validity=str(data.get("validity") or ""),
            exit_code=_int(data.get("exit_code")),
        )
    return summary


def _int(value: Any) -> int | None:
    return value if isinstance(value, int) else None


def read_summary(folder: RunFolder) -> RunSummary:
    """A run whose journal cannot be read is shown with status `damaged`."""
    try:
        events = folder.read_journal().events
    except StoreError:
        return RunSummary(folder.id, status="damaged")
    if not events:
        return RunSummary(folder.id, status="damaged")
    return summarize(folder.id, events, held=folder.holder() is not None)
