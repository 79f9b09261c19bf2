"""What every executor promises, asked of the real machine and of its scripted twin."""

from __future__ import annotations

import signal
from dataclasses import replace

import pytest

from aifbench.errors import ExecutorError
from aifbench.executors.base import EXECUTORS, last_lines
from aifbench.executors.leftovers import sweep
from aifbench.model.codec import from_data, to_data
from aifbench.model.process import Handle, ProcessState
from tests.executors.conftest import Twin, refused


def test_every_executor_of_the_table_is_under_this_contract() -> None:
    assert {EXECUTORS.load(name).name for name in ("local", "fake")} == {"local", "fake"}


def test_a_process_that_ends_by_itself_is_exited_with_its_code(twin: Twin) -> None:
    assert [twin.wait(twin.start(name)).exit_code for name in ("quick", "code-3")] == [0, 3]


def test_a_death_by_signal_has_a_signal_and_no_exit_code(twin: Twin) -> None:
    status = twin.wait(twin.start("dies-of-9"))
    assert (status.exit_code, status.signal) == (None, 9)


def test_a_running_process_is_running(twin: Twin) -> None:
    assert twin.executor.status([twin.start("endless")])[0].state is ProcessState.RUNNING


def test_status_answers_in_the_order_asked(twin: Twin) -> None:
    handles = [twin.start(name) for name in ("quick", "endless", "code-3")]
    twin.wait(handles[0])
    twin.wait(handles[2])
    assert [status.exit_code for status in twin.executor.status(handles)] == [0, None, 3]


def test_a_program_that_does_not_exist_is_refused_by_name(twin: Twin) -> None:
    assert "aifbench-no-such-program" in refused(twin.executor, twin.spec("absent"))


def test_stop_ends_with_term_what_obeys(twin: Twin) -> None:
    assert twin.executor.stop([twin.start("endless")])[0].signal == signal.SIGTERM


def test_stop_lets_a_process_end_in_its_own_way(twin: Twin) -> None:
    handle = twin.start("tidy")
    twin.wait_for_output(handle)
    assert twin.executor.stop([handle])[0].exit_code == 5


def test_what_ignores_term_is_killed_after_the_grace(twin: Twin) -> None:
    handle = twin.start("stubborn", grace_s=60)
    twin.wait_for_output(handle)
    before_ns = twin.clock.now_ns()
    assert twin.executor.stop([handle], grace_s=0.2)[0].signal == signal.SIGKILL
    assert 0.2e9 <= twin.clock.now_ns() - before_ns < 30e9


def test_the_grace_of_the_process_counts_when_stop_names_none(twin: Twin) -> None:
    handle = twin.start("stubborn", grace_s=0.1)
    twin.wait_for_output(handle)
    assert twin.executor.stop([handle])[0].signal == signal.SIGKILL


def test_stopping_what_has_ended_changes_nothing(twin: Twin) -> None:
    handle = twin.start("code-3")
    status = twin.wait(handle)
    assert twin.executor.stop([handle]) == [status]


def test_a_signal_reaches_the_process(twin: Twin) -> None:
    handle = twin.start("endless")
    twin.executor.signal(handle, signal.SIGINT)
    assert twin.wait(handle).signal == signal.SIGINT


def test_a_signal_to_what_has_ended_does_nothing(twin: Twin) -> None:
    handle = twin.start("quick")
    twin.wait(handle)
    twin.executor.signal(handle, signal.SIGKILL)
    assert twin.executor.status([handle])[0].exit_code == 0


def test_output_is_read_from_an_offset_and_from_the_end(twin: Twin) -> None:
    handle = twin.start("talks")
    twin.wait(handle)
    read = twin.executor.read_output
    assert read(handle, "out") == b"one\ntwo\n"
    assert read(handle, "out", offset=4) == b"two\n"
    assert read(handle, "out", offset=-3) == b"wo\n"
    assert read(handle, "out", offset=-99, limit=3) == b"one"
    assert read(handle, "out", offset=99) == b""


def test_out_and_err_are_the_files_that_the_spec_names(twin: Twin) -> None:
    spec = replace(twin.spec("talks"), out="logs/deep/o", err="logs/e")
    twin.wait(twin.executor.submit(spec))
    assert (twin.folder / "logs/deep/o").read_text() == "one\ntwo\n"
    assert (twin.folder / "logs/e").read_text() == "wrong\n"


def test_a_second_start_appends_to_the_files(twin: Twin) -> None:
    for _ in range(2):
        twin.wait(twin.start("talks"))
    assert (twin.folder / "err").read_text() == "wrong\nwrong\n"


def test_the_last_words_are_those_of_err(twin: Twin) -> None:
    handle = twin.start("talks")
    twin.wait(handle)
    assert last_lines(twin.executor, handle) == ["wrong"]


def test_ports_of_one_and_of_two_requests_all_differ(twin: Twin) -> None:
    host, first = twin.executor.place(["http", "admin"])
    _, second = twin.executor.place(["http", "admin"])
    assert host == "127.0.0.1"
    assert len({*first.values(), *second.values()}) == 4


def test_an_untied_process_outlives_its_controller_and_is_stopped_by_another(twin: Twin) -> None:
    record = twin.start("endless", tied=False).record
    twin.executor.close()
    other = twin.second()
    handle = other.attach(record)
    assert other.status([handle])[0].state is ProcessState.RUNNING
    assert other.stop([handle])[0].signal == signal.SIGTERM


def test_close_ends_tied_processes(twin: Twin) -> None:
    handle = twin.start("endless")
    twin.executor.close()
    assert twin.second().status([handle])[0].signal == signal.SIGTERM


def test_another_controller_learns_how_a_process_ended(twin: Twin) -> None:
    handle = twin.start("code-3")
    twin.wait(handle)
    other = twin.second()
    assert other.status([other.attach(handle.record)])[0].exit_code == 3


def test_a_handle_survives_the_journal(twin: Twin) -> None:
    handle = twin.start("endless")
    assert from_data(Handle, to_data(handle)) == handle


def test_a_record_of_something_else_is_refused(twin: Twin) -> None:
    with pytest.raises(ExecutorError, match="not a record of a"):
        twin.executor.attach({"job": 48213})


def test_usage_and_wall_time_are_known_at_the_end(twin: Twin) -> None:
    usage = twin.wait(twin.start("talks")).usage
    assert usage.max_rss_bytes
    assert usage.user_s is not None
    assert usage.system_s is not None
    assert usage.wall_s is not None
    assert usage.wall_s > 0


def test_a_sweep_ends_and_names_what_still_runs_and_nothing_else(twin: Twin) -> None:
    running, done = twin.start("endless", tied=False), twin.start("quick")
    twin.wait(done)
    swept = sweep(twin.second(), [running.record, done.record])
    assert [item.handle.name for item in swept] == ["endless"]
    assert swept[0].after.signal == signal.SIGTERM
