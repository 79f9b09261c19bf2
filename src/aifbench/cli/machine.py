"""What this machine has: facts that decide whether measurements on it can be trusted, each with a judgement.

Reads /proc, /sys and limits; starts nothing and changes nothing.
"""

from __future__ import annotations

import os
import platform
import resource
import shutil
import statistics
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from aifbench.clock import monotonic_ns, sleep_until_ns
from aifbench.units import format_bytes, format_duration

Mark = Literal["good", "note", "lacks"]

_FILES_WANTED = 4096  # every connection of every worker is a file
_MEMORY_WANTED = 4 << 30
_DISK_WANTED = 4 << 30
_LATE_WANTED_NS = 1_000_000  # an operation that starts more than 1 ms late is counted as late


@dataclass(frozen=True)
class Fact:
    """One line of the doctor: what was looked at, what was seen, and what to do when it is not good."""

    name: str
    mark: Mark
    seen: str
    advice: str = ""


def machine_facts(runs: Path) -> list[Fact]:
    return [
        Fact("system", "good", f"{platform.system()} {platform.release()}, Python {platform.python_version()}"),
        _cores(),
        _load(),
        _memory(),
        _disk(runs),
        _open_files(),
        _ports(),
        _namespaces(),
        _timer(),
        _governor(),
    ]


def program_facts() -> list[Fact]:
    """Programs that are not Python packages."""
    return [
        _program("git", "the state of your recipes' repository in provenance", "apt-get install git"),
        _program("fio", "the workload fio", "apt-get install fio"),
        _program("chromium", "the browser test of reports (developers only)", "apt-get install chromium"),
    ]


def _program(name: str, purpose: str, install: str) -> Fact:
    path = shutil.which(name)
    if path:
        return Fact(name, "good", path)
    return Fact(name, "note", f"not found; it is for {purpose}", install)


def _cores() -> Fact:
    usable = len(os.sched_getaffinity(0))
    quota = _cpu_quota()
    seen = f"{usable} usable of {os.cpu_count()}"
    if quota is not None and quota < usable:
        return Fact("cores", "note", f"{seen}, limited to {quota:g} by the control group", "raise the CPU limit")
    if usable < 2:
        return Fact("cores", "note", seen, "load generator and service will share one core")
    return Fact("cores", "good", seen)


def _cpu_quota() -> float | None:
    """Cores that cgroup v2's cpu.max grants; None without a limit."""
    words = _read("/sys/fs/cgroup/cpu.max").split()
    return int(words[0]) / int(words[1]) if len(words) == 2 and words[0].isdigit() else None


def _load() -> Fact:
    busy = os.getloadavg()[0]
    seen = f"{busy:.2f} over the last minute"
    if busy > 0.5 * len(os.sched_getaffinity(0)):
        return Fact("other work", "note", seen, "something else keeps this machine busy; numbers will be worse")
    return Fact("other work", "good", seen)


def _memory() -> Fact:
    import psutil

    memory = psutil.virtual_memory()
    seen = f"{format_bytes(memory.available)} available of {format_bytes(memory.total)}"
    if memory.available < _MEMORY_WANTED:
        return Fact("memory", "note", seen, f"the quickstart wants {format_bytes(_MEMORY_WANTED)}")
    return Fact("memory", "good", seen)


def _disk(runs: Path) -> Fact:
    place = runs
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free
    seen = f"{format_bytes(free)} free for {runs}"
    if not os.access(place, os.W_OK):
        return Fact("runs folder", "lacks", f"{runs} cannot be written", "choose another with --runs or AIFBENCH_RUNS")
    if free < _DISK_WANTED:
        return Fact("runs folder", "note", seen, "choose a larger disk with --runs or AIFBENCH_RUNS")
    return Fact("runs folder", "good", seen)


def _open_files() -> Fact:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    seen = f"{_limit(soft)}, can be raised to {_limit(hard)}"
    if soft != resource.RLIM_INFINITY and soft < _FILES_WANTED:
        return Fact("open files", "note", seen, f"ulimit -n {_FILES_WANTED} for many connections")
    return Fact("open files", "good", seen)


def _limit(value: int) -> str:
    return "unlimited" if value == resource.RLIM_INFINITY else str(value)


def _ports() -> Fact:
    words = _read("/proc/sys/net/ipv4/ip_local_port_range").split()
    if len(words) != 2:
        return Fact("local ports", "note", "unknown")
    return Fact("local ports", "good", f"{words[0]} to {words[1]}: {int(words[1]) - int(words[0]) + 1} connections")


def _namespaces() -> Fact:
    allowed = _read("/proc/sys/user/max_user_namespaces").strip()
    switch = _read("/proc/sys/kernel/unprivileged_userns_clone").strip()
    if allowed == "0" or switch == "0":
        return Fact("user namespaces", "note", "switched off", "containers without root will not start here")
    return Fact("user namespaces", "good" if allowed else "note", "allowed" if allowed else "unknown")


def _timer() -> Fact:
    """How late a sleeping process wakes up: median and worst of 50 waits of 2 ms."""
    late = []
    for _ in range(50):
        due = monotonic_ns() + 2_000_000
        sleep_until_ns(due)
        late.append(monotonic_ns() - due)
    seen = f"wakes {format_duration(statistics.median(late) / 1e9)} late, at worst {format_duration(max(late) / 1e9)}"
    source = _read("/sys/devices/system/clocksource/clocksource0/current_clocksource").strip()
    seen += f" (clock source {source})" if source else ""
    if statistics.median(late) > _LATE_WANTED_NS:
        return Fact("timer", "note", seen, "operations will start late; use a machine with a high-resolution timer")
    return Fact("timer", "good", seen)


def _governor() -> Fact:
    governor = _read("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor").strip()
    if governor and governor != "performance":
        return Fact("CPU frequency", "note", f"governor {governor}", "cpupower frequency-set -g performance")
    return Fact("CPU frequency", "good", f"governor {governor}" if governor else "not controlled from here")


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8")
    except OSError:
        return ""
