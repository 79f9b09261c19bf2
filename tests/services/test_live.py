"""The real servers: started, found ready, described, stopped, and nothing of them left."""

from __future__ import annotations

import json
import os
import socket
import stat
import tempfile
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from aifbench.errors import ServiceError
from tests.services.live import Running, answered, free_ports, launch, make, up

pytestmark = pytest.mark.live


def ended_cleanly(running: Running, within_s: float) -> None:
    """The group is gone soon after TERM, without a KILL."""
    running.stop()
    assert running.stop_s < within_s
    assert not running.group_left()


def mode(path: str) -> int:
    return stat.S_IMODE(Path(path).stat().st_mode)


@pytest.fixture(scope="module")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with up("llama.cpp", tmp_path_factory.mktemp("llm"), {"parallel": 2, "context": 1024}) as running:
        yield running


def post(url: str, body: dict[str, Any]) -> Any:
    request = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.loads(answer.read())


def test_llama_describes_what_it_was_told(llama: Running) -> None:
    facts = llama.service.describe(llama.endpoints)
    assert facts["version"]
    assert (facts["slots"], facts["context_per_slot"]) == (2, 1024)
    assert facts["model"]["name"] == "tiny-random"


def test_tiny_model_answers_in_words_of_one_token_up_to_the_limit(llama: Running) -> None:
    url = llama.endpoints[0].url
    chat = {"messages": [{"role": "user", "content": "hello"}], "max_tokens": 60}
    answer = post(f"{url}/v1/chat/completions", chat)
    text = answer["choices"][0]["message"]["content"]
    assert answer["usage"]["completion_tokens"] == 60
    assert len(text.split(" ")) == 61  # each word brings its leading space
    tokens = post(f"{url}/tokenize", {"content": text})["tokens"]
    assert len(tokens) == 60


def test_llama_ends_at_once_and_removes_the_generated_model(llama: Running) -> None:
    assert list(Path(llama.where.folder).glob("*.gguf"))
    ended_cleanly(llama, within_s=3)
    assert not list(Path(llama.where.folder).glob("*.gguf"))


def test_llama_names_a_model_that_is_not_there(tmp_path: Path) -> None:
    running = launch(make("llama.cpp", {"model": "/no/such.gguf"}), tmp_path)
    assert running.process.wait(timeout=20) != 0
    lines = (tmp_path / "err").read_text().splitlines()
    assert lines[-1] == "model not found: /no/such.gguf"
    assert "model" in running.service.explain(lines)


def test_llama_explains_a_file_that_is_no_model(tmp_path: Path) -> None:
    (tmp_path / "bad.gguf").write_bytes(b"not a model at all")
    running = launch(make("llama.cpp", {"model": str(tmp_path / "bad.gguf")}), tmp_path)
    assert running.process.wait(timeout=20) != 0
    assert "GGUF" in running.service.explain((tmp_path / "err").read_text().splitlines())


def test_postgres_serves_with_a_password_of_its_own_and_ends_with_clients_connected(tmp_path: Path) -> None:
    import psycopg

    with up("postgres", tmp_path, {"settings": {"shared_buffers": "32MB"}}) as running:
        endpoint = running.endpoints[0]
        path = endpoint.attributes["password_file"]
        assert mode(path) == 0o600
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(endpoint.url, password="wrong", connect_timeout=5)
        facts = running.service.describe(running.endpoints)
        assert facts["version"].split(".")[0].isdigit()
        assert facts["settings"]["shared_buffers"] == "32MB"
        password = Path(path).read_text()
        assert password not in json.dumps(facts)
        assert password not in (tmp_path / "out").read_text() + (tmp_path / "err").read_text()
        client = psycopg.connect(endpoint.url, password=password)
        client.execute("create table kept (n int)")
        client.commit()
        ended_cleanly(running, within_s=5)
        client.close()
    with up("postgres", tmp_path) as again, psycopg.connect(again.endpoints[0].url, password=password) as client:
        assert client.execute("select count(*) from kept").fetchone() == (0,)


def test_postgres_refuses_a_folder_that_holds_something_else(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear")
    running = launch(make("postgres", {"data_dir": str(tmp_path / "mine")}), tmp_path)
    assert running.process.wait(timeout=20) != 0
    assert "neither empty nor a PostgreSQL cluster" in (tmp_path / "err").read_text()
    assert (tmp_path / "mine" / "letter.txt").read_text() == "dear"


def test_postgres_explains_a_wrong_setting(tmp_path: Path) -> None:
    running = launch(make("postgres", {"settings": {"no_such_setting": 1}}), tmp_path)
    assert running.process.wait(timeout=30) != 0
    assert "settings" in running.service.explain((tmp_path / "err").read_text().splitlines())


def test_chroma_is_described_and_stops(tmp_path: Path) -> None:
    with up("chroma", tmp_path) as running:
        facts = running.service.describe(running.endpoints)
        assert facts["version"]
        assert facts["limits"]["max_batch_size"] > 0
        ended_cleanly(running, within_s=5)


def test_milvus_answers_its_own_protocol_and_stops(tmp_path: Path) -> None:
    with up("milvus-lite", tmp_path) as running:
        facts = running.service.describe(running.endpoints)
        assert facts["version"]
        assert facts["server"]
        ended_cleanly(running, within_s=5)
    assert not answered(running.service.probe(running.where))


def test_seaweedfs_checks_signatures_and_takes_several_buckets(tmp_path: Path) -> None:
    from botocore.config import Config
    from botocore.exceptions import ClientError
    from botocore.session import Session

    with up("seaweedfs", tmp_path) as running:
        endpoint = running.endpoints[0]
        keys = {name: Path(endpoint.attributes[f"{name}_file"]).read_text() for name in ("access_key", "secret_key")}
        for name in ("access_key_file", "secret_key_file", "credentials_file"):
            assert mode(endpoint.attributes[name]) == 0o600
        assert mode(str(tmp_path / "s3.json")) == 0o600

        def client(secret: str) -> Any:
            return Session().create_client(
                "s3",
                endpoint_url=endpoint.url,
                region_name=endpoint.attributes["region"],
                aws_access_key_id=keys["access_key"],
                aws_secret_access_key=secret,
                config=Config(s3={"addressing_style": "path"}, proxies={}),
            )

        with pytest.raises(ClientError) as caught:
            client("wrong").list_buckets()
        assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403
        s3 = client(keys["secret_key"])
        for number in range(4):
            s3.create_bucket(Bucket=f"bucket-{number}")
            s3.put_object(Bucket=f"bucket-{number}", Key="a", Body=b"x" * 6_000_000)
        assert s3.get_object(Bucket="bucket-3", Key="a")["Body"].read() == b"x" * 6_000_000
        facts = running.service.describe(running.endpoints)
        assert facts["version"]
        assert facts["volumes"]["most"] == 1000
        logs = (tmp_path / "out").read_text() + (tmp_path / "err").read_text()
        assert keys["secret_key"] not in logs + json.dumps(facts)
        ended_cleanly(running, within_s=6)
        assert not list(Path(tempfile.gettempdir()).glob(f"seaweedfs-*-{running.where.ports['s3']}.sock"))


@pytest.mark.parametrize("uses", ["llama.cpp", "chroma", "milvus-lite", "postgres", "seaweedfs"])
def test_a_taken_port_is_explained(uses: str, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        one = make(uses)
        ports = free_ports(one.ports) | {one.ports[0]: taken.getsockname()[1]}
        running = launch(one, tmp_path, ports)
        running.process.wait(timeout=30)
    assert not running.group_left()
    lines = ((tmp_path / "err").read_text() or (tmp_path / "out").read_text()).splitlines()
    assert "port is taken" in one.explain(lines)


def test_directory_is_made_by_its_probe_and_described(tmp_path: Path) -> None:
    one = make("directory", {"path": str(tmp_path / "new"), "create": True})
    from aifbench.model.service import Where

    where = Where("127.0.0.1", str(tmp_path))
    assert answered(one.probe(where))
    facts = one.describe(one.endpoints(where))
    assert facts["free_bytes"] > 0
    assert facts["file_system"]
    (tmp_path / "new").rmdir()
    with pytest.raises(ServiceError):
        one.describe(one.endpoints(where))


def test_command_runs_what_the_recipe_says(tmp_path: Path) -> None:
    options = {
        "command": "exec python3 -m http.server {port.http} --bind {host} --directory {folder}",
        "ports": ["http"],
        "ready": {"http": "http://{host}:{port.http}/hello"},
    }
    (tmp_path / "hello").write_text("hi")
    with up("command", tmp_path, options) as running:
        assert urllib.request.urlopen(f"{running.endpoints[0].url}/hello", timeout=5).read() == b"hi"
        ended_cleanly(running, within_s=5)


def test_a_service_that_does_not_answer_is_an_error_of_the_service(tmp_path: Path) -> None:
    from aifbench.model.service import Where

    for uses in ("llama.cpp", "chroma", "seaweedfs", "milvus-lite"):
        one = make(uses)
        where = Where("127.0.0.1", str(tmp_path), dict.fromkeys(one.ports, 9))
        if uses == "milvus-lite":
            continue  # waits for its server; the probe above shows the refusal
        with pytest.raises(ServiceError):
            one.describe(one.endpoints(where))


def test_postgres_that_does_not_answer_is_an_error_of_the_service(tmp_path: Path) -> None:
    from aifbench.model.service import Where

    one = make("postgres", {"url": "postgresql://me@127.0.0.1:9/x"})
    with pytest.raises(ServiceError, match=r"127\.0\.0\.1:9"):
        one.describe(one.endpoints(Where("127.0.0.1", str(tmp_path))))
    assert "PGPASSWORD" not in os.environ
