"""Real processes on this machine: what is started is accounted for, and nothing outlives its time."""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from aifbench.clock import SYSTEM
from aifbench.executors import procfs
from aifbench.executors.local import LocalExecutor
from aifbench.model.process import Handle, ProcessSpec, ProcessState
from tests.executors.conftest import ended, refused


def shell(folder: Path, script: str, name: str = "p") -> ProcessSpec:
    return ProcessSpec(name, ("sh", "-c", script), str(folder), grace_s=5)


def output(executor: LocalExecutor, spec: ProcessSpec) -> str:
    handle = executor.submit(spec)
    ended(executor, handle)
    return executor.read_output(handle, "out", limit=1 << 20).decode()


def test_fifty_quick_processes_all_end_with_their_own_code(local: LocalExecutor, tmp_path: Path) -> None:
    handles = [local.submit(shell(tmp_path, f"exit {number}", "quick")) for number in range(50)]
    for handle in handles:
        ended(local, handle)
    assert [status.exit_code for status in local.status(handles)] == list(range(50))


def test_no_supervisor_stays_as_a_zombie(local: LocalExecutor, tmp_path: Path) -> None:
    handle = local.submit(shell(tmp_path, "true"))
    ended(local, handle)
    limit_ns = SYSTEM.now_ns() + 5_000_000_000
    while Path(f"/proc/{handle.record['supervisor']}").exists() and SYSTEM.now_ns() < limit_ns:
        SYSTEM.sleep_s(0.01)
        local.status([handle])
    assert not Path(f"/proc/{handle.record['supervisor']}").exists()


def test_much_output_is_kept_whole(local: LocalExecutor, tmp_path: Path) -> None:
    handle = local.submit(shell(tmp_path, "head -c 20000000 /dev/zero"))
    ended(local, handle)
    assert Path(handle.record["out"]).stat().st_size == 20_000_000
    assert local.read_output(handle, "out", offset=19_999_990) == bytes(10)


def test_a_process_leads_a_group_of_its_own_in_a_session_that_is_not_the_controllers(
    local: LocalExecutor, tmp_path: Path
) -> None:
    handle = local.submit(shell(tmp_path, "sleep 60"))
    assert os.getpgid(handle.record["pid"]) == handle.record["pid"]
    assert os.getsid(handle.record["pid"]) == handle.record["supervisor"] != os.getsid(0)


def test_usage_covers_the_whole_tree(local: LocalExecutor, tmp_path: Path) -> None:
    grandchild = f"{sys.executable} -S -c 'sum(range(5_000_000)); x = bytearray(80_000_000)'"
    usage = ended(local, local.submit(shell(tmp_path, f"{grandchild}; true"))).usage
    assert usage.user_s is not None
    assert usage.user_s > 0.02
    assert usage.max_rss_bytes is not None
    assert usage.max_rss_bytes > 80_000_000


def test_a_daemonised_grandchild_in_its_own_session_ends_with_the_process(local: LocalExecutor, tmp_path: Path) -> None:
    daemon = local.submit(shell(tmp_path, "setsid sh -c 'echo $$ > daemon; exec sleep 600' & sleep 0.3"))
    assert ended(local, daemon).exit_code == 0
    assert not Path("/proc", (tmp_path / "daemon").read_text().strip()).exists()


def test_a_secret_of_the_environment_is_seen_only_when_passed(
    local: LocalExecutor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_TOKEN", "hunter2")
    spec = shell(tmp_path, "echo ${MY_TOKEN-none}")
    assert output(local, spec) == "none\n"
    assert (
        output(
            local,
            replace(spec, pass_env=("MY_TOKEN",), out="/dev/null", err="seen", argv=("sh", "-c", "echo $MY_TOKEN >&2")),
        )
        == ""
    )
    assert (tmp_path / "seen").read_text() == "hunter2\n"
    (tmp_path / "seen").unlink()
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and b"hunter2" in path.read_bytes()]


def test_a_passed_variable_that_is_not_set_is_named(
    local: LocalExecutor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MY_TOKEN", raising=False)
    assert "MY_TOKEN" in refused(local, replace(shell(tmp_path, "true"), pass_env=("MY_TOKEN",)))


def test_values_of_the_spec_are_seen_and_the_path_too(local: LocalExecutor, tmp_path: Path) -> None:
    spec = replace(shell(tmp_path, 'echo "$GREETING"; test -n "$PATH" && echo path'), env={"GREETING": "dobrý den"})
    assert output(local, spec) == "dobrý den\npath\n"


def test_a_pinned_process_runs_on_its_cpus_only(local: LocalExecutor, tmp_path: Path) -> None:
    cpu = max(os.sched_getaffinity(0))
    spec = replace(shell(tmp_path, "grep Cpus_allowed_list /proc/self/status"), cpus=(cpu,))
    assert output(local, spec).split() == ["Cpus_allowed_list:", str(cpu)]


def test_a_cpu_that_does_not_exist_is_refused(local: LocalExecutor, tmp_path: Path) -> None:
    assert "cannot be pinned to CPUs [100000]" in refused(local, replace(shell(tmp_path, "true"), cpus=(100_000,)))


@pytest.mark.parametrize("argv", [("./plain",), ("./folder",), ("./absent",), ("",), ()])
def test_what_cannot_be_executed_is_refused(local: LocalExecutor, tmp_path: Path, argv: tuple[str, ...]) -> None:
    (tmp_path / "plain").write_text("no program")
    (tmp_path / "folder").mkdir()
    message = refused(local, ProcessSpec("p", argv, str(tmp_path)))
    assert message.startswith("p: ")
    assert (argv[0].removeprefix("./") if argv else "no command") in message


def test_a_file_that_is_no_program_is_refused_with_the_kernels_word(local: LocalExecutor, tmp_path: Path) -> None:
    (tmp_path / "plain").write_text("no program")
    (tmp_path / "plain").chmod(0o755)
    assert "Exec format error" in refused(local, ProcessSpec("p", ("./plain",), str(tmp_path)))


def test_a_folder_that_cannot_be_made_is_an_executor_error(local: LocalExecutor, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert "cannot be made" in refused(local, shell(tmp_path / "file" / "below", "true"))


def test_a_stopped_process_hears_term(local: LocalExecutor, tmp_path: Path) -> None:
    handle = local.submit(shell(tmp_path, "sleep 60"))
    local.signal(handle, signal.SIGSTOP)
    assert local.stop([handle])[0].signal == signal.SIGTERM


def test_the_status_says_that_it_was_stopped_on_purpose(local: LocalExecutor, tmp_path: Path) -> None:
    handle = local.submit(replace(shell(tmp_path, "sleep 60"), tied=False))
    assert local.stop([handle])[0].reason == "stopped"


def test_a_port_in_use_is_not_handed_out(local: LocalExecutor) -> None:
    _, first = local.place(["a"])
    with socket.socket() as taken:
        with suppress(OSError):  # somebody else has it: just as good
            taken.bind(("127.0.0.1", first["a"] + 1))
        _, second = local.place(["a"])
    assert second["a"] not in (first["a"], first["a"] + 1)


def test_a_killed_supervisor_takes_its_process_along_and_status_says_so(local: LocalExecutor, tmp_path: Path) -> None:
    handle = local.submit(shell(tmp_path, "exec sleep 600"))
    os.kill(handle.record["supervisor"], signal.SIGKILL)
    status = ended(local, handle)
    assert (status.exit_code, status.signal) == (None, None)
    assert "supervisor ended without a record" in status.reason
    assert not procfs.same_alive(handle.record["pid"], handle.record["start"])


def test_what_a_killed_supervisor_left_is_unknown_until_stop_ends_it(local: LocalExecutor, tmp_path: Path) -> None:
    handle = local.submit(shell(tmp_path, "setsid sleep 600 & echo $! > daemon; sleep 600 & sleep 600"))
    while not (tmp_path / "daemon").exists() or not (tmp_path / "daemon").read_text():
        SYSTEM.sleep_s(0.01)
    os.kill(handle.record["supervisor"], signal.SIGKILL)
    while (status := local.status([handle])[0]).state is ProcessState.RUNNING:
        SYSTEM.sleep_s(0.01)
    assert status.state is ProcessState.UNKNOWN
    assert "still running" in status.reason
    assert local.stop([handle])[0].ended
    daemon = Path("/proc", (tmp_path / "daemon").read_text().strip(), "stat")
    assert not daemon.exists() or daemon.read_text().split()[2] == "Z"


def test_a_pid_that_somebody_else_has_now_is_neither_running_nor_signalled(
    local: LocalExecutor, tmp_path: Path
) -> None:
    innocent = local.submit(shell(tmp_path, "exec sleep 600"))
    record = dict(innocent.record)
    for name in ("start", "supervisor_start"):
        record[name] += 1
    record |= {"mark": "another", "state_folder": str(tmp_path / "none")}
    stale = Handle("stale", "local", record)
    local.signal(stale, signal.SIGKILL)
    assert local.stop([stale])[0].ended
    assert local.status([innocent])[0].state is ProcessState.RUNNING


def test_a_process_of_another_machine_is_unknown_and_left_alone(local: LocalExecutor, tmp_path: Path) -> None:
    running = local.submit(shell(tmp_path, "exec sleep 600"))
    foreign = local.attach({**running.record, "boot": "other", "host": "mel2041"})
    assert local.stop([foreign])[0].reason == "it was started on mel2041; ask there"
    assert local.status([running])[0].state is ProcessState.RUNNING


def test_state_and_exit_files_are_whole_json(local: LocalExecutor, tmp_path: Path) -> None:
    handle = local.submit(shell(tmp_path, "exit 7"))
    ended(local, handle)
    folder = Path(handle.record["state_folder"])
    assert json.loads((folder / "state.json").read_text())["pid"] == handle.record["pid"]
    assert json.loads((folder / "exit.json").read_text())["exit_code"] == 7
    assert sorted(path.name for path in folder.iterdir()) == ["err", "exit.json", "out", "state.json"]


def test_a_closed_executor_starts_nothing(tmp_path: Path) -> None:
    executor = LocalExecutor()
    executor.close()
    assert "closed" in refused(executor, shell(tmp_path, "true"))
