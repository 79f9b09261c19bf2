"""What a client library or a defect of ours raises reaches the user in one line; the traceback is in the err file."""

from __future__ import annotations

import json
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest

from aifbench.errors import ExitCode, LoadError
from aifbench.executors.local import LocalExecutor
from aifbench.load import prepare
from aifbench.load.handshake import EXTRAS, unexpected
from aifbench.load.job import ControlFolder, PrepareJob
from aifbench.load.trial import TrialControl, run_trial
from aifbench.model.codec import to_json
from aifbench.model.load import Load
from tests.project.source import ROOT
from tests.simulators import trial_job

ONE = Load("closed", duration_s=1.0, concurrency=1, operations=1)


def test_an_unexpected_error_is_one_line_with_its_place() -> None:
    try:
        raise KeyError("x\ny")
    except KeyError as error:
        told = unexpected(error)
    assert str(told).startswith(r"unexpected KeyError: 'x\ny' in test_unexpected.py:")
    assert "\n" not in str(told)


@pytest.mark.parametrize("name", list(EXTRAS))
def test_a_package_that_is_not_there_is_told_with_the_line_that_installs_it(name: str) -> None:
    told = unexpected(ModuleNotFoundError(f"No module named '{name}.part'", name=f"{name}.part"))
    assert told.exit_code == ExitCode.EXECUTOR
    extra = told.hint.removeprefix("install it: pip install 'aifbench[").removesuffix("]'")
    assert extra in tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]


def test_a_preparation_that_breaks_leaves_one_line_and_its_traceback_in_err(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = trial_job(tmp_path, 1, ONE).target
    job = PrepareJob("r", "p", "command", {"no such key": 1}, target, 1, str(tmp_path))
    (tmp_path / "job.json").write_text(to_json(job))
    assert prepare.main([str(tmp_path / "job.json")]) == ExitCode.LOAD
    assert "Traceback" in capsys.readouterr().err
    told = json.loads((tmp_path / prepare.FAILED).read_text())["message"]
    assert told.startswith("unexpected ValidationError: ")
    assert "Traceback" not in told


def test_a_worker_that_breaks_is_told_in_one_line_with_the_file_of_its_traceback(tmp_path: Path) -> None:
    job = replace(trial_job(tmp_path, 1, ONE), uses="command", options={"no such key": 1})
    executor = LocalExecutor()
    try:
        with pytest.raises(LoadError) as caught:
            run_trial(job, executor, TrialControl())
    finally:
        executor.close()
    err = ControlFolder(job.control).err(0)
    assert caught.value.message.startswith("unexpected ValidationError: ")
    assert caught.value.hint == f"traceback in {err}"
    assert caught.value.quoted == ()
    assert "Traceback" in err.read_text()
