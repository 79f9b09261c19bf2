"""gRPC calls of real engines to a real grpcio server: what arrives, what is stamped, and how each failure is told."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from aifbench.clock import sleep_s
from aifbench.deploy.ready import check
from aifbench.errors import LoadError
from aifbench.load.transport.grpc import GrpcAnswer, GrpcClient
from aifbench.load.transport.grpc_channel import parse
from aifbench.load.transport.refusal import explain
from aifbench.model.load import Load
from aifbench.model.operation import OK
from aifbench.model.service import Endpoint, Probe, Target
from tests.load.grpc_server import STREAM, UNARY, Known, serving
from tests.simulators import behaviour, rows, run_worker, running, trial_job
from tests.workloads.drive import drive_wire

FEW = Load("closed", duration_s=20.0, concurrency=2, operations=4, timeout_s=5.0, drain_s=4.0)
ONE = replace(FEW, concurrency=1, operations=1)

DATA = Path(__file__).parents[1] / "simulate" / "data"


@pytest.fixture(scope="module")
def known() -> Iterator[Known]:
    with serving() as server:
        yield server


def calls(folder: Path, address: str, request: str, load: Load = FEW, **options: Any) -> tuple[list[Any], Any]:
    """The rows of a worker's trial, and its report; `request` decides unary or stream."""
    streaming = options.pop("streaming", False)
    target = Target("known", "external", (Endpoint("grpc", f"grpc://{address}"),))
    given = {
        "method": STREAM if streaming else UNARY,
        "request_hex": request.encode().hex(),
        "streaming": streaming,
        **options,
    }
    job = replace(trial_job(folder, 1, load), uses="grpc", options=given, target=target, prepared={})
    samples, report = run_worker(job)
    return rows(samples), report


def kinds(found: list[Any]) -> set[tuple[str, str | None, str | None]]:
    return {(row["status"], row["error_kind"], row["grpc_code"]) for row in found}


def test_any_bytes_go_and_come_back_unchanged(known: Known) -> None:
    request = bytes(range(256))
    client: Any = GrpcClient(Endpoint("grpc", f"grpc://{known.address}"), UNARY, lambda _: request, timeout_s=5.0)
    client.kind = lambda seq: "call"
    ended = drive_wire(client, 3, slots=2)
    client.close()
    assert [operation.detail.messages for operation in ended] == [[request]] * 3
    for operation in ended:
        (stamp,) = operation.detail.stamps
        assert (operation.status, operation.bytes_in, operation.bytes_out) == (OK, 256, 256)
        assert operation.start < operation.first == operation.last == stamp <= operation.end


def test_each_message_of_a_stream_is_stamped_after_the_server_wrote_it_and_before_the_next(
    known: Known, tmp_path: Path
) -> None:
    before = len(known.written_ns)
    found, _ = calls(tmp_path, known.address, "stream 6 30", replace(FEW, concurrency=1), streaming=True)
    assert kinds(found) == {("ok", None, "ok")}
    for row, written in zip(found, known.written_ns[before:], strict=True):
        stamps = row["message_ns"]
        assert row["messages"] == len(stamps) == 6
        assert all(wrote <= stamp for wrote, stamp in zip(written, stamps, strict=True))
        assert (row["t_first"], row["t_last"]) == (stamps[0], stamps[-1])
        assert row["t_last"] <= row["t_end"]
        assert row["ttfm_ns"] == stamps[0] - row["t_start"] >= 30_000_000


@pytest.mark.parametrize("code", ["UNAVAILABLE", "RESOURCE_EXHAUSTED", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED"])
def test_a_status_of_the_server_is_the_error_kind_and_its_details_the_note(
    known: Known, tmp_path: Path, code: str
) -> None:
    """Also a deadline that the server says is over before ours: that is its answer, not our time-out."""
    name = code.lower().replace("_", "-")
    found, _ = calls(tmp_path, known.address, f"fail {code}")
    assert kinds(found) == {("error", f"grpc-{name}", name)}
    assert {(row["note"], row["ttfm_ns"], row["messages"]) for row in found} == {("as asked", None, 0)}


def test_a_stream_that_fails_keeps_the_stamps_of_what_came_before(known: Known, tmp_path: Path) -> None:
    found, _ = calls(tmp_path, known.address, "fail INTERNAL 3", streaming=True)
    assert kinds(found) == {("error", "grpc-internal", "internal")}
    assert {len(row["message_ns"]) for row in found} == {3}


def test_a_method_that_the_server_lacks_is_named_by_its_code(known: Known, tmp_path: Path) -> None:
    found, _ = calls(tmp_path, known.address, "echo", method="/test.Known/Nothing")
    assert kinds(found) == {("error", "grpc-unimplemented", "unimplemented")}


@pytest.mark.parametrize("streaming", [False, True])
def test_the_time_out_is_the_deadline_that_the_server_is_told(known: Known, tmp_path: Path, *, streaming: bool) -> None:
    before = len(known.remaining_s)
    load = replace(FEW, operations=2, timeout_s=0.4)
    request = "stream 2 900" if streaming else "sleep 900"
    found, _ = calls(tmp_path, known.address, request, load, streaming=streaming)
    assert {(row["status"], row["error_kind"]) for row in found} == {("timeout", "grpc-deadline-exceeded")}
    assert all(row["t_end"] - row["t_start"] >= 400_000_000 for row in found)
    assert all(0.0 < left <= 0.42 for left in known.remaining_s[before:])


def test_what_has_not_ended_after_the_drain_is_given_up_and_the_server_learns_of_it(
    known: Known, tmp_path: Path
) -> None:
    known.gone.clear()
    load = Load("closed", duration_s=0.2, concurrency=1, timeout_s=30.0, drain_s=0.2)
    found, _ = calls(tmp_path, known.address, "stream 50 100", load, streaming=True)
    assert [(row["status"], row["grpc_code"]) for row in found] == [("unfinished", None)]
    assert 1 <= len(found[0]["message_ns"]) < 50
    assert known.gone.wait(10)


def test_a_server_that_dies_in_a_stream_is_told_apart_from_its_end_and_the_load_goes_on(tmp_path: Path) -> None:
    server = subprocess.Popen(
        [sys.executable, "-m", "tests.load.grpc_server"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert server.stdout is not None
    address = server.stdout.readline().strip()

    def die() -> None:
        sleep_s(1.5)  # the streams are long under way by then, on a busy machine too
        server.kill()

    killer = threading.Thread(target=die)
    killer.start()
    try:
        load = Load("closed", duration_s=2.5, concurrency=2, timeout_s=9.0, drain_s=2.0)
        found, _ = calls(tmp_path, address, "stream 1000 10", load, streaming=True)
    finally:
        killer.join()
        server.kill()
        server.communicate()
    assert {(row["status"], row["error_kind"]) for row in found} == {("error", "grpc-unavailable")}
    assert [len(row["message_ns"]) > 0 for row in found[:2]] == [True, True]
    assert len(found) > 2
    assert all(not row["message_ns"] for row in found[2:])


def test_users_have_connections_of_their_own_unless_told_to_share(known: Known, tmp_path: Path) -> None:
    load = replace(FEW, concurrency=6, operations=24)
    for share, connections in ((1, 6), (3, 2), (100, 1)):
        known.peers.clear()
        found, report = calls(tmp_path / str(share), known.address, "sleep 20", load, calls_per_connection=share)
        assert kinds(found) == {("ok", None, "ok")}
        assert (len(known.peers), report["connect_count"]) == (connections, connections)


def test_an_open_loop_opens_more_calls_when_answers_are_late_and_keeps_its_starts(known: Known, tmp_path: Path) -> None:
    load = Load("constant", duration_s=0.6, rate_per_s=50, timeout_s=5.0, drain_s=4.0)
    found, report = calls(tmp_path, known.address, "sleep 400", load)
    assert kinds(found) == {("ok", None, "ok")}
    assert len(found) == 30
    assert report["facts"]["connects_in_load"] > 0
    assert {b["t_intended"] - a["t_intended"] for a, b in pairwise(found)} == {20_000_000}


def test_metadata_reaches_the_server_with_its_secrets_resolved(
    known: Known, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KNOWN_TOKEN", "open sesame")
    calls(tmp_path, known.address, "echo", ONE, metadata={"authorization": "${env:KNOWN_TOKEN}", "raw-bin": "AAH/"})
    assert known.metadata[-1].items() >= {"authorization": "open sesame", "raw-bin": b"\x00\x01\xff"}.items()


def test_a_port_where_nothing_listens_is_refused_before_the_load(tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    with pytest.raises(LoadError, match="nothing listens there"):
        calls(tmp_path, address, "echo")


def test_a_server_that_speaks_something_else_is_named_before_the_load(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:

        def talk() -> None:
            while True:
                try:
                    connection, _ = other.accept()
                except OSError:
                    return
                with connection:
                    connection.sendall(b"220 mail ready\r\n")

        thread = threading.Thread(target=talk, daemon=True)
        thread.start()
        with pytest.raises(LoadError, match="HTTP/2"):
            calls(tmp_path, f"127.0.0.1:{other.getsockname()[1]}", "echo")
        other.shutdown(socket.SHUT_RDWR)
        thread.join(5)


def test_a_unix_socket_that_is_not_there_is_named(tmp_path: Path) -> None:
    client = GrpcClient(Endpoint("grpc", f"unix://{tmp_path}/none"), UNARY, lambda _: b"", timeout_s=2.0)
    with pytest.raises(FileNotFoundError) as caught:
        client.open_slot(client.make_loop(), lambda *_: None)
    assert "the Unix socket" in explain(caught.value)[0]


def test_addresses_are_those_of_grpc() -> None:
    assert parse("grpc://h:50051").name == "h:50051"
    assert parse("grpc://[::1]:50051").name == "[::1]:50051"
    assert (parse("grpcs://h").name, parse("https://h").tls, parse("http://h:1").tls) == ("h:443", True, False)
    assert parse("unix:///run/a.sock").name == "unix:/run/a.sock"
    for wrong in ("grpc://h", "ftp://h:1", "h:1", "unix:"):
        with pytest.raises(LoadError, match="grpc://127"):
            parse(wrong)


def test_a_client_that_shall_trust_anybody_is_refused_because_grpc_never_does() -> None:
    endpoint = Endpoint("grpc", "grpcs://127.0.0.1:1", attributes={"verify_tls": False})
    client = GrpcClient(endpoint, UNARY, lambda _: b"", timeout_s=1.0)
    with pytest.raises(LoadError, match="always checks"):
        client.open_slot(client.make_loop(), lambda *_: None)


def test_tls_believes_the_authority_that_is_named_and_says_why_it_believes_no_other() -> None:
    with serving(DATA / "localhost-key.pem", DATA / "localhost-cert.pem") as server:
        port = server.address.partition(":")[2]
        good = {"ca_file": str(DATA / "localhost-cert.pem")}
        endpoint = Endpoint("grpc", f"grpcs://localhost:{port}", attributes=good)
        assert check(Probe("http2", url=endpoint.url, host="localhost", port=int(port)), lambda _: None) is None
        client: Any = GrpcClient(endpoint, UNARY, lambda _: b"echo", timeout_s=5.0)
        client.kind = lambda seq: "call"
        (ended,) = drive_wire(client, 1)
        client.close()
        assert (ended.status, ended.detail.messages) == (OK, [b"echo"])
        unknown = GrpcClient(replace(endpoint, attributes={}), UNARY, lambda _: b"", timeout_s=5.0)
        with pytest.raises(OSError, match="CERTIFICATE_VERIFY_FAILED") as caught:
            unknown.open_slot(unknown.make_loop(), lambda *_: None)
        assert "ca_file" in explain(caught.value)[1]


def test_a_server_of_http_1_is_not_ready_for_grpc() -> None:
    with running(behaviour()) as simulator:
        said = check(Probe("http2", url=simulator.url, host="127.0.0.1", port=simulator.port), lambda _: None)
    assert said is not None
    assert "does not answer HTTP/2" in said


def test_answers_survive_the_way_to_disk_and_back() -> None:
    import pickle

    answer = GrpcAnswer()
    answer.messages, answer.stamps, answer.code, answer.details = [b"a"], [7], "ok", "d"
    again = pickle.loads(pickle.dumps(answer))
    assert [getattr(again, name) for name in GrpcAnswer.__slots__] == ["ok", "d", [b"a"], [7]]
