from __future__ import annotations

import os
from pathlib import Path

import pytest

from aifbench import recipe
from aifbench.errors import RecipeError
from aifbench.recipe.site import Site


def write(folder: Path, text: str) -> str:
    file = folder / "lab.yaml"
    file.write_text(text, encoding="utf-8")
    return str(file)


def test_local_needs_no_file() -> None:
    """Its cores are those of this process."""
    assert recipe.site.load("local") == Site("local", "local", cpus=tuple(sorted(os.sched_getaffinity(0))))


def test_a_site_file_says_how_processes_are_started(tmp_path: Path) -> None:
    path = write(tmp_path, "executor: fake\noptions: {knob: 1}\nenv: [HF_HOME]\nruns: /data/runs\ncpus: [0, 2]\n")
    assert recipe.site.load(path) == Site("lab", "fake", {"knob": 1}, ("HF_HOME",), "/data/runs", (0, 2))


def test_a_site_file_counts_from_the_recipes_folder(tmp_path: Path) -> None:
    write(tmp_path, "name: lab")
    assert recipe.site.load("./lab.yaml", recipe_file=str(tmp_path / "r.yaml")).name == "lab"


def test_options_that_no_executor_reads_are_a_mistake(tmp_path: Path) -> None:
    path = write(tmp_path, "options: {partition: gpu}\n")
    with pytest.raises(
        RecipeError, match=r"lab.yaml:1:11: options.partition: the executor local has no keys of its own"
    ):
        recipe.site.load(path, executors=["local", "fake"])


def test_an_unknown_site_comes_with_the_known_ones() -> None:
    with pytest.raises(RecipeError, match=r"unknown site 'locl'; did you mean 'local'\?"):
        recipe.site.load("locl")


def test_all_mistakes_of_a_site_file_are_told_at_once(tmp_path: Path) -> None:
    path = write(tmp_path, "exec: 1\nexecutor: lokal\nenv: [1a]\ncpus: [-1, x]\n")
    with pytest.raises(RecipeError) as caught:
        recipe.site.load(path, executors=["local", "fake"])
    found = [f"{one.line}:{one.column} {one.path}: {one.message}" for one in caught.value.problems]
    assert found == [
        "1:1 exec: unknown key 'exec'; did you mean 'executor'? known: executor, cpus, env, name, options, runs",
        "2:11 executor: unknown executor 'lokal'; did you mean 'local'? known: local, fake",
        "3:7 env.0: got '1a', expected text that matches ^[A-Za-z_][A-Za-z0-9_]*$",
        "4:8 cpus.0: got -1, expected at least 0",
        "4:12 cpus.1: got 'x', expected a number without quotes",
    ]
