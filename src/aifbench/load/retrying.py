"""Which failed operation is done again. A retry is an operation of its own, with its own stamps and its own row.

It does the same work, so it has the `seq` of the failed one, and its `attempt` is one higher; in the samples it has
the number `seq + attempt · 2⁴⁰`, beyond every schedule and the same for any number of workers.
"""

from __future__ import annotations

from aifbench.model.load import Retries
from aifbench.model.operation import ERROR, TIMEOUT, Operation

STALE = "stale"
_CLOSED_KINDS = frozenset({"reset", "closed-early", "broken-pipe"})


def is_stale(operation: Operation) -> bool:
    """A reused connection was closed before a byte of the answer came: the server may never have seen the request."""
    reused = bool(getattr(operation.detail, "reused", False))
    return reused and not operation.first and operation.error in _CLOSED_KINDS


def wanted(operation: Operation, retries: Retries | None) -> bool:
    """Whether this ended operation is to be followed by a retry."""
    if retries is None or operation.attempt >= retries.attempts or operation.status not in (ERROR, TIMEOUT):
        return False
    return operation.error in retries.on or (STALE in retries.on and is_stale(operation))


def again(operation: Operation, retries: Retries | None, pause_ns: int = 0) -> Operation | None:
    """The retry, due `backoff` (at least `pause_ns`) after the failed operation's end; None where none is wanted."""
    if retries is None or not wanted(operation, retries):
        return None
    due = operation.end + max(round(retries.backoff_s * 1e9), pause_ns)
    return Operation(operation.seq, operation.kind, due, operation.attempt + 1)
