"""Every way in which aifbench fails on purpose, and the exit code that each one means.

    AifbenchError                 1   our bug, when nothing below fits
    ├── UsageError                2   wrong command line
    ├── RecipeError               3   wrong recipe or site (a list of problems, each with its place)
    ├── ExecutorError             4   a process or job could not be started, watched or stopped
    │   └── MissingExtra          4   a Python package or a program that the work needs is not installed
    ├── ServiceError              5   a service did not become ready, or died
    ├── LoadError                 6   the load could not be generated as planned, or the result is invalid
    ├── StoreError                7   the run folder or the index could not be read or written
    └── Interrupted             130   Ctrl-C or SIGTERM

A traceback that reaches the user is our bug; everything expected is one of these.
A message says what was got and what would be right; `where` says the place, `hint` the next step, and
`quoted` holds the last words of whatever failed outside (log lines, an exit code, a job id).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any


class ExitCode(IntEnum):
    """What the shell sees. The codes from 10 on are verdicts on results, not errors."""

    GOOD = 0
    BUG = 1
    USAGE = 2
    RECIPE = 3
    EXECUTOR = 4
    SERVICE = 5
    LOAD = 6
    STORE = 7
    SLO_FAILED = 10
    REGRESSION = 11
    INCONCLUSIVE = 12
    INTERRUPTED = 130


class AifbenchError(Exception):
    """Base of the tree above."""

    exit_code: ExitCode = ExitCode.BUG

    def __init__(self, message: str, *, where: str = "", hint: str = "", quoted: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.where = where
        self.hint = hint
        self.quoted = tuple(quoted)

    def __str__(self) -> str:
        """The whole message as the user reads it: place and fact, then quoted lines, then the hint."""
        lines = [f"{self.where}: {self.message}" if self.where else self.message]
        lines += [f"  | {line}" for line in self.quoted]
        if self.hint:
            lines.append(f"  hint: {self.hint}")
        return "\n".join(lines)


class UsageError(AifbenchError):
    exit_code = ExitCode.USAGE


@dataclass(frozen=True)
class Problem:
    """One mistake in a recipe or site file. Line and column count from 1; 0 means that the place is not known."""

    message: str
    path: str = ""  # dotted, such as workloads.chat.load.rate_per_s
    file: str = ""
    line: int = 0
    column: int = 0
    hint: str = ""

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        text = ": ".join(part for part in (place, self.path, self.message) if part)
        return f"{text}\n    hint: {self.hint}" if self.hint else text


class RecipeError(AifbenchError):
    """All mistakes of a recipe or site at once."""

    exit_code = ExitCode.RECIPE

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        count = len(self.problems)
        super().__init__(f"{count} mistake{'s' if count != 1 else ''} found", quoted=())

    def __str__(self) -> str:
        return "\n".join([*(str(problem) for problem in self.problems), self.message])


class ExecutorError(AifbenchError):
    exit_code = ExitCode.EXECUTOR


class MissingExtra(ExecutorError):
    """A package or program is not installed. `extra` is the name in `pip install 'aifbench[extra]'`."""

    def __init__(self, needed: str, *, extra: str = "", install: str = "", where: str = "") -> None:
        line = install or f"pip install 'aifbench[{extra}]'"
        are, it = ("are", "them") if ", " in needed else ("is", "it")
        super().__init__(f"{needed} {are} not installed", where=where, hint=f"install {it}: {line}")
        self.install = line


class ServiceError(AifbenchError):
    exit_code = ExitCode.SERVICE


class LoadError(AifbenchError):
    exit_code = ExitCode.LOAD


class StoreError(AifbenchError):
    exit_code = ExitCode.STORE


class Interrupted(AifbenchError):
    exit_code = ExitCode.INTERRUPTED


def to_record(error: AifbenchError) -> dict[str, Any]:
    """The parts of an error as plain JSON, for the process that will raise it again."""
    return {
        "message": error.message,
        "where": error.where,
        "hint": error.hint,
        "quoted": list(error.quoted),
        "exit_code": int(error.exit_code),
    }


def from_record(record: Mapping[str, Any], where: str = "") -> AifbenchError:
    """The error again, of the class that its exit code stands for; `where` goes before its own place."""
    kinds = {kind.exit_code: kind for kind in (ExecutorError, ServiceError, LoadError, StoreError, Interrupted)}
    return kinds.get(record["exit_code"], LoadError)(
        str(record["message"]),
        where=": ".join(part for part in (where, str(record["where"])) if part),
        hint=str(record["hint"]),
        quoted=record["quoted"],
    )
