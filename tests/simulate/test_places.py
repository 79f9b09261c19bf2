"""Where the simulator listens, and that the generator's own client reaches it there."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from aifbench.errors import ServiceError
from aifbench.load.transport.http import fetch
from aifbench.simulate.listen import Place
from aifbench.simulate.server import Simulator
from tests.simulators import behaviour

DATA = Path(__file__).parent / "data"
CERT, KEY = str(DATA / "localhost-cert.pem"), str(DATA / "localhost-key.pem")  # made for these tests, secret to nobody


@contextlib.contextmanager
def at(place: Place) -> Iterator[Simulator]:
    simulator = Simulator(behaviour("1ms"), place)
    thread = threading.Thread(target=simulator.run, daemon=True)
    thread.start()
    try:
        yield simulator
    finally:
        simulator.stop()
        thread.join(10)
        simulator.close()


def test_ipv4_any_port() -> None:
    with at(Place()) as simulator:
        assert simulator.url == f"http://127.0.0.1:{simulator.port}"
        assert fetch(simulator.url, path="/instant").body() == b"ok"


@pytest.mark.skipif(not socket.has_ipv6 or not Path("/proc/net/if_inet6").exists(), reason="no IPv6 here")
def test_ipv6_is_written_in_brackets() -> None:
    with at(Place("::1")) as simulator:
        assert simulator.url.startswith("http://[::1]:")
        assert fetch(simulator.url, path="/bytes/10").body() == b"x" * 10


def test_a_unix_socket_is_named_by_its_encoded_path_and_removed_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "sim.socket"
    with at(Place(unix=str(path))) as simulator:
        assert simulator.url == "http+unix://" + str(path).replace("/", "%2F")
        assert fetch(simulator.url, path="/bytes/3").body() == b"xxx"
    assert not path.exists()


def test_a_unix_socket_left_by_a_killed_server_is_taken_over_but_a_living_one_is_not(tmp_path: Path) -> None:
    path = tmp_path / "sim.socket"
    left = socket.socket(socket.AF_UNIX)
    left.bind(str(path))
    left.close()
    with at(Place(unix=str(path))), pytest.raises(ServiceError, match="in use"):
        Simulator(behaviour(), Place(unix=str(path)))
    path.write_text("a file of somebody")
    with pytest.raises(ServiceError, match="in use"):
        Simulator(behaviour(), Place(unix=str(path)))
    assert path.read_text() == "a file of somebody"


def test_tls_is_checked_by_the_client_and_carries_more_than_one_record(monkeypatch: pytest.MonkeyPatch) -> None:
    with at(Place("localhost", cert=CERT, key=KEY)) as simulator:
        with pytest.raises(OSError, match="certificate"):
            fetch(simulator.url, path="/instant")
        monkeypatch.setenv("SSL_CERT_FILE", CERT)
        assert fetch(simulator.url, path="/bytes/300000").body() == b"x" * 300_000


def test_a_wrong_certificate_is_named(tmp_path: Path) -> None:
    with pytest.raises(ServiceError, match="cannot use the certificate"):
        Simulator(behaviour(), Place(cert=KEY, key=KEY))


def test_a_taken_port_is_named() -> None:
    with at(Place()) as simulator, pytest.raises(ServiceError, match="already in use"):
        Simulator(behaviour(), Place(port=simulator.port))


def test_what_is_no_http_closes_the_connection_and_nothing_else() -> None:
    with at(Place()) as simulator:
        with socket.create_connection(("127.0.0.1", simulator.port)) as sock:
            sock.sendall(b"\x16\x03\x01 hello\r\n\r\n")
            assert sock.recv(100) == b""
        assert fetch(simulator.url, path="/health").status == 200


def test_it_tells_its_own_cpu_time() -> None:
    with at(Place()) as simulator:
        first, second = (json.loads(fetch(simulator.url, path="/self").body()) for _ in range(2))
    assert 0 <= second["cpu_ns"] - first["cpu_ns"] <= 10**9
    assert second["requests"] == first["requests"] + 1


def test_a_record_that_nobody_wants_is_not_kept() -> None:
    simulator = Simulator(behaviour("1ms"), keep_record=False)
    thread = threading.Thread(target=simulator.run, args=(5.0,), daemon=True)
    thread.start()
    assert fetch(simulator.url, path="/bytes/1").status == 200
    simulator.stop()
    thread.join(10)
    simulator.close()
    assert simulator.exchanges == []
