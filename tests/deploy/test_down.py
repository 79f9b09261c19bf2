"""Taking services down: in reverse, always, with the reason of the end written down."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from aifbench.deploy.deployed import Deployed
from aifbench.deploy.down import down, down_all
from aifbench.errors import ExecutorError
from aifbench.executors.fake import Behaviour, FakeExecutor, FakeMachine
from aifbench.model.process import Handle, ProcessSpec, ProcessStatus
from aifbench.model.service import Where


def deployed(executor: FakeExecutor, name: str, folder: Path) -> Deployed:
    handle = executor.submit(ProcessSpec(name, ("x",), str(folder / name)))
    return Deployed(name, "toy", Where("127.0.0.1", str(folder / name)), handle, ())


def test_the_last_one_up_goes_down_first(tmp_path: Path) -> None:
    executor, told = FakeExecutor(), list[str]()
    services = [deployed(executor, name, tmp_path) for name in ("a", "b", "c")]
    statuses = down_all(services, executor, on_progress=told.append)
    assert [line.split(":")[0] for line in told] == ["c", "b", "a"]
    assert [status.signal for status in statuses if status] == [15, 15, 15]


def test_how_it_ended_is_written(tmp_path: Path) -> None:
    executor = FakeExecutor(FakeMachine({"dead": Behaviour(runs_s=0, exit_code=4)}))
    for name in ("dead", "well"):
        down(deployed(executor, name, tmp_path), executor)
    found = {name: json.loads((tmp_path / name / "exit.json").read_text()) for name in ("dead", "well")}
    assert (found["dead"]["how"], found["dead"]["exit_code"]) == ("died", 4)
    assert (found["well"]["how"], found["well"]["signal"]) == ("stopped", 15)
    assert found["well"]["usage"]["user_s"] == 0.5


def test_one_failure_does_not_spare_the_others(tmp_path: Path) -> None:
    class Broken(FakeExecutor):
        def status(self, handles: Sequence[Handle]) -> list[ProcessStatus]:
            if handles[0].name == "b":
                raise ExecutorError("no answer")
            return super().status(handles)

    executor = Broken()
    services = [deployed(executor, name, tmp_path) for name in ("a", "b", "c")]
    with pytest.raises(ExecutorError, match="no answer"):
        down_all(services, executor)
    assert [process.spec.name for process in executor.machine.running()] == ["b"]


def test_nothing_of_ours_is_nothing_to_stop(tmp_path: Path) -> None:
    assert down(Deployed("a", "external", Where("h", str(tmp_path)), None, ()), FakeExecutor()) is None
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_gone_does_not_keep_a_service_up(tmp_path: Path) -> None:
    executor = FakeExecutor()
    one = deployed(executor, "a", tmp_path)
    (tmp_path / "file").touch()
    gone = replace(one, where=Where("h", str(tmp_path / "file" / "x")))
    assert down(gone, executor)
    assert executor.machine.running() == []
