from __future__ import annotations

import pytest

from aifbench.errors import ExitCode
from aifbench.model.result import RESULT_SCHEMA, PointResult, RunResult, SloVerdict, Validity
from aifbench.runner.outcome import exit_code
from aifbench.runner.state import Failure


def result(validity: Validity = Validity.VALID, *met: bool | None) -> RunResult:
    slo = tuple(SloVerdict("x < 1", one, None, "") for one in met)
    point = PointResult("p", "w", "sql", "sql", "t", {}, validity, (), {}, slo, ())
    return RunResult(RESULT_SCHEMA, "r", "n", "finished", "", "", "", (point,), {}, {}, {})


def test_a_good_run_is_0() -> None:
    assert exit_code(result(Validity.VALID, True), status="finished") == ExitCode.GOOD
    assert exit_code(result(Validity.DEGRADED), status="finished") == ExitCode.GOOD


def test_an_interrupt_stands_above_everything() -> None:
    failures = [Failure("x", "", 7)]
    assert exit_code(result(Validity.INVALID, False), status="interrupted", failures=failures) == ExitCode.INTERRUPTED


@pytest.mark.parametrize(
    ("codes", "expected"),
    [([6, 5, 4, 7], 7), ([6, 5, 4], 4), ([6, 5], 5), ([6], 6), ([1], 6), ([5, 10], 5)],
)
def test_of_several_failures_the_deeper_one_decides(codes: list[int], expected: int) -> None:
    failures = [Failure("x", "", code) for code in codes]
    assert exit_code(result(), status="failed", failures=failures) == expected


def test_a_failure_stands_above_what_the_numbers_say_even_when_invalid_is_allowed() -> None:
    failures = [Failure("x", "", 5)]
    assert exit_code(result(Validity.VALID, False), status="failed", failures=failures, allow_invalid=True) == 5


def test_an_invalid_point_is_6_unless_that_is_allowed() -> None:
    assert exit_code(result(Validity.INVALID), status="finished") == ExitCode.LOAD
    assert exit_code(result(Validity.INVALID), status="finished", allow_invalid=True) == ExitCode.GOOD


def test_invalid_stands_above_a_missed_slo() -> None:
    assert exit_code(result(Validity.INVALID, False), status="finished") == ExitCode.LOAD
    assert exit_code(result(Validity.INVALID, False), status="finished", allow_invalid=True) == ExitCode.SLO_FAILED


def test_a_missed_slo_is_10_and_one_that_could_not_be_measured_12() -> None:
    assert exit_code(result(Validity.VALID, True, None, False), status="finished") == ExitCode.SLO_FAILED
    assert exit_code(result(Validity.VALID, True, None), status="finished") == ExitCode.INCONCLUSIVE
