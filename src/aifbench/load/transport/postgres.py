"""PostgreSQL on the engine's loop: libpq's non-blocking calls (psycopg's `PGconn`), one operation per slot at a time.

An operation is a script of statements. They are sent one after the other, each after the answer to the one before, or
all at once in pipeline mode. A failed script is rolled back before its slot is free again; nothing is tried twice.
"""

from __future__ import annotations

import contextlib
import select
from collections.abc import Callable, Sequence
from typing import Any, Literal

from aifbench.clock import NS_PER_S, monotonic_ns
from aifbench.errors import LoadError, MissingExtra
from aifbench.load.loop import READ, WRITE, Loop, Timer
from aifbench.load.transport.secret import from_attributes
from aifbench.model.operation import OK, Operation
from aifbench.model.service import Endpoint
from aifbench.workloads.base import Done

Sending = Literal["prepared", "unprepared", "pipeline"]
"""`prepared`: parsed once per connection. `unprepared`: text sent every time. `pipeline`: prepared, all at once."""

Call = tuple[int, Sequence[bytes | None] | None]
"""Number of a statement, and the values of its `$1`, `$2`, … as text."""

_ROLLBACK = -1
_CANCEL_WAIT_S = 1.0


def load_psycopg() -> Any:
    """The package, imported on use; MissingExtra when it is not installed."""
    try:
        import psycopg
    except ImportError as error:
        raise MissingExtra("psycopg", extra="sql", where="sql") from error
    return psycopg


def conninfo(endpoint: Endpoint, *, search_path: str = "", connect_timeout_s: float = 10.0) -> str:
    """The connection string for libpq, with the endpoint's secret in it: never to be stored or shown.

    What the address says after `?` is libpq's: `sslmode=verify-full&sslrootcert=/path/ca.pem` asks for TLS.
    """
    psycopg = load_psycopg()
    from psycopg.conninfo import conninfo_to_dict, make_conninfo

    try:
        parts = conninfo_to_dict(endpoint.url)
    except psycopg.ProgrammingError as error:
        raise LoadError(f"got address {endpoint.url!r}, expected postgresql://user@host:port/database") from error
    password = from_attributes(endpoint.attributes, "password")
    if password is not None:
        parts["password"] = password
    if search_path:
        parts["options"] = f"{parts.get('options') or ''} -c search_path={search_path}".strip()
    parts.setdefault("connect_timeout", max(2, round(connect_timeout_s)))
    parts.setdefault("application_name", "aifbench")
    return make_conninfo("", **parts)


def connect_error(text: str) -> str:
    """The short, stable word for a failed connection: libpq gives only text, no SQLSTATE."""
    known = {
        "Connection refused": "refused",
        "could not translate host name": "dns",
        "password authentication failed": "auth",
        "no password supplied": "auth",
        "no pg_hba.conf entry": "auth",
        "too many clients": "too-many-connections",
        "remaining connection slots": "too-many-connections",
        "starting up": "not-ready",
        "shutting down": "not-ready",
        "root certificate file": "tls-certificate",
        "does not exist": "unknown-name",
        "timeout expired": "connect-timeout",
        "does not support SSL": "no-tls",
        "does not match host name": "tls-name",
        "certificate verify failed": "tls-certificate",
        "SSL error": "tls",
    }
    return next((word for words, word in known.items() if words in text), "connect")


_HINTS = {
    "no-tls": "leave ?sslmode= out of the address, or turn `ssl` on in the server",
    "tls-name": "use the name that the certificate was made for, or ?sslmode=verify-ca",
    "tls-certificate": "name its authority in the address: ?sslmode=verify-full&sslrootcert=/path/ca.pem",
    "dns": "check the spelling of the address; `getent hosts NAME` shows what this machine knows",
}


class PostgresSlot:
    """One connection."""

    def __init__(self, client: PostgresClient, loop: Loop, done: Done) -> None:
        self._client = client
        self._loop = loop
        self._done = done
        self._pq = client.pq
        self._conn: Any = None
        self._fd = -1
        self._ready = False
        self._operation: Operation | None = None
        self._calls: Sequence[Call] = ()
        self._next = 0
        self._unsent_prepares = 0
        self._rows = 0
        self._failure: tuple[str, str] | None = None
        self._rolling_back = False
        self._deadline: Timer | None = None

    # connecting

    def connect(self) -> None:
        """Connect, prepare all statements, and wait for it; used before T0. Raises LoadError."""
        pq = self._pq
        before = monotonic_ns()
        conn = pq.PGconn.connect(self._client.conninfo)
        if conn.status != pq.ConnStatus.OK:
            text = _text(conn.error_message)
            conn.finish()
            raise LoadError(
                f"cannot connect to PostgreSQL ({connect_error(text)})",
                quoted=text.splitlines(),
                hint=_HINTS.get(connect_error(text), "check address, user, password and the server's max_connections"),
            )
        self._client.connect_ns.append(monotonic_ns() - before)
        if self._client.sending != "unprepared":
            for number, sql in enumerate(self._client.statements):
                result = conn.prepare(b"s%d" % number, sql)
                if result.status != pq.ExecStatus.COMMAND_OK:
                    state, message = _server_error(pq, result)
                    conn.finish()
                    raise LoadError(
                        f"the server refuses a statement: {message} ({state})", where="sql", quoted=[_text(sql)]
                    )
        self._take(conn)

    def _take(self, conn: Any) -> None:
        conn.nonblocking = 1
        if self._client.sending == "pipeline":
            conn.enter_pipeline_mode()
        self._conn = conn
        self._fd = conn.socket
        self._ready = True
        self._loop.watch(self._fd, READ, self._on_ready)

    def _begin_connecting(self) -> None:
        self._client.connects_in_load += 1
        conn = self._pq.PGconn.connect_start(self._client.conninfo)
        self._conn = conn
        if conn.status == self._pq.ConnStatus.BAD:
            self._fail_connecting(_text(conn.error_message))
            return
        limit = monotonic_ns() + round(self._client.connect_timeout_s * NS_PER_S)
        self._deadline = self._loop.call_at(limit, lambda: self._fail_connecting("timeout expired"))
        self._watch_connecting(WRITE)

    def _watch_connecting(self, events: int) -> None:
        """Because libpq may have closed the socket and made another one, with the same number, for the next address."""
        self._unwatch()
        self._fd = self._conn.socket
        self._loop.watch(self._fd, events, self._on_connecting)

    def _on_connecting(self, _mask: int) -> None:
        polling = self._pq.PollingStatus
        step = self._conn.connect_poll()
        if step == polling.FAILED:
            self._fail_connecting(_text(self._conn.error_message))
        elif step == polling.OK:
            if self._deadline is not None:
                self._deadline.cancel()
            self._unwatch()
            self._unsent_prepares = 0 if self._client.sending == "unprepared" else len(self._client.statements)
            if self._unsent_prepares:
                self._conn.nonblocking = 1
                self._fd = self._conn.socket
                self._loop.watch(self._fd, READ, self._on_prepared)
                self._prepare_next()
            else:
                self._connected()
        else:
            self._watch_connecting(WRITE if step == polling.WRITING else READ)

    def _prepare_next(self) -> None:
        number = len(self._client.statements) - self._unsent_prepares
        self._unsent_prepares -= 1
        self._conn.send_prepare(b"s%d" % number, self._client.statements[number])
        self._flush()

    def _on_prepared(self, _mask: int) -> None:
        conn = self._conn
        try:
            self._flush()
            conn.consume_input()
            while not conn.is_busy():
                result = conn.get_result()
                if result is not None:
                    if result.status != self._pq.ExecStatus.COMMAND_OK:
                        self._fail_connecting(_server_error(self._pq, result)[1])
                        return
                elif self._unsent_prepares:
                    self._prepare_next()
                else:
                    self._unwatch()
                    self._connected()
                    return
        except self._client.psycopg.Error as error:
            self._fail_connecting(str(error))

    def _connected(self) -> None:
        self._take(self._conn)
        if self._operation is not None:
            self._send()

    def _fail_connecting(self, text: str) -> None:
        self._drop_connection()
        self._end_failed(connect_error(text), text)

    # one operation

    def start(self, operation: Operation) -> None:
        self._calls = self._client.plan(operation)
        self._operation = operation
        self._next = 0
        self._rows = 0
        self._failure = None
        self._rolling_back = False
        operation.start = monotonic_ns()
        if self._ready:
            self._send()
        else:
            self._begin_connecting()

    def _send(self) -> None:
        try:
            if self._client.sending == "pipeline":
                for number, values in self._calls:
                    self._conn.send_query_prepared(b"s%d" % number, values)
                self._next = len(self._calls)
                self._conn.pipeline_sync()
            else:
                self._send_one(*self._calls[self._next])
                self._next += 1
            self._flush()
        except self._client.psycopg.Error as error:
            self._lose(str(error))

    def _send_one(self, number: int, values: Sequence[bytes | None] | None) -> None:
        if number == _ROLLBACK:
            self._conn.send_query_params(b"ROLLBACK", None)
        elif self._client.sending == "unprepared":
            self._conn.send_query_params(self._client.statements[number], values)
        else:
            self._conn.send_query_prepared(self._client.names[number], values)

    def _flush(self) -> None:
        """Watch for room in the socket only while something is left to write."""
        if self._conn.flush():
            self._loop.watch(self._fd, READ | WRITE, self._on_ready if self._ready else self._on_prepared)

    def _on_ready(self, mask: int) -> None:
        conn = self._conn
        try:
            if mask & WRITE and not conn.flush():
                self._loop.watch(self._fd, READ, self._on_ready)
            conn.consume_input()
            now = monotonic_ns()
            operation = self._operation
            if operation is None:
                self._look_while_idle()
                return
            if not operation.first:
                operation.first = now
            operation.last = now
            while not conn.is_busy():
                result = conn.get_result()
                if result is None:
                    if self._client.sending == "pipeline":
                        continue
                    self._statement_ended()
                    return
                if self._take_result(result):
                    self._script_ended()
                    return
        except self._client.psycopg.Error as error:
            self._lose(str(error))

    def _take_result(self, result: Any) -> bool:
        """Keep what the result says; True when it ends a pipeline."""
        status = result.status
        known = self._client.status
        if status == known.TUPLES_OK:
            self._rows += result.ntuples
        elif status == known.COMMAND_OK:
            self._rows += result.command_tuples or 0
        elif status == known.PIPELINE_SYNC:
            return True
        elif status in (known.COPY_IN, known.COPY_OUT, known.COPY_BOTH):
            raise self._client.psycopg.OperationalError("COPY is not possible in a script")
        elif status not in (known.EMPTY_QUERY, known.PIPELINE_ABORTED) and self._failure is None:
            self._failure = _server_error(self._pq, result)
            if self._conn.status == self._pq.ConnStatus.BAD:
                raise self._client.psycopg.OperationalError(self._failure[1])
        return False

    def _statement_ended(self) -> None:
        if self._failure is None and self._next < len(self._calls):
            self._send()
        else:
            self._script_ended()

    def _script_ended(self) -> None:
        state = self._conn.transaction_status
        if state == 0:  # IDLE
            self._end()
        elif self._rolling_back:
            self._lose("the transaction could not be rolled back")
        else:
            if self._failure is None:
                self._failure = ("open-transaction", "the script leaves its transaction open; it was rolled back")
            self._rolling_back = True
            self._send_one(_ROLLBACK, None)
            if self._client.sending == "pipeline":
                self._conn.pipeline_sync()
            self._flush()

    def _end(self) -> None:
        operation = self._operation
        if operation is None:
            return
        operation.end = operation.last
        operation.detail = self._rows
        if self._failure is None:
            operation.status = OK
        else:
            operation.fail(*self._failure)
        self._operation = None
        self._done(self, operation)

    def _end_failed(self, error: str, note: str) -> None:
        operation = self._operation
        if operation is None:
            return
        self._operation = None
        operation.end = monotonic_ns()
        operation.fail(error, note.strip())
        self._done(self, operation)

    def _lose(self, text: str) -> None:
        """The connection is gone; a server error that came before it says why."""
        self._drop_connection()
        error, note = self._failure or ("connection-lost", text)
        self._end_failed(error, note)

    def _look_while_idle(self) -> None:
        """Bytes nobody asked for: notices, or the server's good-bye."""
        conn = self._conn
        if not conn.is_busy():
            conn.get_result()
        if conn.status != self._pq.ConnStatus.OK:
            self._drop_connection()

    # ending

    def cancel(self, status: str, error: str) -> None:
        """The server is told to stop the statement; the connection is given up, the next operation makes a new one."""
        operation = self._operation
        if operation is None:
            return
        if self._ready:
            self._client.cancel_on_server(self._conn, self._loop)
        self._drop_connection()
        self._operation = None
        operation.end = monotonic_ns()
        operation.fail(error, "", status)
        self._done(self, operation)

    def _unwatch(self) -> None:
        if self._fd >= 0:
            with contextlib.suppress(OSError):
                self._loop.unwatch(self._fd)
            self._fd = -1

    def _drop_connection(self) -> None:
        self._ready = False
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
        self._unwatch()
        if self._conn is not None:
            self._conn.finish()
            self._conn = None

    def close(self) -> None:
        self._operation = None
        self._drop_connection()


class _Cancel:
    """A cancel request on its way to the server, on a connection of its own."""

    def __init__(self, client: PostgresClient, conn: Any, loop: Loop) -> None:
        self._client = client
        self._loop = loop
        self._cancel = conn.cancel_conn()
        self._fd = -1
        self._cancel.start()
        self._watch(WRITE)

    def _watch(self, events: int) -> None:
        self._unwatch()
        self._fd = self._cancel.socket
        self._loop.watch(self._fd, events, self._on_ready)

    def _unwatch(self) -> None:
        if self._fd >= 0:
            with contextlib.suppress(OSError):
                self._loop.unwatch(self._fd)
            self._fd = -1

    def _on_ready(self, _mask: int) -> None:
        self._step()

    def _step(self) -> int:
        """Advance; the events to wait for, or 0 when it is over."""
        polling = self._client.pq.PollingStatus
        try:
            step = self._cancel.poll()
        except self._client.psycopg.Error:
            step = polling.FAILED
        if step in (polling.READING, polling.WRITING):
            events = READ if step == polling.READING else WRITE
            self._watch(events)
            return events
        self._unwatch()
        self._cancel.finish()
        self._client.cancels.discard(self)
        return 0

    def wait(self, until_ns: int) -> None:
        """Finish it without the loop."""
        events = WRITE
        while events and (left_ns := until_ns - monotonic_ns()) > 0:
            poller = select.poll()
            poller.register(self._fd, events)
            if poller.poll(left_ns / 1e6):
                events = self._step()
        if events:
            self._unwatch()
            self._cancel.finish()
            self._client.cancels.discard(self)


class PostgresClient:
    """Slots to one database.

    `statements` are all statements with `$1`-style parameters; `plan` says, just before an operation starts, which of
    them it sends with which values.
    """

    def __init__(
        self,
        connection: str,
        statements: Sequence[str],
        plan: Callable[[Operation], Sequence[Call]],
        *,
        sending: Sending = "prepared",
        connect_timeout_s: float = 10.0,
    ) -> None:
        self.psycopg = load_psycopg()
        self.pq = self.psycopg.pq
        self.status = self.pq.ExecStatus
        self.conninfo = connection.encode()
        self.statements = [statement.encode() for statement in statements]
        self.names = [b"s%d" % number for number in range(len(statements))]
        self.plan = plan
        self.sending: Sending = sending
        self.connect_timeout_s = connect_timeout_s
        self.connect_ns: list[int] = []
        self.connects_in_load = 0
        self.cancels: set[_Cancel] = set()
        self._slots: list[PostgresSlot] = []
        self._cancels_sent = 0

    def open_slot(self, loop: Loop, done: Done) -> PostgresSlot:
        """Connected when the loop is not running yet; else it connects as part of its first operation."""
        slot = PostgresSlot(self, loop, done)
        self._slots.append(slot)
        if not loop.running:
            slot.connect()
        return slot

    def cancel_on_server(self, conn: Any, loop: Loop) -> None:
        self._cancels_sent += 1
        try:
            if self.psycopg.capabilities.has_cancel_safe():
                self.cancels.add(_Cancel(self, conn, loop))
            else:
                conn.get_cancel().cancel()  # libpq before 17 can only do it blocking
        except self.psycopg.Error:
            return  # the connection is closed next, which ends the statement as soon as the server notices

    def facts(self) -> dict[str, Any]:
        """Connect times in seconds (before T0), connections made during the load, cancel requests sent."""
        return {
            "connect_s": [ns / 1e9 for ns in self.connect_ns],
            "connects_in_load": self.connects_in_load,
            "cancels_sent": self._cancels_sent,
        }

    def close(self) -> None:
        """Cancel requests under way get up to a second, so that no statement outlives its trial on the server."""
        until_ns = monotonic_ns() + round(_CANCEL_WAIT_S * NS_PER_S)
        for cancel in list(self.cancels):
            cancel.wait(until_ns)
        for slot in self._slots:
            slot.close()


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "replace").strip()


def _server_error(pq: Any, result: Any) -> tuple[str, str]:
    """Error kind and message of a failed result."""
    state = result.error_field(pq.DiagnosticField.SQLSTATE)
    primary = result.error_field(pq.DiagnosticField.MESSAGE_PRIMARY) or result.error_message
    return (f"sqlstate-{_text(state)}" if state else "connection-lost"), _text(primary)
