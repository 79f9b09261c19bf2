"""The workload `object`: signatures as AWS documents them, contents that tell what they are, a real S3 server."""

from __future__ import annotations

import pickle
import re
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from aifbench.errors import LoadError
from aifbench.model.operation import Operation
from aifbench.model.service import Endpoint, Target
from aifbench.workloads.object.multipart import abort_all, cut, parts_xml
from aifbench.workloads.object.options import ObjectOptions
from aifbench.workloads.object.payload import HEADER_BYTES, Payloads, block_bytes
from aifbench.workloads.object.prepare import slug
from aifbench.workloads.object.s3 import S3, parse_list, signer_of
from aifbench.workloads.object.sigv4 import EMPTY_SHA256, Signer, canonical_query, uri_encode
from tests.servers import Running
from tests.workloads.drive import drive_wire, make, prepare_context, worker_context

NOWHERE = Target("s3", "external", (Endpoint("s3", "http://127.0.0.1:1"),))
AWS_KEY, AWS_SECRET = "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
AWS_DAY = datetime(2013, 5, 24, tzinfo=UTC)


@pytest.mark.parametrize(
    ("method", "path", "query", "more", "payload", "signature"),
    [
        (
            "GET", "/test.txt", {}, {"Range": "bytes=0-9"}, EMPTY_SHA256,
            "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
        ),
        (
            "PUT", "/test%24file.text", {}, {"Date": "Fri, 24 May 2013 00:00:00 GMT",
             "x-amz-storage-class": "REDUCED_REDUNDANCY"},
            "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072",
            "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd",
        ),
        (
            "GET", "/", {"lifecycle": ""}, {}, EMPTY_SHA256,
            "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543",
        ),
        (
            "GET", "/", {"prefix": "J", "max-keys": "2"}, {}, EMPTY_SHA256,
            "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7",
        ),
    ],
)  # fmt: skip
def test_signatures_equal_the_four_examples_that_aws_documents(
    method: str, path: str, query: dict[str, str], more: dict[str, str], payload: str, signature: str
) -> None:
    """Amazon S3 API Reference, "Signature Calculations for the Authorization Header": examples with their keys."""
    signer = Signer(AWS_KEY, AWS_SECRET)
    host = "examplebucket.s3.amazonaws.com"
    sent = signer.headers(method, path, canonical_query(query), host, payload, AWS_DAY, more)
    assert sent["Authorization"].endswith(f"Signature={signature}")


@settings(max_examples=30, deadline=None)
@given(
    key=st.text(min_size=1, max_size=20).filter(lambda text: "\x00" not in text and text not in (".", "..")),
    query=st.dictionaries(st.sampled_from(["prefix", "max-keys", "start-after"]), st.text(max_size=8)),
    body=st.binary(max_size=30),
)
def test_signatures_equal_those_of_botocore(key: str, query: dict[str, str], body: bytes) -> None:
    from botocore.auth import S3SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    path = f"/bucket/{uri_encode(key, keep_slash=True)}"
    text = canonical_query(query)
    url = f"http://127.0.0.1:9000{path}" + (f"?{text}" if text else "")
    request = AWSRequest("PUT", url, data=body)
    S3SigV4Auth(Credentials(AWS_KEY, AWS_SECRET), "s3", "us-east-1").add_auth(request)
    moment = datetime.strptime(request.headers["X-Amz-Date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    payload = request.headers["X-Amz-Content-SHA256"]
    sent = Signer(AWS_KEY, AWS_SECRET).headers("PUT", path, text, "127.0.0.1:9000", payload, moment, {})
    ours = re.search("Signature=(.*)", sent["Authorization"])
    theirs = re.search("Signature=(.*)", request.headers["Authorization"])
    assert ours is not None
    assert theirs is not None
    assert ours[1] == theirs[1]


@pytest.mark.parametrize("size", [0, 1, HEADER_BYTES, HEADER_BYTES + 1, 65536, 65536 + 7, 200_000])
def test_contents_of_any_size_are_recognised_and_a_single_changed_byte_is_not(size: int) -> None:
    payloads = Payloads(5, 200_000)
    content = b"".join(payloads.buffers("a/key", size))
    assert len(content) == size
    assert payloads.fault("a/key", size, content) == ""
    for at in {0, size // 2, size - 1} - {-1} if size else ():
        damaged = bytearray(content)
        damaged[at] ^= 1
        assert payloads.fault("a/key", size, bytes(damaged))
    if size > HEADER_BYTES:
        assert "elsewhere" in payloads.fault("another/key", size, content)
    assert "expected" in payloads.fault("a/key", size + 1, content)


def test_the_largest_object_still_fits_into_one_sendmsg() -> None:
    for size in (1, 16 << 20, (16 << 20) + 1, 5 << 30):
        assert -(-size // block_bytes(size)) * 2 + 1 <= 1024


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"mix": {"get": 0, "put": 0, "stat": 0, "delete": 0}}, "all weights are 0"),
        ({"mix": {"put": 1, "delete": 2}}, "would run out"),
        ({"sizes": {"kind": "uniform", "low": 10, "high": 5}}, "below low"),
        ({"object_size": "6GiB"}, "less than or equal"),
        ({"bucket": "Not_A_Bucket"}, "pattern"),
    ],
)
def test_contradicting_options_are_refused_with_the_reason(options: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        ObjectOptions(**options)


def _asked(workers: int, tmp_path: Path) -> dict[int, Any]:
    workload = make("object", mix={"list": 10, "delete": 10, "get": 10, "put": 30, "stat": 10}, keys="zipf", objects=50)
    facts = {"bucket": "b", "prefix": "p", "seed": 3}
    asked = {}
    for worker in range(workers):
        client: Any = workload.open_client(
            worker_context(NOWHERE, facts, tmp_path, seed=9, worker=worker, workers=workers)
        )
        for seq in range(worker, 400, workers):
            asked[seq] = (client.kind(seq), client.ask(seq, client.kind(seq)))
    return asked


def test_what_an_operation_asks_is_the_same_for_one_worker_and_for_four(tmp_path: Path) -> None:
    assert _asked(1, tmp_path) == _asked(4, tmp_path)


def test_every_delete_takes_another_object_and_one_that_was_put_before(tmp_path: Path) -> None:
    asked = _asked(1, tmp_path)
    victims = [(seq, one.key) for seq, (kind, one) in sorted(asked.items()) if kind == "delete"]
    put = {one.key: seq for seq, (kind, one) in asked.items() if kind == "put"}
    assert len({key for _, key in victims}) == len(victims)
    assert [key for _, key in victims[:2]] == ["p/t9/v0", "p/t9/v1"]
    assert len(victims) <= 64 or all(put[key] < seq for seq, key in victims[64:])


def test_bucket_names_are_valid_and_differ_for_long_run_names() -> None:
    names = {slug("20260101-120000-" + "Ä_x" * 40, f"prep.{index}") for index in range(3)}
    assert len(names) == 3
    assert all(re.fullmatch(r"[a-z0-9][a-z0-9-]{1,61}[a-z0-9]", name) for name in names)


def test_a_list_answer_that_is_not_xml_is_a_clear_error() -> None:
    with pytest.raises(LoadError, match="not XML"):
        parse_list(b"<html><body>")


def test_half_a_credential_is_refused() -> None:
    with pytest.raises(LoadError, match="both access_key and secret_key"):
        signer_of(Endpoint("s3", "http://x", attributes={"access_key": "a"}))
    assert signer_of(Endpoint("s3", "http://x")) is None


@pytest.mark.live
def test_a_mix_on_a_real_server_is_right_in_content_and_leaves_nothing(s3_server: Running, tmp_path: Path) -> None:
    workload = make(
        "object",
        objects=30,
        sizes={"kind": "lognormal", "median": "20KiB", "low": 1, "high": "300KiB"},
        mix={"get": 3, "put": 3, "stat": 1, "list": 1, "delete": 2},
        list_keys=7,
        verify=1.0,
        payload_hash="sha256",
    )
    context = prepare_context(s3_server.target, tmp_path)
    facts = workload.prepare(context)
    assert workload.prepare(context)["bucket"] == facts["bucket"]
    assert facts["metrics"]["objects"] == 30
    assert facts["metrics"]["insert_bandwidth"] > 0
    client: Any = workload.open_client(worker_context(s3_server.target, facts, tmp_path))
    ended = drive_wire(client, 150, slots=4)
    columns = client.columns(ended)
    client.close()
    assert Counter((o.status, o.error, o.note) for o in ended) == {("ok", "", ""): 150}
    counts = Counter(operation.kind for operation in ended)
    assert set(counts) == {"get", "put", "stat", "list", "delete"}
    assert sum(value == 1 for value in columns["verified"]) == counts["get"] + counts["stat"] + counts["list"]
    assert all(ttfb > 0 for ttfb in columns["ttfb_ns"])
    for operation in ended:
        asked = client.ask(operation.seq, operation.kind) if operation.kind in ("get", "put") else None
        if asked:
            assert (operation.bytes_in or operation.bytes_out) == asked.size
    s3 = S3(s3_server.target.endpoint("s3"), facts["bucket"])
    left = Counter(key.split("/")[1][0] for key in s3.keys(f"{facts['prefix']}/"))
    assert left == {"o": 30, "t": counts["put"] + 64 - counts["delete"]}
    workload.cleanup(context, facts)
    assert s3.one("HEAD", good=(404,)).status == 404


@pytest.mark.live
def test_wrong_content_and_missing_objects_are_errors_of_their_own(s3_server: Running, tmp_path: Path) -> None:
    workload = make("object", objects=3, object_size=1000, mix={"get": 1, "put": 0, "stat": 0, "delete": 0}, verify=1.0)
    context = prepare_context(s3_server.target, tmp_path, preparation="wrong")
    facts = workload.prepare(context)
    s3 = S3(s3_server.target.endpoint("s3"), facts["bucket"])
    client: Any = workload.open_client(worker_context(s3_server.target, facts, tmp_path))
    keys = [client._contents.key(number) for number in range(3)]
    s3.one("PUT", keys[0], body=(b"x" * 1000,))
    s3.one("DELETE", keys[1])
    ended = drive_wire(client, 60)
    columns = client.columns(ended)
    client.close()
    errors = {client.ask(o.seq, "get").number: o.error for o in ended}
    assert errors == {0: "content-mismatch", 1: "http-404", 2: ""}
    assert set(columns["verified"]) == {0, 1, None}
    assert client.facts()["mismatched"] == sum(o.error == "content-mismatch" for o in ended)
    s3.one("PUT", "foreign", body=(b"keep",))
    workload.cleanup(context, facts)
    assert s3.keys("") == ["aifbench-mark", "foreign"]
    s3.one("DELETE", "foreign")
    workload.cleanup(context, facts)
    assert s3.one("HEAD", good=(404,)).status == 404


@pytest.mark.live
def test_a_wrong_secret_key_is_told_before_and_counted_during_the_load(s3_server: Running, tmp_path: Path) -> None:
    endpoint = s3_server.target.endpoint("s3")
    wrong = Target("s3", "external", (replace(endpoint, attributes={"access_key": "nobody", "secret_key": "wr0ng"}),))
    workload = make("object", objects=3, mix={"get": 1, "put": 0, "stat": 0, "delete": 0})
    with pytest.raises(LoadError, match=r"refused .*http-403") as caught:
        workload.prepare(prepare_context(wrong, tmp_path))
    assert "wr0ng" not in str(caught.value)
    client: Any = workload.open_client(worker_context(wrong, {"bucket": "b", "prefix": "p", "seed": 1}, tmp_path))
    assert [operation.error for operation in drive_wire(client, 2)] == ["http-403"] * 2
    client.close()


def test_a_server_that_is_not_there_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(LoadError, match="cannot connect"):
        make("object").prepare(prepare_context(NOWHERE, tmp_path))


def test_an_operation_without_an_answer_has_neither_first_byte_nor_verdict(tmp_path: Path) -> None:
    facts = {"bucket": "b", "prefix": "p", "seed": 3}
    client: Any = make("object").open_client(worker_context(NOWHERE, facts, tmp_path))
    assert client.columns([Operation(1, "get", 0)]) == {"ttfb_ns": [None], "verified": [None], "send_ns": [None]}


# multipart


@pytest.mark.parametrize(("sizes", "part"), [([10], 3), ([3, 3], 3), ([1, 2, 9, 4], 5), ([7], 7), ([], 4), ([2], 9)])
def test_a_content_is_cut_into_parts_of_one_size_without_losing_a_byte(sizes: list[int], part: int) -> None:
    pieces: list[bytes | memoryview] = [bytes([index]) * size for index, size in enumerate(sizes)]
    parts = [b"".join(buffers) for buffers in cut(pieces, part)]
    assert b"".join(parts) == b"".join(pieces)
    assert [len(one) for one in parts[:-1]] == [part] * (len(parts) - 1)
    assert all(0 < len(one) <= part for one in parts)


def test_the_parts_of_an_upload_are_named_in_order() -> None:
    assert parts_xml({2: '"b"', 1: '"a"'}) == (
        b'<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>"a"</ETag></Part>'
        b'<Part><PartNumber>2</PartNumber><ETag>"b"</ETag></Part></CompleteMultipartUpload>'
    )


@pytest.mark.parametrize(
    ("options", "words"),
    [({"part_size": "1MiB"}, "greater than or equal"), ({"part_size": "9GiB"}, "less than or equal")],
)
def test_parts_that_s3_does_not_take_are_refused(options: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        ObjectOptions(**options)
    assert ObjectOptions(part_size=5 << 20, object_size=5 << 30).part_size == 5 << 20


ONLY_PUT = {"get": 0, "put": 1, "stat": 0, "delete": 0}


@pytest.mark.live
@pytest.mark.parametrize("at_once", [1, 3])
def test_large_objects_are_put_in_parts_and_read_back_whole(at_once: int, s3_server: Running, tmp_path: Path) -> None:
    size = (12 << 20) + 345
    workload = make(
        "object", objects=1, object_size=size, mix=ONLY_PUT, part_size="5MiB", parts_at_once=at_once, verify=1.0
    )
    context = prepare_context(s3_server.target, tmp_path, preparation=f"parts{at_once}")
    facts = workload.prepare(context)
    client: Any = workload.open_client(worker_context(s3_server.target, facts, tmp_path))
    ended = pickle.loads(pickle.dumps(drive_wire(client, 3, slots=2)))  # as after a spill
    columns = client.columns(ended)
    assert [(o.status, o.note, o.bytes_out, o.bytes_in) for o in ended] == [("ok", "", size, 0)] * 3
    assert columns["parts"] == [3] * 3
    for operation, part_ns in zip(ended, columns["part_ns"], strict=True):
        assert len(part_ns) == 3
        assert min(part_ns) > 0
        assert max(part_ns) < operation.end - operation.start
    assert columns["ttfb_ns"] == columns["send_ns"] == [None] * 3
    assert client.facts()["connects_in_load"] == 0
    s3 = S3(s3_server.target.endpoint("s3"), facts["bucket"])
    asked = client.ask(ended[0].seq, "put")
    assert client._contents.payloads.fault(asked.key, size, s3.one("GET", asked.key).body()) == ""
    client.close()
    workload.cleanup(context, facts)


@pytest.mark.live
def test_an_upload_that_fails_or_is_given_up_leaves_nothing_behind(s3_server: Running, tmp_path: Path) -> None:
    workload = make("object", objects=1, object_size="11MiB", mix=ONLY_PUT, part_size="5MiB", verify=0.0)
    context = prepare_context(s3_server.target, tmp_path, preparation="given-up")
    facts = workload.prepare(context)
    client: Any = workload.open_client(worker_context(s3_server.target, facts, tmp_path))
    s3 = S3(s3_server.target.endpoint("s3"), facts["bucket"])
    prefix = f"{facts['prefix']}/"

    sent = client._s3.request

    def refuse_second(method: str, key: str = "", query: Any = None, body: Any = ()) -> Any:
        wrong = {**(query or {}), "uploadId": "no-such-upload"} if (query or {}).get("partNumber") == "2" else query
        return sent(method, key, wrong, body)

    client._s3.request = refuse_second
    failed = drive_wire(client, 1)[0]
    client.columns([failed])
    assert (failed.status, failed.bytes_out) == ("error", 0)
    assert failed.error.startswith("http-4")
    assert failed.note.startswith("part: ")
    assert [step.kind for step in failed.detail.steps] == ["create", "part", "part", "abort"]

    def cut_second(method: str, key: str = "", query: Any = None, body: Any = ()) -> Any:
        built = sent(method, key, query, body)
        return built[:-1] if (query or {}).get("partNumber") == "2" else built  # the server waits for the rest

    client._s3.request = cut_second
    given_up = drive_wire(client, 1, timeout_s=0.5, first=1)[0]
    assert (given_up.status, given_up.error) == ("timeout", "timeout")
    client._s3.request = sent
    client.close()
    assert abort_all(s3, prefix) == 0
    s3.one("POST", f"{prefix}left", query={"uploads": ""})
    assert abort_all(s3, prefix) == 1
    assert abort_all(s3, prefix) == 0
    workload.cleanup(context, facts)
    assert s3.one("HEAD", good=(404,)).status == 404


@pytest.mark.live
def test_the_time_to_send_an_object_is_apart_from_the_answer_to_it(s3_server: Running, tmp_path: Path) -> None:
    workload = make("object", objects=1, object_size="4MiB", mix=ONLY_PUT)
    context = prepare_context(s3_server.target, tmp_path, preparation="sent")
    facts = workload.prepare(context)
    client: Any = workload.open_client(worker_context(s3_server.target, facts, tmp_path))
    ended = drive_wire(client, 3)
    columns = client.columns(ended)
    client.close()
    workload.cleanup(context, facts)
    for operation, send, ttfb in zip(ended, columns["send_ns"], columns["ttfb_ns"], strict=True):
        assert send > 0
        assert ttfb > 0
        assert send + ttfb <= operation.end - operation.start
