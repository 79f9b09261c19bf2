"""What the user sees while a run goes on, always on stderr: a live bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

import click

from aifbench.cli.progress import Follower
from aifbench.cli.story import stamped
from aifbench.model.plan import Plan
from aifbench.runner.recorder import News, Said, Tick
from aifbench.store.journal import Event

if TYPE_CHECKING:
    from rich.progress import Progress as Bar

PLAIN_EVERY_S = 5.0
"""Plain lines about a trial under way come this often, in seconds of its load."""


class Watcher(Protocol):
    def __call__(self, news: News) -> None: ...


class Quiet:
    """Nothing: what went wrong is said at the end."""

    def __call__(self, news: News) -> None:
        pass


class Plain:
    """A line per event, and one every few seconds of load."""

    def __init__(self, follower: Follower) -> None:
        self._follower = follower
        self._last = ("", -1)

    def __call__(self, news: News) -> None:
        self._follower.see(news)
        if isinstance(news, Said):
            text = f"          {news.text}"
        else:
            text = stamped(news) if isinstance(news, Event) else self._now(news)
        if text:
            click.echo(text, err=True)

    def _now(self, tick: Tick) -> str:
        period = (tick.trial, int(tick.elapsed_s // PLAIN_EVERY_S))
        view = self._follower.view()
        if view is None or period == self._last or period[1] < 1:
            return ""
        self._last = period
        return f"          {view.text()}"


class Live:
    """A bar at the bottom of the terminal that the events scroll past."""

    def __init__(self, follower: Follower, bar: Bar) -> None:
        self._follower = follower
        self._bar = bar
        self._task = bar.add_task("starting", total=1.0)

    def __call__(self, news: News) -> None:
        self._follower.see(news)
        if isinstance(news, Said):
            self._bar.update(self._task, description=news.text)
            return
        if isinstance(news, Event) and (text := stamped(news)):
            self._bar.console.print(text, markup=False, highlight=False)
        view = self._follower.view()
        words = view.text() if view else (stamped(news)[10:] if isinstance(news, Event) else "")
        if words:
            self._bar.update(self._task, description=words, completed=self._follower.share())


@contextmanager
def watching(plan: Plan, done: set[str], *, quiet: bool) -> Iterator[Watcher]:
    """The watcher that fits the terminal. `done` holds the trials that an earlier controller has finished."""
    follower = Follower(plan, done=set(done))
    if quiet:
        yield Quiet()
    elif not sys.stderr.isatty():
        yield Plain(follower)
    else:
        from rich.progress import BarColumn, Progress, TextColumn

        from aifbench.cli.screen import console

        columns = (BarColumn(bar_width=20), TextColumn("{task.description}", markup=False))
        with Progress(*columns, console=console(err=True), transient=True) as bar:
            yield Live(follower, bar)
