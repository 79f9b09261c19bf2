"""What known words in a server's last log lines mean, and what the user can do about them."""

from __future__ import annotations

import re
from collections.abc import Sequence

KNOWN: tuple[tuple[str, str], ...] = (
    (
        r"address already in use|address \S+ is not available|bind: |could not bind|couldn't bind|failed to bind",
        "a port is taken by another program: run again (free ports are chosen at each start), or stop that program",
    ),
    (r"model not found: |no such file.*\.gguf", "correct the service's `model`: a path of a GGUF file, or tiny-random"),
    (
        r"CUDA out of memory|out of memory|cannot allocate memory|bad_alloc|failed to allocate",
        "memory ran out: lower what the service reserves (context, parallel slots, buffers) or give it more memory",
    ),
    (r"no space left on device|disk quota exceeded", "the disk is full: free space or put the run folder elsewhere"),
    (r"too many open files", "too many open files: raise the limit (ulimit -n)"),
    (
        r"could not create semaphores|could not create shared memory|could not map anonymous shared memory",
        "the system refused shared memory: lower settings.shared_buffers",
    ),
    (r"does not run as root|cannot be run as root", "start aifbench as a user other than root"),
    (r"permission denied|operation not permitted", "a file or folder may not be used: check its owner and mode"),
    (r"ModuleNotFoundError|No module named|is not installed", "a package is missing: see `aifbench doctor`"),
    (r"unrecognized configuration parameter|invalid value for parameter", "correct the service's `settings`"),
    (r"database files are incompatible", "the data directory was made by another PostgreSQL version"),
)


def explain(lines: Sequence[str]) -> str:
    """The hint for the last line that is known, or an empty string."""
    for line in reversed(lines):
        for pattern, hint in KNOWN:
            if re.search(pattern, line, re.IGNORECASE):
                return hint
    return ""
