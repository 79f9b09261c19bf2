"""What comes out of a command, whatever happens in it: text and an exit code."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import click
import pytest

from aifbench.cli import main as program
from aifbench.cli.commands import SECTIONS, Line
from aifbench.errors import AifbenchError, ExitCode, ServiceError, StoreError
from tests.cli.calling import call


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> list[BaseException]:
    """`aifbench version` raises what the test puts into this list."""
    raised: list[BaseException] = []

    @click.command()
    def command() -> None:
        raise raised[0]

    monkeypatch.setattr("aifbench.cli.version.version", command)
    monkeypatch.delenv("AIFBENCH_DEBUG", raising=False)
    return raised


def test_an_expected_error_is_text_with_its_own_exit_code(
    failing: list[BaseException], capsys: pytest.CaptureFixture[str]
) -> None:
    failing.append(ServiceError("not ready", where="llm", quoted=["out of memory"], hint="take a smaller model"))
    answer = call(capsys, "version")
    assert answer.code == ExitCode.SERVICE
    assert answer.err == "aifbench: llm: not ready\n  | out of memory\n  hint: take a smaller model\n"
    assert answer.out == ""


def test_an_unexpected_error_is_called_our_bug_and_its_traceback_is_kept_in_a_file(
    failing: list[BaseException],
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    failing.append(ZeroDivisionError("division by zero"))
    answer = call(capsys, "version")
    (kept,) = tmp_path.iterdir()
    assert answer.code == ExitCode.BUG
    assert "our bug" in answer.err
    assert "ZeroDivisionError: division by zero" in answer.err
    assert str(kept) in answer.err
    assert "Traceback" in kept.read_text()


@pytest.mark.parametrize("asked", ["flag", "variable"])
def test_debug_shows_the_traceback(
    failing: list[BaseException], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, asked: str
) -> None:
    monkeypatch.setenv("AIFBENCH_DEBUG", "1" if asked == "variable" else "")
    failing.append(StoreError("no such run"))
    code = program.main(["--debug", "version"] if asked == "flag" else ["version"])
    assert code == ExitCode.STORE
    assert "Traceback" in capsys.readouterr().err


def test_ctrl_c_gives_130(failing: list[BaseException], capsys: pytest.CaptureFixture[str]) -> None:
    failing.append(KeyboardInterrupt())
    assert call(capsys, "version").code == ExitCode.INTERRUPTED


@pytest.mark.parametrize("line", [["nonsense"], ["list", "--nonsense"], ["run"], ["completion", "tcsh"], ["service"]])
def test_a_wrong_command_line_gives_2(capsys: pytest.CaptureFixture[str], line: list[str]) -> None:
    answer = call(capsys, *line)
    assert answer.code == ExitCode.USAGE
    assert answer.err


def test_a_misspelt_command_names_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    assert "'service'" in call(capsys, "servce").err
    assert "'rebuild'" in call(capsys, "index", "rebuid").err


def test_no_command_shows_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    answer = call(capsys)
    assert answer.code == ExitCode.USAGE
    assert "aifbench doctor" in answer.err


def test_the_help_names_every_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    text = call(capsys, "--help").out
    assert [code.value for code in ExitCode if f" {code.value} " not in text] == []


def test_a_reader_that_goes_away_is_no_error() -> None:
    """`aifbench --help | head -1` must not complain."""
    done = subprocess.run(
        ["/bin/sh", "-c", f"{sys.executable} -m aifbench workload info sql | head -1 >/dev/null"],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    assert done.stderr == ""


def leaves(lines: dict[str, Line], before: tuple[str, ...] = ()) -> list[tuple[tuple[str, ...], Line]]:
    found = []
    for name, line in lines.items():
        path = (*before, name)
        found += leaves(dict(line.commands), path) if line.commands else [(path, line)]
    return found


ALL = [leaf for section in SECTIONS.values() for leaf in leaves(dict(section))]


@pytest.mark.parametrize(("path", "line"), ALL, ids=[" ".join(path) for path, _ in ALL])
def test_every_command_has_a_help_with_its_summary_and_examples(
    capsys: pytest.CaptureFixture[str], path: tuple[str, ...], line: Line
) -> None:
    answer = call(capsys, *path, "--help")
    assert answer.code == ExitCode.GOOD
    words = " ".join(answer.out.split())
    assert line.summary.rstrip(".") in words, "the table's summary and the command's first line differ"
    assert f"aifbench {' '.join(path)}" in words.partition("Usage:")[2].partition("Options:")[2], "no example"


def test_every_error_of_the_tree_has_an_exit_code() -> None:
    def tree(kind: type[AifbenchError]) -> list[type[AifbenchError]]:
        return [kind, *(below for child in kind.__subclasses__() for below in tree(child))]

    for kind in tree(AifbenchError):
        assert isinstance(kind.exit_code, ExitCode), kind
