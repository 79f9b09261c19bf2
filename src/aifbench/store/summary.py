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
    trials_finished: int = 0
    trials_failed: int = 0
    validity: str = ""
    exit_code: int | None = None


def summarize(run_id: str, events: Iterable[Event], *, held: bool) -> RunSummary:
    """Pure. `held` says whether a controller holds the run now."""
    summary = RunSummary(run_id)
    ends: dict[str, str] = {}
    for event in events:
        if event.kind in ("trial-finished", "trial-failed"):
            ends[str(event.data.get("trial"))] = event.kind
        elif event.kind == "run-reopened":
            ends = {trial: kind for trial, kind in ends.items() if kind == "trial-finished"}
        else:
            summary = _apply(summary, event)
    if summary.status == "running" and not held:
        summary = replace(summary, status="stopped")
    finished = sum(kind == "trial-finished" for kind in ends.values())
    return replace(summary, trials_finished=finished, trials_failed=len(ends) - finished)


def trials_text(summary: RunSummary) -> str:
    """`3/3`, or `1/3, 2 failed`: those that finished, of those that are planned."""
    failed = f", {summary.trials_failed} failed" if summary.trials_failed else ""
    return f"{summary.trials_finished}/{summary.trials}{failed}"


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
        return replace(summary, status="running", ended="", validity="", exit_code=None)
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
