"""Secret references become values here, in the process that uses them, and nowhere else.

A reference is `${env:NAME}` inside a text, or a path under `<name>_file`. Values are never logged or stored, so the
errors name the reference only.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from aifbench.errors import LoadError
from aifbench.model.options import SECRET


def resolve(value: str) -> str:
    """The text with every `${env:NAME}` replaced from this process's environment; LoadError when one is not set."""

    def read(match: Any) -> str:
        name = str(match[1])
        if name not in os.environ:
            raise LoadError(
                f"environment variable {name} is not set, but ${{env:{name}}} refers to it",
                hint=f"export {name} in the shell that starts aifbench",
            )
        return os.environ[name]

    return SECRET.sub(read, value)


def read_secret_file(path: str) -> str:
    """The file's text without the last line end; LoadError when it cannot be read or others may read it."""
    file = Path(path)
    try:
        mode = stat.S_IMODE(file.stat().st_mode)
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise LoadError(f"secret file {path} cannot be read: {error}") from error
    if mode & 0o077:
        raise LoadError(
            f"secret file {path} has mode {mode:04o}: others may read it; 0600 would be right",
            hint=f"chmod 600 {path}",
        )
    return text.rstrip("\r\n")


def from_attributes(attributes: Mapping[str, Any], name: str) -> str | None:
    """The secret that an endpoint carries as `name` (a reference) or `name`_file (a path); None when neither."""
    if attributes.get(name) is not None:
        return resolve(str(attributes[name]))
    path = attributes.get(f"{name}_file")
    return None if path is None else read_secret_file(resolve(str(path)))
