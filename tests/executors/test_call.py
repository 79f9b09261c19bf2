"""Running one program and waiting for it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from aifbench.clock import monotonic_ns, sleep_s
from aifbench.errors import ExecutorError
from aifbench.executors.call import call


def test_exit_code_output_and_usage_come_back(tmp_path: Path) -> None:
    done = call(
        ["sh", "-c", "echo $GREETING; echo bad >&2; exit 3"], timeout_s=10, env={"GREETING": "hi"}, cwd=tmp_path
    )
    assert (done.exit_code, done.signal, done.out, done.err) == (3, None, b"hi\n", b"bad\n")
    assert done.usage.max_rss_bytes
    assert not done.timed_out


def test_variables_of_our_environment_that_are_not_allowed_do_not_reach_the_program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOME_TOKEN", "secret")
    assert b"SOME_TOKEN" not in call(["env"], timeout_s=10, env={}, cwd=tmp_path).out


def test_a_program_that_ignores_term_and_its_children_are_killed_after_the_time_is_up(tmp_path: Path) -> None:
    script = "trap '' TERM; sleep 60 & echo $!; wait; sleep 60"
    begun = monotonic_ns()
    done = call(["sh", "-c", script], timeout_s=0.3, env={}, cwd=tmp_path, grace_s=0.1)
    assert done.timed_out
    assert done.signal == 9
    assert monotonic_ns() - begun < 20e9
    assert ended(int(done.out))


def test_what_a_program_leaves_running_is_ended(tmp_path: Path) -> None:
    done = call(["sh", "-c", "sleep 60 >/dev/null & echo $!"], timeout_s=10, env={}, cwd=tmp_path)
    assert done.exit_code == 0
    assert ended(int(done.out))


def test_a_program_dies_with_the_process_that_called_it(tmp_path: Path) -> None:
    caller = (
        "import os, threading, aifbench.executors.call as c\n"
        "argv = ['sh', '-c', 'echo $$ > pid; mv pid ready; exec sleep 60']\n"
        f"threading.Thread(target=c.call, args=(argv,), kwargs=dict(timeout_s=60, env={{}}, cwd={str(tmp_path)!r}),"
        " daemon=True).start()\n"
        f"while not os.path.exists({str(tmp_path / 'ready')!r}): pass\n"
        "os._exit(5)\n"
    )
    done = call([sys.executable, "-c", caller], timeout_s=30, env={}, cwd=tmp_path)
    assert done.exit_code == 5, done.err
    assert ended(int((tmp_path / "ready").read_text()))


def test_a_program_that_does_not_exist_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(ExecutorError, match="'no-such-program' was not found"):
        call(["no-such-program"], timeout_s=1, env={}, cwd=tmp_path)


def ended(pid: int) -> bool:
    """Whether it is gone (or a zombie that only its parent can take away) within ten seconds."""
    for _ in range(500):
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except FileNotFoundError:
            return True
        if state in "ZX":
            return True
        sleep_s(0.02)
    os.kill(pid, 9)
    return False
