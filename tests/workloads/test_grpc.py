"""`grpc`: what is sent, and which answers are right."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from aifbench.deploy.ready import check
from aifbench.errors import LoadError
from aifbench.model.service import Endpoint, Probe, Target
from aifbench.workloads.grpc import GrpcOptions, request_of
from tests.load.grpc_server import STREAM, UNARY, Known, serving
from tests.services.live import Running, up
from tests.workloads.drive import drive_wire, make, worker_context


def options(**given: Any) -> GrpcOptions:
    return GrpcOptions(**given)


def test_a_request_comes_from_digits_from_base64_or_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "request"
    file.write_bytes(b"\x0a\x00")
    assert request_of(options()) == b""
    assert request_of(options(request_hex="0a 00")) == b"\x0a\x00"
    assert request_of(options(request_base64="CgA=")) == b"\x0a\x00"
    assert request_of(options(request_file=str(file))) == b"\x0a\x00"
    with pytest.raises(LoadError, match="cannot be read"):
        request_of(options(request_file=str(tmp_path / "none")))


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"method": "package.Service/Method"}, "method"),
        ({"request_hex": "0g"}, "expected hex"),
        ({"request_base64": "="}, "expected base64"),
        ({"request_hex": "00", "request_base64": "AA=="}, "expected one of them"),
        ({"messages": 3}, "streaming: true"),
        ({"metadata": {"Key": "a"}}, "small letters"),
        ({"metadata": {"grpc-timeout": "1S"}}, "no grpc-"),
        ({"metadata": {"key": "ü"}}, "printable ASCII"),
        ({"metadata": {"key-bin": "?"}}, "expected base64"),
    ],
)
def test_a_wrong_option_is_refused_with_what_would_be_right(wrong: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        options(**wrong)


@pytest.fixture(scope="module")
def known() -> Iterator[Known]:
    with serving() as server:
        yield server


def judged(known: Known, folder: Path, **given: Any) -> set[tuple[str, str, str]]:
    target = Target("known", "external", (Endpoint("grpc", f"grpc://{known.address}"),))
    encoded = base64.b64encode(given.pop("request").encode()).decode()
    client: Any = make("grpc", request_base64=encoded, **given).open_client(worker_context(target, {}, folder))
    ended = drive_wire(client, 3)
    client.columns(ended)
    client.close()
    return {(operation.status, operation.error, operation.note) for operation in ended}


def test_a_right_answer_has_as_many_messages_as_expected(known: Known, tmp_path: Path) -> None:
    stream: dict[str, Any] = {"method": STREAM, "streaming": True, "request": "stream 3 0"}
    assert judged(known, tmp_path, **stream, messages=3) == {("ok", "", "")}
    assert judged(known, tmp_path, **stream, messages=4) == {("error", "wrong-count", "got 3 messages, expected 4")}


def test_a_text_that_every_answer_must_hold_is_looked_for_in_each_message(known: Known, tmp_path: Path) -> None:
    stream: dict[str, Any] = {"method": STREAM, "streaming": True, "request": "stream 3 0"}
    assert judged(known, tmp_path, **stream, contains="message 2") == {("ok", "", "")}
    assert {error for _, error, _ in judged(known, tmp_path, request="echo", method=UNARY, contains="other")} == {
        "content-mismatch"
    }


def test_readiness_is_an_answer_in_http2(known: Known) -> None:
    host, _, port = known.address.partition(":")
    assert check(Probe("http2", url=f"grpc://{known.address}", host=host, port=int(port)), lambda _: None) is None


@pytest.mark.live
def test_milvus_lite_answers_calls_by_path_with_its_version(tmp_path: Path) -> None:
    running: Running
    with up("milvus-lite", tmp_path / "server") as running:
        target = Target("milvus", "milvus-lite", running.endpoints)
        client: Any = make("grpc", method="/milvus.proto.milvus.MilvusService/GetVersion").open_client(
            worker_context(target, {}, tmp_path)
        )
        ended = drive_wire(client, 5, slots=2)
        made = client.columns(ended)
        client.close()
    assert [operation.status for operation in ended] == ["ok"] * 5
    assert made["grpc_code"] == ["ok"] * 5
    assert {operation.bytes_in > 0 for operation in ended} == {True}
