"""What does not fit into the machine is said before the load, with the figure that is needed."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from aifbench.errors import LoadError
from aifbench.load.job import ControlFolder
from aifbench.load.limits import Limits, read_limits
from aifbench.load.preflight import BYTES_PER_EVENT, Need, judge, need_of
from aifbench.model.codec import to_json
from aifbench.model.load import Load
from tests.simulators import behaviour, running, trial_job

ROOM = Limits(1024, 4096, 10, 28_232, 500, 1 << 30)
SMALL = Need(10, 10, 0, 1 << 20)
USERS = Load("closed", 10.0, concurrency=64)
OPEN = Load("poisson", 10.0, rate_per_s=100.0, timeout_s=60.0)


class Client:
    def __init__(self, **said: Any) -> None:
        self.__dict__.update(said)


def test_what_fits_passes() -> None:
    judge(SMALL, ROOM, 4)
    judge(SMALL, replace(ROOM, ports=None, busy_ports=None, available_bytes=None), 4)


def test_users_over_the_descriptor_limit_are_refused_with_the_figure_and_the_command() -> None:
    with pytest.raises(LoadError) as caught:
        judge(replace(SMALL, connections=5000), ROOM, 2)
    text = str(caught.value)
    assert "5,000 connections at once need 5,074 file descriptors" in text
    assert "allows a process 4,096" in text
    assert "ulimit -n 5074" in text
    assert "load.workers: 3 " in text
    judge(replace(SMALL, connections=4096 - 74), ROOM, 1)


def test_more_connections_than_local_ports_are_refused_over_all_workers() -> None:
    with pytest.raises(LoadError, match=r"30,000 connections at once .* has 28,232 for one destination"):
        judge(replace(SMALL, connections=3000), ROOM, 10)


def test_more_memory_than_there_is_is_refused_over_all_workers() -> None:
    judge(replace(SMALL, held_bytes=600 << 20), ROOM, 1)
    with pytest.raises(LoadError, match="about 1,200 MiB of memory in 2 workers, and 1,024 MiB are available"):
        judge(replace(SMALL, held_bytes=600 << 20), ROOM, 2)


def test_a_closed_loop_needs_a_connection_for_each_user_of_the_worker() -> None:
    assert need_of(USERS, 0, 16, Client(), 4).connections == 16


def test_a_cap_is_declared_and_without_one_only_the_most_is_known() -> None:
    capped = need_of(replace(OPEN, max_in_flight=300), 250, 0, Client(), 4)
    assert (capped.connections, capped.most_connections) == (75, 75)
    free = need_of(OPEN, 5000, 0, Client(), 4)
    assert (free.connections, free.most_connections) == (0, 25 * 60)
    assert need_of(OPEN, 250, 0, Client(), 4).most_connections == 250


def test_connections_that_are_not_reused_are_counted_for_the_time_that_their_ports_stay_taken() -> None:
    assert need_of(OPEN, 1000, 0, Client(), 1).connects_per_minute == 0
    assert need_of(OPEN, 1000, 0, Client(reuses_connections=False), 1).connects_per_minute == 1000
    assert need_of(OPEN, 90_000, 0, Client(reuses_connections=False), 1).connects_per_minute == 6000


def test_memory_grows_with_events_until_they_are_moved_to_disk() -> None:
    def held(starts: int, events: int) -> int:
        return need_of(OPEN, starts, 0, Client(events_per_operation=events), 1).held_bytes

    assert held(100, 64) - held(100, 32) == 100 * 32 * BYTES_PER_EVENT
    assert held(30_000, 10_000) == held(30_000, 20_000) < 300 << 20
    assert need_of(OPEN, 10, 0, Client(build_ahead=None), 1).held_bytes > held(10, 1)


def files(folder: Path, **texts: str) -> Path:
    for name, text in texts.items():
        path = folder / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (folder / "self/fd").mkdir(parents=True, exist_ok=True)
    return folder


def test_the_machines_words_are_read_as_the_kernel_writes_them(tmp_path: Path) -> None:
    proc = files(
        tmp_path / "proc",
        sys__net__ipv4__ip_local_port_range="32768\t60999\n",
        net__sockstat="sockets: used 17\nTCP: inuse 3 orphan 0 tw 449 alloc 3 mem 111\nUDP: inuse 9 mem 0\n",
        meminfo="MemTotal:  100 kB\nMemAvailable:  2048 kB\n",
        self__cgroup="0::/a/b\n",
    )
    groups = tmp_path / "cgroup"
    for group, limit in (("a/b", "max"), ("a", "1500000")):
        here = groups / group
        here.mkdir(parents=True, exist_ok=True)
        for name, text in (("max", limit), ("current", "900000"), ("stat", "anon 1\ninactive_file 400000\n")):
            (here / f"memory.{name}").write_text(text)
    seen = read_limits(proc, groups)
    assert (seen.ports, seen.busy_ports, seen.available_bytes) == (28_232, 452, 1_000_000)


def test_what_the_machine_does_not_say_is_unknown(tmp_path: Path) -> None:
    seen = read_limits(files(tmp_path), tmp_path)
    assert (seen.ports, seen.busy_ports, seen.available_bytes) == (None, None, None)


def limited(job: Any, soft: int, hard: int) -> tuple[int, dict[str, Any]]:
    """Exit code and report of a real worker under a limit of descriptors."""
    control = ControlFolder(job.control)
    control.job.write_text(to_json(job))
    control.go.write_text(json.dumps({"t0_ns": 1}))  # long ago: begin at once
    argv = ["prlimit", f"--nofile={soft}:{hard}", sys.executable, "-m", "aifbench.load.worker", str(control.job), "0"]
    ended = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    return ended.returncode, json.loads(control.report(0).read_text())


def test_a_worker_with_too_many_users_ends_with_6_before_it_connects(tmp_path: Path) -> None:
    job = trial_job(tmp_path, 1, Load("closed", 1.0, concurrency=500))
    code, report = limited(job, 100, 200)
    assert (code, report["exit_code"]) == (6, 6)
    assert "500 connections at once need" in report["error"]
    assert "ulimit -n" in report["error"]


def test_a_soft_limit_is_raised_as_far_as_the_load_needs(tmp_path: Path) -> None:
    with running(behaviour()) as simulator:
        job = trial_job(tmp_path, simulator.port, Load("closed", 1.0, concurrency=150, operations=1))
        code, report = limited(job, 100, 4096)
    assert code == 0
    told = report["preflight"]
    assert (told["before"]["soft_descriptors"], told["after"]["soft_descriptors"]) == (100, told["descriptors"])
    assert 150 < told["descriptors"] == told["needed_descriptors"] < 4096
    assert told["after"]["open_descriptors"] > 150
