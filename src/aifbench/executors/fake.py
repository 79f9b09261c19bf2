"""A scripted twin of a machine, in virtual time: whole runs without one real process, and faults at will.

`FakeMachine` is the world: its clock, its processes, the script that says how they behave. `FakeExecutor` is one
controller's way to it; a second one on the same machine is a controller that was started later. Time moves only when
somebody sleeps on `machine.clock`, and everything that falls due on the way happens in order.

    def worker(process):                       # a generator: yields seconds to wait, returns the exit code
        process.write("out", "ready")
        while not Path(process.spec.folder, "go.json").exists():
            yield 0.01
        yield 30.0
        return 0

    machine = FakeMachine({"worker-*": Behaviour(play=worker), "llm": Behaviour(start_delay_s=2.0)})
"""

from __future__ import annotations

import signal as signals
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from aifbench.clock import NS_PER_S, VirtualClock
from aifbench.errors import ExecutorError
from aifbench.executors.base import Stream
from aifbench.model.process import Handle, ProcessSpec, ProcessState, ProcessStatus, ProcessUsage

Play = Callable[["FakeProcess"], Generator[float, None, int | None] | None]
ENDING = (signals.SIGTERM, signals.SIGINT, signals.SIGHUP, signals.SIGKILL)
MILLISECOND_NS = 1_000_000


@dataclass(frozen=True)
class Behaviour:
    """How a process behaves. Seconds count from `submit` for `start_delay_s` and `unknown_s`, else from its start.

    `refuses`: submit raises ExecutorError with this text. `runs_s`: it ends by itself after that long, with
    `exit_code` or by the signal `dies_by`; None: it goes on until it is stopped. `unknown_s`: from when to when its
    status is not known. `ignores_term`: only KILL ends it. `term_takes_s`: so long it needs to end when told to.
    `term_code`: the exit code of an orderly end after TERM; None: TERM kills it. `loses_output`: nothing it writes
    arrives. `out` and `err`: what it writes at its start.
    `play` is called at its start; when it is a generator, each number it yields is slept, and its end is the
    process's end (the returned number is the exit code). A sleep takes at least a millisecond, so that waiting for
    a file moves the time.
    """

    start_delay_s: float = 0.0
    refuses: str = ""
    runs_s: float | None = None
    exit_code: int = 0
    dies_by: int | None = None
    unknown_s: tuple[float, float] | None = None
    ignores_term: bool = False
    term_takes_s: float = 0.0
    term_code: int | None = None
    loses_output: bool = False
    out: str = ""
    err: str = ""
    usage: ProcessUsage = field(default_factory=lambda: ProcessUsage(user_s=0.5, system_s=0.1, max_rss_bytes=1 << 20))
    play: Play | None = None


class FakeProcess:
    """One process of the fake machine; what a `play` function gets."""

    def __init__(self, machine: FakeMachine, mark: str, spec: ProcessSpec, behaviour: Behaviour, owner: object) -> None:
        self.machine = machine
        self.mark = mark
        self.spec = spec
        self.behaviour = behaviour
        self.owner = owner
        self.submitted_ns = machine.clock.now_ns()
        self.started_ns: int | None = None
        self.ended: ProcessStatus | None = None
        self.signals: list[int] = []
        folder = Path(spec.folder)
        self.files = {
            "out": folder / (spec.out or f".process/{spec.name}-{mark}/out"),
            "err": folder / (spec.err or f".process/{spec.name}-{mark}/err"),
        }
        self._playing: Generator[float, None, int | None] | None = None
        self._due_ns: int | None = self.submitted_ns + _ns(behaviour.start_delay_s)
        self._killed_at_ns: int | None = None
        self._killed_by = int(signals.SIGKILL)

    @property
    def elapsed_s(self) -> float:
        """Seconds since its start."""
        return (self.machine.clock.now_ns() - (self.started_ns or 0)) / NS_PER_S

    def write(self, stream: Stream, text: str) -> None:
        if not self.behaviour.loses_output:
            with self.files[stream].open("a", encoding="utf-8") as file:
                file.write(text)

    def due_ns(self) -> int | None:
        """When something happens to it next; None when nothing will by itself."""
        if self.ended is not None:
            return None
        times = [when for when in (self._due_ns, self._killed_at_ns) if when is not None]
        return min(times, default=None)

    def step(self) -> None:
        """Let happen what is due now."""
        if self._killed_at_ns is not None and self._killed_at_ns <= self.machine.clock.now_ns():
            self._end_by(self._killed_by)
        elif self.started_ns is None:
            self._start()
        elif self._playing is not None:
            self._play_on(self._playing)
        elif self.behaviour.dies_by is not None:
            self._end(None, self.behaviour.dies_by)
        else:
            self._end(self.behaviour.exit_code, None)

    def take_signal(self, number: int) -> None:
        """TERM, INT, HUP and KILL end it as its behaviour says; other signals are only noted down."""
        if self.ended is not None:
            return
        self.signals.append(number)
        if number == signals.SIGKILL:
            self._end_by(number)
        elif number in ENDING and not self.behaviour.ignores_term:
            self.kill_in(self.behaviour.term_takes_s, number)

    def kill_in(self, seconds: float, number: int) -> None:
        """Ended by that signal then, unless it ends before."""
        at_ns = self.machine.clock.now_ns() + _ns(seconds)
        if self._killed_at_ns is None or at_ns < self._killed_at_ns:
            self._killed_at_ns, self._killed_by = at_ns, number
        self.machine.catch_up()

    def status(self) -> ProcessStatus:
        if self.behaviour.unknown_s is not None:
            first_s, last_s = self.behaviour.unknown_s
            if _ns(first_s) <= self.machine.clock.now_ns() - self.submitted_ns < _ns(last_s):
                return ProcessStatus(ProcessState.UNKNOWN, reason="the fake machine does not tell")
        if self.ended is not None:
            return self.ended
        return ProcessStatus(ProcessState.PENDING if self.started_ns is None else ProcessState.RUNNING)

    def _start(self) -> None:
        self.started_ns = self.machine.clock.now_ns()
        for path in self.files.values():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
        self.write("out", self.behaviour.out)
        self.write("err", self.behaviour.err)
        self._due_ns = None if self.behaviour.runs_s is None else self.started_ns + _ns(self.behaviour.runs_s)
        if self.behaviour.play is not None:
            self._playing = self.behaviour.play(self)
            if self._playing is not None:
                self._play_on(self._playing)

    def _play_on(self, playing: Generator[float, None, int | None]) -> None:
        try:
            self._due_ns = self.machine.clock.now_ns() + max(MILLISECOND_NS, _ns(next(playing)))
        except StopIteration as stop:
            self._end(self.behaviour.exit_code if stop.value is None else stop.value, None)

    def _end_by(self, number: int) -> None:
        orderly = number == signals.SIGTERM and self.behaviour.term_code is not None
        self._end(self.behaviour.term_code if orderly else None, None if orderly else number)

    def _end(self, code: int | None, number: int | None) -> None:
        if self._playing is not None:
            self._playing.close()
        known = self.behaviour.usage
        wall_s = None if self.started_ns is None else self.elapsed_s
        usage = ProcessUsage(known.user_s, known.system_s, known.max_rss_bytes, wall_s)
        self.ended = ProcessStatus(ProcessState.EXITED, code, number, usage)


class FakeClock(VirtualClock):
    """Sleeping on it lets the machine's events happen, each at its own time."""

    def __init__(self, machine: FakeMachine) -> None:
        super().__init__()
        self._machine = machine

    def sleep_s(self, seconds: float) -> None:
        until_ns = self.now_ns() + max(0, _ns(seconds))
        while (due_ns := self._machine.next_due_ns()) is not None and due_ns <= until_ns:
            self._move_to(due_ns)
            self._machine.catch_up()
        self._move_to(until_ns)

    def _move_to(self, when_ns: int) -> None:
        super().sleep_s(max(0, when_ns - self.now_ns()) / NS_PER_S)


class FakeMachine:
    """The world behind one or more fake executors. The first pattern that fits a process's name decides.

    A list of behaviours is used up one by one by successive starts; the last one stays.
    """

    def __init__(self, script: Mapping[str, Behaviour | Sequence[Behaviour]] | None = None) -> None:
        self._script = {
            pattern: [given] if isinstance(given, Behaviour) else list(given)
            for pattern, given in (script or {}).items()
        }
        self.clock = FakeClock(self)
        self.processes: dict[str, FakeProcess] = {}
        self._next_port = 61_000  # above the ports of real services and of outgoing connections

    def start(self, spec: ProcessSpec, owner: object) -> FakeProcess:
        behaviour = self._behaviour(spec.name)
        if behaviour.refuses:
            raise ExecutorError(behaviour.refuses, where=spec.name)
        process = FakeProcess(self, str(len(self.processes) + 1), spec, behaviour, owner)
        self.processes[process.mark] = process
        self.catch_up()
        return process

    def free_port(self) -> int:
        self._next_port += 1
        return self._next_port

    def named(self, pattern: str) -> list[FakeProcess]:
        """Every process started so far whose name fits, in order of their start."""
        return [process for process in self.processes.values() if fnmatchcase(process.spec.name, pattern)]

    def running(self) -> list[FakeProcess]:
        return [process for process in self.processes.values() if process.ended is None]

    def next_due_ns(self) -> int | None:
        return min((due for process in self.running() if (due := process.due_ns()) is not None), default=None)

    def catch_up(self) -> None:
        """Let happen everything that is due by now."""
        for process in self.running():
            while (due_ns := process.due_ns()) is not None and due_ns <= self.clock.now_ns():
                process.step()

    def controller_dies(self, owner: object) -> None:
        """As if that controller got SIGKILL: its tied processes get TERM now and KILL after their grace."""
        for process in self.running():
            if process.owner is owner and process.spec.tied:
                process.take_signal(signals.SIGTERM)
                if process.ended is None:
                    process.kill_in(process.spec.grace_s, signals.SIGKILL)

    def _behaviour(self, name: str) -> Behaviour:
        for pattern, behaviours in self._script.items():
            if fnmatchcase(name, pattern):
                return behaviours.pop(0) if len(behaviours) > 1 else behaviours[0]
        return Behaviour()


class FakeExecutor:
    """The executor contract over a fake machine; without one it makes its own, where all processes run on and on."""

    name = "fake"
    summary = "Pretends, for tests: starts nothing"

    def __init__(self, machine: FakeMachine | None = None) -> None:
        self.machine = machine or FakeMachine()
        self.clock = self.machine.clock

    def place(self, ports: Sequence[str]) -> tuple[str, dict[str, int]]:
        return "127.0.0.1", {name: self.machine.free_port() for name in ports}

    def submit(self, spec: ProcessSpec) -> Handle:
        process = self.machine.start(spec, self)
        return Handle(spec.name, self.name, self._record(process))

    def status(self, handles: Sequence[Handle]) -> list[ProcessStatus]:
        self.machine.catch_up()
        return [self._status(handle) for handle in handles]

    def signal(self, handle: Handle, number: int) -> None:
        process = self._process(handle)
        if process is not None:
            process.take_signal(number)

    def stop(self, handles: Sequence[Handle], grace_s: float | None = None) -> list[ProcessStatus]:
        stopped = [process for handle in handles if (process := self._process(handle)) is not None]
        for process in stopped:
            process.take_signal(signals.SIGTERM)
            if process.ended is None:
                process.kill_in(process.spec.grace_s if grace_s is None else grace_s, signals.SIGKILL)
        while any(process.ended is None for process in stopped):
            due_ns = self.machine.next_due_ns()
            self.clock.sleep_s(max(0, (due_ns or 0) - self.clock.now_ns()) / NS_PER_S)
        return [self._status(handle) for handle in handles]

    def read_output(self, handle: Handle, stream: Stream, offset: int = 0, limit: int = 65536) -> bytes:
        process = self._process(handle)
        if process is None or not process.files[stream].exists():
            return b""
        data = process.files[stream].read_bytes()
        start = offset if offset >= 0 else max(0, len(data) + offset)
        return data[start : start + limit]

    def attach(self, record: Mapping[str, Any]) -> Handle:
        absent = [field for field in ("name", "mark") if field not in record]
        if absent:
            raise ExecutorError(f"not a record of a fake process: {', '.join(absent)} missing")
        return Handle(str(record["name"]), self.name, dict(record))

    def find(self, folder: str) -> list[Handle]:
        return [
            Handle(process.spec.name, self.name, self._record(process))
            for process in self.machine.running()
            if Path(process.spec.folder).is_relative_to(folder)
        ]

    def _record(self, process: FakeProcess) -> dict[str, Any]:
        return {"name": process.spec.name, "mark": process.mark, "tied": process.spec.tied}

    def close(self) -> None:
        tied = [process for process in self.machine.running() if process.owner is self and process.spec.tied]
        self.stop([Handle(process.spec.name, self.name, {"mark": process.mark}) for process in tied])

    def _process(self, handle: Handle) -> FakeProcess | None:
        return self.machine.processes.get(handle.record["mark"])

    def _status(self, handle: Handle) -> ProcessStatus:
        process = self._process(handle)
        if process is None:
            return ProcessStatus(ProcessState.UNKNOWN, reason="no such process on the fake machine")
        return process.status()


def _ns(seconds: float) -> int:
    return round(seconds * NS_PER_S)
