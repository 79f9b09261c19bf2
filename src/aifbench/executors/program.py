"""Finding the program that a command names, before anything is started."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from aifbench.errors import ExecutorError


def find_program(command: str, folder: str, path: str, *, process: str) -> str:
    """The absolute path of `command`: as written from `folder` when it has a slash, otherwise searched on `path`.

    Raises ExecutorError that names the program when it does not exist or may not be executed.
    """
    if not command or "\0" in command:
        raise ExecutorError(f"the program's name is {command!r}, expected a path or a name", where=process)
    if "/" in command:
        place = Path(folder, command)
        if not place.exists():
            raise ExecutorError(f"program {place} does not exist", where=process)
        if place.is_dir() or not os.access(place, os.X_OK):
            kind = "is a directory" if place.is_dir() else "may not be executed"
            raise ExecutorError(f"program {place} {kind}", where=process, hint=f"chmod +x {place}")
        return str(place)
    found = shutil.which(command, path=path or os.defpath)
    if found is None:
        raise ExecutorError(
            f"program {command!r} was not found on the PATH",
            where=process,
            hint=f"install it or write its whole path; searched: {path or os.defpath}",
        )
    return found
