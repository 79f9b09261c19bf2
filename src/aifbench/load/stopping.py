"""When a load ends before its time. The decisions are functions of numbers; engines ask them at every tick.

Each worker judges its own share of the load, which is a fair sample of it, and tells the others through the stop file.
"""

from __future__ import annotations

import json
import math
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from aifbench.model.load import Load

REQUESTED = "requested"
ERRORS = "errors"
OVERLOAD = "overload"

SHORTEST_S = 3.0
"""Overload is judged over at least so much time: a queue of a second is a burst."""
FEWEST_OPERATIONS = 100
LEFT_BEHIND = 0.05
"""Overloaded means that more than this share of what is offered is not worked off."""
CHANCE = 4.0
"""Growth under this many √n is what a random process does by itself: n arrivals scatter by √n."""
LOOK_NS = 500_000_000


@dataclass(frozen=True)
class StopCall:
    """Why the load ends: a code for programs and a sentence for people."""

    code: str
    reason: str


def errors_stop(ended: int, errors: int, limit: float | None, after: int) -> bool:
    """More than `limit` of the ended operations failed, and `after` or more have ended."""
    return limit is not None and ended >= after and errors > limit * ended


def grows(when_s: Sequence[float], backlog: Sequence[int], offered: int) -> bool:
    """Whether the backlog grew through the whole time, by more than chance and by a share of what was offered.

    The four quarters of the time must each have a larger mean than the one before. `offered` counts the operations
    that were due in that time.
    """
    if len(when_s) < 8 or when_s[-1] - when_s[0] < SHORTEST_S or offered < FEWEST_OPERATIONS:
        return False
    bounds = [when_s[0] + (when_s[-1] - when_s[0]) * quarter / 4 for quarter in range(1, 4)]
    edges = [0, *(bisect_left(when_s, bound) for bound in bounds), len(when_s)]
    if any(low == high for low, high in pairwise(edges)):
        return False
    means = [sum(backlog[low:high]) / (high - low) for low, high in pairwise(edges)]
    growth = means[3] - means[0]  # over three quarters of the time, from middle to middle
    rising = all(low < high for low, high in pairwise(means))
    return rising and growth > max(CHANCE * math.sqrt(offered), 0.75 * LEFT_BEHIND * offered)


class Stopping:
    """Follows one worker's counts through a load."""

    def __init__(self, load: Load, workers: int) -> None:
        self._stop = load.stop
        self._after = math.ceil(load.stop.after / workers)
        self._warmup_end_s = load.warmup_s
        self._when_s: list[float] = []
        self._backlog: list[int] = []
        self._due: list[int] = []
        self._looked_s = -math.inf

    @property
    def asked(self) -> bool:
        """Whether the load has any stop condition."""
        return self._stop.error_rate is not None or self._stop.overload

    def look(
        self, elapsed_s: float, due: int, ended: int, errors: int, backlog: int, oldest_s: float
    ) -> StopCall | None:
        """`elapsed_s` since T0; `due` operations so far, `backlog` of them not ended, the oldest `oldest_s` old.

        Overload is judged from the end of the warm-up on, and only from where the oldest operation of now would
        already have ended: before that, operations in flight grow in every load, until the first ones come back.
        """
        stop = self._stop
        if errors_stop(ended, errors, stop.error_rate, self._after):
            share = f"{errors} of {ended} operations failed"
            return StopCall(ERRORS, f"{share}, more than stop.error_rate {stop.error_rate:g}")
        if not stop.overload:
            return None
        self._when_s.append(elapsed_s)
        self._backlog.append(backlog)
        self._due.append(due)
        if elapsed_s - self._looked_s < LOOK_NS / 1e9:
            return None
        self._looked_s = elapsed_s
        begin = bisect_left(self._when_s, max(self._warmup_end_s, oldest_s))
        if begin < len(self._when_s) and grows(self._when_s[begin:], self._backlog[begin:], due - self._due[begin]):
            low, high = self._backlog[begin], backlog
            text = f"operations in flight grew from {low} to {high} in {elapsed_s - self._when_s[begin]:.1f} s"
            return StopCall(OVERLOAD, f"overload: {text}")
        return None


def called_off(stop_file: Path, worker: int, judge: Callable[[], StopCall | None]) -> StopCall | None:
    """The call that ends this load: somebody else's, or the worker's own, which then all others hear."""
    if not stop_file.exists():
        call = judge()
        if call is None:
            return None
        call_off(stop_file, call, worker)
    return read_call(stop_file)


def call_off(stop_file: Path, call: StopCall, worker: int) -> None:
    """Tell all workers; an earlier call stays."""
    if stop_file.exists():
        return
    partial = stop_file.with_suffix(f".partial-{worker}")
    partial.write_text(json.dumps({"code": call.code, "reason": call.reason}))
    partial.replace(stop_file)


def read_call(stop_file: Path) -> StopCall:
    """What a stop file says; a file without words is a request."""
    try:
        data = json.loads(stop_file.read_text())
    except (OSError, ValueError):
        data = {}
    return StopCall(str(data.get("code") or REQUESTED), str(data.get("reason") or "stop requested"))
