"""Bringing a service up, in virtual time with scripted faults: each failure is told at once and leaves nothing."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import pytest

from aifbench.deploy.deployed import Deployed
from aifbench.deploy.up import Start, up
from aifbench.errors import AifbenchError, Interrupted, MissingExtra, ServiceError, StoreError
from aifbench.executors.fake import Behaviour, FakeExecutor, FakeMachine
from aifbench.model.options import Options
from aifbench.model.process import Handle, ProcessSpec
from aifbench.model.service import Endpoint, Probe, Where
from aifbench.services.base import Service


class Toy(Service):
    recipe_keys = Options
    summary = "a service for tests"
    protocols = ("http",)
    ports = ("http",)
    requires: ClassVar[Mapping[str, str]] = {"pydantic": ">=2", "aifbench-no-such-package": ">=1"}
    leaks = False
    silent = False

    def process(self, where: Where) -> ProcessSpec:
        return ProcessSpec(self.name, ("toy", str(where.ports["http"])), where.folder, grace_s=2)

    def endpoints(self, where: Where) -> tuple[Endpoint, ...]:
        attributes = {"key": where.secret} if self.leaks else {}
        return (Endpoint("http", f"http://{where.host}:{where.ports['http']}", attributes=attributes),)

    def probe(self, where: Where) -> Probe:
        return Probe("none")

    def explain(self, log_lines: list[str]) -> str:
        return "lower max_model_len" if any("out of memory" in line for line in log_lines) else ""

    def describe(self, endpoints: tuple[Endpoint, ...]) -> Mapping[str, Any]:
        if self.silent:
            raise ServiceError("GET /version refused")
        return {"version": "1.2"}


class Case:
    """One try to bring the toy up: `answers` are what the probe says, the last one again and again."""

    def __init__(self, folder: Path, behaviour: Behaviour | Sequence[Behaviour], *answers: str | None) -> None:
        self.folder = folder
        self.machine = FakeMachine({"llm": behaviour})
        self.executor = FakeExecutor(self.machine)
        self.answers = list(answers or [None])
        self.said: list[str] = []
        self.service = Toy("llm", Options())

    def check(self, probe: Probe, run: object) -> str | None:
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]

    def up(self, stop: Callable[[], bool] = lambda: False, **start: Any) -> Deployed:
        return up(
            self.service, "toy", self.executor, self.folder, ready_timeout_s=60, clock=self.machine.clock,
            on_progress=self.said.append, stop_requested=stop, start=Start(check=self.check, **start),
        )  # fmt: skip

    def fails(self, kind: type[AifbenchError] = ServiceError) -> str:
        with pytest.raises(kind) as caught:
            self.up()
        assert self.machine.running() == []
        return str(caught.value)

    def file(self, name: str) -> Any:
        return json.loads((self.folder / name).read_text())


def test_a_ready_service_is_written_down_with_address_version_and_time(tmp_path: Path) -> None:
    case = Case(tmp_path, Behaviour(), "refused", "refused", None)
    deployed = case.up()
    assert case.file("endpoint.json")["endpoints"][0]["url"] == "http://127.0.0.1:61001"
    described = case.file("describe.json")
    assert described["facts"] == {"version": "1.2"}
    assert described["packages"]["pydantic"]
    assert described["packages"]["aifbench-no-such-package"] is None
    assert described["ready_s"] == deployed.ready_s > 0
    assert deployed.target().endpoint("http").url == "http://127.0.0.1:61001"


def test_what_it_waits_for_is_told_once(tmp_path: Path) -> None:
    case = Case(tmp_path, Behaviour(), "refused", "refused", "loading", None)
    case.up()
    assert case.said == ["llm: waiting, last answer: refused", "llm: waiting, last answer: loading"]


def test_one_that_dies_while_waiting_fails_at_once_with_its_last_words(tmp_path: Path) -> None:
    case = Case(tmp_path, Behaviour(runs_s=3, exit_code=9, err="loading\nCUDA out of memory\n"), "refused")
    message = case.fails()
    assert case.machine.clock.now_ns() < 5e9
    assert "service llm: died while starting (exit code 9)" in message
    assert "| CUDA out of memory" in message
    assert "lower max_model_len" in message
    assert case.file("exit.json")["how"] == "died"


def test_the_last_words_of_an_earlier_start_are_not_quoted(tmp_path: Path) -> None:
    (tmp_path / "err").write_text("old trouble\n")
    assert "old trouble" not in Case(tmp_path, Behaviour(runs_s=1, out="new\n"), "refused").fails()


def test_a_foreign_program_that_answers_does_not_make_a_dead_service_ready(tmp_path: Path) -> None:
    assert "died while starting" in Case(tmp_path, Behaviour(runs_s=0, exit_code=1), None).fails()


def test_a_time_out_says_what_was_answered_last_and_which_key_to_raise(tmp_path: Path) -> None:
    case = Case(tmp_path, Behaviour(err="still loading\n"), "GET /health refused", "GET /health answered 503")
    message = case.fails()
    assert "not ready after 60.0 s" in message
    assert "GET /health answered 503" in message
    assert "| still loading" in message
    assert "services.llm.ready_timeout" in message
    assert case.file("exit.json")["how"] == "stopped"
    assert 60e9 <= case.machine.clock.now_ns() < 63e9


def test_what_nobody_started_is_not_waited_for_longer_but_looked_for(tmp_path: Path) -> None:
    class Elsewhere(Service):
        recipe_keys = Options
        summary = "a service for tests"
        protocols = ("http",)

        def process(self, where: Where) -> None:
            return None

        def endpoints(self, where: Where) -> tuple[Endpoint, ...]:
            return ()

        def probe(self, where: Where) -> Probe:
            return Probe("none")

    case = Case(tmp_path, Behaviour(), "connection refused")
    case.service = Elsewhere("llm", Options())  # type: ignore[assignment]
    message = case.fails()
    assert "ready_timeout" not in message
    assert "see that it is there, and that its address is right" in message


def test_a_state_that_is_not_known_for_a_while_is_waited_out(tmp_path: Path) -> None:
    assert Case(tmp_path, Behaviour(unknown_s=(0, 0.02)), "refused", "refused", None).up().handle is not None


def test_a_taken_port_is_tried_again_with_other_ports(tmp_path: Path) -> None:
    taken = Behaviour(runs_s=0, exit_code=1, err="bind: Address already in use\n")
    case = Case(tmp_path, [taken, Behaviour()], "refused", None)
    assert case.up().where.ports == {"http": 61002}
    assert "a port was taken" in case.said[0]


def test_a_port_that_is_always_taken_ends_after_three_starts(tmp_path: Path) -> None:
    case = Case(tmp_path, Behaviour(runs_s=0, exit_code=1, err="bind: Address already in use\n"), "refused")
    assert "Address already in use" in case.fails()
    assert len(case.machine.processes) == 3


def test_an_interrupt_while_waiting_stops_it(tmp_path: Path) -> None:
    case = Case(tmp_path, Behaviour(), "refused")
    with pytest.raises(Interrupted):
        case.up(stop=lambda: case.machine.clock.now_ns() > 1e9)
    assert case.machine.running() == []


def test_an_exception_of_any_kind_while_waiting_stops_it(tmp_path: Path) -> None:
    case = Case(tmp_path, Behaviour(), "refused")

    def ctrl_c() -> bool:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        case.up(stop=ctrl_c)
    assert case.machine.running() == []


def test_one_that_does_not_say_its_version_is_still_up(tmp_path: Path) -> None:
    case = Case(tmp_path, Behaviour())
    case.service.silent = True
    assert case.up().facts == {"version": None, "reason": "GET /version refused"}


def test_a_secret_never_gets_into_a_file(tmp_path: Path) -> None:
    case = Case(tmp_path, Behaviour())
    case.service.leaks = True
    assert "secret" in case.fails(AifbenchError)
    assert not (tmp_path / "endpoint.json").exists()


def test_what_is_not_installed_names_the_extra(tmp_path: Path) -> None:
    case = Case(tmp_path, Behaviour())
    case.service.missing = lambda: ["toylib"]  # type: ignore[method-assign]
    case.service.extra = "toys"  # type: ignore[misc]
    assert "pip install 'aifbench[toys]'" in case.fails(MissingExtra)


def test_a_folder_that_cannot_be_made_is_a_store_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    case = Case(tmp_path / "file" / "llm", Behaviour())
    assert "cannot create the folder" in case.fails(StoreError)


def test_the_start_is_told_before_it_is_ready_and_may_be_untied(tmp_path: Path) -> None:
    told: list[Handle] = []
    case = Case(tmp_path, Behaviour(), "refused", None)
    handle = case.up(tied=False, on_started=lambda handle, where: told.append(handle)).handle
    assert told == [handle]
    case.executor.close()
    assert len(case.machine.running()) == 1
