"""Calls the command line as a user does, inside this process: exit code, stdout, stderr."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from aifbench.cli.main import main


@dataclass(frozen=True)
class Answer:
    code: int
    out: str
    err: str


def call(capsys: pytest.CaptureFixture[str], *arguments: str) -> Answer:
    """One command line. A traceback on stderr fails the test that called: the user must never see one."""
    capsys.readouterr()
    code = main(arguments)
    out, err = capsys.readouterr()
    assert "Traceback" not in out + err, err
    return Answer(int(code), out, err)
