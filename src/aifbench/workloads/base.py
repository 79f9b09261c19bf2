"""The workload contract.

A workload has three lives. In the controller its options (`recipe_keys`) are checked. In a process of its own,
`prepare` loads data into the target. In every worker process `open_client` gives a client that does operations; the
load engine decides when each one starts and stamps intended and actual starts.

There are two kinds of client:
- a `WireClient` never blocks: its slots speak a protocol on the engine's event loop (`load.loop.Loop`);
- a `BlockingClient` does one operation at a time per user, each user in a thread of its own.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Protocol

from aifbench.model.operation import Operation
from aifbench.model.options import Options
from aifbench.model.service import Target
from aifbench.registry import Table


@dataclass(frozen=True)
class PrepareContext:
    """`folder` is this preparation's own folder (kept in the run); `run` names everything created in the target.

    `say` reports progress in a short line.
    """

    run: str
    preparation: str
    target: Target
    folder: str
    seed: int
    say: Callable[[str], None]


@dataclass(frozen=True)
class WorkerContext:
    """What one worker of one trial knows. `prepared` is what `prepare` returned.

    `folder` is a scratch folder of this worker alone. `seed` is the trial's; worker `worker` of `workers` must
    derive everything per operation from `seed` and `seq` only, so that results do not depend on `workers`.
    `lengths` are input and output tokens by `seq` where the arrival process knows them (a trace that has them).
    `timestamps` says whether receive times come from the kernel (where the client can) or from the reading process.
    """

    run: str
    target: Target
    prepared: Mapping[str, Any]
    prepared_folder: str
    folder: str
    seed: int
    worker: int
    workers: int
    timeout_s: float
    timestamps: Literal["kernel", "user"] = "user"
    lengths: tuple[Sequence[int], Sequence[int]] | None = None


class Slot(Protocol):
    """One connection that carries at most one operation at a time."""

    def start(self, operation: Operation) -> None:
        """Send it. Sets `operation.start` at the send; the client calls `done(slot, operation)` once, later or now."""
        ...

    def cancel(self, status: str, error: str) -> None:
        """Give up the operation under way (time-out, end of drain): ends it with that status through `done`."""
        ...

    def close(self) -> None: ...


Done = Callable[[Slot, Operation], None]


class Client(Protocol):
    """Shared by both kinds."""

    def kind(self, seq: int) -> str:
        """The operation's name. A pure function of the trial's seed and `seq`."""
        ...

    def columns(self, operations: Sequence[Operation]) -> Mapping[str, Sequence[Any]]:
        """The family's own columns, one value per operation in order, made from `detail` after the load.

        May also correct `status`/`error` of an operation whose content proves wrong (HTML where JSON was expected).
        Values are numbers, strings, None, or lists of numbers.
        """
        ...

    def facts(self) -> Mapping[str, Any]:
        """What else this worker learnt (checked objects, server counters, connect times): plain JSON."""
        ...

    def close(self) -> None: ...


class WireClient(Client, Protocol):
    """A client that also has `build_ahead(operations) -> int` gets to make its requests before T0.

    Before a load, descriptors, ports and memory are judged by its attributes `reuses_connections` (True where it has
    none), `connections_per_slot` and `events_per_operation` (reads of one answer, roughly), 1 where it has none.

    A client of coroutines says with `make_loop()` which loop the engine shall run (`load.aio`); else `load.loop`'s.
    """

    def open_slot(self, loop: Any, done: Done) -> Slot:
        """A connected slot. Called before T0 for the planned concurrency, and in open loop when none is free."""
        ...


class User(Protocol):
    """One user's own connection, used from one thread."""

    def perform(self, operation: Operation) -> None:
        """Do it and return when it has ended. The engine stamps start and end around this call.

        Sets `first`, `last`, `bytes_*`, `detail` where they mean something, and `fail(...)` for expected failures.
        Any exception that escapes is recorded as error `client-<ExceptionName>`.
        """
        ...

    def close(self) -> None: ...


class BlockingClient(Client, Protocol):
    def open_user(self, user: int) -> User:
        """Connect. Called in the user's thread before T0; `user` counts over all workers."""
        ...


class Workload(ABC):
    """One kind of work. `family` names its metric table; `targets` are the endpoint protocols it can speak."""

    recipe_keys: ClassVar[type[Options]]
    summary: ClassVar[str]
    family: ClassVar[str]
    targets: ClassVar[tuple[str, ...]]
    prepared_by: ClassVar[tuple[str, ...]] = ()  # names of the options that the prepared data depends on
    prepared_also_by: ClassVar[Mapping[str, tuple[str, ...]]] = {}  # endpoint protocol → further ones in such a target
    transport: ClassVar[str] = ""  # what `aifbench calibrate` measures the ceiling of its client by; empty: nothing
    extra: ClassVar[Mapping[str, str]] = {}  # endpoint protocol → pip extra that its client needs
    default_load: ClassVar[Mapping[str, Any]] = {}  # recipe keys of `load` where the user says nothing

    def __init__(self, options: Options) -> None:
        self.options = options

    def missing(self, protocol: str) -> list[str]:
        """Import names or programs needed to speak `protocol` that this machine lacks."""
        return []

    def estimate_bytes(self) -> int:
        """Disk that the prepared data will take, roughly; 0 when nothing is prepared."""
        return 0

    def prepare(self, context: PrepareContext) -> Mapping[str, Any]:
        """Load data into the target; returns plain JSON facts. Must be safe to run again after a failure.

        Facts that are numbers worth reporting lie under `metrics` as name → value, in the units of the family's
        preparation table. Everything it creates in the target carries the run's name.
        """
        return {}

    @abstractmethod
    def open_client(self, context: WorkerContext) -> WireClient | BlockingClient: ...

    def check(self, context: PrepareContext, prepared: Mapping[str, Any]) -> Mapping[str, Any]:
        """Called once after the last trial of a preparation, before `cleanup`: what must still be true of the data.

        Facts as `prepare` gives them; `invariants` maps a sentence to True, False or None (not checked). {} when
        there is nothing to check.
        """
        return {}

    def cleanup(self, context: PrepareContext, prepared: Mapping[str, Any]) -> None:
        """Remove what the run created in the target, and nothing else."""


WORKLOADS: Table[type[Workload]] = Table(
    "workload",
    {
        "llm-chat": "aifbench.workloads.llm_chat:LlmChat",
        "vector-search": "aifbench.workloads.vector:VectorSearch",
        "sql": "aifbench.workloads.sql:Sql",
        "object": "aifbench.workloads.object:Object",
        "http": "aifbench.workloads.http:Http",
        "grpc": "aifbench.workloads.grpc:Grpc",
        "file": "aifbench.workloads.file:File",
        "fio": "aifbench.workloads.fio:Fio",
        "command": "aifbench.workloads.command:Command",
    },
    group="aifbench.workloads",
)
