"""Ending what a controller that died left running, before anything is started again."""

from __future__ import annotations

from aifbench.errors import AifbenchError
from aifbench.executors.leftovers import sweep
from aifbench.model.process import Handle, ProcessState
from aifbench.runner.recorder import Recorder
from aifbench.runner.recording import ExecutorSet
from aifbench.store.folder import RunFolder

_GRACE_S = 5.0
_PARTS = ("services", "prepare", "control", "evaluation")


def end_leftovers(folder: RunFolder, recorder: Recorder, executors: ExecutorSet) -> int:
    """Stop every process that the journal knows as running, and those whose handle never got into it.

    Returns how many still ran. The executors check each one's identity, so no later process of the same number is hit.
    """
    found = 0
    for number, handle in recorder.state.left_running().items():
        found += _end(handle, recorder, executors)
        recorder.record("process-ended", process=number, name=handle.name, how="its controller died")
    if recorder.state.starting:
        for handle in _unrecorded(folder, recorder, executors):
            found += _end(handle, recorder, executors)
        for number, name in recorder.state.starting.items():
            recorder.record("process-ended", process=number, name=name, how="its controller died while starting it")
    return found


def _end(handle: Handle, recorder: Recorder, executors: ExecutorSet) -> int:
    try:
        swept = sweep(executors.get(handle.executor), [handle.record], _GRACE_S)
    except AifbenchError as error:
        recorder.record("problem", text=f"cannot end {handle.name} of a dead controller: {error}")
        return 0
    for one in swept:
        if one.after.state is ProcessState.UNKNOWN and one.after.reason:
            recorder.record("problem", text=f"{handle.name} of a dead controller: {one.after.reason}")
    return len(swept)


def _unrecorded(folder: RunFolder, recorder: Recorder, executors: ExecutorSet) -> list[Handle]:
    """Processes of this run whose handles are not in the journal; those kept on purpose are in it."""
    known = [handle.record for handle in recorder.state.running.values()]
    return [
        handle
        for name in executors.names(folder.read_plan())
        for part in _PARTS
        for handle in executors.get(name).find(str(folder.path / part))
        if handle.record not in known
    ]
