from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator
from pathlib import Path

import pytest

from aifbench.cli.main import main
from tests.badinput.place import Place


@pytest.fixture(scope="session", autouse=True)
def imports_done() -> None:
    """What a good recipe makes `run` import is here before anything is forked."""
    with contextlib.redirect_stdout(io.StringIO()):
        assert main(["plan", "simulator"]) == 0


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    made = Place(tmp_path)
    yield made
    made.clean()
