"""The runner's pen: every event goes to the journal, into the state, and to whoever watches."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from aifbench.errors import StoreError
from aifbench.load.progress import Progress
from aifbench.runner.interrupts import Interrupts
from aifbench.runner.state import RunState, apply, fold
from aifbench.store.journal import Event, Journal


@dataclass(frozen=True)
class Tick:
    """Live progress of a trial. `elapsed_s` counts from T0 and is negative before it."""

    trial: str
    point: str
    progress: Progress
    elapsed_s: float


@dataclass(frozen=True)
class Said:
    """A line about what is under way that is no event: it changes nothing and is not kept."""

    text: str


News = Event | Tick | Said
Observer = Callable[[News], None]


class Recorder:
    """`state` is always the fold of the journal so far."""

    def __init__(self, journal: Journal, interrupts: Interrupts, observer: Observer | None = None) -> None:
        self._journal = journal
        self._interrupts = interrupts
        self._observer = observer
        self.state: RunState = fold(journal.events)

    def record(self, kind: str, **data: Any) -> Event:
        """Returns when the event is on the disk; raises StoreError when it cannot be written."""
        with self._interrupts.shielded():
            event = self._journal.append(kind, **data)
            self.state = apply(self.state, event)
            self.show(event)
        return event

    def record_if_possible(self, kind: str, **data: Any) -> None:
        """While things are being ended: a journal that cannot be written must not keep anything running."""
        with self._interrupts.shielded():
            try:
                event = self._journal.append(kind, **data)
            except StoreError:
                return
            self.state = apply(self.state, event)
            self.show(event)

    def show(self, news: News) -> None:
        """A watcher that cannot be reached any more (a closed terminal) is left alone; the run goes on."""
        if self._observer is not None:
            try:
                self._observer(news)
            except OSError:
                self._observer = None
