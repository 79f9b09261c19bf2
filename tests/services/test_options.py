"""What a recipe may say about each service, and what it may not."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from aifbench.model.service import Where
from aifbench.services.directory import mount_of
from tests.services.live import make

WHERE = Where("127.0.0.1", "/run/svc", {"http": 8001, "admin": 8002, "sql": 5433, "grpc": 19530})


def arguments(uses: str, options: dict[str, Any] | None = None) -> tuple[str, ...]:
    spec = make(uses, options).process(WHERE)
    assert spec is not None
    return spec.argv


@pytest.mark.parametrize(
    ("uses", "options", "words"),
    [
        ("llama.cpp", {"paralel": 2}, "paralel"),
        ("llama.cpp", {"parallel": 0}, "greater than or equal to 1"),
        ("llama.cpp", {"parallel": "8"}, "without quotes"),
        ("postgres", {"password": "hunter2"}, "expected a reference"),
        ("postgres", {"url": "postgresql://me:hunter2@h/db"}, "password in the address"),
        ("postgres", {"url": "http://h"}, "expected postgresql://"),
        ("postgres", {"url": "postgresql://h/db", "data_dir": "/d"}, "leave out data_dir"),
        ("postgres", {"settings": {"port": 1}}, "set by aifbench"),
        ("postgres", {"settings": {"a b": 1}}, "not the name of a setting"),
        ("seaweedfs", {"volume_size": "1KiB"}, "greater than or equal"),
        ("command", {"command": ["x"]}, "expected `ports`"),
        ("command", {"command": "x {port.web}", "ports": ["http"]}, "{port.web}"),
        ("command", {"command": "x", "ports": ["http", "http"]}, "twice"),
        ("command", {"command": "x ${env:TOKEN}", "ports": ["http"]}, "secret in `command`"),
        ("command", {"command": "x", "ports": ["p"], "env": {"A": "${env:B}"}}, "expected A: ${env:A}"),
        ("command", {"command": "x", "ports": ["p"], "ready": {}}, "exactly one of tcp, http, exec"),
        ("command", {"command": "x", "ports": ["p"], "ready": {"tcp": "q"}}, "ready.tcp"),
        ("external", {"url": "nowhere", "protocol": "s3"}, "whole address"),
        ("external", {"url": "http://h:99999", "protocol": "s3"}, "http://h:99999"),
        ("external", {"url": "http://h", "protocol": "gopher"}, "'openai'"),
        ("external", {"url": "http://h", "protocol": "s3", "attributes": {"secret_key": "abc"}}, "plain secret_key"),
    ],
)
def test_wrong_options_are_refused_with_what_would_be_right(uses: str, options: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError) as caught:
        make(uses, options)
    assert words in str(caught.value)


def test_llama_options_reach_the_command_line() -> None:
    argv = arguments("llama.cpp", {"parallel": 3, "context": 512, "prompt_cache": False})
    assert argv[argv.index("--parallel") + 1] == "3"
    assert argv[argv.index("--context") + 1] == "512"
    assert "--no-prompt-cache" in argv


def test_a_model_file_gives_the_model_its_name() -> None:
    endpoint = make("llama.cpp", {"model": "/models/small.gguf"}).endpoints(WHERE)[0]
    assert endpoint.attributes["model"] == "small"


def test_postgres_settings_are_sorted_and_written_as_postgresql_reads_them() -> None:
    argv = arguments("postgres", {"settings": {"fsync": False, "shared_buffers": "64MB"}})
    assert [part for part in argv if "=" in part] == ["fsync=off", "shared_buffers=64MB"]


def test_postgres_at_an_address_starts_nothing_and_asks_for_no_port() -> None:
    one = make("postgres", {"url": "postgresql://me@db.example/x", "password": "${env:PGPASSWORD}"})
    assert one.process(WHERE) is None
    assert one.ports == ()
    assert one.endpoints(WHERE)[0].port == 5432
    assert one.endpoints(WHERE)[0].attributes == {"password": "${env:PGPASSWORD}"}


def test_password_of_a_kept_data_directory_lies_beside_it() -> None:
    endpoint = make("postgres", {"data_dir": "/data/pg"}).endpoints(WHERE)[0]
    assert endpoint.attributes["password_file"] == "/data/pg.password"


def test_seaweedfs_is_given_every_port_so_that_no_default_is_used() -> None:
    one = make("seaweedfs")
    where = Where("127.0.0.1", "/run/svc", {name: 20000 + n for n, name in enumerate(one.ports)})
    spec = one.process(where)
    assert spec is not None
    for name in one.ports:
        flag = f"-{name.removesuffix('_grpc')}.port{'.grpc' if name.endswith('_grpc') else ''}={where.ports[name]}"
        assert flag in spec.argv


def test_command_placeholders_are_replaced_everywhere_and_other_braces_stay() -> None:
    options = {
        "command": ["serve", "--port={port.http}", '--json={"a": 1}', "--dir={folder}"],
        "ports": ["http", "admin"],
        "env": {"ADMIN": "{host}:{port.admin}"},
        "url": "http://{host}:{port.http}/v1",
        "attributes": {"admin": "http://{host}:{port.admin}", "retries": 3},
        "ready": {"http": "http://{host}:{port.admin}/ok", "statuses": [200, 204]},
        "protocol": "openai",
    }
    one = make("command", options)
    spec = one.process(WHERE)
    assert spec is not None
    assert spec.argv == ("serve", "--port=8001", '--json={"a": 1}', "--dir=/run/svc")
    assert spec.env == {"ADMIN": "127.0.0.1:8002"}
    endpoint = one.endpoints(WHERE)[0]
    assert endpoint.url == "http://127.0.0.1:8001/v1"
    assert endpoint.attributes == {"admin": "http://127.0.0.1:8002", "retries": 3}
    assert one.probe(WHERE).url == "http://127.0.0.1:8002/ok"
    assert one.probe(WHERE).statuses == (200, 204)


def test_command_line_goes_to_the_shell_and_secrets_are_passed_by_name() -> None:
    one = make("command", {"command": "serve | tee log", "ports": ["http"], "env": {"TOKEN": "${env:TOKEN}"}})
    spec = one.process(WHERE)
    assert spec is not None
    assert spec.argv == ("/bin/sh", "-c", "serve | tee log")
    assert (spec.env, spec.pass_env) == ({}, ("TOKEN",))


def test_a_command_with_an_image_runs_inside_it_and_sees_its_folder_there() -> None:
    one = make("command", {"command": "serve {folder} {port.http}", "image": "/images/web", "ports": ["http", "admin"]})
    spec = one.process(WHERE)
    assert spec is not None
    shell = ("/bin/sh", "-c", "serve /mnt 8001")
    assert spec.argv == ("ch-run", "--bind", "/run/svc:/mnt", "/images/web", "--", *shell)
    assert spec.env["USER"]


def test_command_that_does_not_exist_is_missing() -> None:
    assert make("command", {"command": ["no-such-program-here"], "ports": ["p"]}).missing() == ["no-such-program-here"]


def test_external_path_is_probed_as_a_path() -> None:
    probe = make("external", {"url": "file:///mnt/scratch", "protocol": "path"}).probe(WHERE)
    assert (probe.kind, probe.path) == ("path", "/mnt/scratch")


def test_directory_that_must_exist_is_not_made() -> None:
    assert make("directory", {"path": "/mnt/x"}).probe(WHERE).kind == "path"
    assert make("directory", {"path": "/mnt/x", "create": True}).probe(WHERE).kind == "exec"


def test_mount_is_the_longest_that_contains_the_path() -> None:
    text = (
        "1 0 8:1 / / rw,relatime - ext4 /dev/sda1 rw\n"
        "2 1 0:5 / /mnt/a rw,noatime shared:1 - xfs /dev/sdb rw\n"
        "3 1 0:6 / /mnt/ab rw - tmpfs tmpfs rw\n"
    )
    assert mount_of("/mnt/a/file", text)["file_system"] == "xfs"
    assert mount_of("/mnt/abc", text)["file_system"] == "ext4"
    assert mount_of("/mnt/a", text)["mount_options"] == "rw,noatime"
