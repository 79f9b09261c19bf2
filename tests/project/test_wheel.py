"""The wheel, as somebody gets it who installs the package: outside the checkout, with its example recipes."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

from tests.project.source import ROOT

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The `aifbench` program of a fresh environment with the built wheel.

    Everything but aifbench itself comes from the environment of this test, through a .pth file: nothing is downloaded.
    """
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    subprocess.run(build, check=True, capture_output=True, timeout=120)
    (wheel,) = folder.glob("aifbench-*.whl")
    venv.create(folder / "venv", with_pip=False)
    python = folder / "venv" / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", f"--python={python}"]
    subprocess.run([*pip, "install", "--quiet", "--no-deps", "--no-index", str(wheel)], check=True, timeout=120)
    site = next((folder / "venv").glob("lib/python*/site-packages"))
    (site / "others.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return folder / "venv" / "bin" / "aifbench"


def call(program: Path, folder: Path, *arguments: str) -> str:
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "AIFBENCH"))}
    environment |= {"AIFBENCH_HOME": str(folder / "home")}
    done = subprocess.run(
        [str(program), *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=150,
    )
    assert done.returncode == 0, f"{done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def test_the_installed_program_is_not_the_checkout(installed: Path, tmp_path: Path) -> None:
    python = installed.with_name("python")
    where = subprocess.run(
        [python, "-c", "import aifbench; print(aifbench.__file__)"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert str(ROOT) not in where.stdout


def test_the_installed_program_shows_its_help(installed: Path, tmp_path: Path) -> None:
    assert "aifbench recipe list" in call(installed, tmp_path, "--help")


def test_the_wheel_brings_the_example_recipes_of_the_checkout(installed: Path, tmp_path: Path) -> None:
    listed = call(installed, tmp_path, "recipe", "list")
    names = [path.stem for path in (ROOT / "examples").glob("*.yaml")]
    assert [name for name in names if name not in listed] == []
    assert call(installed, tmp_path, "recipe", "show", "file") == (ROOT / "examples" / "file.yaml").read_text()


def test_a_small_run_works_outside_the_checkout(installed: Path, tmp_path: Path) -> None:
    short = ["--set", "trials=1", "--set", "workloads.disk.load.duration=1s", "--set", "workloads.disk.load.warmup=0s"]
    said = call(installed, tmp_path, "run", "file", *short, "--allow-invalid")
    report = Path(said.splitlines()[-1])
    assert report.is_file()
    assert report.is_relative_to(tmp_path / "runs")
