"""Reading and writing single files of a run folder.

A file is written under a temporary name, forced to the disk and renamed, so that a reader sees the old content or the
new one, never half of it, whenever the writer is killed. Every failure of the file system becomes a StoreError.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from aifbench.errors import StoreError

_SPACE = "free some space there or choose another place with --runs; nothing that was finished is lost"
_RIGHTS = "choose a folder that you may write with --runs or AIFBENCH_RUNS"
_FACTS = {
    errno.ENOSPC: ("no space left on the disk", _SPACE),
    errno.EDQUOT: ("the disk quota is used up", _SPACE),
    errno.EFBIG: ("the file size limit of this shell is reached", "raise it (ulimit -f unlimited), then go on"),
    errno.EACCES: ("permission denied", _RIGHTS),
    errno.EPERM: ("operation not permitted", _RIGHTS),
    errno.EROFS: ("the file system is read-only", _RIGHTS),
    errno.EMFILE: ("too many open files in this process", "raise the limit (ulimit -n)"),
    errno.ENOTDIR: ("a part of this path is a file, not a folder", _RIGHTS),
    errno.EEXIST: ("there is a file of that name", _RIGHTS),
    errno.EIO: ("the disk reported an input/output error", "look at the kernel's log (dmesg) before using this disk"),
}


def store_error(error: OSError, path: Path | str, doing: str = "write") -> StoreError:
    """The StoreError that says what the file system refused, where, and what to do about it."""
    otherwise = (error.strerror or str(error)).lower(), _RIGHTS if doing == "create the folder" else ""
    words, hint = _FACTS.get(error.errno or 0, otherwise)
    return StoreError(f"cannot {doing}: {words}", where=str(path), hint=hint)


@contextlib.contextmanager
def guarded(path: Path | str, doing: str = "write") -> Iterator[None]:
    """Turn any OSError inside into a StoreError about `path`."""
    try:
        yield
    except OSError as error:
        raise store_error(error, path, doing) from error


def write_atomic(path: Path, content: str | bytes) -> None:
    """Replace the file as a whole. On failure the old content stays and no temporary file does."""
    data = content.encode() if isinstance(content, str) else content
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with guarded(path):
        try:
            with temporary.open("wb") as stream:
                stream.write(data)
                stream.flush()
                os.fsync(stream.fileno())
            temporary.replace(path)
        except OSError:
            with contextlib.suppress(OSError):
                temporary.unlink()
            raise
        sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Force the folder's entries to the disk; file systems that cannot are left alone."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def make_folder(path: Path) -> Path:
    with guarded(path, "create the folder"):
        path.mkdir(parents=True, exist_ok=True)
    return path


def read_text(path: Path) -> str:
    try:
        with guarded(path, "read"):
            return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise StoreError(f"not a text file: {error}", where=str(path)) from error


def read_json(path: Path) -> Any:
    """The parsed file. Raises StoreError that names file and line when it is damaged."""
    text = read_text(path)
    try:
        return json.loads(text)
    except ValueError as error:
        line = getattr(error, "lineno", 1)
        raise StoreError(f"not valid JSON: {error}", where=f"{path}:{line}", hint="the file is damaged") from error
