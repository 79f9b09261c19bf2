"""A secret of a service, made on its first start and kept in a file that only its owner can read.

The secret is never in an argument, an environment or a stored specification; clients are handed the file's path.
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path


def write_private(path: Path, text: str) -> None:
    """Write `text` to `path`, mode 0600 from the first byte on."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
    unfinished.replace(path)


def random_word(length: int = 32) -> str:
    """Letters, digits, `-` and `_`; from the system's secure source because it must not be guessable."""
    return secrets.token_urlsafe(length)[:length]


def ensure_secret(path: Path, length: int = 32) -> str:
    """The secret in `path`, made now when the file does not exist."""
    if not path.exists():
        write_private(path, random_word(length))
    return path.read_text(encoding="utf-8").strip()
