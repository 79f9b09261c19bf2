"""Relative paths in options count from where the command was typed, wherever a process later works."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from aifbench.model.options import Options
from aifbench.plan.settings import options_of
from aifbench.services.base import SERVICES
from aifbench.workloads.base import WORKLOADS

HERE = "/home/ada/bench"


def of(kind: str, name: str, here: str = HERE, **raw: Any) -> dict[str, Any]:
    table: Any = {"service": SERVICES, "workload": WORKLOADS}[kind]
    model: type[Options] = table.load(name).recipe_keys
    return options_of(model, raw, here)


@pytest.mark.parametrize(
    ("kind", "name", "key", "more"),
    [
        ("service", "llama.cpp", "model", {}),
        ("service", "chroma", "data_dir", {}),
        ("service", "milvus-lite", "data_dir", {}),
        ("service", "seaweedfs", "data_dir", {}),
        ("service", "postgres", "data_dir", {}),
        ("service", "directory", "path", {}),
        ("workload", "http", "body_file", {"method": "POST"}),
        ("workload", "command", "folder", {"command": "true"}),
    ],
)
def test_a_relative_path_is_made_absolute_and_an_absolute_one_is_left(
    kind: str, name: str, key: str, more: dict[str, Any]
) -> None:
    assert of(kind, name, **{key: "a/b"}, **more)[key] == f"{HERE}/a/b"
    assert of(kind, name, **{key: "../b"}, **more)[key] == "/home/ada/b"
    assert of(kind, name, **{key: "/b"}, **more)[key] == "/b"
    assert of(kind, name, here="", **{key: "a/b"}, **more)[key] == "a/b"


def test_a_plan_read_back_keeps_the_paths_that_it_has() -> None:
    made = of("service", "postgres", data_dir="pg")
    assert of("service", "postgres", here="/elsewhere", **made) == made


def test_what_stands_for_no_path_stays() -> None:
    assert of("service", "llama.cpp")["model"] == "tiny-random"
    assert of("service", "chroma")["data_dir"] == ""
    assert of("workload", "command", command="curl -s ./x")["command"] == "curl -s ./x"


def test_a_file_inside_a_list_of_scripts_is_found_too() -> None:
    scripts = [{"name": "mine", "file": "sql/mine.sql"}]
    assert of("workload", "sql", scripts=scripts)["scripts"][0]["file"] == f"{HERE}/sql/mine.sql"


@pytest.mark.parametrize(
    ("written", "planned"),
    [
        ("./bench.sh --fast ./x", f"{HERE}/bench.sh --fast ./x"),
        ("tools/run", f"{HERE}/tools/run"),
        ("/bin/true", "/bin/true"),
        ("python3 bench.py", "python3 bench.py"),
        ("{folder}/made --x", "{folder}/made --x"),
        ("A=./b ./c", "A=./b ./c"),
    ],
)
def test_the_program_of_a_command_is_a_path_when_it_has_a_slash(written: str, planned: str) -> None:
    assert of("service", "command", command=written, ports=["http"])["command"] == planned


def test_a_program_in_a_list_of_arguments_too() -> None:
    ready = {"exec": ["./ask", "./x"]}
    made = of("service", "command", command=["./server", "./x"], ports=["http"], ready=ready)
    assert made["command"] == [f"{HERE}/server", "./x"]
    assert made["ready"]["exec"] == [f"{HERE}/ask", "./x"]
    assert of("workload", "command", command="./client x")["command"] == f"{HERE}/client x"


def test_a_folder_with_a_space_survives_the_shell(tmp_path: Path) -> None:
    made = of("service", "command", here="/my work", command="./server --x", ports=["http"])
    assert made["command"] == "'/my work/server' --x"


def test_files_named_in_attributes_are_paths() -> None:
    attributes = {"ca_file": "ca.pem", "credentials_file": "${env:KEYS}", "model": "a/b", "verify_tls": True}
    made = of("service", "external", url="https://h", protocol="openai", attributes=attributes)
    assert made["attributes"] == {**attributes, "ca_file": f"{HERE}/ca.pem"}
