"""The scripted machine: faults at will, time that moves only by sleeping."""

from __future__ import annotations

import signal
from collections.abc import Generator
from pathlib import Path

import pytest

from aifbench.errors import ExecutorError
from aifbench.executors.fake import Behaviour, FakeExecutor, FakeMachine, FakeProcess
from aifbench.model.process import Handle, ProcessSpec, ProcessState


def start(machine: FakeMachine, folder: Path, name: str = "p", *, tied: bool = True) -> tuple[FakeExecutor, Handle]:
    executor = FakeExecutor(machine)
    return executor, executor.submit(ProcessSpec(name, ("x",), str(folder), tied=tied, grace_s=3))


def test_a_slow_start_is_pending_until_its_time(tmp_path: Path) -> None:
    executor, handle = start(machine := FakeMachine({"p": Behaviour(start_delay_s=2)}), tmp_path)
    assert executor.status([handle])[0].state is ProcessState.PENDING
    machine.clock.sleep_s(2)
    assert executor.status([handle])[0].state is ProcessState.RUNNING


def test_a_refused_start_is_an_executor_error(tmp_path: Path) -> None:
    with pytest.raises(ExecutorError, match="no memory"):
        start(FakeMachine({"p": Behaviour(refuses="no memory")}), tmp_path)


def test_status_is_unknown_for_the_scripted_while(tmp_path: Path) -> None:
    executor, handle = start(machine := FakeMachine({"p": Behaviour(unknown_s=(1, 2))}), tmp_path)
    seen = []
    for _ in range(3):
        seen.append(executor.status([handle])[0].state.value)
        machine.clock.sleep_s(1)
    assert seen == ["running", "unknown", "running"]


def test_lost_output_leaves_an_empty_file(tmp_path: Path) -> None:
    executor, handle = start(FakeMachine({"p": Behaviour(out="x", loses_output=True)}), tmp_path)
    assert executor.read_output(handle, "out") == b""


def test_a_played_process_writes_files_at_its_times_and_ends_with_its_number(tmp_path: Path) -> None:
    def worker(process: FakeProcess) -> Generator[float, None, int]:
        while not Path(process.spec.folder, "go").exists():
            yield 0
        yield 30
        Path(process.spec.folder, "report").write_text(str(process.elapsed_s))
        return 4

    machine = FakeMachine({"w*": Behaviour(play=worker)})
    executor, handle = start(machine, tmp_path, "w-0")
    machine.clock.sleep_s(5)
    (tmp_path / "go").touch()
    machine.clock.sleep_s(29.9)
    assert not (tmp_path / "report").exists()
    machine.clock.sleep_s(0.2)
    assert float((tmp_path / "report").read_text()) == pytest.approx(35, abs=0.01)
    assert executor.status([handle])[0].exit_code == 4


def test_events_happen_in_the_order_of_their_times(tmp_path: Path) -> None:
    order: list[tuple[str, float]] = []

    def note(process: FakeProcess) -> None:
        order.append((process.spec.name, process.machine.clock.now_ns() / 1e9))

    machine = FakeMachine({"late": Behaviour(2, play=note), "early": Behaviour(1, play=note)})
    for name in ("late", "early"):
        start(machine, tmp_path, name)
    machine.clock.sleep_s(10)
    assert order == [("early", 1), ("late", 2)]


def test_a_list_of_behaviours_is_used_up_start_by_start(tmp_path: Path) -> None:
    machine = FakeMachine({"p": [Behaviour(runs_s=0, exit_code=1), Behaviour(runs_s=0, exit_code=2)]})
    found = []
    for _ in range(3):
        executor, handle = start(machine, tmp_path)
        found.append(executor.status([handle])[0].exit_code)
    assert found == [1, 2, 2]


def test_the_death_of_a_controller_ends_its_tied_processes_after_their_grace(tmp_path: Path) -> None:
    machine = FakeMachine({"deaf": Behaviour(ignores_term=True)})
    executor, good = start(machine, tmp_path, "good")
    deaf, kept = (
        executor.submit(ProcessSpec(n, ("x",), str(tmp_path), tied=n == "deaf", grace_s=3)) for n in ("deaf", "kept")
    )
    machine.controller_dies(executor)
    machine.clock.sleep_s(2.9)
    assert [status.ended for status in executor.status([good, deaf, kept])] == [True, False, False]
    machine.clock.sleep_s(0.2)
    assert [status.signal for status in executor.status([good, deaf, kept])] == [signal.SIGTERM, signal.SIGKILL, None]
