"""The PostgreSQL wire client against a real server, and what becomes of an operation when something goes wrong."""

from __future__ import annotations

import contextlib
import signal
import socket
import ssl
import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest

from aifbench.clock import monotonic_ns, sleep_s
from aifbench.errors import LoadError
from aifbench.load.loop import Loop
from aifbench.load.transport.postgres import Call, PostgresClient, PostgresSlot, Sending, connect_error, conninfo
from aifbench.load.transport.secret import from_attributes, read_secret_file, resolve
from aifbench.model.load import Load, Retries
from aifbench.model.operation import Operation
from aifbench.model.service import Endpoint, Target
from tests.servers import Running, postgres
from tests.simulators import rows, run_worker, trial_job
from tests.workloads.drive import drive_wire


class Wire(PostgresClient):
    """Every operation sends all the statements in order."""

    def __init__(self, target: Target, *statements: str, sending: Sending = "prepared") -> None:
        calls: Sequence[Call] = [(number, None) for number in range(len(statements))]
        super().__init__(conninfo(target.endpoint("postgres")), statements, lambda _: calls, sending=sending)

    def kind(self, seq: int) -> str:
        return "script"

    def columns(self, operations: Sequence[Operation]) -> dict[str, Any]:
        return {}


def test_a_secret_reference_is_read_from_the_environment_and_a_missing_one_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AIFBENCH_TEST_SECRET", "s3cret")
    assert resolve("a${env:AIFBENCH_TEST_SECRET}b") == "as3cretb"
    with pytest.raises(LoadError, match="AIFBENCH_TEST_ABSENT is not set"):
        resolve("${env:AIFBENCH_TEST_ABSENT}")


def test_a_secret_file_that_others_may_read_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("word\n")
    file.chmod(0o644)
    with pytest.raises(LoadError, match="mode 0644"):
        read_secret_file(str(file))
    file.chmod(0o600)
    assert from_attributes({"password_file": str(file)}, "password") == "word"
    assert from_attributes({}, "password") is None


@pytest.mark.live
@pytest.mark.parametrize("sending", ["prepared", "unprepared", "pipeline"])
def test_a_failed_script_is_rolled_back_and_its_slot_goes_on(postgres_server: Running, sending: Sending) -> None:
    client = Wire(postgres_server.target, "BEGIN", "SELECT 1 / (random() * 0)::int", "END", sending=sending)
    ended = drive_wire(client, 3)
    assert [(o.status, o.error) for o in ended] == [("error", "sqlstate-22012")] * 3
    assert client.facts()["connects_in_load"] == 0
    assert "division by zero" in ended[0].note
    client.close()


@pytest.mark.live
def test_a_script_that_leaves_its_transaction_open_is_an_error(postgres_server: Running) -> None:
    client = Wire(postgres_server.target, "BEGIN", "SELECT 1")
    assert [o.error for o in drive_wire(client, 2)] == ["open-transaction"] * 2
    client.close()


@pytest.mark.live
def test_a_serialisation_failure_is_known_by_its_sqlstate(postgres_server: Running) -> None:
    with psycopg.connect(conninfo(postgres_server.target.endpoint("postgres")), autocommit=True) as conn:
        conn.execute("DROP TABLE IF EXISTS counter")
        conn.execute("CREATE TABLE counter AS SELECT 0 AS n")
        client = Wire(
            postgres_server.target,
            "BEGIN ISOLATION LEVEL REPEATABLE READ",
            "SELECT n FROM counter",
            "SELECT pg_sleep(0.02)",
            "UPDATE counter SET n = n + 1",
            "END",
        )
        ended = drive_wire(client, 12, slots=4)
        client.close()
        good = sum(operation.status == "ok" for operation in ended)
        assert {o.error for o in ended if o.status != "ok"} == {"sqlstate-40001"}
        assert conn.execute("SELECT n FROM counter").fetchone() == (good,)
        conn.execute("DROP TABLE counter")


@pytest.mark.live
def test_a_timed_out_statement_is_stopped_on_the_server_and_the_next_one_runs(postgres_server: Running) -> None:
    client = Wire(postgres_server.target, "SELECT pg_sleep(30) /* long */")
    begun = monotonic_ns()
    ended = drive_wire(client, 2, timeout_s=0.2)
    client.close()
    assert [(o.status, o.error) for o in ended] == [("timeout", "timeout")] * 2
    assert monotonic_ns() - begun < 10e9
    assert client.facts()["cancels_sent"] == 2
    assert client.facts()["connects_in_load"] == 1
    with psycopg.connect(conninfo(postgres_server.target.endpoint("postgres"))) as conn:
        for _ in range(100):
            query = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%/* long */' AND state = 'active'"
            row = conn.execute(query).fetchone()
            assert row is not None
            if row[0] == 0:
                return
            conn.rollback()
            sleep_s(0.05)
    pytest.fail("the statement still runs on the server")


@pytest.mark.live
def test_a_wrong_password_is_one_clear_error_that_does_not_show_it(postgres_server: Running) -> None:
    endpoint = postgres_server.target.endpoint("postgres")
    wrong = Target("pg", "postgres", (replace(endpoint, attributes={"password": "wr0ng"}),))
    loop = Loop()
    with pytest.raises(LoadError, match=r"cannot connect to PostgreSQL \(auth\)") as caught:
        Wire(wrong, "SELECT 1").open_slot(loop, lambda *_: None)
    loop.close()
    assert "wr0ng" not in str(caught.value)


@pytest.mark.live
def test_a_statement_that_the_server_refuses_is_quoted_before_the_load(postgres_server: Running) -> None:
    loop = Loop()
    with pytest.raises(LoadError, match="42P01") as caught:
        Wire(postgres_server.target, "SELECT * FROM no_such_table").open_slot(loop, lambda *_: None)
    loop.close()
    assert "SELECT * FROM no_such_table" in str(caught.value)


@pytest.mark.live
def test_a_killed_connection_is_one_error_and_the_slot_connects_again(postgres_server: Running) -> None:
    client = Wire(postgres_server.target, "SELECT pg_terminate_backend(pg_backend_pid()) WHERE random() >= 0")
    ended = drive_wire(client, 3)
    client.close()
    assert [operation.error for operation in ended] == ["sqlstate-57P01"] * 3
    assert client.facts()["connects_in_load"] == 2


@pytest.mark.live
def test_a_server_that_dies_ends_every_operation_with_an_error(tmp_path: Path) -> None:
    with postgres(tmp_path) as server:

        class Killing(Wire):
            def kind(self, seq: int) -> str:
                if seq == 10:
                    server.stop(signal.SIGKILL)
                return "script"

        client = Killing(server.target, "SELECT pg_sleep(0.01)")
        ended = drive_wire(client, 20, slots=3)
        client.close()
    assert len(ended) == 20
    failed = {operation.error for operation in ended if operation.status == "error"}
    assert "refused" in failed
    assert failed <= {"connection-lost", "refused", "sqlstate-57P01", "sqlstate-57P02", "not-ready"}


@pytest.mark.live
def test_serialisation_failures_are_done_again_as_the_recipe_says(postgres_server: Running, tmp_path: Path) -> None:
    """Four users add one to a counter; who got through thinks longer than the others wait, so they get through too."""
    with psycopg.connect(conninfo(postgres_server.target.endpoint("postgres")), autocommit=True) as conn:
        conn.execute("DROP TABLE IF EXISTS contended")
        conn.execute("CREATE TABLE contended AS SELECT 0 AS n")
        sql = (
            "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT n FROM contended; SELECT pg_sleep(0.01); "
            "UPDATE contended SET n = n + 1; END"
        )
        load = Load("closed", 1.5, concurrency=4, think_time_s=0.3, retries=Retries(50, ("sqlstate-40001",)))
        job = replace(
            trial_job(tmp_path, 1, load),
            uses="sql",
            options={"scripts": [{"name": "add", "sql": sql}], "tables": False, "search_path": "public"},
            target=postgres_server.target,
            prepared={"scripts": {"add": sql}, "search_path": "public"},
        )
        samples, report = run_worker(job)
        found = rows(samples)
        good = [row for row in found if row["status"] == "ok"]
        assert {row["error_kind"] for row in found if row["status"] != "ok"} == {"sqlstate-40001"}
        again = [row for row in found if row["retry_of"] is not None]
        assert report["retried"] == len(again) == len(found) - report["scheduled"]
        assert any(row["status"] == "ok" for row in again)
        assert conn.execute("SELECT n FROM contended").fetchone() == (len(good),)
        conn.execute("DROP TABLE contended")


# TLS: the embedded server is built without it, so a few lines stand in for a server that has it

DATA = Path(__file__).parent.parent / "simulate" / "data"
CERT, KEY = str(DATA / "localhost-cert.pem"), str(DATA / "localhost-key.pem")


@contextlib.contextmanager
def tls_server() -> Iterator[tuple[int, list[bytes]]]:
    """Agrees to TLS and refuses whoever then says who he is; its port, and what it was told over TLS."""
    listener = socket.create_server(("127.0.0.1", 0))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERT, KEY)
    told: list[bytes] = []

    def serve() -> None:
        while True:
            try:
                plain, _ = listener.accept()
            except OSError:
                return
            with contextlib.suppress(OSError), plain:
                plain.recv(8)  # SSLRequest
                plain.sendall(b"S")
                with context.wrap_socket(plain, server_side=True) as secured:
                    told.append(secured.recv(4096))
                    fields = b"SFATAL\0C28000\0Mno such role here\0\0"
                    secured.sendall(b"E" + (len(fields) + 4).to_bytes(4, "big") + fields)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1], told
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(5)


def refused(url: str) -> Operation:
    """How an operation ends whose connection is made on the loop, as during a load."""
    loop = Loop()
    client = Wire(Target("sql", "external", (Endpoint("postgres", url),)), "SELECT 1")
    slot = PostgresSlot(client, loop, lambda *_: loop.stop())
    operation = Operation(0, "script", monotonic_ns())
    slot.start(operation)
    loop.run()
    client.close()
    return operation


def test_the_address_asks_for_tls_and_the_server_is_checked() -> None:
    with tls_server() as (port, told):
        known = refused(f"postgresql://me@localhost:{port}/db?sslmode=verify-full&sslrootcert={CERT}")
        assert b"me" in told[0]
        assert "no such role here" in known.note
        unknown = refused(f"postgresql://me@localhost:{port}/db?sslmode=verify-full&sslrootcert=/nowhere.pem")
        assert (unknown.status, unknown.error) == ("error", "tls-certificate")


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("SSL error: certificate verify failed", "tls-certificate"),
        ('server certificate for "a" does not match host name "b"', "tls-name"),
        ("SSL error: tlsv1 alert protocol version", "tls"),
        ('could not translate host name "x" to address: Name or service not known', "dns"),
    ],
)
def test_what_libpq_says_becomes_a_short_word(text: str, kind: str) -> None:
    assert connect_error(text) == kind


@pytest.mark.live
def test_a_server_without_tls_is_named_when_tls_was_asked_for(postgres_server: Running) -> None:
    plain = postgres_server.target.endpoint("postgres")
    endpoint = replace(plain, url=plain.url + "?sslmode=require")
    client = Wire(Target("sql", "external", (endpoint,)), "SELECT 1")
    with pytest.raises(LoadError, match=r"cannot connect to PostgreSQL \(no-tls\)[\s\S]*\?sslmode="):
        client.open_slot(Loop(), lambda *_: None)
