"""From what happened to the exit code. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from aifbench.errors import ExitCode
from aifbench.model.result import RunResult, Validity
from aifbench.runner.state import Failure, RunStatus
from aifbench.store.folder import RunFolder

_ORDER = (Validity.VALID, Validity.DEGRADED, Validity.INVALID)


@dataclass(frozen=True)
class Outcome:
    """How a run ended, or (`already`) that there was nothing left to do. `result` is None when nothing was measured."""

    folder: RunFolder
    status: RunStatus
    exit_code: ExitCode
    failures: tuple[Failure, ...] = ()
    problems: tuple[str, ...] = ()
    result: RunResult | None = None
    already: bool = False


def exit_code(
    result: RunResult | None,
    *,
    status: RunStatus,
    failures: Iterable[Failure] = (),
    allow_invalid: bool = False,
) -> ExitCode:
    """The first of these that holds:

    130 interrupted · 7 a store failed · 4 an executor failed · 5 a service failed · 6 load could not be generated
    (or any other failure) · 6 a load point is INVALID, unless that is allowed · 10 an SLO is not met · 12 an SLO could
    not be measured · 0.
    A failure stands above what the numbers say, since they then lack something.
    """
    if status == "interrupted":
        return ExitCode.INTERRUPTED
    codes = {failure.code for failure in failures}
    for code in (ExitCode.STORE, ExitCode.EXECUTOR, ExitCode.SERVICE):
        if code in codes:
            return code
    if codes or status == "failed":
        return ExitCode.LOAD
    if result is None:
        return ExitCode.GOOD
    if worst_validity(result) == Validity.INVALID and not allow_invalid:
        return ExitCode.LOAD
    met = [verdict.met for point in result.points for verdict in point.slo]
    if False in met:
        return ExitCode.SLO_FAILED
    return ExitCode.INCONCLUSIVE if None in met else ExitCode.GOOD


def worst_validity(result: RunResult) -> Validity | None:
    """None when there is no load point."""
    return max((point.validity for point in result.points), key=_ORDER.index, default=None)
