"""What `run` and `resume` share: drive a run while the user watches, then show what came of it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from aifbench.cli.ceiling import warn
from aifbench.cli.screen import console, json_option, note, print_json
from aifbench.cli.watching import watching
from aifbench.errors import ExitCode
from aifbench.model.plan import Plan
from aifbench.model.result import RunResult
from aifbench.runner.outcome import Outcome
from aifbench.runner.run import Driving
from aifbench.runner.state import Failure
from aifbench.store.folder import RunFolder

if TYPE_CHECKING:
    from aifbench.cli.planning import Planned
    from aifbench.model.process import Handle

Command = TypeVar("Command", bound=Callable[..., Any])


@dataclass(frozen=True)
class Manner:
    """How the user wants it: what is shown, and what happens around the measuring."""

    quiet: bool
    as_json: bool
    detach: bool
    allow_invalid: bool
    keep_services: bool

    def flags(self) -> list[str]:
        """The same for another controller."""
        chosen = {"--allow-invalid": self.allow_invalid, "--keep-services": self.keep_services}
        return [flag for flag, on in chosen.items() if on]


def manner_options(command: Command) -> Command:
    for option in (
        json_option,
        click.option("--quiet", is_flag=True, help="Say only what went wrong, and the path of the report."),
        click.option(
            "--keep-services", is_flag=True, help="Leave the services up; aifbench service down NAME stops one."
        ),
        click.option("--allow-invalid", is_flag=True, help="Exit with 0 although a load point is INVALID."),
        click.option("--detach", is_flag=True, help="Go on without this terminal; see status, logs -f and stop."),
    ):
        command = option(command)
    return command


def carry_out(planned: Planned, runs: Path | None, manner: Manner) -> int:
    """A new run of what was planned, here or in a process of its own; returns the exit code."""
    from aifbench.runner.run import start
    from aifbench.store.folder import create_folder

    root = planned.runs_root(runs)
    warn(planned.plan)
    if manner.detach:
        go_on_without_terminal(create_folder(root, planned.plan, planned.recipe_text, planned.site_text), manner)
        return 0
    return drive(
        planned.plan,
        set(),
        manner,
        lambda driving: start(planned.plan, planned.recipe_text, planned.site_text, root, driving),
    )


def drive(plan: Plan, done: set[str], manner: Manner, work: Callable[[Driving], Outcome]) -> int:
    """Call `work` with everything that it needs of the user's side; returns the exit code."""
    with watching(plan, done, quiet=manner.quiet) as watcher:
        outcome = work(
            Driving(
                observer=watcher,
                allow_invalid=manner.allow_invalid,
                keep_services=manner.keep_services,
                finish=partial(_write_page, plan),
            )
        )
    present(outcome, plan, manner)
    return outcome.exit_code


def _write_page(plan: Plan, folder: RunFolder, result: RunResult) -> None:
    from aifbench.cli.results import write_reports

    write_reports(folder, result, plan, ["html"])


def present(outcome: Outcome, plan: Plan, manner: Manner) -> None:
    """The tables on stdout with the report's path as the last line, or the result as JSON; failures on stderr."""
    folder, result = outcome.folder, outcome.result
    for text in failures_text(outcome.failures):
        note(text)
    for problem in outcome.problems:
        note(f"problem: {problem}")
    if result is not None and not manner.quiet and not manner.as_json:
        from aifbench.report import terminal

        terminal.render(_without_told(result, outcome), plan, console())
    sys.stdout.flush()
    for text in _closing(outcome):
        note(text)
    sys.stderr.flush()
    if manner.as_json:
        _print_json(outcome)
        return
    click.echo(folder.report if folder.report.is_file() else folder.path)


def _closing(outcome: Outcome) -> Iterator[str]:
    """What the exit code means, and how to go on, where there is something to say."""
    if outcome.status == "interrupted":
        yield f"interrupted; what was measured is kept. Go on with it: aifbench resume {outcome.folder.id}"
        return
    if outcome.status == "failed" and not outcome.already:
        yield f"do again what failed: aifbench resume {outcome.folder.id} --retry-failed"
    if outcome.exit_code is not ExitCode.GOOD:
        yield f"exit code {outcome.exit_code.value}: {_MEANING.get(outcome.exit_code, outcome.exit_code.name)}"


def failures_text(failures: Iterable[Failure]) -> list[str]:
    """One text per failure; trials that failed for one reason, such as a service that is gone, share theirs."""
    by_reason: dict[tuple[str, str], list[str]] = {}
    for failure in failures:
        family, _, name = failure.what.partition(" ")
        alone = "" if family == "trial" else name
        by_reason.setdefault((f"{family} {alone}".strip(), failure.reason), []).append(name)
    return [f"{_named(what, names)} failed: {reason}" for (what, reason), names in by_reason.items()]


def _named(what: str, names: list[str]) -> str:
    if what != "trial":
        return what
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return f"{'trials' if len(names) > 1 else 'trial'} {', '.join(names[:_NAMED])}{more}"


_NAMED = 3


def _without_told(result: RunResult, outcome: Outcome) -> RunResult:
    """The result without the problems that stderr has got already."""
    told = {f"{failure.what} failed: {failure.reason}" for failure in outcome.failures} | set(outcome.problems)
    return replace(result, problems=tuple(problem for problem in result.problems if problem not in told))


_MEANING = {
    ExitCode.EXECUTOR: "a process could not be started, watched or stopped",
    ExitCode.SERVICE: "a service failed",
    ExitCode.LOAD: "the load could not be generated as planned, or a result is invalid",
    ExitCode.STORE: "the run folder could not be written",
    ExitCode.SLO_FAILED: "an SLO is not met",
    ExitCode.INCONCLUSIVE: "an SLO could not be measured",
}


def _print_json(outcome: Outcome) -> None:
    from aifbench.store.files import read_json

    folder = outcome.folder
    facts = {
        "run": folder.id,
        "folder": str(folder.path),
        "status": outcome.status,
        "exit_code": outcome.exit_code.value,
        "failures": [{"what": failure.what, "reason": failure.reason} for failure in outcome.failures],
        "report": str(folder.report) if folder.report.is_file() else None,
        "result": read_json(folder.result) if folder.result.is_file() else None,
    }
    print_json(facts)


def go_on_without_terminal(folder: RunFolder, manner: Manner, flags: Iterable[str] = ()) -> None:
    """Hand the run to a process of its own and say how to look after it."""
    from aifbench.executors.local import LocalExecutor
    from aifbench.runner.detach import detach

    argv = [sys.executable, "-m", "aifbench", "resume", str(folder.path), *manner.flags(), *flags]
    executor = LocalExecutor()
    try:
        handle: Handle = detach(folder, argv, executor)
    finally:
        executor.close()
    if manner.as_json:
        print_json({"run": folder.id, "folder": str(folder.path), "controller": dict(handle.record)})
        return
    if not manner.quiet:
        note(f"goes on by itself; watch it: aifbench logs -f {folder.id}; end it: aifbench stop {folder.id}")
    click.echo(folder.path)
