"""The packages that docs/ shows, installed and run as the pages say: their files are read from the pages."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from aifbench.cli.planning import check_recipe, read_recipe
from aifbench.metrics.evaluate import view_of
from aifbench.model.result import Declaration, Metric
from tests.metrics.making import Row, point, samples
from tests.project.source import ROOT

BLOCK = re.compile(r"```(?:toml|python|yaml)\n# (\S+)\n(.*?)```", re.DOTALL)
PAGES = ("adding-a-service.md", "adding-a-workload.md")


def blocks(page: str) -> Iterator[tuple[str, str]]:
    """Name (the comment in its first line) and text of every named piece of code."""
    yield from BLOCK.findall((ROOT / "docs" / page).read_text(encoding="utf-8"))


@dataclass(frozen=True)
class Example:
    """A package from a page: everything from one pyproject.toml to the next."""

    files: Mapping[str, str]

    @property
    def name(self) -> str:
        found = re.search(r'^name = "(.*)"$', self.files["pyproject.toml"], re.MULTILINE)
        assert found is not None
        return found[1]


def examples() -> list[Example]:
    found: list[dict[str, str]] = []
    for page in PAGES:
        for name, text in blocks(page):
            if name == "pyproject.toml":
                found.append({})
            if "." in name:
                found[-1][name] = text
    return [Example(files) for files in found]


def call(folder: Path, *arguments: str) -> str:
    environment = {
        **os.environ,
        "PYTHONPATH": str(folder / "installed"),
        "AIFBENCH_RUNS": str(folder / "runs"),
        "AIFBENCH_HOME": str(folder / "home"),
    }
    argv = [sys.executable, "-m", *arguments]
    done = subprocess.run(argv, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, f"{arguments}: {done.returncode}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    return done.stdout


@pytest.fixture(params=examples(), ids=lambda example: example.name)
def installed(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A folder with the example's files, and the package made from them in `installed`."""
    example: Example = request.param
    for name, text in example.files.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    pip = ["pip", "--disable-pip-version-check", "install", "--quiet", "--no-index", "--no-deps"]
    call(tmp_path, *pip, "--no-build-isolation", "--target", str(tmp_path / "installed"), str(tmp_path))
    return tmp_path


YAML = re.compile(r"```yaml\n(.*?)```", re.DOTALL)
RECIPES = [
    pytest.param(text, id=f"{page.relative_to(ROOT)}-{number}")
    for page in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    if page.name not in PAGES  # those recipes are run, with the packages that they need
    for number, text in enumerate(YAML.findall(page.read_text(encoding="utf-8")), 1)
    if re.search(r"^services:", text, re.MULTILINE) and re.search(r"^workloads:", text, re.MULTILINE)
]


@pytest.mark.parametrize("text", RECIPES)
def test_every_whole_recipe_of_a_page_is_without_mistakes(text: str, tmp_path: Path) -> None:
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(text, encoding="utf-8")
    check_recipe(read_recipe(str(recipe), ()))


@pytest.mark.slow
def test_an_example_of_a_page_installs_and_runs(installed: Path) -> None:
    site = ["--site", "./site.yaml"] if (installed / "site.yaml").exists() else []
    said = call(installed, "aifbench", "run", "recipe.yaml", *site, "--json", "--allow-invalid")
    facts = json.loads(said)
    assert facts["status"] == "finished"
    (measured,) = facts["result"]["points"]
    counts = measured["trials"][0]["counts"]
    assert counts["ok"] > 0
    assert measured["metrics"]["error_rate"]["value"] == 0, counts


def test_the_metric_of_the_page_is_a_declaration_and_a_formula_that_agree() -> None:
    parts = dict(blocks("adding-a-workload.md"))
    names: dict[str, Any] = {"Declaration": Declaration, "Metric": Metric, "View": object}
    declared = eval(parts["declaration"], names)
    exec(parts["formula"], names)
    rows = [Row(10 * i, 10 * i, 10 * i + 10, bytes_in=100 * (i % 2)) for i in range(8)]
    view = view_of(point(), samples(rows), (), "object")
    found = names[declared.name](view)
    assert (found.name, found.unit, found.value, found.n) == (declared.name, declared.unit, 100.0, 4)
