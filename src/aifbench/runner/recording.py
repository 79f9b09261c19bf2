"""An executor that writes down what it does: the intent before a start, the handle right after, the end when seen.

So whatever the runner, a deployment or a trial starts, a controller that takes over knows of it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from aifbench.executors.base import EXECUTORS, Executor, Stream
from aifbench.model.codec import to_data, to_json
from aifbench.model.plan import Plan
from aifbench.model.process import Handle, ProcessSpec, ProcessStatus
from aifbench.runner.interrupts import Interrupts
from aifbench.runner.recorder import Recorder

EVALUATED_BY = "local"
"""The executor of the evaluation: it belongs beside the controller, wherever the load was."""


class RecordingExecutor:
    """Around one executor of one run. It is the run's, not the executor's: `close` leaves the inner one open."""

    def __init__(self, inner: Executor, recorder: Recorder, interrupts: Interrupts) -> None:
        self.name = inner.name
        self.summary = inner.summary
        self._inner = inner
        self._recorder = recorder
        self._interrupts = interrupts
        self._numbers: dict[str, int] = {}

    def place(self, ports: Sequence[str]) -> tuple[str, dict[str, int]]:
        return self._inner.place(ports)

    def submit(self, spec: ProcessSpec) -> Handle:
        with self._interrupts.shielded():
            number = self._recorder.record("process-starting", name=spec.name).seq
            handle = self._inner.submit(spec)
            self._numbers[_key(handle)] = number
            try:
                self._recorder.record("process-started", process=number, handle=to_data(handle))
            except BaseException:
                self._inner.stop([handle], 0.0)
                raise
        return handle

    def status(self, handles: Sequence[Handle]) -> list[ProcessStatus]:
        statuses = self._inner.status(handles)
        self._note_ends(handles, statuses)
        return statuses

    def signal(self, handle: Handle, number: int) -> None:
        self._inner.signal(handle, number)

    def stop(self, handles: Sequence[Handle], grace_s: float | None = None) -> list[ProcessStatus]:
        statuses = self._inner.stop(handles, grace_s)
        self._note_ends(handles, statuses)
        return statuses

    def read_output(self, handle: Handle, stream: Stream, offset: int = 0, limit: int = 65536) -> bytes:
        return self._inner.read_output(handle, stream, offset, limit)

    def attach(self, record: Mapping[str, Any]) -> Handle:
        return self._inner.attach(record)

    def find(self, folder: str) -> list[Handle]:
        return self._inner.find(folder)

    def close(self) -> None:
        """Nothing: whoever made the inner executor closes it."""

    def adopt(self, number: int, handle: Handle) -> None:
        """Take over the process that an earlier controller wrote down under `number`."""
        self._numbers[_key(handle)] = number

    def number(self, handle: Handle) -> int | None:
        """The process's number in the journal while it has not been seen to end."""
        return self._numbers.get(_key(handle))

    def _note_ends(self, handles: Sequence[Handle], statuses: Sequence[ProcessStatus]) -> None:
        for handle, status in zip(handles, statuses, strict=True):
            number = self._numbers.get(_key(handle)) if status.ended else None
            if number is None:
                continue
            del self._numbers[_key(handle)]
            self._recorder.record_if_possible(
                "process-ended",
                process=number,
                name=handle.name,
                how=status.describe(),
                usage=to_data(status.usage),
            )


class ExecutorSet:
    """The executors of one run by name, each made when it is first needed and closed at the end."""

    def __init__(self, recorder: Recorder, interrupts: Interrupts, given: Executor | None = None) -> None:
        self._recorder = recorder
        self._interrupts = interrupts
        self._given = given
        self._made: list[Executor] = []
        self._known: dict[str, RecordingExecutor] = {}

    def get(self, name: str) -> RecordingExecutor:
        """The given executor answers for every name. Raises UnknownName."""
        if name not in self._known:
            inner = self._given
            if inner is None:
                inner = EXECUTORS.load(name)()
                self._made.append(inner)
            self._known[name] = RecordingExecutor(inner, self._recorder, self._interrupts)
        return self._known[name]

    def names(self, plan: Plan) -> list[str]:
        """Every executor that a run of this plan may use."""
        planned = {service.executor for stage in plan.stages for service in stage.services}
        return sorted({plan.executor, EVALUATED_BY, *planned})

    def stop_all(self, grace_s: float | None, *, but: Collection[int] = ()) -> None:
        """End every process that the journal knows as running and that is not kept on purpose or in `but`."""
        by_executor: dict[str, list[Handle]] = {}
        for number, handle in self._recorder.state.left_running().items():
            if number in but:
                continue
            executor = self.get(handle.executor)
            executor.adopt(number, handle)
            by_executor.setdefault(handle.executor, []).append(handle)
        for name, handles in by_executor.items():
            self.get(name).stop(handles, grace_s)

    def close(self) -> None:
        """End what is tied to this controller, and let go of the executors made here."""
        for executor in self._made:
            executor.close()
        self._made.clear()
        self._known.clear()


def _key(handle: Handle) -> str:
    return to_json({"executor": handle.executor, "record": dict(handle.record)}, indent=None)
