"""What one kind of target must be able to do, and the loader that treats all of them alike."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from aifbench.clock import NS_PER_S, monotonic_ns, sleep_s
from aifbench.errors import LoadError
from aifbench.model.service import Target
from aifbench.workloads.base import BlockingClient, WireClient, WorkerContext
from aifbench.workloads.vector.options import VectorOptions

if TYPE_CHECKING:
    from aifbench.workloads.vector.data import DataSet, Floats

SEARCHABLE_LIMIT_S = 600.0
LAST_ROWS = 32


@dataclass
class Loaded:
    """What loading took. None where the target does not do that step apart; `reasons` says so by metric name."""

    insert_s: float | None = None
    index_build_s: float | None = None
    searchable_s: float | None = None
    index_bytes: int | None = None
    index: dict[str, Any] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)


class Driver(ABC):
    """One collection in one target."""

    kinds: tuple[str, ...]
    """Index kinds that the target has."""

    def __init__(self, target: Target, options: VectorOptions, collection: str) -> None:
        self.target = target
        self.options = options
        self.collection = collection

    @abstractmethod
    def load(self, data: DataSet, folder: str, say: Callable[[str], None]) -> Loaded:
        """Create the collection (dropping one of the same name, left by a preparation cut short) and fill it."""

    @abstractmethod
    def drop(self) -> None:
        """Remove the collection; nothing happens when it is not there."""

    @abstractmethod
    def open_client(self, context: WorkerContext, data: DataSet) -> WireClient | BlockingClient: ...


def batches(vectors: Floats, size: int) -> Iterator[tuple[int, Floats]]:
    """First id and rows of each insert request."""
    for start in range(0, len(vectors), size):
        yield start, vectors[start : start + size]


def insert_all(
    vectors: Floats,
    options: VectorOptions,
    insert: Callable[[int, Floats], None],
    say: Callable[[str], None],
) -> float:
    """Insert everything with the recipe's batch size and concurrency; returns seconds from first to last."""

    def insert_one(part: tuple[int, Floats]) -> int:
        insert(*part)
        return len(part[1])

    done = 0
    total = len(vectors)
    before = monotonic_ns()
    with ThreadPoolExecutor(options.insert_concurrency) as pool:
        for rows in pool.map(insert_one, batches(vectors, options.insert_batch)):
            done += rows
            if done * 10 // total > (done - rows) * 10 // total:
                say(f"{done} of {total} vectors inserted")
    return (monotonic_ns() - before) / NS_PER_S


def wait_searchable(vectors: Floats, search: Callable[[Floats], Sequence[int]], what: str) -> int:
    """Search until the last row is found; returns the id of the row that was.

    An approximate index may never find a certain row, so each round goes on to the rows before it, up to 32 of those
    inserted last. Raises LoadError after ten minutes.
    """
    last = len(vectors) - 1
    deadline = monotonic_ns() + round(SEARCHABLE_LIMIT_S * NS_PER_S)
    pause = 0.001
    while monotonic_ns() < deadline:
        for row in range(last, max(-1, last - LAST_ROWS), -1):
            if row in search(vectors[row]):
                return row
        sleep_s(pause)
        pause = min(0.25, pause * 2)
    raise LoadError(
        f"{what}: none of the last {LAST_ROWS} vectors is found {SEARCHABLE_LIMIT_S:.0f} s after they were inserted",
        where="vector-search",
        hint="a larger ef, m or nprobe finds more",
    )


def seconds_since(start_ns: int) -> float:
    return (monotonic_ns() - start_ns) / NS_PER_S


def metrics_of(loaded: Loaded, vectors: int) -> Mapping[str, float | None]:
    """By the names of the preparation table; None where the target does not tell."""
    return {
        "insert_rate": vectors / loaded.insert_s if loaded.insert_s else None,
        "index_build_time": loaded.index_build_s,
        "time_to_searchable": loaded.searchable_s,
        "index_bytes_per_vector": loaded.index_bytes / vectors if loaded.index_bytes else None,
    }
