"""The engine for blocking clients with a client whose every answer is written down, without a target."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from aifbench.clock import monotonic_ns, sleep_s
from aifbench.load.blocking import BlockingEngine
from aifbench.load.progress import ProgressWriter
from aifbench.load.schedule import stripe
from aifbench.load.spill import Spill
from aifbench.model.load import Load
from aifbench.model.operation import Operation

Answer = tuple[float, str]
"""How long an operation takes in seconds, and its error kind or nothing."""


class Scripted:
    """A blocking client; `answer(seq, attempt)` says what each operation does."""

    def __init__(self, answer: Callable[[int, int], Answer]) -> None:
        self._answer = answer
        self._lock = threading.Lock()
        self._seen: Counter[int] = Counter()

    def open_user(self, user: int) -> Scripted:
        return self

    def kind(self, seq: int) -> str:
        return "call"

    def perform(self, operation: Operation) -> None:
        with self._lock:
            attempt = self._seen[operation.seq]
            self._seen[operation.seq] += 1
        seconds, error = self._answer(operation.seq, attempt)
        sleep_s(seconds)
        if error:
            operation.fail(error)

    def columns(self, operations: Sequence[Operation]) -> Mapping[str, Sequence[Any]]:
        return {}

    def facts(self) -> Mapping[str, Any]:
        return {}

    def close(self) -> None:
        """Nothing to close."""


def run_blocking(folder: Path, load: Load, answer: Callable[[int, int], Answer]) -> BlockingEngine:
    engine = BlockingEngine(
        Scripted(answer),
        load,
        stripe(load, 7, 0, 1),
        ProgressWriter(folder / "progress"),
        folder / "stop.json",
        Spill(folder / "spill"),
    )
    engine.connect()
    engine.run(monotonic_ns() + 5_000_000)
    engine.close()
    return engine
