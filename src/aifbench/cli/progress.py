"""How far a run is, from its events and ticks: rates over the last seconds, errors, time left. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

from aifbench.load.progress import PHASE_NAMES
from aifbench.model.plan import Plan
from aifbench.runner.recorder import News, Tick
from aifbench.store.journal import Event
from aifbench.units import significant

WINDOW_S = 3.0
"""Rates are averages over this many seconds."""

_TRIAL_OVER = ("trial-finished", "trial-failed")


@dataclass(frozen=True)
class View:
    """What is shown of the trial under way. Rates are None until two ticks have been seen."""

    number: int
    of: int
    trial: str
    phase: str
    offered_per_s: float | None
    achieved_per_s: float | None
    errors: int
    dropped: int
    left_s: float
    share: float

    def text(self) -> str:
        """`[3/14] chat.2.t1 steady  offered 4/s  achieved 3.9/s  errors 0  left 0:42`."""
        parts = [f"[{self.number}/{self.of}] {self.trial} {self.phase}"]
        if self.offered_per_s is not None and self.achieved_per_s is not None:
            parts.append(f"offered {significant(self.offered_per_s)}/s")
            parts.append(f"achieved {significant(self.achieved_per_s)}/s")
        parts.append(f"errors {self.errors}")
        if self.dropped:
            parts.append(f"dropped {self.dropped}")
        parts.append(f"left {clock_text(self.left_s)}")
        return "  ".join(parts)


def clock_text(seconds: float) -> str:
    """`0:42`, `12:05`, `3:00:00`."""
    minutes, left = divmod(max(0, round(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{left:02d}" if hours else f"{minutes}:{left:02d}"


@dataclass
class Follower:
    """Fed with everything that the runner shows; knows what to draw at any moment.

    Time left is the load still to be offered: starting services and preparing data come on top.
    """

    plan: Plan
    done: set[str] = field(default_factory=set)
    _ticks: deque[Tick] = field(default_factory=deque)

    def see(self, news: News) -> None:
        if isinstance(news, Tick):
            self._tick(news)
        elif isinstance(news, Event) and news.kind in _TRIAL_OVER:
            self.done.add(str(news.data.get("trial")))
            self._ticks.clear()

    def _tick(self, tick: Tick) -> None:
        if self._ticks and self._ticks[-1].trial != tick.trial:
            self._ticks.clear()
        self._ticks.append(tick)
        while len(self._ticks) > 2 and tick.elapsed_s - self._ticks[0].elapsed_s > WINDOW_S:
            self._ticks.popleft()

    def view(self) -> View | None:
        """None while no trial is under way."""
        if not self._ticks:
            return None
        tick = self._ticks[-1]
        offered, achieved = self._rates()
        return View(
            number=min(len(self.done) + 1, len(self._lengths)),
            of=len(self._lengths),
            trial=tick.trial,
            phase=PHASE_NAMES[tick.progress.phase] if tick.progress.phase < len(PHASE_NAMES) else "unknown",
            offered_per_s=offered,
            achieved_per_s=achieved,
            errors=tick.progress.errors,
            dropped=tick.progress.dropped,
            left_s=self.left_s(),
            share=self.share(),
        )

    @property
    def _lengths(self) -> Mapping[str, float]:
        """Trial → seconds of load."""
        points = {point.id: point.load.length_s for point in self.plan.points()}
        return {trial.id: points[trial.point] for trial in self.plan.trials()}

    def left_s(self) -> float:
        lengths = self._lengths
        total = sum(seconds for trial, seconds in lengths.items() if trial not in self.done)
        return max(0.0, total - self._under_way_s(lengths))

    def share(self) -> float:
        """Load offered so far, of all load: 0 to 1."""
        lengths = self._lengths
        whole = sum(lengths.values())
        return 1 - self.left_s() / whole if whole else 1.0

    def _under_way_s(self, lengths: Mapping[str, float]) -> float:
        if not self._ticks:
            return 0.0
        tick = self._ticks[-1]
        return min(max(0.0, tick.elapsed_s), lengths.get(tick.trial, 0.0))

    def _rates(self) -> tuple[float | None, float | None]:
        first, last = self._ticks[0], self._ticks[-1]
        seconds = last.elapsed_s - max(0.0, first.elapsed_s)
        if seconds <= 0 or last.progress.phase == 0:
            return None, None
        good = [tick.progress.ended - tick.progress.errors for tick in (first, last)]
        return (last.progress.offered - first.progress.offered) / seconds, (good[1] - good[0]) / seconds
