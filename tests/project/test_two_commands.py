"""The files behind `make demo`, `make test` and CI."""

from __future__ import annotations

import re
import shutil
import subprocess
import tomllib

import pytest

from tests.project.source import ROOT

LOCKS = sorted((ROOT / "requirements").glob("*.txt"))
TARGETS = ("help", "venv", "demo", "test", "check", "deps-debian", "lock", "docs", "clean")


def normal(name: str) -> str:
    """A distribution's name as locks write it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def locked(text: str) -> dict[str, list[str]]:
    """Distribution → hashes of all its locked versions."""
    found: dict[str, list[str]] = {}
    current = ""
    for line in text.splitlines():
        if head := re.match(r"([a-z0-9][a-z0-9.-]*)==[^ ]+", line):
            current = normal(head[1])
            found.setdefault(current, [])
        elif mark := re.fullmatch(r"\s+--hash=(sha256:[0-9a-f]{64})(?: \\)?", line):
            found[current].append(mark[1])
        else:
            assert not line.strip(), f"neither a version nor a hash: {line!r}"
    return found


@pytest.mark.parametrize("path", LOCKS, ids=lambda path: path.name)
def test_a_lock_holds_versions_and_hashes_and_no_address(path: object) -> None:
    text = (ROOT / str(path)).read_text()
    packages = locked(text)
    assert len(packages) > 50
    assert [name for name, hashes in packages.items() if not hashes] == []
    assert not re.search(r"://|\.org|\.com|^-|file:|@ ", text, re.MULTILINE)


def test_compiled_packages_are_locked_for_several_systems_and_pythons() -> None:
    """A lock made against local copies would know one file each."""
    packages = locked((ROOT / "requirements" / "demo.txt").read_text())
    few = [name for name in ("numpy", "pyarrow", "psutil", "pydantic-core", "grpcio") if len(packages[name]) < 10]
    assert few == []


def wanted(extras: tuple[str, ...]) -> set[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    lines = [*project["project"]["dependencies"], *project["dependency-groups"]["build"]]
    todo, seen = list(extras), set()
    while todo:
        extra = todo.pop()
        seen.add(extra)
        for line in project["project"]["optional-dependencies"][extra]:
            if inner := re.fullmatch(r"aifbench\[(.*)\]", line):
                todo += [name for name in inner[1].split(",") if name not in seen]
            else:
                lines.append(line)
    return {normal(re.match(r"[A-Za-z0-9._-]+", line)[0]) for line in lines}  # type: ignore[index]


@pytest.mark.parametrize("extra", ["demo", "test"])
def test_the_lock_has_everything_that_pyproject_asks_for(extra: str) -> None:
    packages = locked((ROOT / "requirements" / f"{extra}.txt").read_text())
    assert wanted((extra,)) - set(packages) == set(), "run `make lock`"


def test_the_demo_installs_the_same_versions_as_the_tests() -> None:
    versions = [set(re.findall(r"^[a-z0-9.-]+==[^ ]+", path.read_text(), re.MULTILINE)) for path in LOCKS]
    demo, test = versions
    assert demo - test == set()


def test_make_help_lists_every_target() -> None:
    if shutil.which("make") is None:
        pytest.skip("make is not installed: apt-get install make")
    done = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True)
    listed = set(re.findall(r"^  make ([a-z0-9-]+)", done.stdout, re.MULTILINE))
    benchmarks = {
        f"bench-{path.stem.replace('_', '-')}" for path in (ROOT / "benchmarks").glob("*.py") if path.stem != "__init__"
    }
    phony = set(re.findall(r"^\.PHONY: ([a-z-]+)$", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(TARGETS) <= listed
    assert listed == phony | benchmarks


def test_ci_installs_debian_packages_then_checks_and_tests() -> None:
    path = ROOT / ".ci" / "run"
    lines = [line for line in path.read_text().splitlines() if line and not line.startswith("#")]
    assert lines == ["set -euo pipefail", 'cd "$(dirname "$0")/.."', "make deps-debian", "make check test"]
    assert path.stat().st_mode & 0o111
