"""Provenance: what a result needs beside it to be understood or repeated on another day (environment.json).

Everything is read, nothing is guessed: what this machine does not tell is None. Values of environment variables are
never read into it.
"""

from __future__ import annotations

import contextlib
import os
import platform
import re
import resource
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import aifbench
from aifbench.clock import utc_text
from aifbench.model.codec import content_hash, to_data
from aifbench.model.plan import Plan

ENVIRONMENT_SCHEMA = 1

_CPU_FLAGS = ("sse4_2", "avx", "avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_tile", "amx_int8", "fma", "f16c",
              "neon", "asimd", "sve", "hypervisor")  # fmt: skip


def read_environment(
    folder: Path, plan: Plan, working_folder: Path, calibration: Mapping[str, Any] | None = None
) -> Mapping[str, Any]:
    """Plain JSON. `folder` is the run folder (its file system is described), `working_folder` the user's.

    `calibration` is what is known of this machine's load generator.
    """
    import psutil

    return {
        "schema": ENVIRONMENT_SCHEMA,
        "taken": utc_text(),
        "aifbench": aifbench.__version__,
        "recipe_hash": plan.recipe_hash,
        "plan_hash": content_hash(to_data(plan)),
        "seed": plan.seed,
        "seeds": {trial.id: trial.seed for trial in plan.trials()},
        "python": {"version": platform.python_version(), "implementation": platform.python_implementation()},
        "packages": package_versions(),
        "host": platform.node(),
        "os": _os_name(),
        "kernel": platform.release(),
        "machine": platform.machine(),
        "container": container(),
        "cpu": cpu(_read("/proc/cpuinfo")),
        "memory_bytes": psutil.virtual_memory().total,
        "memory_available_bytes": psutil.virtual_memory().available,
        "swap_bytes": psutil.swap_memory().total,
        "load_average": list(os.getloadavg()),
        "limits": limits(),
        "file_system": file_system(folder),
        "disks": disks(),
        "git": git_state(working_folder),
        "calibration": calibration,
    }


def package_versions() -> dict[str, str]:
    """Versions of all installed distributions, by their normal names (PEP 503).

    Read off the names of the metadata folders (`name-version.dist-info`, PEP 427): parsing the metadata of a hundred
    packages would take longer than starting a load.
    """
    found: dict[str, str] = {}
    for folder in sys.path:
        with contextlib.suppress(OSError):
            for entry in Path(folder or ".").glob("*.dist-info"):
                name, dash, version = entry.stem.rpartition("-")
                if dash:
                    found.setdefault(re.sub(r"[-_.]+", "-", name).lower(), version)
    return dict(sorted(found.items()))


def cpu_model() -> str | None:
    """Of this machine, where it tells."""
    found = re.search(r"^(?:model name|Hardware|CPU part)\s*:\s*(.+)$", _read("/proc/cpuinfo"), re.MULTILINE)
    return found[1].strip() if found else None


def cpu(cpuinfo: str) -> Mapping[str, Any]:
    """Model, counts, the vector extensions that matter for servers, frequency governor. `cpuinfo`: /proc/cpuinfo."""
    import psutil

    def line(*names: str) -> str | None:
        for name in names:
            if match := re.search(rf"^{name}\s*:\s*(.+)$", cpuinfo, re.MULTILINE):
                return match[1].strip()
        return None

    flags = set((line("flags", "Features") or "").split())
    return {
        "model": line("model name", "Hardware", "CPU part"),
        "logical": os.cpu_count(),
        "usable": len(os.sched_getaffinity(0)),
        "physical": psutil.cpu_count(logical=False),
        "numa_nodes": len(list(Path("/sys/devices/system/node").glob("node[0-9]*"))) or None,
        "flags": [flag for flag in _CPU_FLAGS if flag in flags],
        "governor": _read("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor").strip() or None,
        "quota": _cpu_quota(_read("/sys/fs/cgroup/cpu.max")),
    }


def _cpu_quota(cpu_max: str) -> float | None:
    """CPUs that the control group may use (cgroup v2, cpu.max: quota and period); None when unlimited or unknown."""
    parts = cpu_max.split()
    return int(parts[0]) / int(parts[1]) if len(parts) == 2 and parts[0].isdigit() else None


def limits() -> Mapping[str, int | None]:
    """Soft limits of this process; None is unlimited."""

    def soft(kind: int) -> int | None:
        value = resource.getrlimit(kind)[0]
        return None if value == resource.RLIM_INFINITY else value

    return {
        "open_files": soft(resource.RLIMIT_NOFILE),
        "processes": soft(resource.RLIMIT_NPROC),
        "file_size_bytes": soft(resource.RLIMIT_FSIZE),
        "locked_memory_bytes": soft(resource.RLIMIT_MEMLOCK),
    }


def file_system(folder: Path) -> Mapping[str, Any]:
    """Type, device, options and space of the file system that holds `folder`."""
    import psutil

    place = folder.resolve()
    mounts = [mount for mount in psutil.disk_partitions(all=True) if place.is_relative_to(mount.mountpoint)]
    mount = max(mounts, key=lambda mount: len(mount.mountpoint), default=None)
    usage = psutil.disk_usage(str(place))
    return {
        "type": mount.fstype if mount else None,
        "device": mount.device if mount else None,
        "options": mount.opts if mount else None,
        "size_bytes": usage.total,
        "free_bytes": usage.free,
    }


def disks() -> list[Mapping[str, Any]]:
    """Block devices of this machine; sizes in bytes (sysfs counts sectors of 512)."""
    found: list[Mapping[str, Any]] = []
    for device in sorted(Path("/sys/block").glob("*")):
        sectors = _read(device / "size").strip()
        if device.name.startswith(("loop", "ram", "zram", "dm-")) or not sectors.isdigit() or sectors == "0":
            continue
        rotational = _read(device / "queue/rotational").strip()
        found.append(
            {
                "name": device.name,
                "model": _read(device / "device/model").strip() or None,
                "size_bytes": int(sectors) * 512,
                "rotational": rotational == "1" if rotational else None,
                "scheduler": (re.findall(r"\[(.+?)\]", _read(device / "queue/scheduler")) or [None])[0],
            }
        )
    return found


def container() -> str | None:
    """The kind of container that this process runs in, where it tells."""
    if Path("/.dockerenv").exists():
        return "docker"
    if Path("/run/.containerenv").exists():
        return "podman"
    if "APPTAINER_CONTAINER" in os.environ or "SINGULARITY_CONTAINER" in os.environ:
        return "apptainer"
    found = re.search(r"docker|kubepods|containerd|lxc", _read("/proc/1/cgroup"))
    return found[0] if found else None


def git_state(folder: Path) -> Mapping[str, Any] | None:
    """Commit and branch of the repository around `folder`, read from its files without starting git; None outside."""
    for place in (folder.resolve(), *folder.resolve().parents):
        git = place / ".git"
        if git.exists():
            return _git_head(git)
    return None


def _git_head(git: Path) -> Mapping[str, Any]:
    if git.is_file():  # a work tree or submodule: the file names the folder
        git = (git.parent / _read(git).removeprefix("gitdir:").strip()).resolve()
    head = _read(git / "HEAD").strip()
    if not head.startswith("ref: "):
        return {"commit": head or None, "branch": None}
    reference = head.removeprefix("ref: ")
    common = (git / _read(git / "commondir").strip()).resolve() if (git / "commondir").is_file() else git
    commit = _read(git / reference).strip() or _read(common / reference).strip()
    if not commit:
        packed = re.search(rf"^([0-9a-f]{{40,}}) {re.escape(reference)}$", _read(common / "packed-refs"), re.MULTILINE)
        commit = packed[1] if packed else ""
    return {"commit": commit or None, "branch": reference.removeprefix("refs/heads/")}


def _os_name() -> str:
    try:
        return platform.freedesktop_os_release().get("PRETTY_NAME", sys.platform)
    except OSError:
        return sys.platform


def _read(path: str | Path) -> str:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
