"""What of a service's needs this machine has, found without importing any of it."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path


def missing_modules(*names: str) -> list[str]:
    """Those top-level import names that cannot be found."""
    return [name for name in names if find_spec(name) is None]


def program(name: str) -> str:
    """Path of a program that a wheel put beside this Python."""
    return str(Path(sys.executable).parent / name)


def missing_programs(*names: str) -> list[str]:
    """Those programs that are not beside this Python."""
    return [name for name in names if not Path(program(name)).is_file()]


def versions(requires: Mapping[str, str]) -> dict[str, str]:
    """Installed versions of the distributions in a `requires` mapping; what is absent is left out."""
    found = {}
    for name in requires:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
