"""What the machine allows this process: descriptors, ports, memory. Reads `/proc` and the control group; Linux only."""

from __future__ import annotations

import contextlib
import os
import resource
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_PROC = Path("/proc")
_CGROUPS = Path("/sys/fs/cgroup")


@dataclass(frozen=True)
class Limits:
    """`busy_ports`: of all destinations together, TIME_WAIT included. None: the machine does not say."""

    soft_descriptors: int
    hard_descriptors: int
    open_descriptors: int
    ports: int | None
    busy_ports: int | None
    available_bytes: int | None


def read_limits(proc: Path = _PROC, cgroups: Path = _CGROUPS) -> Limits:
    """As they are now."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    return Limits(
        soft_descriptors=_bounded(soft),
        hard_descriptors=_bounded(hard),
        open_descriptors=len(os.listdir(proc / "self/fd")) - 1,  # noqa: PTH208 - without the one of the listing itself
        ports=_port_range(proc),
        busy_ports=_busy_ports(proc),
        available_bytes=_available(proc, cgroups),
    )


def raise_descriptors(to: int) -> int:
    """Raise the soft limit of this process to `to`, at most to the hard limit; returns what it is then."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = min(to, _bounded(hard))
    if wanted > _bounded(soft):
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        return wanted
    return _bounded(soft)


def _bounded(limit: int) -> int:
    """The kernel's own bound (fs.nr_open's default) where there is no limit."""
    return 1 << 20 if limit == resource.RLIM_INFINITY else limit


def _port_range(proc: Path) -> int | None:
    with contextlib.suppress(OSError, ValueError):
        low, high = (proc / "sys/net/ipv4/ip_local_port_range").read_text().split()
        return int(high) - int(low) + 1
    return None


def _busy_ports(proc: Path) -> int | None:
    """TCP sockets in use or in TIME_WAIT (`/proc/net/sockstat`: pairs of a name and a number)."""
    with contextlib.suppress(OSError, ValueError, KeyError, StopIteration):
        lines = (proc / "net/sockstat").read_text().splitlines()
        words = next(line for line in lines if line.startswith("TCP:")).split()[1:]
        known = dict(zip(words[::2], map(int, words[1::2]), strict=True))
        return known["inuse"] + known["tw"]
    return None


def _available(proc: Path, cgroups: Path) -> int | None:
    found = [*_of_machine(proc), *_of_groups(proc, cgroups)]
    return min(found) if found else None


def _of_machine(proc: Path) -> Iterator[int]:
    with contextlib.suppress(OSError, ValueError):
        for line in (proc / "meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                yield int(line.split()[1]) * 1024


def _of_groups(proc: Path, cgroups: Path) -> Iterator[int]:
    """What each group (cgroup v2) that this process is in leaves; page cache that can be given up counts as free."""
    with contextlib.suppress(OSError, ValueError):
        names = [line.split(":", 2)[2] for line in (proc / "self/cgroup").read_text().splitlines() if line[:3] == "0::"]
        for name in names:
            place = cgroups / name.strip("/")
            for folder in (place, *place.parents):
                if not folder.is_relative_to(cgroups):
                    break
                yield from _of_group(folder)


def _of_group(folder: Path) -> Iterator[int]:
    with contextlib.suppress(OSError, ValueError):
        limit, used = (int((folder / name).read_text()) for name in ("memory.max", "memory.current"))
        stat = dict(line.split() for line in (folder / "memory.stat").read_text().splitlines())
        yield max(0, limit - used + int(stat.get("inactive_file", 0)))
