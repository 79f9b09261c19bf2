"""The workload `command`: any program, its exit code and the numbers that it prints."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from aifbench.errors import ExecutorError
from aifbench.model.operation import Operation
from aifbench.model.service import Endpoint, Target
from aifbench.workloads.command import CommandOptions, printed_numbers
from tests.workloads.drive import drive_blocking, make, worker_context

TARGET = Target("web", "external", (Endpoint("http", "http://127.0.0.1:81/x", "127.0.0.1", 81),))


def run(tmp_path: Path, command: str, count: int = 1, timeout_s: float = 10.0, **options: Any) -> tuple[Any, Any]:
    context = worker_context(TARGET, {}, tmp_path)
    object.__setattr__(context, "timeout_s", timeout_s)
    client: Any = make("command", command=command, **options).open_client(context)
    return client, drive_blocking(client, count)


@pytest.mark.parametrize(
    ("out", "numbers"),
    [
        (b'noise\n{"a": 1}\n{"a": 2, "b": {"c": 2.5}}\nmore', {"a": 2.0, "b.c": 2.5}),
        (b'{\n "a": 1,\n "ok": true,\n "s": "x"\n}', {"a": 1.0}),
        (b'{"a": NaN, "b": 3}', {"b": 3.0}),
        (b"{not json}\n[1]\n\xff", {}),
    ],
)
def test_numbers_come_from_the_last_json_object(out: bytes, numbers: dict[str, float]) -> None:
    assert printed_numbers(out) == numbers


def test_the_program_finds_the_target_in_its_environment_and_its_numbers_become_columns(tmp_path: Path) -> None:
    script = 'sh -c \'echo "$SERVICE_NAME $SERVICE_HOSTNAME $SERVICE_URL"; echo "{\\"port\\": $SERVICE_PORT}"\''
    client, ended = run(tmp_path, script, count=2)
    assert [(o.kind, o.status) for o in ended] == [("sh", "ok")] * 2
    assert ended[0].detail.out.startswith(b"web 127.0.0.1 http://127.0.0.1:81/x\n")
    assert client.columns(ended)["value.port"] == [81.0, 81.0]


def test_an_exit_code_is_an_error_with_the_last_words_unless_declared_good(tmp_path: Path) -> None:
    script = "sh -c 'echo first >&2; echo last words >&2; exit 7'"
    client, ended = run(tmp_path, script)
    assert (ended[0].status, ended[0].error, ended[0].note) == ("error", "exit-7", "last words")
    assert client.columns(ended)["exit_code"] == [7]
    assert run(tmp_path, script, good_exit_codes=[0, 7])[1][0].status == "ok"


def test_a_program_that_takes_too_long_is_a_timeout_and_one_that_a_signal_ends_is_an_error(tmp_path: Path) -> None:
    assert run(tmp_path, "sleep 30", timeout_s=0.2)[1][0].status == "timeout"
    assert run(tmp_path, "sh -c 'kill -9 $$'")[1][0].error == "signal-9"


def test_columns_of_an_operation_that_never_ran_are_missing_and_not_zero(tmp_path: Path) -> None:
    client, ended = run(tmp_path, "echo '{\"a\": 4}'")
    columns = client.columns([*ended, Operation(9, "echo", 0)])
    assert columns["value.a"] == [4.0, None]
    assert columns["exit_code"] == [0, None]


def test_secrets_reach_the_program_only_by_reference(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIFBENCH_TEST_TOKEN", "t0ken")
    _, ended = run(tmp_path, "env", env={"TOKEN": "${env:AIFBENCH_TEST_TOKEN}"})
    assert b"TOKEN=t0ken" in ended[0].detail.out


def test_an_empty_command_and_an_absent_program_are_clear_errors(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="command is empty"):
        CommandOptions(command="  ")
    with pytest.raises(ExecutorError, match="was not found"):
        run(tmp_path, "no-such-program-here --flag")
