from __future__ import annotations

import json
import os
from importlib.metadata import version
from pathlib import Path

import pytest

from aifbench.store.environment import cpu, git_state, package_versions, read_environment
from tests.store.plans import small_plan


def test_provenance_names_versions_machine_seeds_and_hashes(tmp_path: Path) -> None:
    found = json.loads(json.dumps(read_environment(tmp_path, small_plan(), tmp_path)))
    assert found["aifbench"]
    assert found["plan_hash"].startswith("sha256:")
    assert found["seeds"] == {"work1.t1": 1, "work1.t2": 2}
    assert found["packages"]["pyarrow"]
    assert found["cpu"]["logical"] == os.cpu_count()
    assert found["memory_bytes"] > 1 << 20
    assert found["limits"]["open_files"]
    assert found["file_system"]["size_bytes"] > 0
    assert found["git"] is None


def test_no_value_of_an_environment_variable_gets_into_provenance(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "a-very-secret-word")
    monkeypatch.setenv("APPTAINER_CONTAINER", "a-very-secret-word")
    assert "a-very-secret-word" not in json.dumps(read_environment(tmp_path, small_plan(), tmp_path))


def test_versions_are_those_of_all_installed_distributions() -> None:
    found = package_versions()
    assert {name: found[name] for name in ("aifbench", "numpy", "pydantic-core")} == {
        name: version(name) for name in ("aifbench", "numpy", "pydantic-core")
    }


def test_a_cpu_that_tells_nothing_gives_none_not_zero() -> None:
    found = cpu("")
    assert found["model"] is None
    assert found["flags"] == []


def test_the_cpu_model_and_its_vector_extensions_are_read() -> None:
    found = cpu("processor\t: 0\nmodel name\t: Imaginary 9000\nflags\t\t: fpu avx avx2 sse4_2\n")
    assert found["model"] == "Imaginary 9000"
    assert found["flags"] == ["sse4_2", "avx", "avx2"]


@pytest.mark.parametrize("packed", [False, True])
def test_commit_and_branch_are_read_without_git(tmp_path: Path, packed: bool) -> None:
    commit = "0123456789" * 4
    git = tmp_path / ".git"
    (git / "refs/heads").mkdir(parents=True)
    (git / "HEAD").write_text("ref: refs/heads/main\n")
    if packed:
        (git / "packed-refs").write_text(f"# pack-refs\n{commit} refs/heads/main\n")
    else:
        (git / "refs/heads/main").write_text(commit + "\n")
    (tmp_path / "below").mkdir()
    assert git_state(tmp_path / "below") == {"commit": commit, "branch": "main"}
