"""How long the loop's thread was ready to run but had no core: the direct measure of a starved generator."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from aifbench.clock import NS_PER_S


@dataclass(frozen=True)
class RunQueue:
    """What the kernel has counted for this thread so far; None where it does not count.

    `delay_ns` is time on the run queue, `turns` how often the thread got a core (`/proc/PID/schedstat`, as
    Documentation/scheduler/sched-stats.rst describes it).
    """

    delay_ns: int
    turns: int


def look() -> RunQueue | None:
    """None where the kernel was built without CONFIG_SCHED_INFO."""
    try:
        _, delay_ns, turns = Path("/proc/thread-self/schedstat").read_text().split()
        return RunQueue(int(delay_ns), int(turns))
    except (OSError, ValueError):
        return None


def since(before: RunQueue | None, after: RunQueue | None) -> dict[str, float | int | None]:
    """The report's `run_delay_s` and `run_turns`."""
    if before is None or after is None:
        return {"run_delay_s": None, "run_turns": None}
    return {
        "run_delay_s": (after.delay_ns - before.delay_ns) / NS_PER_S,
        "run_turns": after.turns - before.turns,
    }
