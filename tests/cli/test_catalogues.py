"""Commands that only read tables: list, info, doctor, version, completion."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from aifbench import __version__
from aifbench.executors.base import EXECUTORS
from aifbench.registry import Table
from aifbench.services.base import SERVICES
from aifbench.workloads.base import WORKLOADS
from tests.cli.calling import call


@pytest.mark.parametrize(("group", "table"), [("service", SERVICES), ("workload", WORKLOADS), ("executor", EXECUTORS)])
def test_a_list_names_everything_in_its_table(capsys: pytest.CaptureFixture[str], group: str, table: object) -> None:
    names = table.names()  # type: ignore[attr-defined]
    assert [row["name"] for row in json.loads(call(capsys, group, "list", "--json").out)] == names
    assert [name for name in names if name not in call(capsys, group, "list").out] == []


@pytest.mark.parametrize("name", SERVICES.names())
def test_service_info_shows_every_recipe_key(capsys: pytest.CaptureFixture[str], name: str) -> None:
    facts = json.loads(call(capsys, "service", "info", name, "--json").out)
    assert set(SERVICES.load(name).recipe_keys.model_fields) <= {row["name"] for row in facts["keys"]}
    assert all(row["description"] for row in facts["keys"]), "a key without a meaning"


@pytest.mark.parametrize("name", WORKLOADS.names())
def test_workload_info_shows_every_recipe_key(capsys: pytest.CaptureFixture[str], name: str) -> None:
    facts = json.loads(call(capsys, "workload", "info", name, "--json").out)
    assert set(WORKLOADS.load(name).recipe_keys.model_fields) <= {row["name"] for row in facts["keys"]}
    assert all(row["description"] for row in facts["keys"]), "a key without a meaning"


@pytest.mark.parametrize("group", ["service", "workload"])
def test_info_of_an_unknown_name_lists_the_known_ones(capsys: pytest.CaptureFixture[str], group: str) -> None:
    answer = call(capsys, group, "info", "comand")
    assert answer.code == 2
    assert "did you mean 'command'" in answer.err


def test_doctor_looks_at_every_service_and_workload(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    facts = json.loads(call(capsys, "doctor", "--json", "--runs", str(tmp_path)).out)
    assert [fact["name"] for fact in facts["services"]] == SERVICES.names()
    assert [fact["name"] for fact in facts["workloads"]] == WORKLOADS.names()
    assert {"cores", "memory", "open files", "timer"} <= {fact["name"] for fact in facts["machine"]}


def test_doctor_gives_the_install_line_of_what_is_missing(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    chroma = SERVICES.load("chroma")
    monkeypatch.setattr(chroma, "missing", lambda self: ["chromadb"])
    monkeypatch.setattr("shutil.which", lambda name: None)
    text = call(capsys, "doctor").out
    assert "chromadb not installed" in text
    assert "pip install 'aifbench[chroma]'" in text
    assert "apt-get install fio" in text


@pytest.mark.parametrize("table", [SERVICES, WORKLOADS, EXECUTORS])
def test_summaries_have_one_style(table: Table[Any]) -> None:
    """They begin with a capital and end without a full stop."""
    summaries = [table.load(name).summary for name in table.names()]
    assert [text for text in summaries if not text[0].isupper() or text.endswith(".")] == []


def test_what_has_no_keys_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    answer = call(capsys, "service", "info", "faiss")
    assert answer.out.endswith("  no keys of its own\n")
    assert "meaning" not in answer.out


def test_version_names_every_schema_that_files_carry(capsys: pytest.CaptureFixture[str]) -> None:
    facts = json.loads(call(capsys, "version", "--json").out)
    names = {name.removesuffix("_schema") for name in facts if name.endswith("_schema")}
    assert {"folder", "plan", "samples", "environment", "result"} <= names
    line = call(capsys, "version").out.splitlines()[1]
    assert [name for name in names if f"{name} {facts[name + '_schema']}" not in line] == []


def test_version_is_that_of_the_package(capsys: pytest.CaptureFixture[str]) -> None:
    assert call(capsys, "version").out.startswith(f"aifbench {__version__} ")
    assert call(capsys, "--version").out == f"aifbench {__version__}\n"
    assert json.loads(call(capsys, "version", "--json").out)["aifbench"] == __version__


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_is_a_script_that_its_shell_accepts(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, shell: str
) -> None:
    script = tmp_path / "script"
    script.write_text(call(capsys, "completion", shell).out)
    assert "_AIFBENCH_COMPLETE" in script.read_text()
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed: apt-get install {shell}")
    subprocess.run([shell, "-n", str(script)], check=True)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("aifbench ser", "service"),
        ("aifbench service info chr", "chroma"),
        ("aifbench run qui", "quickstart"),
        ("aifbench recipe new x --workload llm", "llm-chat"),
        ("aifbench list --na", "--name"),
    ],
)
def test_words_are_completed(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, words: str, expected: str
) -> None:
    monkeypatch.setenv("COMP_WORDS", words)
    monkeypatch.setenv("COMP_CWORD", str(len(words.split()) - 1))
    monkeypatch.setenv("_AIFBENCH_COMPLETE", "bash_complete")
    answers = [line.partition(",")[2] for line in call(capsys).out.splitlines()]
    assert expected in answers
