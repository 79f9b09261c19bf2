"""Every example recipe runs to its end against its real servers, shortened, with every operation answered."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from aifbench.cli.examples import examples
from aifbench.recipe.loading import load
from aifbench.services.base import SERVICES
from aifbench.workloads.base import WORKLOADS

pytestmark = [pytest.mark.live, pytest.mark.timeout(300)]

NEEDS_PROGRAM = {"fio": "apt-get install fio"}
NEEDS_ADDRESS = ("external",)


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("examples")
    return {**os.environ, "AIFBENCH_RUNS": str(folder / "runs"), "AIFBENCH_HOME": str(folder / "home")}


def aifbench(environment: dict[str, str], *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "aifbench", *arguments],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=280,
    )
    assert done.returncode == 0, f"{done.returncode}\n{done.stdout[-3000:]}\n{done.stderr[-6000:]}"
    return done.stdout


def shortened(data: Mapping[str, Any]) -> list[str]:
    """Overrides: one trial, a second of load, no objectives (they are about speed, not about working)."""
    found = ["trials=1"]
    for name in data["workloads"]:
        found += [f"workloads.{name}.load.duration=1s", f"workloads.{name}.load.warmup=0s", f"workloads.{name}.slo=[]"]
    return [part for text in found for part in ("--set", text)]


def answered(environment: dict[str, str], name: str, *more: str) -> dict[str, Any]:
    """Run it; every load point has operations, and none failed."""
    made = shortened(load(examples()[name]).data)
    facts = json.loads(aifbench(environment, "run", name, "--json", "--allow-invalid", *made, *more))
    assert facts["status"] == "finished"
    for point in facts["result"]["points"]:
        counts = point["trials"][0]["counts"]
        assert counts["ok"] > 0, point["point"]
        assert point["metrics"]["error_rate"]["value"] == 0, (point["point"], counts)
    result: dict[str, Any] = facts["result"]
    return result


@pytest.mark.parametrize("name", [name for name in examples() if name not in NEEDS_ADDRESS])
def test_an_example_runs_and_every_operation_is_answered(environment: dict[str, str], name: str) -> None:
    if name in NEEDS_PROGRAM and shutil.which(name) is None:
        pytest.skip(f"{name} is not installed: {NEEDS_PROGRAM[name]}")
    result = answered(environment, name)
    if name == "quickstart":
        assert {point["family"] for point in result["points"]} == {"llm", "vector", "sql", "object", "file"}


@pytest.fixture
def kept(environment: dict[str, str]) -> Iterator[str]:
    """The address of an inference server that `aifbench service up` keeps up."""
    facts = json.loads(aifbench(environment, "service", "up", "llama.cpp", "--name", "kept", "--json"))
    yield facts["endpoints"][0]["url"]
    aifbench(environment, "service", "down", "kept")


def test_the_example_for_a_running_server_runs_against_a_kept_service(environment: dict[str, str], kept: str) -> None:
    answered(environment, "external", "--set", f"services.llm.url={kept}")
    status = json.loads(aifbench(environment, "service", "status", "--json"))
    assert [(one["name"], one["state"]) for one in status] == [("kept", "up")], "a run stopped what it did not start"


def test_every_service_and_workload_has_an_example() -> None:
    recipes = [load(path).data for path in examples().values()]
    services = {entry["uses"] for recipe in recipes for entry in recipe["services"].values()}
    workloads = {entry["uses"] for recipe in recipes for entry in recipe["workloads"].values()}
    assert set(SERVICES.names()) - services == set()
    assert set(WORKLOADS.names()) - workloads == set()


def test_nothing_is_left_running(environment: dict[str, str]) -> None:
    """Runs last in this file: no process works in any folder of these runs any more."""
    root = str(Path(environment["AIFBENCH_RUNS"]).parent)
    left = []
    for entry in Path("/proc").iterdir():
        try:
            words = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode() if entry.name.isdigit() else ""
        except OSError:
            continue
        left += [f"{entry.name}: {words}"] if root in words else []
    assert left == []
