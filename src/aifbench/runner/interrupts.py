"""Ctrl-C and SIGTERM: counted, and turned into an exception only where the runner says that it may come.

The first signal asks for an orderly end, the second for an end now. Between the two a trial drains; everything else
that waits (for a service, a preparation, a grace) is broken off at the first.
"""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType
from typing import Any

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class BrokenOff(BaseException):
    """The signal has come that the section at work breaks off at. Never leaves the runner."""


class Interrupts:
    """Installed while a run is driven; the handlers of before come back afterwards.

    Signals reach the main thread only: in another thread nothing is installed, and `request` is the way.
    """

    def __init__(self) -> None:
        self.count = 0
        self._breaks_at: list[int] = []
        self._shields = 0
        self._raised_at = 0
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Interrupts:
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._on_signal) for number in SIGNALS}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def request(self) -> None:
        """As if a signal had come, but for the exception."""
        self.count += 1

    @property
    def requested(self) -> bool:
        return self.count > 0

    @contextlib.contextmanager
    def breaking(self, at: int) -> Iterator[None]:
        """Inside, the signal number `at` raises BrokenOff wherever the work is; at once when it has come already."""
        self._breaks_at.append(at)
        try:
            if self.count >= at:
                self._break()
            yield
        finally:
            self._breaks_at.pop()

    @contextlib.contextmanager
    def shielded(self) -> Iterator[None]:
        """Inside, nothing is raised; what came meanwhile is raised at the end."""
        self._shields += 1
        try:
            yield
        finally:
            self._shields -= 1
        self._check()

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        self.count += 1
        self._check()

    def _check(self) -> None:
        """Each signal raises once, so that what is cleaned up on the way out is not broken off again."""
        if self._breaks_at and not self._shields and self.count > self._raised_at and self.count >= self._breaks_at[-1]:
            self._break()

    def _break(self) -> None:
        self._raised_at = self.count
        raise BrokenOff
