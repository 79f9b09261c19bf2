"""The table is true: its tests exist, none is skipped in its text, and every test of this folder stands in it."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.badinput.table import HERE, TABLE
from tests.project.source import ROOT

NAMED = sorted({name for names in TABLE.values() for name in names})


def functions_in(path: Path) -> dict[str, ast.FunctionDef]:
    body = ast.parse(path.read_text(encoding="utf-8")).body
    return {item.name: item for item in body if isinstance(item, ast.FunctionDef) and item.name.startswith("test_")}


@pytest.mark.parametrize("name", NAMED)
def test_a_test_of_the_table_exists_and_is_run(name: str) -> None:
    file, _, function = name.partition("::")
    found = functions_in(ROOT / file)[function]
    assert not any("skip" in ast.unparse(decorator) for decorator in found.decorator_list)


def test_every_test_of_this_folder_stands_in_the_table() -> None:
    files = [path for path in (ROOT / HERE).glob("test_*.py") if path != Path(__file__)]
    here = {f"{HERE}/{path.name}::{name}" for path in files for name in functions_in(path)}
    assert here - set(NAMED) == set()


def test_the_real_run_is_killed_at_ten_points() -> None:
    found = functions_in(ROOT / "tests/runner/test_real.py")[
        "test_a_real_run_killed_at_ten_points_is_finished_by_resume"
    ]
    (points,) = (
        call.args[1]
        for call in found.decorator_list
        if isinstance(call, ast.Call) and ast.unparse(call.func) == "pytest.mark.parametrize"
    )
    assert len(set(ast.literal_eval(points))) == 10
