"""Services that a run leaves up are handed over to `aifbench service`."""

from __future__ import annotations

from pathlib import Path

from aifbench.deploy.deployed import Deployed
from aifbench.deploy.kept import KeptServices
from aifbench.executors.fake import FakeExecutor
from aifbench.model.process import ProcessSpec
from aifbench.model.service import Endpoint, Where


def deployed(executor: FakeExecutor, folder: Path) -> Deployed:
    handle = executor.submit(ProcessSpec("llm", ("server",), str(folder), out=str(folder / "out"), tied=False))
    return Deployed(
        "llm", "command", Where("127.0.0.1", str(folder)), handle, (Endpoint("http", "http://127.0.0.1:1"),)
    )


def test_a_service_of_a_run_is_listed_and_can_be_taken_down(tmp_path: Path) -> None:
    executor = FakeExecutor()
    kept = KeptServices(tmp_path / "home", executor)
    kept.adopt(deployed(executor, tmp_path / "run"), {"command": "server"})
    assert [(one.name, one.state) for one in kept.list()] == [("llm", "up")]
    kept.down("llm")
    assert executor.machine.running() == []
    assert kept.list() == ()


def test_a_name_that_is_in_use_gets_a_number(tmp_path: Path) -> None:
    executor = FakeExecutor()
    kept = KeptServices(tmp_path / "home", executor)
    for run in ("a", "b"):
        kept.adopt(deployed(executor, tmp_path / run), {})
    assert [one.name for one in kept.list()] == ["llm", "llm-2"]
