"""Runs on the fake machine write some eighty events each, every one forced to the disk: in memory that is free."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

MEMORY = Path("/dev/shm")


@pytest.fixture
def tmp_path() -> Iterator[Path]:
    """As pytest's own, in memory where there is such a place, and removed afterwards."""
    in_memory = MEMORY.is_dir() and os.access(MEMORY, os.W_OK)
    path = Path(tempfile.mkdtemp(prefix="aifbench-test-", dir=MEMORY if in_memory else None))
    path.chmod(0o755)
    yield path
    for below in path.rglob("*"):  # a test may have taken the right to write away
        if below.is_dir() and not below.is_symlink():
            below.chmod(0o755)
    shutil.rmtree(path, ignore_errors=True)
