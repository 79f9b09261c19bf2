"""Services that stay up between commands."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from aifbench.deploy.kept import KeptServices
from aifbench.errors import ServiceError, StoreError, UsageError
from aifbench.executors.fake import Behaviour, FakeExecutor, FakeMachine
from aifbench.executors.local import LocalExecutor
from aifbench.services.base import SERVICES, Service
from tests.deploy.conftest import command, web_server


def toy() -> Service:
    return command("x", ready={"exec": ["true"]}, protocol="http", url="http://127.0.0.1:9/", attributes={"model": "m"})


class Home:
    """One user's kept services on a fake machine; every call is a command of its own."""

    def __init__(self, folder: Path, behaviour: Behaviour | None = None) -> None:
        self.folder = folder
        self.machine = FakeMachine({"web": behaviour or Behaviour(err="hello\n")})

    def command(self) -> KeptServices:
        return KeptServices(self.folder, FakeExecutor(self.machine))

    def keep(self) -> None:
        self.command().keep(toy(), "command", {"command": "x"}, ready_timeout_s=5, clock=self.machine.clock)


def test_a_kept_service_is_found_by_later_commands_and_stopped_by_one(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.keep()
    [kept] = home.command().list()
    assert (kept.name, kept.uses, kept.state, kept.options) == ("web", "command", "up", {"command": "x"})
    assert home.command().down("web").signal == 15
    assert home.command().list() == ()
    assert json.loads((tmp_path / "services/web/exit.json").read_text())["how"] == "stopped"


def test_a_name_is_used_once(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.keep()
    with pytest.raises(UsageError, match="already up"):
        home.keep()


def test_a_recipe_can_aim_at_it(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.keep()
    kept = home.command().get("web")
    assert kept.target().endpoint("http").url == "http://127.0.0.1:9/"
    external = SERVICES.load("external")
    options = external.recipe_keys.model_validate(kept.as_external())
    assert external("web", options).probe.__self__.options == options  # type: ignore[attr-defined]


def test_one_that_died_is_said_to_have_died_and_is_no_target(tmp_path: Path) -> None:
    home = Home(tmp_path, Behaviour(runs_s=1, exit_code=3))
    home.keep()
    home.machine.clock.sleep_s(2)
    [kept] = home.command().list()
    assert (kept.state, kept.status) == ("died", "exit code 3")
    with pytest.raises(ServiceError, match="died: exit code 3"):
        kept.target()


def test_a_died_one_makes_room_for_a_new_one_that_begins_without_data(tmp_path: Path) -> None:
    home = Home(tmp_path, Behaviour(runs_s=1))
    home.keep()
    home.machine.clock.sleep_s(2)
    (tmp_path / "services/web/data").mkdir()
    home.keep()
    assert not (tmp_path / "services/web/data").exists()
    assert home.command().get("web").state == "up"


def test_logs_are_read_while_up_and_after_down_and_go_on_after_a_new_start(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.keep()
    assert home.command().logs("web") == b"hello\n"
    home.command().down("web")
    assert home.command().logs("web", offset=-3) == b"lo\n"
    home.keep()
    assert home.command().logs("web") == b"hello\nhello\n"


def test_delete_removes_logs_and_data(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.keep()
    home.command().down("web", delete=True)
    assert not (tmp_path / "services/web").exists()


def test_one_that_does_not_come_up_is_not_kept(tmp_path: Path) -> None:
    home = Home(tmp_path, Behaviour(runs_s=0, exit_code=1))
    with pytest.raises(ServiceError):
        home.keep()
    assert home.command().list() == ()


def test_a_command_killed_while_starting_leaves_an_entry_that_down_ends(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.keep()
    path = tmp_path / "services/web/kept.json"
    path.write_text(path.read_text().replace('"up"', '"starting"'))
    [kept] = home.command().list()
    assert (kept.state, kept.status) == ("starting", "not ready yet, or the command that started it was killed")
    home.command().down("web")
    assert home.machine.running() == []


def test_an_unknown_name_lists_the_known_ones(tmp_path: Path) -> None:
    home = Home(tmp_path)
    with pytest.raises(UsageError, match="no service is kept up"):
        home.command().get("wbe")
    home.keep()
    with pytest.raises(UsageError, match="did you mean 'web'"):
        home.command().down("wbe")
    with pytest.raises(UsageError, match="did you mean 'web'"):
        home.command().logs("wbe")


@pytest.mark.parametrize("name", ["", "../web", "a b", "-x"])
def test_a_name_that_is_no_name_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match="is not a name"):
        Home(tmp_path).command().get(name)


@pytest.mark.parametrize("text", ["{", '{"schema": 99}', "[]"])
def test_a_damaged_or_newer_entry_is_named(tmp_path: Path, text: str) -> None:
    home = Home(tmp_path)
    home.keep()
    (tmp_path / "services/web/kept.json").write_text(text)
    with pytest.raises(StoreError, match=r"kept\.json"):
        home.command().list()


def test_what_starts_no_process_cannot_be_kept(tmp_path: Path) -> None:
    kind = SERVICES.load("directory")
    with pytest.raises(UsageError, match="starts no process"):
        Home(tmp_path).command().keep(kind("d", kind.recipe_keys()), "directory", {}, ready_timeout_s=5)


def test_two_commands_do_not_work_on_one_name_at_a_time(tmp_path: Path) -> None:
    home = Home(tmp_path)

    def meanwhile() -> bool:
        with pytest.raises(UsageError, match="another aifbench command"):
            home.command().down("web")
        return True

    service = command("x", ready={"exec": ["false"]}, protocol="http", url="http://127.0.0.1:9/")
    with pytest.raises(Exception, match="interrupted"):
        home.command().keep(
            service, "command", {}, ready_timeout_s=5, clock=home.machine.clock, stop_requested=meanwhile
        )


def test_a_real_one_outlives_the_executor_that_started_it(tmp_path: Path) -> None:
    first = LocalExecutor()
    KeptServices(tmp_path, first).keep(web_server(), "command", {}, ready_timeout_s=30)
    first.close()
    second = LocalExecutor()
    try:
        kept = KeptServices(tmp_path, second)
        assert kept.get("web").state == "up"
        assert kept.logs("web", "out") == b"starting\n"
        assert kept.down("web").ended
    finally:
        second.close()
