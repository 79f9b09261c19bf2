"""How the processes of a trial tell each other things: small JSON files that appear by rename."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from aifbench.errors import AifbenchError, LoadError, MissingExtra, StoreError
from aifbench.samples.write import refused

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS)


def put_json(path: Path, data: Any) -> None:
    """Write and rename, so that a reader never sees half a file. Raises StoreError."""
    partial = path.with_suffix(".partial")
    try:
        partial.write_text(json.dumps(data))
        partial.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)
        raise refused(error, path, "what it has to tell") from error


def as_store_error(error: OSError) -> StoreError | None:
    """What a full disk is, wherever it shows; None for every other failure."""
    return refused(error, error.filename or "", "a file") if error.errno in _FULL else None


EXTRAS: Mapping[str, str] = {
    "psycopg": "sql",
    "pymilvus": "milvus",
    "faiss": "faiss",
    "botocore": "s3",
    "grpc": "grpc",
}
"""Package that a client imports on use → the extra that brings it."""


def unexpected(error: Exception) -> AifbenchError:
    """One line for what a client library or a defect of ours raised, with the place in our code; no traceback.

    A package that is not installed is told with the line that installs it.
    """
    if isinstance(error, ModuleNotFoundError) and (extra := EXTRAS.get((error.name or "").partition(".")[0])):
        return MissingExtra(str(error.name), extra=extra)
    words = (str(error).strip().splitlines() or [""])[0]
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if f"{os.sep}aifbench{os.sep}" in frame.filename] or frames
    place = f" in {Path(ours[-1].filename).name}:{ours[-1].lineno}" if ours else ""
    return LoadError(f"unexpected {type(error).__name__}{f': {words}' if words else ''}{place}")


def give_up(error: AifbenchError, path: Path, told: Any, say: Callable[[str], None]) -> int:
    """Say the error and put `told` into the file, as far as either can be written; returns the exit code."""
    with contextlib.suppress(OSError):
        say(str(error))
    with contextlib.suppress(StoreError):
        put_json(path, told)
    return int(error.exit_code)
