from __future__ import annotations

import json
import os
import socket
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from aifbench.clock import VirtualClock
from aifbench.errors import StoreError
from aifbench.store.lock import Lock, read_holder, start_ticks
from tests.store.test_files import in_child


def test_a_second_controller_is_told_who_holds_the_run(tmp_path: Path) -> None:
    lock = Lock(tmp_path / "lock")
    text = in_child(lambda: _take(tmp_path))
    lock.release()
    assert f"already being worked on by process {os.getpid()} on {socket.gethostname()}" in text
    assert in_child(lambda: _take(tmp_path)) == "no error"


def _take(folder: Path) -> None:
    Lock(folder / "lock", VirtualClock()).release()


def test_the_lock_of_a_dead_controller_is_taken_over(tmp_path: Path) -> None:
    child = os.fork()
    if child == 0:
        Lock(tmp_path / "lock")
        os._exit(0)
    os.waitpid(child, 0)
    holder = read_holder(tmp_path / "lock")
    assert holder is not None
    assert holder.alive() is False
    Lock(tmp_path / "lock").release()


def test_a_later_process_with_the_same_number_is_not_taken_for_the_holder(tmp_path: Path) -> None:
    lock = Lock(tmp_path / "lock")
    holder = read_holder(tmp_path / "lock")
    lock.release()
    assert holder is not None
    assert holder.alive()
    assert replace(holder, start_ticks=holder.start_ticks + 1).alive() is False
    assert replace(holder, boot="another").alive() is False


def test_a_holder_on_another_machine_is_respected_because_nobody_can_look(tmp_path: Path) -> None:
    lock = Lock(tmp_path / "lock")
    holder = read_holder(tmp_path / "lock")
    lock.release()
    assert holder is not None
    (tmp_path / "lock").write_text(json.dumps(asdict(replace(holder, host="mel0001"))))
    with pytest.raises(StoreError, match=r"on mel0001.*\n.*delete .*lock and try again"):
        Lock(tmp_path / "lock")


def test_a_damaged_lock_file_names_nobody_and_stops_nobody(tmp_path: Path) -> None:
    (tmp_path / "lock").write_bytes(b"\x00garbage")
    assert read_holder(tmp_path / "lock") is None
    Lock(tmp_path / "lock").release()


def test_a_process_that_is_gone_has_no_start() -> None:
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)
    assert start_ticks(child) == 0
    assert start_ticks(os.getpid()) > 0
