"""Which failed operation is done again. A retry is an operation of its own, with its own stamps and its own row.

It does the same work, so it has the `seq` of the failed one, and its `attempt` is one higher; in the samples it has
the number `seq + attempt · 2⁴⁰`, beyond every schedule and the same for any number of workers.
"""

from __future__ import annotations

from aifbench.model.load import Retries
from aifbench.model.operation import ERROR, STALE, TIMEOUT, Operation


def again(operation: Operation, retries: Retries | None, pause_ns: int = 0) -> Operation | None:
    """The retry, due `backoff` (at least `pause_ns`) after the failed operation's end; None where none is wanted.

    A request that met a stale connection did not fail, it was never served: it is sent again at once, once, whatever
    the recipe says.
    """
    if operation.error == STALE:
        due = operation.end if operation.attempt == 0 else None
    elif retries is None or operation.attempt >= retries.attempts or operation.status not in (ERROR, TIMEOUT):
        due = None
    elif operation.error in retries.on:
        due = operation.end + max(round(retries.backoff_s * 1e9), pause_ns)
    else:
        due = None
    return None if due is None else Operation(operation.seq, operation.kind, due, operation.attempt + 1)
