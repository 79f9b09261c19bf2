"""Real services through the real executor: up, asked, down, and nothing left."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from pathlib import Path

import pytest

from aifbench.deploy.down import down
from aifbench.deploy.up import up
from aifbench.errors import ExecutorError, ServiceError
from aifbench.executors import procfs
from aifbench.executors.local import LocalExecutor
from aifbench.services.base import SERVICES
from tests.deploy.conftest import command, web_server


@pytest.mark.live
@pytest.mark.parametrize("uses", ["llama.cpp", "postgres"])
def test_a_real_service_comes_up_says_its_version_and_leaves_nothing(
    local: LocalExecutor, tmp_path: Path, uses: str
) -> None:
    kind = SERVICES.load(uses)
    deployed = up(kind("svc", kind.recipe_keys()), uses, local, tmp_path, ready_timeout_s=60)
    assert deployed.facts["version"]
    assert deployed.handle is not None
    status = down(deployed, local)
    assert status is not None
    assert status.exit_code == 0
    mark = deployed.handle.record["mark"]
    assert [info.pid for info in procfs.all_processes() if procfs.marked(info.pid, mark)] == []


def test_a_command_is_a_service_and_its_http_probe_is_asked(local: LocalExecutor, tmp_path: Path) -> None:
    deployed = up(web_server(), "command", local, tmp_path, ready_timeout_s=30)
    assert (tmp_path / "out").read_text() == "starting\n"
    assert down(deployed, local)


def test_an_exec_probe_runs_in_the_folder_of_the_service_with_its_environment(
    local: LocalExecutor, tmp_path: Path
) -> None:
    ready = {"exec": ["sh", "-c", 'test -f up && test "$COLOUR" = blue']}
    service = command(
        "sleep 0.1; touch up; exec sleep 60", env={"COLOUR": "blue"}, url="http://127.0.0.1:9", ready=ready
    )
    assert up(service, "command", local, tmp_path, ready_timeout_s=30).handle


def test_an_exec_probe_that_says_no_is_quoted(local: LocalExecutor, tmp_path: Path) -> None:
    service = command(
        "exec sleep 60", url="http://127.0.0.1:9", ready={"exec": ["sh", "-c", "echo no such table >&2; exit 4"]}
    )
    with pytest.raises(ServiceError, match="exit code 4: no such table"):
        up(service, "command", local, tmp_path, ready_timeout_s=0.1)


def test_a_service_that_dies_fails_at_once_with_its_last_line(local: LocalExecutor, tmp_path: Path) -> None:
    service = command("echo CUDA out of memory >&2; exit 3", ports=["http"])
    with pytest.raises(ServiceError) as caught:
        up(service, "command", local, tmp_path, ready_timeout_s=600)
    assert "exit code 3" in str(caught.value)
    assert caught.value.quoted == ("CUDA out of memory",)


class Blind(LocalExecutor):
    """Its first offer is a port that another program listens on."""

    def __init__(self, taken: int) -> None:
        super().__init__()
        self.taken = [taken]

    def place(self, ports: Sequence[str]) -> tuple[str, dict[str, int]]:
        host, found = super().place(ports)
        return host, {"http": self.taken.pop()} if self.taken else found


def test_a_port_on_which_another_program_answers_is_replaced(local: LocalExecutor, tmp_path: Path) -> None:
    first = up(web_server(), "command", local, tmp_path / "1", ready_timeout_s=30)
    executor = Blind(first.where.ports["http"])
    try:
        second = up(web_server(), "command", executor, tmp_path / "2", ready_timeout_s=30)
    finally:
        executor.close()
    assert second.where.ports != first.where.ports


def test_a_port_that_is_bound_but_silent_is_found_by_the_death_of_the_service(tmp_path: Path) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        executor = Blind(silent.getsockname()[1])
        try:
            second = up(web_server(), "command", executor, tmp_path, ready_timeout_s=30)
        finally:
            executor.close()
        assert second.where.ports["http"] != silent.getsockname()[1]
    assert "Address already in use" in (tmp_path / "err").read_text()


def test_a_program_that_does_not_exist_is_named(local: LocalExecutor, tmp_path: Path) -> None:
    service = command(["{folder}/absent"], ports=["http"])
    with pytest.raises(ExecutorError, match="absent does not exist"):
        up(service, "command", local, tmp_path, ready_timeout_s=30)
