"""The folder that a preparation makes in a `path` target: everything that file workloads write lies in it."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from urllib.parse import unquote, urlsplit

from aifbench.errors import LoadError
from aifbench.model.service import Target
from aifbench.workloads.base import PrepareContext


def path_of(target: Target) -> Path:
    """The directory of a `path` endpoint."""
    endpoint = target.endpoint("path")
    given = endpoint.attributes.get("path")
    return Path(str(given)) if given else Path(unquote(urlsplit(endpoint.url).path))


def run_folder(target: Target, run: str, preparation: str) -> Path:
    """The folder that a preparation makes in the target and removes again: nothing outside it is touched."""
    return path_of(target) / f"aifbench-{re.sub(r'[^A-Za-z0-9_.-]+', '-', run)}" / preparation


def make_folder(context: PrepareContext) -> Path:
    folder = run_folder(context.target, context.run, context.preparation)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise LoadError(f"cannot create {folder}: {error.strerror}", hint="the directory must be writable") from error
    return folder


def remove_folder(folder: Path) -> None:
    """The preparation's folder with all that is in it, then the run's folder if that is empty."""
    if folder.is_symlink():
        raise LoadError(f"{folder} has become a link: it is left alone")
    shutil.rmtree(folder, ignore_errors=True)
    try:
        folder.parent.rmdir()
    except OSError:
        return  # other preparations of this run are still there
