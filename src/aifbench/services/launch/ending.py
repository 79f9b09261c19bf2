"""How launchers end: at once on SIGTERM or SIGINT, with a last line that says what was wrong on a failure."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn


def refuse(message: str, code: int = 2) -> NoReturn:
    """Write one line to err and exit: the line is what the user sees quoted."""
    sys.stderr.write(f"{message}\n")
    sys.stderr.flush()
    os._exit(code)


def wait_for_the_end(generated: Sequence[Path] = ()) -> NoReturn:
    """Sleep until SIGTERM or SIGINT, remove what was generated, and exit 0.

    Without running destructors: requests in flight would delay them.
    """
    signal.sigwait({signal.SIGTERM, signal.SIGINT})
    for path in generated:
        path.unlink(missing_ok=True)
    sys.stdout.flush()
    os._exit(0)


def hold_signals() -> None:
    """Block the two signals in this thread and in every thread started later, for `wait_for_the_end`."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})
