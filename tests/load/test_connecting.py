"""Names, sockets and certificates: what a connection needs, and what is said where there is none."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from aifbench.clock import monotonic_ns
from aifbench.errors import LoadError
from aifbench.load.transport.address import parse
from aifbench.load.transport.connector import Connector
from aifbench.load.transport.http import fetch
from aifbench.load.transport.refusal import error_kind, explain
from aifbench.load.transport.trust import Trust, trust_of
from aifbench.load.worker import Worker
from aifbench.model.load import Load
from aifbench.model.service import Endpoint, Target
from aifbench.simulate.faults import FaultRule
from aifbench.simulate.listen import Place
from aifbench.simulate.server import Simulator
from tests.simulators import behaviour, rows, run_worker, trial_job

DATA = Path(__file__).parent.parent / "simulate" / "data"
CERT, KEY = str(DATA / "localhost-cert.pem"), str(DATA / "localhost-key.pem")
FEW = Load("closed", duration_s=5.0, concurrency=1, operations=3, think_time_s=0.05, timeout_s=3.0)


@contextlib.contextmanager
def listening(place: Place, *faults: FaultRule) -> Iterator[Simulator]:
    simulator = Simulator(behaviour("1ms", faults=faults), place)
    thread = threading.Thread(target=simulator.run, daemon=True)
    thread.start()
    try:
        yield simulator
    finally:
        simulator.stop()
        thread.join(10)
        simulator.close()


def secure(host: str = "localhost", *faults: FaultRule) -> Any:
    return listening(Place(host, cert=CERT, key=KEY), *faults)


def job(folder: Path, url: str, load: Load = FEW, **attributes: Any) -> Any:
    target = Target("sim", "external", (Endpoint("openai", url, attributes=attributes),))
    return replace(trial_job(folder, 1, load), target=target)


# certificates


def test_an_authority_of_the_targets_attributes_is_trusted_and_the_handshake_is_connect_time(tmp_path: Path) -> None:
    with secure() as simulator:
        samples, report = run_worker(job(tmp_path, simulator.url, ca_file=CERT))
    assert [row["status"] for row in rows(samples)] == ["ok"] * 3
    assert report["connect_count"] == 1
    assert report["facts"]["connects_in_load"] == 0
    assert report["facts"]["timestamps"] == "user"


def test_a_connection_made_again_during_the_load_does_its_handshake_on_the_loop(tmp_path: Path) -> None:
    with secure("localhost", FaultRule("idle-close", 1_000_000)) as simulator:
        samples, report = run_worker(job(tmp_path, simulator.url, ca_file=CERT))
    assert [row["status"] for row in rows(samples)] == ["ok"] * 3
    assert report["facts"]["connects_in_load"] == 2


def test_a_large_body_sent_over_tls_arrives_whole() -> None:
    with secure() as simulator:
        answer = fetch(
            simulator.url,
            "POST",
            "/v1/completions",
            b'{"prompt": "' + b"a " * 400_000 + b'"}',
            trust=Trust(ca_file=CERT),
        )
    assert b'"prompt_tokens": 400000' in answer.body()


@pytest.mark.parametrize(
    ("attributes", "words"),
    [
        ({}, r"certificate is not trusted: self-signed certificate[\s\S]*ca_file"),
        ({"ca_file": "/nowhere/ca.pem"}, "CA file cannot be used"),
        ({"verify_tls": "no"}, "expected true or false"),
    ],
)
def test_a_certificate_that_is_not_trusted_is_said_before_the_load(
    attributes: dict[str, Any], words: str, tmp_path: Path
) -> None:
    with secure() as simulator, pytest.raises(LoadError, match=words):
        Worker(job(tmp_path, simulator.url, **attributes), 0).connect()


def test_a_certificate_for_another_name_is_a_kind_of_its_own(tmp_path: Path) -> None:
    with secure("127.0.0.2") as simulator:
        with pytest.raises(LoadError, match="certificate is for another name: IP address mismatch"):
            Worker(job(tmp_path, simulator.url, ca_file=CERT), 0).connect()
        assert kind_of(simulator.url, trust=Trust(ca_file=CERT)) == "tls-name"


def test_anybody_is_trusted_where_the_recipe_says_so() -> None:
    with secure("127.0.0.2") as simulator:
        assert fetch(simulator.url, path="/instant", trust=trust_of({"verify_tls": False})).body() == b"ok"
        assert fetch(simulator.url, path="/instant", trust=trust_of({}, verify=False)).body() == b"ok"


def test_tls_that_ends_during_the_load_is_an_error_of_each_operation(tmp_path: Path) -> None:
    """Connections made in the load meet what the first one did not: a server that speaks plain HTTP there now."""
    with secure("localhost", FaultRule("die", numbers=(0,))) as simulator:
        worker = Worker(job(tmp_path, simulator.url, ca_file=CERT), 0)
        worker.connect()
    with plain_talker(simulator.port):
        worker.engine.run(monotonic_ns())
    operations = worker.engine.operations
    worker.engine.close()
    assert operations[-1].error == "no-tls"
    assert "does not speak TLS" in operations[-1].note


@contextlib.contextmanager
def plain_talker(port: int = 0) -> Iterator[int]:
    """Answers whatever it gets as web servers answer a TLS greeting on a plain port."""
    listener = socket.create_server(("127.0.0.1", port))

    def talk() -> None:
        with contextlib.suppress(OSError):
            while True:
                sock, _ = listener.accept()
                with sock:
                    sock.recv(4096)
                    sock.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")

    thread = threading.Thread(target=talk, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(5)


def kind_of(url: str, trust: Trust | None = None, timeout_s: float = 10.0) -> str:
    with pytest.raises(OSError) as caught:
        Connector(parse(url), trust=trust or Trust(), connect_timeout_s=timeout_s).connect()
    return error_kind(caught.value)


def test_https_to_a_port_that_speaks_plain_http_says_so() -> None:
    with plain_talker() as port:
        assert kind_of(f"https://127.0.0.1:{port}") == "no-tls"


def test_a_server_that_never_answers_the_handshake_is_a_time_out() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        assert kind_of(f"https://127.0.0.1:{silent.getsockname()[1]}", timeout_s=0.2) == "connect-timeout"


# names and sockets


def test_a_name_that_is_not_known_is_named_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(LoadError, match=r"host name 'no-such-host\.invalid' is not known[\s\S]*getent hosts"):
        Worker(job(tmp_path, "http://no-such-host.invalid:8000"), 0).connect()
    assert kind_of("http://no-such-host.invalid") == "dns"
    assert kind_of(f"http://{'a' * 70}.example") == "dns"


def test_nothing_listens_is_said_with_what_to_check() -> None:
    assert explain(ConnectionRefusedError(111, "Connection refused")) == (
        "Connection refused: nothing listens there",
        "check host and port, and that the target runs",
    )


def test_a_unix_socket_that_is_not_there_is_named() -> None:
    with pytest.raises(OSError) as caught:
        Connector(parse("http+unix://%2Fno%2Fsuch.socket")).connect()
    assert "Unix socket" in explain(caught.value)[0]


def test_a_load_goes_over_a_unix_socket(tmp_path: Path) -> None:
    with listening(Place(unix=str(tmp_path / "s"))) as simulator:
        samples, report = run_worker(job(tmp_path, simulator.url))
    assert [row["status"] for row in rows(samples)] == ["ok"] * 3
    assert report["facts"]["timestamps"] == "user"  # the kernel stamps only what comes from a network


@pytest.mark.skipif(not socket.has_ipv6 or not Path("/proc/net/if_inet6").exists(), reason="no IPv6 here")
def test_a_load_goes_over_ipv6(tmp_path: Path) -> None:
    with listening(Place("::1")) as simulator:
        samples, _ = run_worker(job(tmp_path, simulator.url))
    assert [row["status"] for row in rows(samples)] == ["ok"] * 3


def test_of_several_addresses_of_a_name_the_first_that_answers_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    with listening(Place()) as simulator:
        place = ("127.0.0.1", simulator.port)
        dead = (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.3", simulator.port))
        good = (socket.AF_INET, socket.SOCK_STREAM, 6, "", place)
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [dead, good])
        connector = Connector(parse(f"http://two-addresses:{simulator.port}"))
        for sock in (connector.connect(), connector.begin()[0]):
            assert sock.getpeername() == place
            sock.close()


@pytest.mark.parametrize("url", ["ftp://host", "http://", "host:80", "http://host:99999", "http://[::1", "http://:80"])
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(LoadError, match="got address"):
        parse(url)


def test_proxies_of_the_environment_change_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    with listening(Place()) as simulator:
        assert fetch(simulator.url, path="/instant").body() == b"ok"
        samples, _ = run_worker(job(tmp_path, simulator.url))
    assert [row["status"] for row in rows(samples)] == ["ok"] * 3
