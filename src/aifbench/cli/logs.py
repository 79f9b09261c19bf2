"""`aifbench logs`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import click

from aifbench.cli.options import run_argument, runs_option
from aifbench.cli.story import stamped
from aifbench.clock import sleep_s
from aifbench.errors import UsageError
from aifbench.registry import unknown
from aifbench.store.folder import RunFolder
from aifbench.store.journal import Event

POLL_S = 0.2


@click.command(
    epilog="\b\nExamples:\n  aifbench logs                          what happened in the newest run\n"
    "  aifbench logs -f 20261121-1415         follow a run until it ends\n"
    "  aifbench logs latest --service llm     what the service llm wrote\n"
    "  aifbench logs latest --trial chat.1.t2 what the workers of a trial wrote"
)
@run_argument
@click.option("--service", metavar="NAME", help="What a service wrote.")
@click.option("--trial", metavar="ID", help="What the workers of a trial wrote.")
@click.option("--preparation", metavar="ID", help="What a preparation of data wrote.")
@click.option("-f", "--follow", is_flag=True, help="Go on printing until the run is over.")
@click.option("-n", "--lines", type=click.IntRange(min=0), default=0, help="Only the last so many lines; 0 for all.")
@runs_option
def logs(
    reference: str,
    service: str | None,
    trial: str | None,
    preparation: str | None,
    follow: bool,
    lines: int,
    runs: Path | None,
) -> None:
    """Print what a run, a service or a worker logged.

    Without a part, the story of the run is told from its journal, with the time of day in UTC.
    """
    from aifbench.cli.find import run_to_look_at

    folder = run_to_look_at(reference, runs)
    parts = {"service": service, "trial": trial, "preparation": preparation}
    chosen = [(what, name) for what, name in parts.items() if name]
    if len(chosen) > 1:
        raise UsageError("only one of --service, --trial and --preparation can be printed at a time")
    source = _files(folder, *chosen[0]) if chosen else _Journal(folder)
    _print(source, folder, follow=follow, last=lines)


class _Journal:
    """The lines of the journal that are new since the last look."""

    def __init__(self, folder: RunFolder) -> None:
        self._folder = folder
        self._seen = 0

    def new_lines(self) -> Iterator[str]:
        events: tuple[Event, ...] = self._folder.read_journal().events
        fresh, self._seen = events[self._seen :], len(events)
        yield from (text for text in map(stamped, fresh) if text)


class _Files:
    """New lines of several files; each is named before its lines when there are several."""

    def __init__(self, paths: list[Path]) -> None:
        self._paths = paths
        self._offsets = dict.fromkeys(paths, 0)

    def new_lines(self) -> Iterator[str]:
        for path in self._paths:
            with path.open("rb") as file:
                file.seek(self._offsets[path])
                data = file.read()
            self._offsets[path] += len(data)
            if data and len(self._paths) > 1:
                yield f"==> {path.name} <=="
            yield from data.decode("utf-8", "replace").splitlines()


def _files(folder: RunFolder, what: str, name: str) -> _Files:
    """Raises UsageError for a name that the plan has not, and for what has not been started."""
    plan = folder.read_plan()
    known, place = {
        "service": ([service.name for stage in plan.stages for service in stage.services], folder.service),
        "trial": ([trial.id for stage in plan.stages for trial in stage.trials], folder.control),
        "preparation": ([one.id for stage in plan.stages for one in stage.preparations], folder.preparation),
    }[what]
    if name not in known:
        raise UsageError(unknown(what, name, dict.fromkeys(known)) if known else f"this run has no {what}")
    if not place(name).is_dir():
        never = f"the {what} {name} was not started in this run"
        raise UsageError(never if folder.holder() is None else f"the {what} {name} has not been started yet")
    files = [path for path in sorted(place(name).iterdir()) if path.name.partition("-")[0] in ("out", "err")]
    return _Files([path for path in files if path.is_file()])


def _print(source: _Journal | _Files, folder: RunFolder, *, follow: bool, last: int) -> None:
    found = list(source.new_lines())
    for text in found[-last:] if last else found:
        click.echo(text)
    while follow:
        working = folder.holder() is not None  # asked first: what was written before the end is still printed
        for text in source.new_lines():
            click.echo(text)
        sys.stdout.flush()
        if not working:
            return
        sleep_s(POLL_S)
