"""Ending a run from another shell: by a signal to its controller, or, when that is dead, what it left running."""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass

from aifbench.clock import NS_PER_S, SYSTEM, Clock
from aifbench.errors import ExecutorError, StoreError
from aifbench.executors.base import Executor
from aifbench.runner.interrupts import Interrupts
from aifbench.runner.leftovers import end_leftovers
from aifbench.runner.recorder import Recorder
from aifbench.runner.recording import ExecutorSet
from aifbench.runner.state import fold
from aifbench.store.folder import RunFolder, check_folder
from aifbench.store.journal import Journal
from aifbench.store.lock import Holder

PATIENCE_S = 120.0
"""For an orderly end: drain, evaluation and the graces of services. After it the end is asked for at once."""
_HASTE_S = 60.0
_POLL_S = 0.1


@dataclass(frozen=True)
class Stopped:
    """What there was to stop. `left` counts processes that a dead controller had left running."""

    text: str
    left: int = 0


def stop(folder: RunFolder, *, now: bool = False, clock: Clock = SYSTEM, executor: Executor | None = None) -> Stopped:
    """Return when nothing of the run is running any more.

    `now` asks for an end without draining. Raises StoreError for what is no run or is driven from another machine,
    ExecutorError when the controller does not end.
    """
    check_folder(folder)
    holder = folder.holder()
    if holder is not None:
        return _stop_controller(folder, holder, now, clock)
    if fold(folder.read_journal().events).over:
        return Stopped(f"run {folder.id} is over already; nothing to stop")
    return _stop_leftovers(folder, executor)


def _stop_controller(folder: RunFolder, holder: Holder, now: bool, clock: Clock) -> Stopped:
    if not holder.here():
        raise StoreError(
            f"the run is driven by {holder}", where=str(folder.path), hint=f"run the same command on {holder.host}"
        )
    _signal(holder)
    if not now and _ended(folder, holder, PATIENCE_S, clock):
        return Stopped(f"run {folder.id} ended in order")
    _signal(holder)
    if _ended(folder, holder, _HASTE_S, clock):
        return Stopped(f"run {folder.id} ended at once")
    raise ExecutorError(
        f"the controller, {holder}, does not end",
        where=str(folder.path),
        hint=f"look at {folder.controller_log}; kill -KILL {holder.pid} and stop again end what it started",
    )


def _signal(holder: Holder) -> None:
    """SIGTERM to this very process: a descriptor of it is opened before its identity is checked."""
    try:
        descriptor = os.pidfd_open(holder.pid)
    except ProcessLookupError:
        return
    try:
        if holder.alive():
            signal.pidfd_send_signal(descriptor, signal.SIGTERM)
    except ProcessLookupError:
        return
    except PermissionError as error:
        raise ExecutorError(f"not permitted to signal {holder}", hint="it belongs to another user") from error
    finally:
        os.close(descriptor)


def _ended(folder: RunFolder, holder: Holder, seconds: float, clock: Clock) -> bool:
    deadline = clock.now_ns() + round(seconds * NS_PER_S)
    while folder.holder() == holder:
        if clock.now_ns() > deadline:
            return False
        clock.sleep_s(_POLL_S)
    return True


def _stop_leftovers(folder: RunFolder, executor: Executor | None) -> Stopped:
    lock = folder.take_lock()
    try:
        journal = Journal(folder.events)
        try:
            with Interrupts() as interrupts:
                recorder = Recorder(journal, interrupts)
                executors = ExecutorSet(recorder, interrupts, executor)
                left = end_leftovers(folder, recorder, executors)
                executors.close()
                if recorder.state.status == "running":
                    recorder.record("run-interrupted", reason="its controller died")
        finally:
            journal.close()
    finally:
        lock.release()
    ended = f"; {left} process{'es' if left != 1 else ''} of it ended" if left else ""
    return Stopped(f"no controller works on run {folder.id}{ended}", left)
