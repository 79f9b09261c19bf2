"""Each kind of probe, against real sockets: yes is None, and no is a reason that a user understands."""

from __future__ import annotations

import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from aifbench.deploy import ready
from aifbench.model.service import Probe
from aifbench.services.base import SERVICES
from tests.servers import Running


def ask(probe: Probe) -> str | None:
    return ready.check(probe, lambda argv: "not asked", timeout_s=2.0)


@contextmanager
def answering(answer: bytes) -> Iterator[int]:
    """A server that says these bytes to whoever connects; its port."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                connection.recv(4096)
                connection.sendall(answer)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


def http(status: str, body: str) -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n{body}".encode()


def probe_of(uses: str, server: Running) -> Probe:
    kind = SERVICES.load(uses)
    return kind("x", kind.recipe_keys()).probe(server.where)


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


def test_tcp_is_ready_when_it_connects_and_says_refused_otherwise() -> None:
    with answering(b"") as port:
        assert ask(Probe("tcp", "127.0.0.1", port)) is None
    port = free_port()
    assert ask(Probe("tcp", "127.0.0.1", port)) == f"connection to 127.0.0.1:{port} refused"


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (http("200 OK", "all fine"), None),
        (http("204 No Content", ""), "answered 204, expected 200"),
        (http("503 Busy", "fine"), "answered 503, expected 200"),
        (http("200 OK", "loading"), "answered 200, but 'fine' is not in the body"),
        (b"SSH-2.0-OpenSSH\r\n", "answered with something that is not HTTP (BadStatusLine)"),
        (b"", "closed by the other side"),
    ],
)
def test_http_needs_the_status_and_the_text(answer: bytes, reason: str | None) -> None:
    with answering(answer) as port:
        said = ask(Probe("http", url=f"http://127.0.0.1:{port}/health?x=1", contains="fine"))
    assert (said or "").endswith(reason or "")
    assert (said is None) == (reason is None)


def test_http_that_does_not_listen_is_refused() -> None:
    url = f"http://127.0.0.1:{free_port()}/health"
    assert ask(Probe("http", url=url)) == f"GET {url} refused"


def test_http_that_never_answers_is_late() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        probe = Probe("http", url=f"http://127.0.0.1:{silent.getsockname()[1]}/")
        assert "not answered in time" in (ready.check(probe, lambda argv: None, timeout_s=0.05) or "")


DENIED = '<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>AccessDenied</Code></Error>'


@pytest.mark.parametrize(
    ("answer", "good"),
    [
        (http("403 Forbidden", DENIED), True),
        (http("200 OK", "<ListAllMyBucketsResult xmlns='x'/>"), True),
        (http("503 Slow", DENIED), False),
        (http("200 OK", "<html></html>"), False),
    ],
)
def test_s3_is_known_by_its_documents(answer: bytes, good: bool) -> None:
    with answering(answer) as port:
        said = ask(Probe("s3", url=f"http://127.0.0.1:{port}"))
    assert (said is None) == good


@pytest.mark.live
def test_a_real_s3_server_is_ready(s3_server: Running) -> None:
    assert ask(probe_of("seaweedfs", s3_server)) is None


@pytest.mark.live
def test_a_real_sql_server_is_ready_and_a_wrong_password_is_said(postgres_server: Running, tmp_path: Path) -> None:
    probe = probe_of("postgres", postgres_server)
    assert ask(probe) is None
    (tmp_path / "wrong").write_text("wrong")
    assert "password authentication failed" in (ask(replace(probe, path=str(tmp_path / "wrong"))) or "")


def test_sql_without_server_password_file_or_variable_says_which(tmp_path: Path) -> None:
    url = f"postgresql://postgres@127.0.0.1:{free_port()}/postgres"
    assert "refused" in (ask(Probe("sql", url=url)) or "")
    assert "cannot be read yet" in (ask(Probe("sql", url=url, path=str(tmp_path / "none"))) or "")
    secret = url.replace("@", ":${env:AIFBENCH_TEST_UNSET}@")
    assert ask(Probe("sql", url=secret)) == "environment variable AIFBENCH_TEST_UNSET is not set"


def test_a_path_must_be_a_directory_that_can_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert ask(Probe("path", path=str(tmp_path))) is None
    assert list(tmp_path.iterdir()) == [tmp_path / "file"]
    assert "not a directory" in (ask(Probe("path", path=str(tmp_path / "file"))) or "")


def test_exec_is_asked_of_whoever_runs_commands() -> None:
    assert ready.check(Probe("exec", argv=(sys.executable, "-V")), lambda argv: f"ran {argv[1]}") == "ran -V"


def test_nothing_to_wait_for_is_ready() -> None:
    assert ask(Probe("none")) is None
